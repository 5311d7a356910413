"""The dialects of Azure's cost files: one name for each column, whatever the agreement calls it.

Owns header names, empty words, dates, numbers and tags. Enterprise Agreement, Microsoft Customer
Agreement and pay-as-you-go name the same things differently, in several languages and cases
(November 2026); what a value means is the business of `azure_charges`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from tieout.core.errors import SourceAnswerError
from tieout.core.money import parse_decimal
from tieout.sources.limits import load_json

# our name: theirs in lower case, the first one that a file has is taken
NAMES: Mapping[str, tuple[str, ...]] = {
    "cost": ("costinbillingcurrency", "pretaxcost", "cost"),
    "currency": ("billingcurrency", "billingcurrencycode", "currency", "currencycode"),
    "day": ("date", "usagedatetime", "usagedate"),
    "period_start": ("billingperiodstartdate",),
    "account": ("billingaccountid",),
    "account_name": ("billingaccountname",),
    "profile": ("billingprofileid",),
    "profile_name": ("billingprofilename",),
    "subscription": ("subscriptionid", "subscriptionguid"),
    "subscription_name": ("subscriptionname",),
    "resource": ("resourceid", "instanceid", "instancename"),
    "resource_name": ("resourcename",),
    "resource_group": ("resourcegroup", "resourcegroupname"),
    "resource_type": ("resourcetype",),
    "region": ("resourcelocation", "location"),
    "service": ("consumedservice",),
    "product": ("productname", "product"),
    "product_id": ("productid", "partnumber"),
    "meter_category": ("metercategory",),
    "meter_subcategory": ("metersubcategory",),
    "meter": ("metername",),
    "meter_id": ("meterid",),
    "quantity": ("quantity", "usagequantity", "consumedquantity"),
    "unit": ("unitofmeasure",),
    "charge_type": ("chargetype",),
    "frequency": ("frequency",),
    "pricing_model": ("pricingmodel",),
    "publisher": ("publishername",),
    "publisher_type": ("publishertype",),
    "plan": ("planname",),
    "benefit": ("benefitid",),
    "benefit_name": ("benefitname",),
    "reservation": ("reservationid",),
    "reservation_name": ("reservationname",),
    "invoice": ("invoiceid",),
    "issuer": ("partnername", "resellername"),
    "pricing_currency": ("pricingcurrency", "pricingcurrencycode"),
    "pricing_cost": ("costinpricingcurrency",),
    "list_cost": ("paygcostinbillingcurrency",),
    "tags": ("tags",),
}
REQUIRED = ("cost", "currency", "day", "meter_category", "meter", "subscription")
FOCUS_MARKS = frozenset({"billedcost", "chargeperiodstart", "effectivecost"})

_IN_PARENTHESES = re.compile(r"\(([A-Za-z]+)\)\s*$")
_NULLS = frozenset({"", "null", "(null)", "none", "n/a"})
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})( 0?0:00(:00)?)?")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)([T ]00:00(:00(\.0+)?)?)?( ?(Z|\+00:?00))?")
_COMMA = re.compile(r"[+-]?[\d.]*,\d+")
_KEPT_TAG_TEXTS = 4_096


def plain_header(cells: Sequence[str]) -> tuple[str, ...]:
    """Column names in lower case: of a localised name the English one in its parentheses."""
    return tuple(_plain(cell) for cell in cells)


def is_focus(header: Sequence[str]) -> bool:
    """Whether these are the columns of a FOCUS export."""
    return set(header) >= FOCUS_MARKS


def places(header: Sequence[str], *, name: str) -> dict[str, int]:
    """Where each of our columns stands in a file with this (plain) header.

    Raises:
        SourceAnswerError: a column that every dialect has is missing, or one stands there twice.
    """
    found = {
        ours: header.index(next(one for one in theirs if one in header))
        for ours, theirs in NAMES.items()
        if any(one in header for one in theirs)
    }
    missing = [ours for ours in REQUIRED if ours not in found]
    if missing:
        shown = ", ".join(NAMES[ours][0] for ours in missing)
        raise SourceAnswerError(
            f"{name} has no column {shown}: expected the cost details of an Enterprise, Customer "
            "or pay-as-you-go agreement as comma-separated values, or a FOCUS export; check the "
            "export's type and language."
        )
    twice = [header[place] for place in found.values() if header.count(header[place]) > 1]
    if twice:
        raise SourceAnswerError(
            f"{name} has the column {twice[0]} twice: expected each once; export it again."
        )
    return found


def filled(text: str) -> str:
    """The text without blanks around it; the words that mean nothing become nothing."""
    value = text.strip()
    return "" if value.lower() in _NULLS else value


def number(text: str, *, column: str) -> Decimal:
    """A decimal number with a point.

    Raises:
        SourceAnswerError: it has a decimal comma; the file was written in another language.
        MoneyFormatError: no number.
    """
    if _COMMA.fullmatch(text):
        raise SourceAnswerError(
            f"Column {column} is {text[:40]!r}, with a decimal comma: expected a decimal point; "
            "export again in English (United States), guessing would change the amount."
        )
    return parse_decimal(text)


def optional_number(values: Mapping[str, str], column: str) -> Decimal | None:
    """A number, or None where the column is absent or empty."""
    text = values.get(column, "")
    return number(text, column=column) if text else None


def day(text: str, *, column: str) -> date:
    """A day as `2026-10-31`, with or without midnight, or as `10/31/2026` (month first).

    Raises:
        SourceAnswerError: anything else, such as a day before its month.
    """
    try:
        if american := _AMERICAN.fullmatch(text):
            return date(int(american[3]), int(american[1]), int(american[2]))
        if iso := _ISO.fullmatch(text):
            return date.fromisoformat(iso[1])
    except ValueError:
        pass
    raise SourceAnswerError(
        f"Column {column} is {text[:40]!r}: expected a day such as 2026-10-31 or 10/31/2026 (month "
        "first); export again in English (United States)."
    )


def midnight(on: date) -> datetime:
    """The instant at which a UTC day starts."""
    return datetime(on.year, on.month, on.day, tzinfo=UTC)


@lru_cache(maxsize=_KEPT_TAG_TEXTS)
def tags_of(text: str) -> tuple[tuple[str, str], ...] | None:
    """Tags as pairs; braces are added where Azure leaves them out. None: they cannot be read."""
    if not text:
        return ()
    wrapped = text if text.startswith("{") else f"{{{text}}}"
    try:
        found = load_json(wrapped.encode(), name="Tags")
    except SourceAnswerError:
        return None
    if not isinstance(found, dict):
        return None
    return tuple((key, "" if value is None else str(value)) for key, value in found.items())


def _plain(cell: str) -> str:
    name = cell.strip()
    english = _IN_PARENTHESES.search(name)
    return (english[1] if english else name).lower().replace(" ", "")
