"""Fetching Azure's invoices and the transactions on them through the billing API.

Owns the requests and keeps every page as received; `invoices/azure_billing.py` reads them.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources.answers import MAX_PAGES
from tieout.sources.azure_client import Wire, billing
from tieout.sources.base import RawDocument
from tieout.sources.drop_folder import read_drop_folder
from tieout.sources.limits import load_json

FORMAT = "azure_billing"
MCA, EA, MOSP = "mca", "ea", "mosp"
AGREEMENTS = (MCA, EA, MOSP)

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:.-]{0,120}")
_BILLING = "providers/Microsoft.Billing/billingAccounts"


def agreement_of(connection: ProviderConnection) -> str:
    """The agreement's kind, which decides where everything is found.

    Raises:
        SettingError: none of the three.
    """
    found = connection.extra.get("agreement", MCA)
    if found not in AGREEMENTS:
        raise SettingError(
            f"agreement of {connection.name} is {found[:40]!r}: expected one of "
            f"{', '.join(AGREEMENTS)}; correct the connection."
        )
    return found


def scope_of(connection: ProviderConnection, *, account: str) -> str:
    """The scope of cost questions: billing profile, enrolment or subscription.

    Raises:
        SettingError: an identifier that cannot be one.
    """
    agreement = agreement_of(connection)
    if agreement == EA:
        return f"{_BILLING}/{_identifier(connection, account)}"
    if agreement == MOSP:
        return f"subscriptions/{_identifier(connection, account)}"
    owner = _identifier(connection, connection.setting("billing_account"))
    if owner == account:
        return f"{_BILLING}/{owner}"
    profile = _identifier(connection, connection.extra.get("billing_profile") or account)
    return f"{_BILLING}/{owner}/billingProfiles/{profile}"


def fetch_invoices(
    connection: ProviderConnection, *, account: str, period: Period, now: datetime
) -> tuple[RawDocument, ...]:
    """Pages of invoices since the period's start that hold one, and their transactions.

    An Enterprise Agreement has no invoices in this API: its documents come from the folder
    `documents_url`, if the connection names one.

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    agreement = agreement_of(connection)
    if agreement == EA:
        has_folder = "documents_url" in connection.extra
        return read_drop_folder(connection, invoice_format=FORMAT) if has_folder else ()
    through = max(period.last_on, now.date())  # an invoice is dated after the month that it bills
    with billing(connection, subscription=account) as wire:
        pages = _listed(wire, connection, account=account, days=(period.start_on, through))
        asked = {"format": FORMAT, "account": account, "asked_at": now.isoformat()}
        documents = _documents("invoices", pages, asked)
        if agreement == MCA:
            owner = connection.setting("billing_account")
            for number in _numbers(pages, period):
                found = _collected(wire, wire.client.transactions.list_by_invoice(owner, number))
                documents += _documents(f"transactions.{number}", found, asked)
    return tuple(documents)


def _listed(
    wire: Wire, connection: ProviderConnection, *, account: str, days: tuple[date, date]
) -> list[bytes]:
    invoices = wire.client.invoices
    range_: dict[str, Any] = {"period_start_date": days[0], "period_end_date": days[1]}
    if agreement_of(connection) == MOSP:
        return _collected(wire, invoices.list_by_billing_subscription(**range_))
    owner = _identifier(connection, connection.setting("billing_account"))
    if owner == account:
        return _collected(wire, invoices.list_by_billing_account(owner, **range_))
    profile = _identifier(connection, connection.extra.get("billing_profile") or account)
    return _collected(wire, invoices.list_by_billing_profile(owner, profile, **range_))


def _collected(wire: Wire, listing: Any) -> list[bytes]:
    """Walk a listing of the SDK to its end; gives the pages as they came over the wire."""
    before = len(wire.contents())
    for number, _ in enumerate(listing.by_page(), start=1):
        if number > MAX_PAGES:
            raise SourceAnswerError(
                f"The billing API gives more than {MAX_PAGES} pages: expected an end; pull again."
            )
    return [page for page in wire.contents()[before:] if _entries(page)]


def _numbers(pages: list[bytes], period: Period) -> list[str]:
    """Names of the invoices whose service period touches the month."""
    found = []
    for page in pages:
        for entry in _entries(page):
            name = str(entry.get("name", ""))
            properties = entry.get("properties")
            start = properties.get("invoicePeriodStartDate") if properties else None
            if _IDENTIFIER.fullmatch(name) and str(start or "")[:7] <= str(period):
                found.append(name)
    return found


def _entries(page: bytes) -> list[Mapping[str, Any]]:
    answer = load_json(page, name="billing page")
    listed = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise SourceAnswerError(
            "The billing API answered without a list called value: expected one, empty before the "
            "first invoice; pull again later."
        )
    return listed


def _documents(name: str, pages: list[bytes], request: Mapping[str, str]) -> list[RawDocument]:
    return [
        RawDocument(
            name=f"{name}.page{number}.json",
            kind="billing_document",
            content=content,
            media_type="application/json",
            request=request,
        )
        for number, content in enumerate(pages, start=1)
    ]


def _identifier(connection: ProviderConnection, text: str) -> str:
    if not _IDENTIFIER.fullmatch(text):
        raise SettingError(
            f"{text[:60]!r} of {connection.name} is no identifier of Azure billing: expected "
            "letters, digits, hyphens, colons and underscores; correct account or connection."
        )
    return text
