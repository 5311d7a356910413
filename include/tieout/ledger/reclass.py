"""A closed month under new rules: one entry in an open period takes its cost where it now belongs.

The closed month is not rewritten. Afterwards the sum of everything posted for the service period
is, for every account and dimension, what the restated lines say. Owns that difference only.
"""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from tieout.core.errors import ConservationError
from tieout.core.ids import content_key
from tieout.core.money import format_units, from_minor, minor_digits
from tieout.ledger.amortisation import without_fees
from tieout.ledger.building import AccountMonth, Heading, build
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry
from tieout.ledger.posting import Posting
from tieout.ledger.to_date import Bills, difference

_NO_BILLS = Bills()


def reclass(
    posted: Sequence[JournalEntry],
    lines: pa.Table,
    *,
    month: AccountMonth,
    chart: Chart,
    bills: Bills = _NO_BILLS,
    on: date,
    source_refs: tuple[str, ...] = (),
) -> Posting:
    """What the restated ledger lines of one account-month are more or less than posted to date.

    `posted` may hold any entries; those of this account and service period count, in whatever
    period they stand: the documents once they are booked, before that what was accrued at the
    close; never what takes an upfront fee to later months. `lines` are LEDGER_SCHEMA, `bills` the
    documents that were booked (none: prepaid). One line for each target (expense account
    and dimensions) that gains (debit) or loses (credit), posted on `on`; the service period is
    kept. A second run finds no difference and posts nothing.

    Raises:
        ConservationError: the lines come to another total than was posted: a rule moves cost and
            makes none.
    """
    own = [entry for entry in without_fees(posted) if month.has(entry)]
    changes, findings = difference(own, lines, bills, month=month, chart=chart)
    _refuse_other_total(sum(line.amount_minor for line in changes), month=month, chart=chart)
    heading = Heading(
        journal_type="reclass",
        posting_on=on,
        document_on=on,
        source=content_key(
            [
                *sorted(entry.idempotency_key for entry in own),
                *(f"{line.account} {sorted(line.dimensions.items())} {line.amount_minor}"
                  for line in changes),
            ]
        ),
        source_refs=source_refs,
        adjustment_kind="policy_change",
    )  # fmt: skip
    entry = build(changes, heading=heading, month=month, chart=chart)
    return Posting(entry=entry, findings=findings)


def _refuse_other_total(gap_minor: int, *, month: AccountMonth, chart: Chart) -> None:
    if gap_minor:
        digits = minor_digits(chart.currency)
        raise ConservationError(
            f"The restated lines of {month.provider}/{month.billing_account_id} for {month.period} "
            f"are {format_units(from_minor(gap_minor, digits), digits)} {chart.currency} more than "
            "was posted: expected the same total, because a rule moves cost and makes none; look "
            "for charges or documents that changed after the close."
        )
