"""Commitments of a month: their terms, what earlier months drew, what is reconciled and posted.

Owns where both are found: the terms in the policy in force, the draws in the reconciliations of the
months before. Bridges are `reconciliation.commitments`', entries `ledger.commitments`'. Reconcile,
post and checklist share what is here.
"""

from collections.abc import Sequence

from tieout.close.evidence import CommitmentBalance
from tieout.core.errors import NotReadyError
from tieout.core.finding import Finding
from tieout.core.money import minor_digits, to_minor
from tieout.core.period import Period
from tieout.focus.columns import CHARGE_SCHEMA
from tieout.ledger import commitments as books_of
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry
from tieout.reconciliation.bridge import Bridge, bridge_from_json
from tieout.reconciliation.commitments import (
    Terms,
    draw_of,
    lapsed_units,
    left_units,
    parse_commitments,
    reconcile_commitment,
)
from tieout.reconciliation.drawdown import Draw
from tieout.steps.context import Context
from tieout.steps.inputs import AccountSnapshot, charges, optional_policy
from tieout.steps.standing import restated
from tieout.store import reconciliations
from tieout.store.session import Tx

KIND = "commitments"


def terms_of(tx: Tx, month: Period) -> tuple[Terms, ...]:
    """The commitments in force for the month; none without a policy."""
    found = optional_policy(tx, KIND, month)
    return parse_commitments(found.body, name=found.label) if found else ()


def reads(tx: Tx, month: Period) -> list[str]:
    """What the bridges of the month's commitments hang on beside its charges; empty without any.

    Raises:
        NotReadyError: as `reconciled`.
    """
    found = optional_policy(tx, KIND, month)
    running = [one for one in terms_of(tx, month) if one.runs_in(month)]
    drawn = [repr(_draws(tx, one, month)) for one in running]
    return [found.sha256, *drawn] if found and running else []


def reconciled(
    context: Context, tx: Tx, month: Period, finals: Sequence[AccountSnapshot]
) -> tuple[list[Bridge], list[Finding]]:
    """The bridge of each commitment that runs in the month, and what is wrong with it.

    `finals` are the final reports of all accounts; one that is not among them has no charges.

    Raises:
        NotReadyError: an earlier month of the term has not been reconciled with it.
    """
    bridges: list[Bridge] = []
    findings: list[Finding] = []
    for one in terms_of(tx, month):
        if one.runs_in(month):
            own = tuple(final for final in finals if final.account.subject == one.account)
            bridge, found = reconcile_commitment(
                one,
                charges=charges(context, own) if own else CHARGE_SCHEMA.empty_table(),
                draws=_draws(tx, one, month),
                period=month,
            )
            bridges.append(bridge)
            findings += found
    return bridges, findings


def balances(tx: Tx, month: Period) -> tuple[CommitmentBalance, ...]:
    """Each commitment that has begun by the month, as the reconciliations have it."""
    return tuple(
        _balance(tx, one, month) for one in terms_of(tx, month) if one.in_books.first <= month
    )


def entries(
    tx: Tx, month: Period, posted: Sequence[JournalEntry], *, books: Chart
) -> list[JournalEntry]:
    """Memo and shortfall of each commitment at the end of the month, or what corrects them.

    What the chart names no accounts for is not posted; the checklist says how much is lacking. A
    commitment that has not been reconciled yet waits.
    """
    made: list[JournalEntry] = []
    digits = minor_digits(books.currency)
    for one in balances(tx, month):
        if one.terms.runs_in(month) and one.bridge is None:
            continue
        own = [entry for entry in posted if entry.source_refs[:1] == (one.terms.section,)]
        before = [entry for entry in own if entry.posting_on < month.start_on]
        standing = [entry for entry in own if month.contains(entry.posting_on)]
        if books.has(*books_of.MEMO_ROLES):
            left = to_minor(one.left_units, digits)
            wanted = books_of.memo(one.terms, left, before, period=month, chart=books)
            made += _restated(standing, "commitment", wanted, posted=own)
        if books.has(*books_of.SHORTFALL_ROLES):
            owed = books_of.wanted_shortfall(one.terms, month, lapsed_units=one.lapsed_units)
            wanted = books_of.shortfall(one.terms, owed, before, period=month, chart=books)
            made += _restated(standing, "shortfall", wanted, posted=own)
    return made


def _restated(
    standing: Sequence[JournalEntry],
    journal_type: str,
    wanted: JournalEntry | None,
    *,
    posted: Sequence[JournalEntry],
) -> list[JournalEntry]:
    own = [entry for entry in standing if entry.journal_type == journal_type]
    return restated(own, wanted, posted=posted)


def _balance(tx: Tx, one: Terms, month: Period) -> CommitmentBalance:
    through = min(month, one.commitment.last)
    found = _bridge(tx, one, through)
    now = found if one.runs_in(month) else None
    drawn = [] if now is None else [*_draws(tx, one, month), draw_of(now, month)]
    return CommitmentBalance(
        terms=one,
        bridge=now,
        left_units=left_units(now) if now else 0,
        lapsed_units=lapsed_units(found) if found else 0,
        eligible_units=sum(draw.eligible_units for draw in drawn),
    )


def _draws(tx: Tx, one: Terms, month: Period) -> list[Draw]:
    """What each month of the term before this one counted."""
    found: list[Draw] = []
    period = one.in_books.first
    while period < month:
        bridge = _bridge(tx, one, period)
        if bridge is None:
            raise NotReadyError(
                f"The commitment {one.commitment.commitment_id} has no drawdown of {period}: "
                f"expected the reconciliation of that month with it; run `tieout reconcile "
                f"{period}`, or give what was left on {month.start_on} as its `opening`."
            )
        found.append(draw_of(bridge, period))
        period = period.next()
    return found


def _bridge(tx: Tx, one: Terms, period: Period) -> Bridge | None:
    own = (one.commitment.provider, one.commitment.billing_account_id, one.section)
    for value in reconciliations.for_period(tx, str(period)):
        if (value["provider"], value["billing_account_id"], value["section"]) == own:
            return bridge_from_json(value)
    return None
