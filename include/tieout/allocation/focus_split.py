"""The split-cost columns of FOCUS for the shares of one pool line, and the split of its charges.

Source: FOCUS 1.3, kept in 1.4: AllocatedMethodId, AllocatedMethodDetails (a JSON object with
`Elements`), AllocatedResourceId, AllocatedResourceName, AllocatedTags.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction

from tieout.allocation.basis import HELD_PREFIX, UNUSED_PREFIX, decimal_text, pool_of
from tieout.allocation.certificate import PoolCertificate
from tieout.core.errors import ConservationError
from tieout.core.money import to_decimal
from tieout.core.shares import split, split_many
from tieout.rules.register import Initiative

SPLIT_COLUMNS = (
    "AllocatedMethodId",
    "AllocatedMethodDetails",
    "AllocatedResourceId",
    "AllocatedResourceName",
    "AllocatedTags",
)
METHOD_PREFIX = "tieout/"
TAG_PREFIX = "tieout/"

_BY_DRIVER = frozenset({"proportional", "usage_split", "direct", "step_down"})
_RATIO_ONE = 10**12  # a ratio is written with twelve decimals


def split_columns(
    shares: Sequence[tuple[str, int]],
    *,
    pool: PoolCertificate,
    initiatives: Mapping[str, Initiative],
) -> list[dict[str, str | None]]:
    """The five columns for each share of one origin charge, in the order of the shares.

    `shares` are all the parts (units) of one pool line with their key of weights: an initiative,
    `unused:<owner>` or `held:<pool>`; a key may stand twice, when its part came on two ways through
    a chain. `pool` is the pool that the line was in. The method id is
    `tieout/<method>`, explained under docs/reference/allocation. Details hold one element with the
    ratio to the origin charge: twelve decimals that add up to exactly 1 over all shares. A pool
    that shares directly by a driver adds unit and quantity. Capacity that nobody used, and what is
    held, is the unallocated portion: its resource is null, as the standard demands. Tags are what
    the register says of the initiative, prefixed because the tool sets them, not a person.

    Raises:
        ConservationError: the shares are not all of one sign, so they are not parts of one charge.
    """
    if len({units > 0 for _, units in shares}) > 1:
        raise ConservationError(
            f"Pool {pool.pool_id}: the shares of one charge have different signs; expected parts "
            "of one line: pass the shares of each pool line on its own."
        )
    sizes = {f"{place:09d}": abs(units) for place, (_, units) in enumerate(shares)}
    ratios = split(_RATIO_ONE if any(sizes.values()) else 0, sizes)
    return [
        _columns(key, ratio, pool=pool, initiatives=initiatives)
        for (key, _), ratio in zip(shares, ratios.values(), strict=True)
    ]


def split_charges(amounts: Sequence[int], shares: Sequence[int]) -> list[list[int]]:
    """The amounts of the charges of one pool line (units), each split as the line was.

    `shares` are the parts of the line, of one sign. For each share a list in the order of the
    charges. Guarantees: the parts of a charge add up to it; the parts of all charges that a share
    gets add up to the share when the charges add up to all shares. Charges are split one after the
    other so that what has been given is right at any place (cumulative largest remainder); so a
    part is less than two units from its exact quota, and of a charge of a few units it may have the
    other sign.

    Raises:
        ConservationError: all shares are zero and an amount is not.
    """
    weights = {f"{place:09d}": abs(units) for place, units in enumerate(shares)}
    cumulative = list(itertools.accumulate(amounts))
    return [
        [after - before for before, after in itertools.pairwise([0, *given])]
        for given in split_many(cumulative, weights).values()
    ]


def final_weights(pools: Mapping[str, PoolCertificate], pool_id: str) -> dict[str, Fraction]:
    """Where one unit of a pool ends up through all pools of a run, by key; adds up to 1.

    What a pool that took no part received, or a pool keeps, is `held:<pool>`.
    """
    pool = pools.get(pool_id)
    weights = dict(pool.weights) if pool is not None and pool.state == "allocated" else {}
    whole = sum(weights.values(), Fraction(0))
    if not whole:
        return {f"{HELD_PREFIX}{pool_id}": Fraction(1)}
    found: dict[str, Fraction] = {}
    for key, weight in weights.items():
        to = pool_of(key)
        further = {key: Fraction(1)} if to is None else final_weights(pools, to)
        for last, part in further.items():
            found[last] = found.get(last, Fraction(0)) + weight * part / whole
    return {key: weight for key, weight in found.items() if weight}


def _columns(
    key: str, ratio: int, *, pool: PoolCertificate, initiatives: Mapping[str, Initiative]
) -> dict[str, str | None]:
    bearer = None if key.startswith((UNUSED_PREFIX, HELD_PREFIX)) else initiatives[key]
    return {
        "AllocatedMethodId": f"{METHOD_PREFIX}{pool.method}",
        "AllocatedMethodDetails": _details(key, ratio, pool),
        "AllocatedResourceId": None if bearer is None else bearer.initiative_id,
        "AllocatedResourceName": None if bearer is None else bearer.name,
        "AllocatedTags": None if bearer is None else _tags(bearer),
    }


def _details(key: str, ratio: int, pool: PoolCertificate) -> str:
    """A JSON object; the numbers are written digit by digit, for JSON has no exact fractions."""
    element = [f'"AllocatedRatio": {to_decimal(ratio):f}']
    quantity = dict(pool.weights).get(key)
    if pool.method in _BY_DRIVER and pool.driver and quantity is not None and not pool.to_pools:
        text = decimal_text(quantity)
        if "/" not in text:
            element.append(f'"UsageUnit": {json.dumps(pool.driver)}')
            element.append(f'"UsageQuantity": {text}')
    extra = [f'"x_PoolId": {json.dumps(pool.pool_id)}']
    if key.startswith(UNUSED_PREFIX):
        extra.append(f'"x_UnusedCapacityOwner": {json.dumps(key.removeprefix(UNUSED_PREFIX))}')
    return f'{{"Elements": [{{{", ".join(element)}}}], {", ".join(extra)}}}'


def _tags(bearer: Initiative) -> str:
    tags = {
        f"{TAG_PREFIX}cost_center": bearer.cost_center,
        f"{TAG_PREFIX}pl_category": bearer.pl_category,
        f"{TAG_PREFIX}product_line": bearer.product_line,
    }
    given = {name: value for name, value in tags.items() if value is not None}
    return json.dumps(given, sort_keys=True, ensure_ascii=False)
