"""Join and sum in process with DuckDB 2.

Engines only filter, join, count and sum money: DuckDB's division and average are DOUBLE, so no
product or quotient appears here.
"""

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import ConservationError

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}


def join_and_sum(
    charges: pa.Table, assignment: pa.Table, *, keys: Sequence[str], amount: str
) -> pa.Table:
    """Join charges to their class by `attr_id`, group by `keys`, sum `amount`, count charges.

    Result: the keys, `amount` as DECIMAL(28,12) and `charge_count` (int64), ordered by the keys
    (nulls last), so that equal inputs in any row order give an equal table. Every charge is in
    exactly one group; a charge without a class keeps null keys.

    Raises:
        ConservationError: the assignment names an `attr_id` twice, so that charges counted twice.
    """
    names = ", ".join(_quoted(key) for key in keys)
    order = ", ".join(f"{_quoted(key)} NULLS LAST" for key in keys)
    statement = (
        f"SELECT {names}, CAST(sum({_quoted(amount)}) AS DECIMAL(28,12)) AS {_quoted(amount)}, "  # noqa: S608  identifiers are quoted names of our own schemas
        f"count(*) AS charge_count FROM charges LEFT JOIN assignment USING (attr_id) "
        f"GROUP BY {names} ORDER BY {order}"
    )
    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        connection.register("charges", charges)
        connection.register("assignment", assignment)
        # asked once: a relation runs again at every call
        sums = connection.sql(statement).to_arrow_table()
    _refuse_multiplied(sums, charges)
    return sums


def _refuse_multiplied(sums: pa.Table, charges: pa.Table) -> None:
    counted = pc.sum(sums.column("charge_count")).as_py() or 0
    if counted != charges.num_rows:
        raise ConservationError(
            f"The classification counts {counted} charges, expected {charges.num_rows}: an "
            "attribute tuple has two classes; nothing was summed. Classify again."
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
