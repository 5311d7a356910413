"""Commitments in the journal: the memo of what is left of each, and the shortfall that is owed.

Owns both entries and what they leave. The memo stands on two accounts that add up to zero, because
a promise to spend is no asset and no debt before it is consumed; a shortfall is expense of the
period in which it becomes probable, at the latest of the month in which the term ends. How much was
drawn is `reconciliation.commitments`'.
"""

from collections.abc import Iterable, Sequence

from tieout.core.ids import content_key
from tieout.core.money import minor_digits, to_minor
from tieout.core.period import Period
from tieout.ledger.building import AccountMonth, Heading, build, control_line
from tieout.ledger.chart import Chart, ControlRole
from tieout.ledger.entry import JournalEntry, JournalType
from tieout.ledger.trial_balance import account_balance
from tieout.reconciliation.commitments import SECTION_PREFIX, Terms

MEMO_ROLES: tuple[ControlRole, ControlRole] = ("commitment", "commitment_contra")
SHORTFALL_ROLES: tuple[ControlRole, ControlRole] = ("shortfall", "accrued_shortfall")
_TYPES: dict[tuple[ControlRole, ControlRole], JournalType] = {
    MEMO_ROLES: "commitment",
    SHORTFALL_ROLES: "shortfall",
}


def of_commitments(posted: Sequence[JournalEntry]) -> list[JournalEntry]:
    """The memos and shortfalls among entries, and what reverses them."""
    return [one for one in posted if _is_of_one(one)]


def without_commitments(posted: Sequence[JournalEntry]) -> list[JournalEntry]:
    """All other entries."""
    return [one for one in posted if not _is_of_one(one)]


def committed_ids(posted: Sequence[JournalEntry]) -> list[str]:
    """The commitments that the entries speak of, in order."""
    refs = {one.source_refs[0] for one in of_commitments(posted)}
    return sorted(ref.removeprefix(SECTION_PREFIX) for ref in refs)


def memo_minor(posted: Iterable[JournalEntry], ref: str, *, chart: Chart) -> int:
    """What the entries say is left of a commitment, named as its bridges' section; minor units."""
    return _balance(posted, ref, MEMO_ROLES[0], chart)


def shortfall_minor(posted: Iterable[JournalEntry], ref: str, *, chart: Chart) -> int:
    """What is owed of a commitment's shortfall by the entries, minor units."""
    return -_balance(posted, ref, SHORTFALL_ROLES[1], chart)


def wanted_shortfall(terms: Terms, period: Period, *, lapsed_units: int) -> int:
    """What should be owed at the end of a month, minor units: 0 once it is waived or billed.

    Before the term has ended what people hold for probable, afterwards what it left undrawn.
    """
    digits = minor_digits(terms.commitment.currency)
    if terms.waived or (terms.settled and terms.settled[0] <= period):
        return 0
    if period >= terms.commitment.last:
        return to_minor(lapsed_units, digits)
    held = [units for month, units in terms.recognised if month <= period]
    return to_minor(held[-1], digits) if held else 0


def memo(
    terms: Terms, wanted_minor: int, before: Sequence[JournalEntry], *, period: Period, chart: Chart
) -> JournalEntry | None:
    """Takes the memo to what is left: Dr commitment / Cr its contra when it begins, back as drawn.

    On the month's last day; `before` are the entries of earlier months. None without a difference.
    """
    have = memo_minor(before, terms.section, chart=chart)
    return _entry(terms, MEMO_ROLES, wanted_minor - have, period=period, chart=chart)


def shortfall(
    terms: Terms, wanted_minor: int, before: Sequence[JournalEntry], *, period: Period, chart: Chart
) -> JournalEntry | None:
    """Takes what is owed to what should be: Dr shortfall / Cr accrued shortfall, or back.

    On the month's last day; `before` are the entries of earlier months. It goes back when the
    provider's bill carries the shortfall as a charge of its own. None without a difference.
    """
    have = shortfall_minor(before, terms.section, chart=chart)
    return _entry(terms, SHORTFALL_ROLES, wanted_minor - have, period=period, chart=chart)


def _entry(
    terms: Terms,
    roles: tuple[ControlRole, ControlRole],
    amount_minor: int,
    *,
    period: Period,
    chart: Chart,
) -> JournalEntry | None:
    one = terms.commitment
    month = AccountMonth(
        provider=one.provider, billing_account_id=one.billing_account_id, period=period
    )
    debit, credit = roles
    heading = Heading(
        journal_type=_TYPES[roles],
        posting_on=period.last_on,
        document_on=period.last_on,
        source=content_key((terms.section, str(amount_minor))),
        source_refs=(terms.section, terms.settled[1] if terms.settled else terms.reference),
    )
    lines = [
        control_line(debit, amount_minor, month=month, chart=chart),
        control_line(credit, -amount_minor, month=month, chart=chart),
    ]
    return build(lines, heading=heading, month=month, chart=chart)


def _balance(posted: Iterable[JournalEntry], ref: str, role: ControlRole, chart: Chart) -> int:
    own = [one for one in posted if one.source_refs[:1] == (ref,)]
    return sum(
        account_balance([one], account=chart.control_account(role, provider=one.provider))
        for one in own
    )


def _is_of_one(entry: JournalEntry) -> bool:
    return "".join(entry.source_refs[:1]).startswith(SECTION_PREFIX)
