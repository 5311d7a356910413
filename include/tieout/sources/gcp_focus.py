"""Rows of Google's FOCUS export (Preview), and FOCUS views over the other exports, as charges.

Owns the way from FOCUS column names to ours. The amounts are the export's own: BilledCost is what
is invoiced. Columns that Google adds under `x_` are kept in the raw document and not read.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import pyarrow as pa

from tieout.core.errors import SourceAnswerError
from tieout.core.money import parse_decimal
from tieout.core.period import Period, period_of
from tieout.focus.columns import (
    AI_SERVICE_CATEGORY,
    CHARGE_CATEGORIES,
    MONEY,
    SERVICE_CATEGORIES,
    tags_json,
)
from tieout.sources.ai_meters import AiMeter
from tieout.sources.gcp_lines import Values, canonical, pairs_of, text_of
from tieout.sources.limits import load_json
from tieout.sources.rows import CHARGES, SourceRow, decimal_or_none

NAME: Final = "gcp"
ISSUER: Final = "Google Cloud"

_OWN = frozenset({"line_id", "provider", "source_document", "source_row", "source_tags", "tags"})
_NAMES: Final[Mapping[str, str]] = {
    field.name: "".join(word.capitalize() for word in field.name.split("_"))
    for field in CHARGES
    if field.name not in _OWN and not field.name.startswith("x_")
}
_OLDER: Final = {"ServiceProviderName": "ProviderName", "HostProviderName": "ProviderName"}


def billed_amount(row: SourceRow[Values]) -> Decimal:
    """BilledCost of the row.

    Raises:
        MoneyFormatError: no number.
    """
    return parse_decimal(text_of(row.values, "BilledCost") or "")


def charge(
    row: SourceRow[Values],
    amount: Decimal,
    *,
    account: str,
    period: Period,
    meter: AiMeter | None,
) -> Mapping[str, object]:
    """The charge of one FOCUS row.

    Raises:
        SourceAnswerError: another account, another billing period, or an unreadable field.
        MoneyFormatError: an amount or a quantity that is no number.
    """
    values = row.values
    _check_place(values, account, period)
    charge = {name: _value(values, name, focus) for name, focus in _NAMES.items()}
    effective = charge["effective_cost"]
    return {
        **charge,
        "provider": NAME,
        "billing_period_start": period.start_on,
        "charge_category": _one_of(values, "ChargeCategory", CHARGE_CATEGORIES, "Adjustment"),
        "effective_cost": amount if effective is None else effective,
        "service_category": AI_SERVICE_CATEGORY
        if meter
        else _one_of(values, "ServiceCategory", SERVICE_CATEGORIES, "Other"),
        "service_name": charge["service_name"] or ISSUER,
        "service_provider_name": charge["service_provider_name"] or ISSUER,
        "invoice_issuer_name": charge["invoice_issuer_name"] or ISSUER,
        "tags": tags_json(_tags(values)),
        "x_model_developer": meter.developer if meter else None,
        "x_model": meter.model if meter else None,
        "x_token_kind": meter.token_kind if meter else None,
        "x_service_tier": meter.service_tier if meter else None,
    }


def _check_place(values: Values, account: str, period: Period) -> None:
    payer = text_of(values, "BillingAccountId") or ""
    if payer.removeprefix("billingAccounts/") != account:
        raise SourceAnswerError(
            f"The billing account is {payer[:40]!r}: expected {account}, the account of this "
            "connection."
        )
    if period_of(_instant(values, "BillingPeriodStart").date()) != period:
        raise SourceAnswerError(
            f"The billing period starts on {text_of(values, 'BillingPeriodStart')!r}: expected "
            f"{period}; pull it again."
        )


def _value(values: Values, name: str, focus: str) -> object:
    kind = CHARGES.field(name).type
    if name == "billing_account_id":
        return (text_of(values, focus) or "").removeprefix("billingAccounts/")
    if kind == MONEY:
        return decimal_or_none(text_of(values, focus))
    if pa.types.is_timestamp(kind):
        return _instant(values, focus)
    if pa.types.is_date(kind):
        return _instant(values, focus).date()
    if isinstance(values.get(focus), (Mapping, list)):
        return canonical(values[focus])
    return text_of(values, focus) or text_of(values, _OLDER.get(focus, focus))


def _instant(values: Values, name: str) -> datetime:
    """FOCUS instants are UTC; views write them as dates or without a zone."""
    text = text_of(values, name) or ""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise SourceAnswerError(
            f"Column {name} is {text[:40]!r}: expected a day or an instant in UTC."
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _one_of(values: Values, name: str, allowed: tuple[str, ...], other: str) -> str:
    found = text_of(values, name) or other
    return found if found in allowed else other


def _tags(values: Values) -> dict[str, str]:
    """Tags are a list of keys and values, an object, or the text of an object."""
    tags = values.get("Tags")
    if isinstance(tags, str) and tags:
        tags = load_json(tags.encode(), name="Tags")
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items() if value is not None}
    return pairs_of({"Tags": tags}, "Tags")
