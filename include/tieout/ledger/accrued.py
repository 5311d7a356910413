"""Accrued liabilities as the journal has them: what moved them, what is open, what was forgotten.

Owns the reading of entries; opening, closing and the ties are `reconciliation.rollforward`'s. All
amounts are minor units of the entry's currency, a liability positive.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tieout.core.finding import Finding
from tieout.core.period import Period, parse_period, period_of
from tieout.ledger.chart import Chart
from tieout.ledger.control import control_balances
from tieout.ledger.entry import JournalEntry, JournalType
from tieout.ledger.trial_balance import account_balance
from tieout.reconciliation.rollforward import (
    Liability,
    Movement,
    MovementKind,
    Roll,
    Tie,
    rollforward,
    ties_of,
    unaccrued,
    untied,
)

WHAT = "accrued liability"
_OWN_KINDS: dict[JournalType, MovementKind] = {
    "accrual": "accrual",
    "true_up": "accrual",
    "reversal": "reversal",
    "invoice": "cleared",
    "credit_note": "cleared",
    "fx_reval": "remeasurement",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrued:
    """Accrued liabilities through one period: each roll, each account's tie, what is wrong."""

    rolls: tuple[Roll, ...]
    ties: tuple[Tie, ...]
    findings: tuple[Finding, ...]

    @property
    def closing_minor(self) -> int:
        """What is owed and not invoiced at the end of the period, all accounts together."""
        return sum(roll.closing_minor for roll in self.rolls)


def accrued(
    entries: Sequence[JournalEntry],
    *,
    chart: Chart,
    period: Period,
    owed: Mapping[Liability, int],
) -> Accrued:
    """Roll the accrued liabilities of a period forward and tie them.

    `entries` are all of one currency since the books began; `owed` is what the period's own service
    month of each account comes to before tax. A balance ties when the roll, the control account and
    the open items agree to the minor unit; a finding is blocking.
    """
    known = [one for one in entries if one.posting_on < period.end_on]
    rolls = rollforward(movements(known, chart=chart), period=period)
    ties = ties_of(
        rolls,
        ledger={
            key: -balance
            for key, balance in control_balances(known, chart=chart, role="accrued").items()
        },
        open_amounts=open_items(known, chart=chart),
    )
    expected = {**forgotten(known, chart=chart, period=period), **owed}
    return Accrued(
        rolls=rolls,
        ties=ties,
        findings=(*untied(ties, what=WHAT), *unaccrued(rolls, expected)),
    )


def movements(entries: Iterable[JournalEntry], *, chart: Chart) -> tuple[Movement, ...]:
    """What each entry did to its account's accrued liability, those of nothing left out.

    An invoice that is posted against the liability clears it; what is neither an accrual nor a
    reversal nor a document is a reclassification. A remeasurement and its reversal are one kind.
    """
    entries = list(entries)
    kinds = {one.idempotency_key: _OWN_KINDS.get(one.journal_type, "reclass") for one in entries}
    remeasured = {key for key, kind in kinds.items() if kind == "remeasurement"}
    kinds |= {one.idempotency_key: "remeasurement" for one in entries if one.reverses in remeasured}
    found = [(entry, _amount(entry, chart)) for entry in entries]
    return tuple(
        Movement(
            liability=_liability(entry),
            kind=kinds[entry.idempotency_key],
            posted_in=period_of(entry.posting_on),
            amount_minor=amount,
            evidence=entry.idempotency_key,
        )
        for entry, amount in found
        if amount
    )


def open_items(entries: Sequence[JournalEntry], *, chart: Chart) -> dict[Liability, int]:
    """Item by item what should still be owed: neither reversed nor answered by its invoice.

    Counted from the entries themselves, not from balances: an accrual that stands although the
    invoice of its service month was booked later is not open, so the roll does not tie to it.
    """
    undone = {entry.reverses for entry in entries}
    billed = _billed_on(entries)
    found: dict[Liability, int] = {}
    for entry in _items(entries, chart):
        liability = _liability(entry)
        last = billed.get(liability)
        if entry.idempotency_key not in undone and (last is None or last < entry.posting_on):
            found[liability] = found.get(liability, 0) + _amount(entry, chart)
    return found


def forgotten(
    entries: Sequence[JournalEntry], *, chart: Chart, period: Period
) -> dict[Liability, int]:
    """Earlier service months whose accrual was only reversed and whose invoice has not come.

    Each with what was accrued for it last: it must be accrued again. A month that something else
    settled (a release, a reclassification) is not asked for.
    """
    undone = {entry.reverses for entry in entries}
    billed = _billed_on(entries)
    items: dict[Liability, list[JournalEntry]] = {}
    for entry in _items(entries, chart):
        items.setdefault(_liability(entry), []).append(entry)
    return {
        liability: _last_amount(made, chart)
        for liability, made in items.items()
        if liability.service_period < period
        and liability not in billed
        and all(one.idempotency_key in undone for one in made)
    }


def _items(entries: Iterable[JournalEntry], chart: Chart) -> list[JournalEntry]:
    """Entries that make a liability, or change it otherwise than by a reversal or a document."""
    answers = ("reversal", "invoice", "credit_note")
    return [one for one in entries if one.journal_type not in answers and _amount(one, chart)]


def _billed_on(entries: Iterable[JournalEntry]) -> dict[Liability, date]:
    """The last day on which an invoice of each service month was posted."""
    found: dict[Liability, date] = {}
    for entry in entries:
        if entry.journal_type == "invoice":
            key = _liability(entry)
            found[key] = max(found.get(key, entry.posting_on), entry.posting_on)
    return found


def _last_amount(made: Sequence[JournalEntry], chart: Chart) -> int:
    """The items of the last period that has any."""
    last = max(period_of(one.posting_on) for one in made)
    return sum(_amount(one, chart) for one in made if period_of(one.posting_on) == last)


def _amount(entry: JournalEntry, chart: Chart) -> int:
    code = chart.control_account("accrued", provider=entry.provider)
    return -account_balance([entry], account=code)


def _liability(entry: JournalEntry) -> Liability:
    return Liability(
        provider=entry.provider,
        billing_account_id=entry.billing_account_id,
        currency=entry.currency,
        service_period=parse_period(entry.service_period),
    )
