"""The roll-forwards of a month as plain tables: accrued liabilities, prepaid credit, commitments.

Owns the page and its ties; opening + movements = closing is a law of the rolls themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieout.close.checks_commitments import commitment_tie, shortfall_tie
from tieout.close.checks_rollforward import owed
from tieout.close.evidence import AccountEvidence, CommitmentBalance, FeeBalance
from tieout.core.money import format_units, from_minor, minor_digits, to_minor
from tieout.core.period import Period
from tieout.ledger.accrued import Accrued, accrued
from tieout.ledger.chart import Chart, ControlRole
from tieout.ledger.control import control_balances, control_codes
from tieout.ledger.entry import JournalEntry
from tieout.ledger.prepaid_roll import PrepaidRoll, prepaid_rolls
from tieout.reconciliation.commitments import forecast_shortfall_units
from tieout.reconciliation.rollforward import Roll, Tie

_DRAWS = ("usage", "adjustment", "beyond", "lapsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class RollforwardInputs:
    """What the page is made of; `entries` are all since the books began.

    `balances` is the general ledger's own balance of each account (debit minus credit, minor units)
    at the end of the period, `balances_before` at the end of the one before.
    """

    period: Period
    currency: str
    chart: Chart
    entries: Sequence[JournalEntry]
    accounts: Sequence[AccountEvidence]
    fees: Sequence[FeeBalance]
    balances: Mapping[str, int]
    balances_before: Mapping[str, int]
    commitments: Sequence[CommitmentBalance] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tied:
    """A tie and how many minor units its three figures may be apart."""

    what: str
    tie: Tie
    allowed_minor: int = 0


def rollforward_report(inputs: RollforwardInputs) -> dict[str, Any]:
    """Rows of each roll, totals, and each balance as three sources have it; amounts as text.

    A tie has `rolled` (opening + movements), `ledger` (the control account) and `open` (accruals
    without an invoice; for credit what the provider's roll-forward leaves, for fees the plan). Of
    the control accounts in all, `open` is the same roll of the next month, at its opening.
    """
    liabilities = accrued(
        inputs.entries,
        chart=inputs.chart,
        period=inputs.period,
        owed=owed(inputs.accounts, period=inputs.period, currency=inputs.currency),
    )
    prepaid = prepaid_rolls(inputs.entries, chart=inputs.chart, period=inputs.period)
    ties = [
        *(_Tied(what="accrued liability", tie=tie) for tie in liabilities.ties),
        *_prepaid_ties(prepaid, inputs),
        *_control_ties(liabilities, prepaid, inputs),
        *_commitment_ties(inputs),
    ]
    digits = minor_digits(inputs.currency)
    return {
        "period": str(inputs.period),
        "currency": inputs.currency,
        "accrued": [_accrued_row(roll, digits) for roll in liabilities.rolls],
        "accrued_closing": _text(liabilities.closing_minor, digits),
        "prepaid": [_prepaid_row(roll, digits) for roll in prepaid],
        "prepaid_closing": _text(sum(roll.closing_minor for roll in prepaid), digits),
        "commitments": [_commitment_row(one, inputs, digits) for one in inputs.commitments],
        "ties": [_tie_row(one, digits) for one in ties],
        "problems": [finding.message for finding in liabilities.findings],
    }


def _prepaid_ties(rolls: Sequence[PrepaidRoll], inputs: RollforwardInputs) -> Iterator[_Tied]:
    """Credit and fees of each account together, because they share the control account."""
    digits = minor_digits(inputs.currency)
    books = control_balances(_known(inputs), chart=inputs.chart, role="prepaid")
    stated: dict[str, int] = {}
    for account in inputs.accounts:
        bridge = account.bridge("credit_rollforward")
        if bridge:
            stated[account.subject] = to_minor(bridge.end_units, digits)
    for fee in inputs.fees:
        subject = f"{fee.provider}/{fee.billing_account_id}"
        stated[subject] = stated.get(subject, 0) + fee.prepaid_minor
    in_books = {f"{key[0]}/{key[1]}": minor for key, minor in books.items()}
    for subject in sorted({*stated, *in_books, *(roll.subject for roll in rolls)}):
        own = [roll for roll in rolls if roll.subject == subject]
        yield _Tied(
            what="prepaid",
            tie=Tie(
                subject=subject,
                currency=inputs.currency,
                rolled_minor=sum(roll.closing_minor for roll in own),
                ledger_minor=in_books.get(subject, 0),
                open_minor=stated.get(subject, 0),
            ),
            # usage is rounded once a month, what the provider states once more
            allowed_minor=(max((roll.drawdowns for roll in own), default=0) + 2) // 2,
        )


def _control_ties(
    liabilities: Accrued, prepaid: Sequence[PrepaidRoll], inputs: RollforwardInputs
) -> Iterator[_Tied]:
    """Closing and opening of all rolls beside the trial balance of the general ledger."""
    later = inputs.period.next()
    next_accrued = accrued(inputs.entries, chart=inputs.chart, period=later, owed={})
    next_prepaid = prepaid_rolls(inputs.entries, chart=inputs.chart, period=later)
    sides: tuple[tuple[ControlRole, int, Sequence[Roll | PrepaidRoll], Sequence[Any]], ...] = (
        ("accrued", -1, liabilities.rolls, next_accrued.rolls),
        ("prepaid", 1, prepaid, next_prepaid),
    )
    for role, sign, rolls, after in sides:
        codes = control_codes(inputs.chart, role)
        closing = sum(roll.closing_minor for roll in rolls)
        opening = sum(roll.opening_minor for roll in rolls)
        at_end = sign * sum(inputs.balances.get(code, 0) for code in codes)
        before = sign * sum(inputs.balances_before.get(code, 0) for code in codes)
        carried = sum(roll.opening_minor for roll in after)
        subject = f"control accounts {', '.join(codes)}"
        for what, figures in (
            (f"{role}, closing", (closing, at_end, carried)),
            (f"{role}, opening", (opening, before, before)),
        ):
            rolled, ledger, carried_on = figures
            tie = Tie(
                subject=subject,
                currency=inputs.currency,
                rolled_minor=rolled,
                ledger_minor=ledger,
                open_minor=carried_on,
            )
            yield _Tied(what=what, tie=tie)


def _commitment_ties(inputs: RollforwardInputs) -> Iterator[_Tied]:
    """What is left of each beside its memo and the provider's balance, and what is owed of it."""
    known = _known(inputs)
    for one in inputs.commitments:
        yield _Tied(what="commitment", tie=commitment_tie(one, known, chart=inputs.chart))
        owed_of_it = shortfall_tie(one, known, period=inputs.period, chart=inputs.chart)
        if owed_of_it.rolled_minor or owed_of_it.ledger_minor:
            yield _Tied(what="commitment shortfall", tie=owed_of_it)


def _commitment_row(
    one: CommitmentBalance, inputs: RollforwardInputs, digits: int
) -> dict[str, Any]:
    """The roll of the month (all zero after the term), and what will be or is short."""
    promise, bridge = one.terms.commitment, one.bridge
    moved = {line.component: line.amount_units for line in bridge.lines} if bridge else {}
    lacking = one.lapsed_units
    if bridge:
        lacking = forecast_shortfall_units(
            one.terms, bridge, eligible=one.eligible_units, period=inputs.period
        )
    tie = shortfall_tie(one, _known(inputs), period=inputs.period, chart=inputs.chart)
    return {
        "commitment": promise.commitment_id,
        "provider": promise.provider,
        "billing_account_id": promise.billing_account_id,
        "currency": promise.currency,
        "start_on": promise.start_on.isoformat(),
        "end_on": promise.end_on.isoformat(),
        "committed": format_units(promise.committed_units, digits),
        "opening": format_units(bridge.start_units if bridge else 0, digits),
        **{kind: format_units(moved.get(kind, 0), digits) for kind in _DRAWS},
        "closing": format_units(one.left_units, digits),
        "forecast_shortfall": format_units(lacking, digits),
        "shortfall_accrued": _text(tie.ledger_minor, digits),
    }


def _known(inputs: RollforwardInputs) -> list[JournalEntry]:
    return [one for one in inputs.entries if one.posting_on < inputs.period.end_on]


def _accrued_row(roll: Roll, digits: int) -> dict[str, Any]:
    return {
        "provider": roll.liability.provider,
        "billing_account_id": roll.liability.billing_account_id,
        "currency": roll.liability.currency,
        "service_period": str(roll.liability.service_period),
        "opening": _text(roll.opening_minor, digits),
        **{kind: _text(minor, digits) for kind, minor in roll.movements.items()},
        "closing": _text(roll.closing_minor, digits),
        "entries": list(roll.evidence),
    }


def _prepaid_row(roll: PrepaidRoll, digits: int) -> dict[str, Any]:
    return {
        "provider": roll.provider,
        "billing_account_id": roll.billing_account_id,
        "currency": roll.currency,
        "what": roll.what,
        "opening": _text(roll.opening_minor, digits),
        "movements": {kind: _text(minor, digits) for kind, minor in roll.movements.items()},
        "closing": _text(roll.closing_minor, digits),
    }


def _tie_row(one: _Tied, digits: int) -> dict[str, Any]:
    tie = one.tie
    figures = (tie.rolled_minor, tie.ledger_minor, tie.open_minor)
    return {
        "what": one.what,
        "subject": tie.subject,
        "rolled": _text(tie.rolled_minor, digits),
        "ledger": _text(tie.ledger_minor, digits),
        "open": _text(tie.open_minor, digits),
        "allowed": _text(one.allowed_minor, digits),
        "ties": max(figures) - min(figures) <= one.allowed_minor,
    }


def _text(amount_minor: int, digits: int) -> str:
    return format_units(from_minor(amount_minor, digits), digits)
