"""Journal lines, reconciliation lines and allocation shares as flat tables for BI tools.

Owns their columns; amounts are DECIMAL(28,12) in the currency's major unit, cost positive.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tieout.core.money import to_decimal
from tieout.focus.columns import MONEY
from tieout.publish.papers import PAPER_AMOUNT, PAPER_COLUMNS, paper_rows
from tieout.publish.tables import JOURNAL_COLUMNS, journal_rows

JOURNAL_SCHEMA = pa.schema(
    [
        pa.field(
            name, {"debit": MONEY, "credit": MONEY, "line_no": pa.int32()}.get(name, pa.string())
        )
        for name in JOURNAL_COLUMNS
    ]
)
PAPER_SCHEMA = pa.schema(
    [pa.field(name, MONEY if name == PAPER_AMOUNT else pa.string()) for name in PAPER_COLUMNS]
)
RECONCILIATION_SCHEMA = pa.schema(
    [
        pa.field("provider", pa.string()),
        pa.field("billing_account_id", pa.string()),
        pa.field("section", pa.string()),
        pa.field("start_label", pa.string()),
        pa.field("start", MONEY),
        pa.field("end_label", pa.string()),
        pa.field("end", MONEY),
        pa.field("component", pa.string()),  # `unexplained` is a component, present in every bridge
        pa.field("cause", pa.string()),
        pa.field("amount", MONEY),
    ]
)
ALLOCATION_COLUMNS = ("pool_id", "pool_line_id", "ledger_line_id", "initiative", "billed_cost")


def journal_table(entries: Sequence[Mapping[str, Any]], *, digits: int) -> pa.Table:
    """One row a journal line, in ledger order; debit or credit is null.

    Where an entry was translated, the paper's currency and amount and the rates come behind.
    """
    table = pa.Table.from_pylist(journal_rows(entries, digits=digits), schema=JOURNAL_SCHEMA)
    if not any("exchange" in entry for entry in entries):
        return table
    papers = pa.Table.from_pylist(paper_rows(entries), schema=PAPER_SCHEMA)
    for name in PAPER_SCHEMA.names:
        table = table.append_column(PAPER_SCHEMA.field(name), papers[name])
    return table


def reconciliation_table(bridges: Sequence[Mapping[str, Any]]) -> pa.Table:
    """One row a bridge line and one for what is unexplained: start + amounts = end, per bridge."""
    rows = []
    for bridge in bridges:
        ends = {name: bridge[name] for name in ("provider", "billing_account_id", "section")}
        ends |= {name: bridge[name] for name in ("start_label", "end_label")}
        ends |= {"start": _money(bridge["start_units"]), "end": _money(bridge["end_units"])}
        rows += [
            {
                **ends,
                "component": line["component"],
                "cause": line["cause"],
                "amount": _money(line["amount_units"]),
            }
            for line in bridge["lines"]
        ]
        unexplained = _money(bridge["unexplained_units"])
        rows.append({**ends, "component": "unexplained", "cause": None, "amount": unexplained})
    return pa.Table.from_pylist(rows, schema=RECONCILIATION_SCHEMA)


def allocation_table(lines: pa.Table) -> pa.Table:
    """The shares of all pools, by pool and ledger line."""
    shares = lines.filter(lines.column("pool_line_id").is_valid())
    order = [("pool_id", "ascending"), ("ledger_line_id", "ascending")]
    return shares.select(list(ALLOCATION_COLUMNS)).sort_by(order)


def _money(units: str | int) -> Any:
    return to_decimal(int(units))
