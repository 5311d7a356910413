"""Open items in foreign currencies at a month's closing rate, and back on the next day.

Accrued liabilities and payables are owed in money and are valued anew; credit paid in advance is
not. A payable is open until an entry takes it off: tieout pays nothing itself. Owns which items
are open and the entries; the arithmetic is `fx`'s. Only what the balance is off is posted, so a
second run finds nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tieout.core.ids import content_key
from tieout.core.period import Period, parse_period
from tieout.ledger.building import AccountMonth, Heading, build
from tieout.ledger.chart import Chart, ControlRole
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.exchange import Exchange
from tieout.ledger.fx import OpenItem, Remeasured, remeasure, remeasurement_lines
from tieout.ledger.fx_rates import Rate

_ROLES: tuple[ControlRole, ...] = ("accrued", "payable")
_ItemKey = tuple[str, str, str, str, str]  # provider, account, service month, currency, code


def open_items(
    entries: Iterable[JournalEntry], *, chart: Chart, period: Period
) -> dict[_ItemKey, OpenItem]:
    """What is owed in a foreign currency at the end of a period, and what the books carry it at.

    By provider, billing account, service month, currency and account; a debit is positive.
    """
    paper: dict[_ItemKey, int] = {}
    carried: dict[_ItemKey, int] = {}
    for entry in entries:
        if entry.exchange is None or entry.posting_on > period.last_on:
            continue
        codes = {chart.control_account(role, provider=entry.provider) for role in _ROLES}
        head = (entry.provider, entry.billing_account_id, entry.service_period)
        for line in entry.lines:
            if line.account in codes:
                key = (*head, entry.exchange.currency, line.account)
                paper[key] = paper.get(key, 0) + (line.transaction_minor or 0)
                carried[key] = carried.get(key, 0) + line.amount_minor
    return {
        key: OpenItem(
            key=f"{key[0]}/{key[1]} {key[2]}",
            account=key[4],
            currency=key[3],
            amount_minor=amount,
            carried_minor=carried[key],
            is_monetary=True,
        )
        for key, amount in sorted(paper.items())
        if amount or carried[key]
    }


def currencies(entries: Iterable[JournalEntry], *, chart: Chart, period: Period) -> set[str]:
    """The currencies in which something is open, whose closing rates are needed."""
    return {item.currency for item in open_items(entries, chart=chart, period=period).values()}


def remeasurements(
    entries: Sequence[JournalEntry],
    *,
    chart: Chart,
    period: Period,
    rates: Mapping[str, Rate],
) -> list[JournalEntry]:
    """What takes every open item to the closing rate on the last day, and its reversals.

    `entries` are all of the books, those that this month's end posts among them; `rates` the
    closing rates by currency. One entry for each account and service month, and for each
    remeasurement of the period without one its mirror on the first day of the next.

    Raises:
        NotReadyError: an item's currency has no rate.
    """
    items = open_items(entries, chart=chart, period=period)
    heads = sorted({key[:4] for key in items})
    made: list[JournalEntry] = []
    for head in heads:
        own = remeasure([item for key, item in items.items() if key[:4] == head], rates)
        if own:
            made += _entries(head, own, entries, chart=chart, period=period)
    undone = {entry.reverses for entry in entries}
    standing = [
        entry
        for entry in (*entries, *made)
        if entry.journal_type == "fx_reval"
        and period.contains(entry.posting_on)
        and entry.idempotency_key not in undone
    ]
    return [*made, *(reverse(entry, on=period.end_on) for entry in standing)]


def _entries(
    head: tuple[str, str, str, str],
    found: Sequence[Remeasured],
    entries: Sequence[JournalEntry],
    *,
    chart: Chart,
    period: Period,
) -> list[JournalEntry]:
    """The one entry of an account and service month."""
    provider, account, service, currency = head
    own = AccountMonth(
        provider=provider,
        billing_account_id=account,
        period=parse_period(service),
        booked_in=period,
    )
    before = [
        entry.idempotency_key
        for entry in entries
        if own.has(entry) and period.contains(entry.posting_on)
    ]
    code = chart.control_account("exchange_difference", provider=provider)
    made = build(
        remeasurement_lines(found, gain_account=code, loss_account=code),
        heading=Heading(
            journal_type="fx_reval",
            posting_on=period.last_on,
            document_on=period.last_on,
            source=content_key([str(period), currency, *sorted(before)]),
            source_refs=(f"{found[0].rate.source} {found[0].rate.on}",),
        ),
        month=own,
        chart=chart,
    )
    rates = Exchange(currency=currency, rates=(found[0].rate,))
    return [replace(one, exchange=rates) for one in (made,) if one]
