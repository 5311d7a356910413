"""What is known of an account's month so far, and why estimate and report differ until then.

Owns the comparison up to the last day that both cover; which state a figure is in is a report's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.arrears import is_metered
from tieout.reconciliation.cases import open_case
from tieout.reconciliation.compare import CHARGE_DAY, with_charge_day
from tieout.reconciliation.explaining import explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Report minus estimate up to a day that both cover, in units of 1e-12.

    `unexplained_units` is the part of `gap_units` that no cause proves.
    """

    through: date
    gap_units: int
    unexplained_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """One account's figures in units of 1e-12, each with the last day it covers; None: not known.

    `compared` is None without two figures that share days.
    """

    estimated_units: int | None = None
    estimated_through: date | None = None
    reported_units: int | None = None
    reported_through: date | None = None
    invoiced_units: int | None = None
    compared: Compared | None = None


def so_far(
    estimate: pa.Table | None, report: pa.Table | None, invoices: Sequence[BillingDocument]
) -> SoFar:
    """The figures of tables (CHARGE_SCHEMA) and of the documents that bill the report.

    A provider's own preview is shown as the estimate; only an estimate of metered tokens is
    compared row by row.
    """
    return SoFar(
        estimated_units=_total(estimate),
        estimated_through=_last_day(estimate),
        reported_units=_total(report),
        reported_through=_last_day(report),
        invoiced_units=sum(one.total_units for one in invoices) if invoices else None,
        compared=_compared(estimate, report),
    )


def _compared(estimate: pa.Table | None, report: pa.Table | None) -> Compared | None:
    ends = _last_day(estimate), _last_day(report)
    if estimate is None or report is None or ends[0] is None or ends[1] is None:
        return None
    if not is_metered(estimate):
        return None
    through = min(ends[0], ends[1])
    found = explain(open_case(_through(estimate, through), _through(report, through)))
    return Compared(
        through=through,
        gap_units=found.later_units - found.earlier_units,
        unexplained_units=found.unexplained_units,
    )


def _total(charges: pa.Table | None) -> int | None:
    return None if charges is None else total_units(charges)


def _last_day(charges: pa.Table | None) -> date | None:
    if charges is None:
        return None
    last: date | None = pc.max(with_charge_day(charges)[CHARGE_DAY]).as_py()
    return last


def _through(charges: pa.Table, day: date) -> pa.Table:
    return charges.filter(pc.less_equal(with_charge_day(charges)[CHARGE_DAY], pa.scalar(day)))
