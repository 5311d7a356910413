"""How far a delivery reaches: the last day for which the source itself vouches.

Owns the rule only. A report is delivered as a whole, so a quiet day before its newest usage really
is quiet, while the day of the newest usage may still grow. Rows of more than a day (monthly fees,
tax, one row a month) end in the future and say nothing. Where an issuer fills the invoice id only
when the bill is final (AWS does; FOCUS leaves it open), a report in which every row has one is the
whole month.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.period import Period, utc_midnight
from tieout.sources.amounts import Mask

_DAY_US = 86_400_000_000


@dataclass(slots=True, kw_only=True)
class Coverage:
    """The newest end of a usage row of at most a day, and whether rows lack an invoice."""

    invoice_means_final: bool
    newest_end: datetime | None = None
    rows: int = 0
    rows_without_invoice: int = 0

    def add(self, starts: pa.Array, ends: pa.Array, *, usage: Mask, invoices: pa.Array) -> None:
        """Take the rows of a batch; `usage` marks the loaded rows of metered usage."""
        self.rows += len(starts)
        self.rows_without_invoice += invoices.null_count
        length = pc.subtract(ends.cast(pa.int64()), starts.cast(pa.int64()))
        counts = pc.and_(pa.array(usage), pc.less_equal(length, _DAY_US))
        newest = pc.max(ends.filter(counts)).as_py()
        if newest is not None and (self.newest_end is None or newest > self.newest_end):
            self.newest_end = newest

    def through(self, period: Period) -> date | None:
        """The last day (inclusive) that is complete; None if nothing says so."""
        if self.invoice_means_final and self.rows and not self.rows_without_invoice:
            return period.last_on
        if self.newest_end is None or self.newest_end < utc_midnight(period.start_on):
            return None
        last = self.newest_end.date() - timedelta(days=1)
        return min(last, period.last_on) if last >= period.start_on else None
