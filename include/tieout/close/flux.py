"""Flux: what each initiative costs on each billing account, against the month before.

Owns the comparison; why something moved is a person's sentence about exactly these figures.
"""

from dataclasses import dataclass

import pyarrow as pa

from tieout.close.tolerance import Tolerance, within
from tieout.core.ids import content_key
from tieout.core.money import format_units, from_decimal, from_minor, minor_digits, to_minor

_KEYS = ("initiative", "provider", "billing_account_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Cost of one initiative on one account in two months, in minor units, before tax.

    `subject` is `initiative on provider/account`; cost without an initiative is `unallocated`.
    """

    subject: str
    currency: str
    before_minor: int
    now_minor: int

    @property
    def digest(self) -> str:
        """Names the subject with both figures: other figures ask for another explanation."""
        return content_key((self.subject, self.currency, self.before_minor, self.now_minor))

    def shown(self) -> str:
        """The movement as a person reads it."""
        digits = minor_digits(self.currency)
        before, now = (
            format_units(from_minor(one, digits), digits)
            for one in (self.before_minor, self.now_minor)
        )
        return f"{self.subject}: {before} to {now} {self.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FluxReview:
    """All movements against the closed month `before`, and the digests somebody has explained."""

    before: str
    moves: tuple[Move, ...]
    explained: frozenset[str]

    def beyond(self, threshold: Tolerance) -> tuple[Move, ...]:
        """The movements above the threshold of the month before; exactly at it is within."""
        return tuple(
            one
            for one in self.moves
            if not within(one.now_minor - one.before_minor, one.before_minor, tolerance=threshold)
        )


NO_MONTH_BEFORE = FluxReview(before="no month", moves=(), explained=frozenset())


def moves(before: pa.Table, now: pa.Table, *, currency: str) -> tuple[Move, ...]:
    """One movement for each initiative and account of either month, by subject.

    Both tables are ledger lines (LEDGER_SCHEMA); tax is left out.
    """
    then, today = _costs(before), _costs(now)
    digits = minor_digits(currency)
    return tuple(
        Move(
            subject=subject,
            currency=currency,
            before_minor=to_minor(then.get(subject, 0), digits),
            now_minor=to_minor(today.get(subject, 0), digits),
        )
        for subject in sorted({*then, *today})
    )


def _costs(lines: pa.Table) -> dict[str, int]:
    columns = lines.select([*_KEYS, "charge_category", "billed_cost"])
    sums = columns.group_by([*_KEYS, "charge_category"]).aggregate([("billed_cost", "sum")])
    found: dict[str, int] = {}
    for row in sums.to_pylist():
        if row["charge_category"] == "Tax":
            continue
        account = f"{row['provider']}/{row['billing_account_id']}"
        subject = f"{row['initiative'] or 'unallocated'} on {account}"
        found[subject] = found.get(subject, 0) + from_decimal(row["billed_cost_sum"])
    return found
