"""Upfront fees over their term: deferred in the month that bills them, released month by month.

Owns the two entries and the balance that they leave. How much of a fee has passed is the term's
(`allocation.basis`), who bears it was decided when the pool of method `amortise` was shared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tieout.allocation.basis import HELD_PREFIX, Term
from tieout.allocation.methods.amortise import schedule
from tieout.core.errors import ConservationError, NotReadyError
from tieout.core.ids import content_key
from tieout.core.money import SCALE, format_units, from_minor, minor_digits, to_minor
from tieout.core.period import Period
from tieout.core.shares import split
from tieout.ledger.building import AccountMonth, Heading, build, control_line
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, JournalLine, signed_line
from tieout.ledger.grouping import expense_lines, is_cost, net_units
from tieout.rules.register import POOL_PREFIX

_HELD = HELD_PREFIX.rstrip(":")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What one account billed upfront and the term that it was paid for.

    `lines` are the ledger lines (LEDGER_SCHEMA) of that account in the month `billed`, after
    allocation; those of pool `pool_id` count. A pool that takes fees in two months has two.
    """

    pool_id: str
    billed: Period
    term: Term
    lines: pa.Table

    @property
    def own(self) -> pa.Table:
        """The lines that the pool's charges became."""
        return self.lines.filter(pc.equal(self.lines["pool_id"], self.pool_id))

    @property
    def source_ref(self) -> str:
        """What the entries of the fee name as their source."""
        return f"{POOL_PREFIX}{self.pool_id}/{self.billed}"

    def bearers(self) -> pa.Table:
        """The lines that somebody bears: what the pool did not hold back."""
        return self.own.filter(pc.invert(self._is_held()))

    def held(self) -> pa.Table:
        """The lines that wait in the pool for later months."""
        return self.own.filter(self._is_held())

    def _is_held(self) -> pa.ChunkedArray:
        rule = f"{POOL_PREFIX}{self.pool_id}/{_HELD}"
        return pc.equal(self.own["initiative_rule"], rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instalment:
    """What a month bears of a fee, and what is prepaid at its end; minor units."""

    month: Period
    amount_minor: int
    prepaid_minor: int


def plan(total_minor: int, term: Term) -> tuple[Instalment, ...]:
    """The months of a term; the amounts add up to the total, the last balance is 0.

    Rounded cumulatively, half up, as `schedule`.
    """
    left, found = total_minor, []
    for month, amount in schedule(total_minor, term).items():
        left -= amount
        found.append(Instalment(month=month, amount_minor=amount, prepaid_minor=left))
    return tuple(found)


def prepaid_after(total_minor: int, term: Term, month: Period) -> int:
    """What of the total is prepaid at the end of a month: all before the term, 0 after it."""
    months = plan(total_minor, term)
    passed = [one for one in months if one.month <= month]
    return passed[-1].prepaid_minor if passed else total_minor


def still_prepaid(fee: Fee, month: Period, *, chart: Chart) -> int:
    """What the plan leaves of a fee at the end of a month, minor units."""
    return prepaid_after(_total_minor(fee, chart), fee.term, month)


def of_fees(posted: Sequence[JournalEntry]) -> list[JournalEntry]:
    """The deferrals and releases among entries, and what reverses them."""
    keys = {one.idempotency_key for one in posted if one.journal_type == "amortisation"}
    return [one for one in posted if one.idempotency_key in keys or one.reverses in keys]


def without_fees(posted: Sequence[JournalEntry]) -> list[JournalEntry]:
    """All other entries."""
    left_out = {one.idempotency_key for one in of_fees(posted)}
    return [one for one in posted if one.idempotency_key not in left_out]


def prepaid_balance(posted: Sequence[JournalEntry]) -> int:
    """What deferrals and releases so far leave on the prepaid accounts, minor units."""
    lines = [line for entry in posted for line in entry.lines]
    return sum(line.amount_minor for line in lines if not is_cost(line))


def prepaid_minor(posted: Sequence[JournalEntry], fee: Fee) -> int:
    """`prepaid_balance` of one fee; `posted` are entries of its account."""
    own = [entry for entry in of_fees(posted) if entry.source_refs[:1] == (fee.source_ref,)]
    return prepaid_balance(own)


def deferral(fee: Fee, *, month: AccountMonth, chart: Chart) -> JournalEntry | None:
    """Dr prepaid / Cr expense of what the pool held back, on the last day of the billing month.

    The fee itself is expense by then (accrued or invoiced in full); afterwards the month bears its
    instalment. None when nothing is left to defer.

    Raises:
        ConservationError: fees and credits stand in one pool of the account.
    """
    amount = still_prepaid(fee, month.period, chart=chart)
    lines = _shared(fee.held(), -amount, chart=chart)
    return _entry(fee, [*lines, _prepaid(amount, month, chart)], month=month, chart=chart)


def release(
    fee: Fee, posted: Sequence[JournalEntry], *, month: AccountMonth, chart: Chart
) -> JournalEntry | None:
    """Dr expense / Cr prepaid of a later month, on its last day; None when nothing is due.

    It takes the prepaid balance to what the plan leaves at the end of the month, so a month that
    was missed is caught up and no cent stays behind. Borne in the proportions of the fee's lines.
    `posted` are entries of the fee's account before this month.

    Raises:
        NotReadyError: nobody bears a part in `fee.lines`, because the term began after them.
        ConservationError: as `deferral`.
    """
    left = still_prepaid(fee, month.period, chart=chart)
    amount = prepaid_minor(posted, fee) - left
    bearers = fee.bearers()
    if amount and not bearers.num_rows:
        digits = minor_digits(chart.currency)
        raise NotReadyError(
            f"Pool {fee.pool_id}: {format_units(from_minor(amount, digits), digits)} "
            f"{chart.currency} are due in {month.period}, but nobody bears a part of the fee: "
            "expected lines of a term that has begun by then; correct start_on."
        )
    lines = _shared(bearers, amount, chart=chart)
    return _entry(fee, [*lines, _prepaid(-amount, month, chart)], month=month, chart=chart)


def _total_minor(fee: Fee, chart: Chart) -> int:
    """The fee before tax."""
    return to_minor(net_units(fee.own), minor_digits(chart.currency))


def _shared(lines: pa.Table, amount_minor: int, *, chart: Chart) -> list[JournalLine]:
    """The amount by account and dimensions, in the exact proportions of ledger lines."""
    if not amount_minor:
        return []
    found, _ = expense_lines(lines, chart=chart, total_minor=net_units(lines), digits=SCALE)
    if len({one.amount_minor > 0 for one in found}) != 1:
        raise ConservationError(
            f"Expected ledger lines of one sign to share {amount_minor} minor units by, found "
            f"{len(found)} of both or none: send credits and fees to pools of their own."
        )
    sizes = {str(one.line_no): abs(one.amount_minor) for one in found}
    parts = split(amount_minor, sizes)
    return [
        signed_line(
            one.account,
            parts[str(one.line_no)],
            memo=one.memo,
            dimensions=one.dimensions,
            source_line_ref=one.source_line_ref,
        )
        for one in found
    ]


def _prepaid(amount_minor: int, month: AccountMonth, chart: Chart) -> JournalLine:
    return control_line("prepaid", amount_minor, month=month, chart=chart)


def _entry(
    fee: Fee, lines: Sequence[JournalLine], *, month: AccountMonth, chart: Chart
) -> JournalEntry | None:
    amounts = [(one.account, one.amount_minor) for one in lines]
    heading = Heading(
        journal_type="amortisation",
        posting_on=month.period.last_on,
        document_on=month.period.last_on,
        source=content_key((fee.source_ref, str(amounts))),
        source_refs=(fee.source_ref,),
    )
    return build(lines, heading=heading, month=month, chart=chart)
