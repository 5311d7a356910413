"""Checks of commitments: what is left ties three ways, and a shortfall is owed in the books.

Owns the judgement only; the roll is `reconciliation.commitments`', the entries are
`ledger.commitments`'.
"""

from collections.abc import Iterator, Sequence

from tieout.close.evidence import CloseInputs, CommitmentBalance
from tieout.core.money import format_units, from_minor, minor_digits, to_minor
from tieout.core.period import Period
from tieout.ledger.chart import Chart
from tieout.ledger.commitments import (
    MEMO_ROLES,
    SHORTFALL_ROLES,
    committed_ids,
    memo_minor,
    shortfall_minor,
    wanted_shortfall,
)
from tieout.ledger.entry import JournalEntry
from tieout.reconciliation.commitments import SECTION_PREFIX
from tieout.reconciliation.rollforward import Tie, untied

WHAT = "commitment"


def commitment_ties(inputs: CloseInputs) -> tuple[list[str], str]:
    """C08, commitments: our charges, the provider's statement and the memo leave one figure.

    What the term left undrawn, or people hold for probable, is owed in the books to the minor unit.
    A balance of a commitment that is in no approved policy any more is named too.
    """
    known = [one for one in inputs.entries if one.posting_on < inputs.period.end_on]
    problems = [
        problem for one in inputs.commitments for problem in _of_one(one, known, inputs=inputs)
    ]
    promised = {one.terms.commitment.commitment_id for one in inputs.commitments}
    problems += [
        f"{name}: a balance is in the books, but no commitment of that id is approved"
        for name in committed_ids(known)
        if name not in promised and _stands(name, known, inputs.chart)
    ]
    return problems, f"{len(inputs.commitments)} commitments" if inputs.commitments else ""


def commitment_tie(one: CommitmentBalance, entries: Sequence[JournalEntry], *, chart: Chart) -> Tie:
    """What is left of a commitment by our charges, the memo and the provider, in minor units.

    Without a statement the third figure is the computed one again.
    """
    digits = minor_digits(chart.currency)
    return Tie(
        subject=one.terms.commitment.subject,
        currency=chart.currency,
        rolled_minor=to_minor(one.left_units, digits),
        ledger_minor=memo_minor(entries, one.terms.section, chart=chart),
        open_minor=to_minor(one.bridge.end_units if one.bridge else one.left_units, digits),
    )


def shortfall_tie(
    one: CommitmentBalance, entries: Sequence[JournalEntry], *, period: Period, chart: Chart
) -> Tie:
    """What should be owed of its shortfall at the end of a period beside what the books owe."""
    wanted = wanted_shortfall(one.terms, period, lapsed_units=one.lapsed_units)
    return Tie(
        subject=one.terms.commitment.subject,
        currency=chart.currency,
        rolled_minor=wanted,
        ledger_minor=shortfall_minor(entries, one.terms.section, chart=chart),
        open_minor=wanted,
    )


def _of_one(
    one: CommitmentBalance, entries: Sequence[JournalEntry], *, inputs: CloseInputs
) -> Iterator[str]:
    subject, chart = one.terms.commitment.subject, inputs.chart
    if one.bridge is None and one.terms.runs_in(inputs.period):
        yield f"{subject}: it has not been reconciled"
        return
    tie = commitment_tie(one, entries, chart=chart)
    if tie.rolled_minor and not chart.has(*MEMO_ROLES):
        yield f"{subject}: the chart has no control accounts {' and '.join(MEMO_ROLES)} for it"
    else:
        yield from (finding.message for finding in untied([tie], what=WHAT))
    owed = shortfall_tie(one, entries, period=inputs.period, chart=chart)
    if owed.rolled_minor != owed.ledger_minor:
        yield (
            f"{subject}: a shortfall of {_shown(owed.rolled_minor, chart)} is to be accrued, "
            f"{_shown(owed.ledger_minor, chart)} is{_remedy(chart)}"
        )


def _remedy(chart: Chart) -> str:
    if chart.has(*SHORTFALL_ROLES):
        return "; settle the month again"
    return f"; name the control accounts {' and '.join(SHORTFALL_ROLES)} in the chart"


def _stands(commitment_id: str, entries: Sequence[JournalEntry], chart: Chart) -> bool:
    ref = f"{SECTION_PREFIX}{commitment_id}"
    return bool(memo_minor(entries, ref, chart=chart) or shortfall_minor(entries, ref, chart=chart))


def _shown(amount_minor: int, chart: Chart) -> str:
    digits = minor_digits(chart.currency)
    return f"{format_units(from_minor(amount_minor, digits), digits)} {chart.currency}"
