"""Ledger lines of accounts in foreign currencies: the books' amount, and the account's beside it.

Direct lines are translated before pools are shared, because drivers, tiers and pools add up amounts
and must do so in one currency. Owns the two further columns, which only a table with such lines
has, and that both amounts are kept to the last unit (1e-12) through the shares.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import ConservationError
from tieout.core.money import from_decimal, round_half_even, to_decimal
from tieout.core.shares import round_parts
from tieout.focus.columns import MONEY
from tieout.focus.ledger_columns import LEDGER_SCHEMA, ledger_line_ids
from tieout.ledger.fx_rates import Rate
from tieout.rules.register import POOL_PREFIX

CURRENCY, COST = "transaction_currency", "transaction_cost"
TRANSACTION_COLUMNS = (CURRENCY, COST)
AccountKey = tuple[str, str]  # provider, billing account


def in_books(lines: pa.Table, rates: Mapping[AccountKey, Rate]) -> pa.Table:
    """Direct lines (LEDGER_SCHEMA, each account in its own currency) in that of the books.

    `rates` has the accounts in foreign currencies; without any the lines are themselves. Of the
    others `billed_cost` is translated, by largest remainder, so that an account's lines add up to
    its translated total; `transaction_cost` keeps what it was.
    """
    if not rates:
        return lines
    keys = _accounts(lines)
    costs = [from_decimal(one) for one in lines["billed_cost"].to_pylist()]
    booked = list(costs)
    for key, rate in rates.items():
        places = [at for at, own in enumerate(keys) if own == key]
        for at, units in zip(places, _translated([costs[at] for at in places], rate), strict=True):
            booked[at] = units
    currencies = [rates[key].from_currency if key in rates else None for key in keys]
    own = [units if key in rates else None for key, units in zip(keys, costs, strict=True)]
    return _with_columns(_with_cost(lines, booked), currencies, own)


def own_lines(lines: pa.Table) -> pa.Table:
    """Lines of one account as LEDGER_SCHEMA in the account's own currency."""
    if CURRENCY not in lines.column_names:
        return lines
    cost = pc.coalesce(lines[COST], lines["billed_cost"])
    at = LEDGER_SCHEMA.get_field_index("billed_cost")
    named = lines.select(LEDGER_SCHEMA.names)
    return named.set_column(at, LEDGER_SCHEMA.field(at), cost)


def with_own_amounts(made: pa.Table, direct: pa.Table) -> pa.Table:
    """Lines after allocation with the columns that the direct lines had; itself if they had none.

    A share has the same part of its line's own amount as of the amount in the books. The amount of
    a line that was too small for a share is borne by the account's largest line.

    Raises:
        ConservationError: an account's own amounts come to another total.
    """
    if CURRENCY not in direct.column_names:
        return made
    source = _amounts(direct)
    own: dict[str, int] = {}
    for line_id, parts in _families(made).items():
        if line_id in source:
            own |= _shared(source[line_id], parts)
    ids, keys = made["ledger_line_id"].to_pylist(), _accounts(made)
    currencies = dict(zip(_accounts(direct), direct[CURRENCY].to_pylist(), strict=True))
    _place_rest(own, ids, keys, wanted=_totals(direct))
    return _with_columns(
        made,
        [
            currencies.get(key) if line_id in own else None
            for line_id, key in zip(ids, keys, strict=True)
        ],
        [own.get(line_id) for line_id in ids],
    )


def _translated(costs: list[int], rate: Rate) -> list[int]:
    factor = Fraction(rate.rate)
    exact = {f"{at:09d}": units * factor.numerator for at, units in enumerate(costs)}
    total = round_half_even(sum(costs) * factor)
    made = round_parts(exact, step=factor.denominator, total=total)
    return [made[key] for key in exact]


def _amounts(direct: pa.Table) -> dict[str, tuple[int, int]]:
    """Own amount and amount in the books of each foreign line, by the id that it keeps.

    A line that stays in its pool gets another id, that of the same line with its pool.
    """
    pools = [
        name.removeprefix(POOL_PREFIX) if (name or "").startswith(POOL_PREFIX) else None
        for name in direct["initiative"].to_pylist()
    ]
    at = LEDGER_SCHEMA.get_field_index("pool_id")
    held = direct.set_column(at, LEDGER_SCHEMA.field(at), pa.array(pools, pa.string()))
    found = {}
    for line_id, other, own, booked in zip(
        direct["ledger_line_id"].to_pylist(),
        ledger_line_ids(held),
        direct[COST].to_pylist(),
        direct["billed_cost"].to_pylist(),
        strict=True,
    ):
        if own is not None:
            found[line_id] = found[other] = (from_decimal(own), from_decimal(booked))
    return found


def _families(made: pa.Table) -> dict[str, dict[str, int]]:
    """The lines that came out of each line, with their amounts in the books."""
    found: dict[str, dict[str, int]] = {}
    for row in made.select(["ledger_line_id", "pool_line_id", "billed_cost"]).to_pylist():
        family = found.setdefault(row["pool_line_id"] or row["ledger_line_id"], {})
        family[row["ledger_line_id"]] = from_decimal(row["billed_cost"])
    return found


def _shared(amounts: tuple[int, int], parts: Mapping[str, int]) -> dict[str, int]:
    own, booked = amounts
    if not booked:  # a line of nothing has one line, itself
        return dict.fromkeys(parts, own)
    sign = 1 if booked > 0 else -1
    exact = {key: sign * units * own for key, units in parts.items()}
    return round_parts(exact, step=abs(booked), total=own)


def _place_rest(
    own: dict[str, int],
    ids: list[str],
    keys: list[AccountKey],
    *,
    wanted: Mapping[AccountKey, int],
) -> None:
    found = dict.fromkeys(wanted, 0)
    largest: dict[AccountKey, str] = {}
    for line_id, key in zip(ids, keys, strict=True):
        if line_id in own:
            found[key] += own[line_id]
            other = largest.setdefault(key, line_id)
            if (abs(own[line_id]), line_id) > (abs(own[other]), other):
                largest[key] = line_id
    for key, total in wanted.items():
        rest = total - found[key]
        if rest and key not in largest:
            raise ConservationError(
                f"{rest} units of 1e-12 of {key[0]}/{key[1]} have no ledger line after the "
                "allocation: expected at least one; look for charges that cancel each other."
            )
        if rest:
            own[largest[key]] += rest


def _totals(direct: pa.Table) -> dict[AccountKey, int]:
    found: dict[AccountKey, int] = {}
    for key, own in zip(_accounts(direct), direct[COST].to_pylist(), strict=True):
        if own is not None:
            found[key] = found.get(key, 0) + from_decimal(own)
    return found


def _accounts(lines: pa.Table) -> list[AccountKey]:
    names = ("provider", "billing_account_id")
    return list(zip(*(lines[name].to_pylist() for name in names), strict=True))


def _with_cost(lines: pa.Table, units: list[int]) -> pa.Table:
    at = LEDGER_SCHEMA.get_field_index("billed_cost")
    costs: Any = pa.array([to_decimal(one) for one in units], MONEY)
    return lines.set_column(at, LEDGER_SCHEMA.field(at), costs)


def _with_columns(
    lines: pa.Table, currencies: list[str | None], units: list[int | None]
) -> pa.Table:
    costs = [None if one is None else to_decimal(one) for one in units]
    return lines.append_column(CURRENCY, pa.array(currencies, pa.string())).append_column(
        COST, pa.array(costs, MONEY)
    )
