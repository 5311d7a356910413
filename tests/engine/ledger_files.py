"""Charges that an engine could get wrong, as files of a lake: the same in every run.

Amounts have twelve decimals and both signs and pass 2^53 and 2^63 units; texts are null, empty,
differ in case, accent form or one space, hold quotes, a NUL, and characters whose order in UTF-16
is not their order in UTF-8.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tests.reconciliation.charge_rows import charge, charges

from tieout.focus.columns import attributes_of
from tieout.focus.ledger_columns import DIMENSIONS, LINE_KEY, OWN_DIMENSION_RULES, OWN_DIMENSIONS
from tieout.lake.files import Lake

_PLAIN = ("", "a", "A", "a ", "Ж", "é", "e\u0301", "İ")
TEXTS = (*_PLAIN, "\uffff", "😀", "a'b", 'a"b', "a`b", "a\x00b")
KEYS = LINE_KEY[1:]  # the period is one per call: a constant, not a column of the files


def ledger_charges(seed: int, rows: int) -> pa.Table:
    """Random charges of CHARGE_SCHEMA."""
    chosen = np.random.default_rng(seed)
    large = chosen.integers(-(2**62), 2**62, rows).tolist()
    small = chosen.integers(-(10**12), 10**12, rows).tolist()
    names = chosen.integers(-4, len(TEXTS), (rows, 4)).tolist()
    days = chosen.integers(1, 32, rows).tolist()
    made = []
    for row in range(rows):
        units = large[row] * 10**3 + small[row] if row % 3 else small[row]
        account, label, service, invoice = (TEXTS[n] if n >= 0 else None for n in names[row])
        texts = {"sub_account_id": account, "sub_account_name": label, "invoice_id": invoice}
        category = "Credit" if units < 0 else "Usage"
        made.append(
            charge(
                days[row],
                units,
                **texts,
                service_name=service or "none",
                charge_category=category,
            )
        )
    return charges(*made, pull=str(seed))


def ledger_assignment(table: pa.Table) -> pa.Table:
    """A class and a rule per dimension for four fifths of the attribute tuples; others null."""
    attributes = attributes_of(table)
    count = attributes.num_rows
    made = {"attr_id": attributes.column("attr_id")}
    for place, dimension in enumerate(DIMENSIONS, start=1):
        codes = [(number * place) % 5 for number in range(count)]
        classes = [None if code == 0 else TEXTS[number % 7] for number, code in enumerate(codes)]
        rules = [None if code == 0 else f"{dimension}-{code}" for code in codes]
        made[dimension] = pa.array(classes, pa.string())
        made[f"{dimension}_rule"] = pa.array(rules, pa.string())
    teams = [None if number % 4 else '{"team":"a"}' for number in range(count)]
    made |= {name: pa.array(teams, pa.string()) for name in (OWN_DIMENSIONS, OWN_DIMENSION_RULES)}
    # every ninth tuple has no row at all
    return pa.table(made).filter(pa.array([number % 9 != 0 for number in range(count)]))


def put(lake: Lake, root: str, tables: Sequence[pa.Table]) -> list[str]:
    """Addresses of the tables as files of the lake at `root`."""
    stored = [lake.put_table(table, "charges/period=2026-10") for table in tables]
    return [f"{root}/{file.path}" for file in stored]


def job(paths: Sequence[str], out: str, **asked: Any) -> dict[str, Any]:
    """One job for `spark_driver.py`."""
    return {"paths": list(paths), "out": out, **asked}
