"""Are two results equal? Each check prints one line and ends with an error when they are not.

`ledgers A B`: the same ledger lines to the last unit. `moved OLD MOVES NEW`: the old ledger with
the moves applied is the new one. `rows OURS THEIRS`: the same classes for the charges that the peer
classified. A ledger is compared by the SHA-256 of its sorted lines with exact decimals.
"""

import json
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from tieout.core.ids import sha256_hex
from tieout.focus.ledger_columns import DIMENSIONS

_KEYS = ("period", "provider", *DIMENSIONS)


def main() -> None:
    """Check what the arguments name."""
    kind, *paths = sys.argv[1:]
    if kind == "ledgers":
        found = [_hash(_lines(path)) for path in paths]
    elif kind == "moved":
        found = [_hash(_applied(*paths[:2])), _hash(_lines(paths[2]))]
    else:
        found = [_classes(Path(paths[0]), Path(paths[1])), _theirs(Path(paths[1]))]
    if len(set(found)) > 1:
        raise SystemExit(f"{kind} differ: {' '.join(paths)}: {found}")
    sys.stdout.write(f"{kind} equal: {found[0]}\n")


def _lines(path: str) -> str:
    return f"SELECT * FROM read_parquet('{path}')"  # noqa: S608  our own path


def _hash(lines: str) -> str:
    """The hash of the sorted lines of a query of ledger lines."""
    keys = ", ".join(f"coalesce({key}, chr(0))" for key in _KEYS)
    figures = "CAST(charge_count AS VARCHAR), CAST(CAST(billed_cost AS DECIMAL(28,12)) AS VARCHAR)"
    rows = duckdb.execute(
        f"SELECT concat_ws(chr(31), {keys}, {figures}) AS line FROM ({lines}) ORDER BY line"  # noqa: S608  our own names
    ).fetchall()
    return f"{len(rows)} lines, {sha256_hex(chr(10).join(line for (line,) in rows).encode())}"


def _applied(ledger: str, moves: str) -> str:
    """The ledger with each move taken from its old class and given to its new one."""
    names = ", ".join(_KEYS)
    ends = [
        ", ".join(["period", *(f"{side}_{key}" for key in _KEYS[1:])]) for side in ("old", "new")
    ]
    return (
        f"SELECT {names}, sum(charge_count) AS charge_count, sum(billed_cost) AS billed_cost FROM ("  # noqa: S608  our own names
        f"SELECT {names}, charge_count, billed_cost FROM ({_lines(ledger)}) UNION ALL "
        f"SELECT {ends[0]}, -charge_count, -billed_cost FROM ({_lines(moves)}) UNION ALL "
        f"SELECT {ends[1]}, charge_count, billed_cost FROM ({_lines(moves)})) "
        f"GROUP BY {names} HAVING sum(charge_count) <> 0"
    )


def _classes(ours: Path, theirs: Path) -> str:
    """Our classes of the first charges, as many as the peer has, written as the peer does."""
    count = len(json.loads(theirs.read_text())["classes"])
    legend = pq.read_table(ours.with_suffix(".legend.parquet"))
    first = pq.read_table(ours).column("class_id").slice(0, count)
    rows = legend.select(["project", "initiative", "cost_center"]).take(first).to_pylist()
    return sha256_hex(json.dumps([[text or "" for text in row.values()] for row in rows]).encode())


def _theirs(path: Path) -> str:
    return sha256_hex(json.dumps(json.loads(path.read_text())["classes"]).encode())


if __name__ == "__main__":
    main()
