"""What pools gave to whom: amounts on the ledger beside quantity times rate, and the rounding.

Owns sums over ledger lines (LEDGER_SCHEMA) and exact quotas; amounts are units of 1e-12. How pools
are split is `allocation`'s, its certificate is the proof.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from tieout.allocation.certificate import PoolCertificate
from tieout.reports.line_tables import Sum

FLOWS_BY: Final = ("pool_id", "initiative")
Flows = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOf:
    """One receiver: its `quantity` of the driver, of all quantities `share`, and what it bears.

    `exact` is quantity times rate in units, `rounding` the amount less that, below one unit a line
    of the pool; both None where other pools stand between, whose rates are not this pool's.
    """

    target: str
    quantity: Fraction
    share: Fraction
    amount_units: int
    exact: Fraction | None
    rounding: Fraction | None


def flows(sums: Iterable[Sum]) -> Flows:
    """What each initiative bears of each pool, tax included: by (pool, initiative).

    `sums` of all lines are by FLOWS_BY; those that came out of no pool do not count. In the order
    of their keys.
    """
    found = {
        (pool, initiative or ""): one.units
        for one in sums
        for pool, initiative in [one.key]
        if pool is not None
    }
    return dict(sorted(found.items()))


def is_plain(pool: PoolCertificate) -> bool:
    """Whether all of the pool's own cost, and nothing else, went straight to initiatives."""
    return not (pool.to_pools or pool.received_units or pool.held_units)


def rate(pool: PoolCertificate) -> Fraction | None:
    """Units of cost for one of the driver; None where nothing was there to share by."""
    whole = _whole(pool)
    return Fraction(pool.amount_in_units) / whole if whole and is_plain(pool) else None


def shares(pool: PoolCertificate, amounts: Mapping[str, int]) -> tuple[ShareOf, ...]:
    """All receivers of a pool, the largest amount first; `amounts` by initiative, see `flows`."""
    quantities, whole, per_one = dict(pool.weights), _whole(pool), rate(pool)
    found = []
    for target in {**quantities, **amounts}:
        quantity, amount = quantities.get(target, Fraction(0)), amounts.get(target, 0)
        exact = None if per_one is None else quantity * per_one
        found.append(
            ShareOf(
                target=target,
                quantity=quantity,
                share=quantity / whole if whole else Fraction(0),
                amount_units=amount,
                exact=exact,
                rounding=None if exact is None else amount - exact,
            )
        )
    return tuple(sorted(found, key=lambda one: (-abs(one.amount_units), one.target)))


def _whole(pool: PoolCertificate) -> Fraction:
    return sum((quantity for _, quantity in pool.weights), Fraction(0))
