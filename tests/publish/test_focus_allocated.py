"""Pools shared out: every charge is found, every unit stands with who bears it."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges

from tieout.allocation.certificate import pools_from_json
from tieout.core.errors import IntegrityError
from tieout.core.ids import sha256_hex
from tieout.core.money import to_decimal
from tieout.core.period import Period
from tieout.engine.month_cube import month_cube
from tieout.publish.focus_allocated import SPLIT_METRICS, Shared, allocated_charges
from tieout.publish.focus_cost_and_usage import FOCUS_COLUMNS, cost_and_usage
from tieout.publish.focus_export import METADATA, focus_files
from tieout.steps.pools import allocated
from tieout.steps.views import classified, register
from tieout.store.policies import Policy

OCTOBER = Period(2026, 10)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "focus.md"
REGISTER = """
initiatives:
  - {id: search, name: Search ranking, owner: tomasz, cost_center: CC-310, pl_category: COGS}
  - id: tools
    name: Tools
    owner: aiko
    cost_center: CC-210
    pl_category: R&D
    product_line: Internal
"""
POOL_IDS = ("ptu", "even", "chain", "late")
TO_POOLS = "".join(
    f"    - {{id: to-{one}, owner: m, when: {{column: sub_account_id, equals: {one}}}, "
    f'then: "pool:{one}"}}\n'
    for one in POOL_IDS
)
RULES = f"""
rule_set: classification
dimensions:
  initiative:
{TO_POOLS}    - {{id: own, owner: m, when: {{column: sub_account_id, equals: own}}, then: search}}
  cost_center:
    - {{id: cc, when: {{column: provider, exists: true}}, then: {{initiative: cost_center}}}}
"""
POOLS = """
pools:
  - id: ptu
    owner: m
    method: usage_split
    driver: tokens
    capacity: 10
    unused_owner: tools
    zero_driver: fail
  - {id: even, owner: m, method: even, targets: [search, tools]}
  - id: chain
    owner: m
    method: fixed_percent
    percent: {search: 25, "pool:even": 50, "pool:late": 25}
  - {id: late, owner: m, method: proportional, driver: seats, zero_driver: hold}
"""
TABLE = """driver,target,valid_from,valid_to,value,source
tokens,search,,,5,log
tokens,tools,,,2,log
seats,search,,2026-09-30,1,HR
"""


def _policy(kind: str, body: str) -> Policy:
    return Policy(
        kind=kind, version=1, sha256=sha256_hex(body.encode()), body=body, proposed_by="ana",
        proposed_at=datetime(2026, 10, 1, tzinfo=UTC), approved_by="ben",
        approved_at=datetime(2026, 10, 1, tzinfo=UTC), valid_from=date(2026, 1, 1),
    )  # fmt: skip


USED = {
    "classification": _policy("classification", RULES),
    "initiatives": _policy("initiatives", REGISTER),
    "allocation": _policy("allocation", POOLS),
    "drivers": _policy("drivers", TABLE),
}


def pooled(pool: str, cost: str | int, **fields: Any) -> dict[str, Any]:
    """A charge of a pool."""
    return charge(1, cost, sub_account_id=pool, **fields)


def shared_of(table: pa.Table) -> Shared:
    """The allocation of these charges as the steps make it."""
    made = classified(month_cube(table, ()), OCTOBER, USED)
    lines, certificate = allocated(made.lines, OCTOBER, USED)
    return Shared(
        assignment=made.assignment,
        direct=made.lines,
        lines=lines,
        pools=pools_from_json(certificate.certificate_json()),
        initiatives=register(USED),
    )


def exported(*rows: dict[str, Any]) -> tuple[list[dict[str, Any]], Shared]:
    table = charges(*rows)
    shared = shared_of(table)
    usage = cost_and_usage(table, period=OCTOBER, dimensions=shared.assignment)
    return allocated_charges(usage, table, shared).to_pylist(), shared


def shown(rows: Sequence[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_charge_of_a_pool_becomes_a_row_for_each_who_bears_it() -> None:
    rows, _ = exported(
        charge(1, "7", sub_account_id="own"),
        pooled("ptu", "10"),
        charge(2, "1"),
        pooled("even", "4"),
    )
    assert shown(
        rows, "x_Initiative", "BilledCost", "AllocatedMethodId", "AllocatedResourceId"
    ) == [
        ("search", 7, None, None),
        ("search", 5, "tieout/usage_split", "search"),
        ("tools", 2, "tieout/usage_split", "tools"),
        ("tools", 3, "tieout/usage_split", None),  # nobody used it: tools owns the capacity
        (None, 1, None, None),
        ("search", 2, "tieout/even", "search"),
        ("tools", 2, "tieout/even", "tools"),
    ]
    unused = json.loads(rows[3]["AllocatedMethodDetails"])
    assert unused["x_UnusedCapacityOwner"] == "tools"
    assert shown(rows[1:4], "x_LineId", "x_PoolId") == [(rows[1]["x_LineId"], "ptu")] * 3
    assert shown(rows[1:3], "x_CostCenter", "x_PlCategory", "x_ProductLine") == [
        ("CC-310", "COGS", None),
        ("CC-210", "R&D", "Internal"),
    ]


def test_a_charge_that_its_pool_holds_stays_whole_and_a_held_part_has_no_resource() -> None:
    rows, shared = exported(pooled("late", "3"), pooled("chain", "8"))
    assert shown(
        rows, "x_Initiative", "BilledCost", "AllocatedMethodId", "AllocatedResourceId"
    ) == [
        ("pool:late", 3, None, None),
        ("pool:late", 2, "tieout/fixed_percent", None),
        ("search", 2, "tieout/fixed_percent", "search"),
        ("search", 2, "tieout/fixed_percent", "search"),
        ("tools", 2, "tieout/fixed_percent", "tools"),
    ]
    known = set(shared.lines["ledger_line_id"].to_pylist())
    assert {row["x_LedgerLineId"] for row in rows} <= known
    assert len({row["x_LedgerLineId"] for row in rows}) == 5  # each way through the chain is a line


def test_charges_that_cancel_are_split_as_their_pool_is() -> None:
    rows, _ = exported(pooled("chain", "6"), pooled("chain", "-6"), pooled("chain", 0))
    assert shown(rows, "x_Initiative", "BilledCost", "x_LedgerLineId")[:3] == [
        ("pool:even", 3, None),
        ("pool:late", Decimal("1.5"), None),
        ("search", Decimal("1.5"), None),
    ]
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        costs[row["x_LineId"]] += row["BilledCost"]
    assert sorted(costs.values()) == [-6, 0, 6]


units = st.integers(-(10**18), 10**18) | st.integers(-20, 20)
fields = st.fixed_dictionaries(
    {
        "effective_cost": units.map(to_decimal),
        "list_cost": st.none() | units.map(to_decimal),
        "consumed_quantity": st.none() | units.map(to_decimal),
        "invoice_id": st.sampled_from([None, "INV-1"]),
        "charge_category": st.sampled_from(["Usage", "Credit", "Tax"]),
    }
)


@given(
    made=st.lists(st.tuples(st.sampled_from([*POOL_IDS, None]), units, fields), max_size=6),
)
def test_parts_add_up_to_the_charge_and_rows_to_the_ledger(
    made: list[tuple[str | None, int, dict[str, Any]]],
) -> None:
    rows = [
        charge(1, cost, sub_account_id="own", **more)
        if pool is None
        else pooled(pool, cost, **more)
        for pool, cost, more in made
    ]
    table = charges(*rows)
    shared = shared_of(table)
    usage = cost_and_usage(table, period=OCTOBER, dimensions=shared.assignment)
    parts = allocated_charges(usage, table, shared)
    for name in SPLIT_METRICS:
        expected = dict(zip(usage["x_LineId"].to_pylist(), usage[name].to_pylist(), strict=True))
        found: dict[str, Decimal | None] = {}
        for line_id, value in zip(
            parts["x_LineId"].to_pylist(), parts[name].to_pylist(), strict=True
        ):
            found[line_id] = None if value is None else (found.get(line_id) or 0) + value
        assert found == expected
    by_line: dict[str | None, Decimal] = defaultdict(Decimal)
    for line, cost in zip(
        parts["x_LedgerLineId"].to_pylist(), parts["BilledCost"].to_pylist(), strict=True
    ):
        by_line[line] += cost
    assert by_line.pop(None, Decimal(0)) == 0
    ledger = zip(
        *(shared.lines[one].to_pylist() for one in ("ledger_line_id", "billed_cost")), strict=True
    )
    assert by_line == dict(ledger)
    unsplit = [name for name in FOCUS_COLUMNS if name not in SPLIT_METRICS]
    origins = {row["x_LineId"]: row for row in usage.select([*unsplit, "x_LineId"]).to_pylist()}
    for row in parts.select([*unsplit, "x_LineId"]).to_pylist():
        assert row == origins[row["x_LineId"]]


def test_an_allocation_of_other_charges_is_refused() -> None:
    table = charges(pooled("ptu", "10"), charge(1, "7", sub_account_id="own"))
    other = charges(pooled("ptu", "11"), charge(1, "7", sub_account_id="own"))
    less = charges(pooled("ptu", "10"))
    usage = cost_and_usage(table, period=OCTOBER)
    right, wrong = shared_of(table), shared_of(other)
    with pytest.raises(
        IntegrityError, match=r"expected 11.000000000000 for ledger line .* found 10"
    ):
        allocated_charges(usage, table, wrong)
    with pytest.raises(
        IntegrityError, match=r"expected 10.000000000000 for ledger line .* found 11"
    ):
        allocated_charges(usage, table, replace(right, lines=wrong.lines))
    with pytest.raises(IntegrityError, match="expected a ledger line for a charge, found none"):
        allocated_charges(usage, table, shared_of(less))
    with pytest.raises(IntegrityError, match="expected a certificate for pool 'ptu', found none"):
        allocated_charges(usage, table, replace(right, pools={}))


def test_the_file_stands_beside_the_others_and_says_its_version() -> None:
    table = charges(pooled("ptu", "10"))
    wanted: dict[str, Any] = {
        "period": OCTOBER, "closed": False, "generated_at": datetime(2026, 11, 4, tzinfo=UTC)
    }  # fmt: skip
    shared = shared_of(table)
    files = focus_files(table, [], **wanted, dimensions=shared.assignment, shared=shared)
    assert files["cost_and_usage_allocated.csv"].count(b"\r\n") == 4
    told = json.loads(files[METADATA])["Datasets"]
    assert (told[3]["Dataset"], told[3]["FocusVersion"]) == ("cost_and_usage_allocated", "1.3")
    assert told[3]["BilledCost"] == told[0]["BilledCost"]
    kinds = {one["ColumnName"]: one["DataType"] for one in told[3]["ColumnDefinition"]}
    assert (kinds["AllocatedTags"], kinds["AllocatedMethodDetails"]) == ("JSON", "JSON")
    focus = [name for name in kinds if not name.startswith("x_")]
    assert focus == sorted([*FOCUS_COLUMNS, *(set(focus) - set(FOCUS_COLUMNS))])
    text = PAGE.read_text()
    assert [name for name in kinds if f"`{name}`" not in text] == []


def test_a_month_without_charges_has_the_same_columns() -> None:
    some, none = charges(pooled("ptu", "10")), charges()
    shared = shared_of(some)
    full, empty = (
        allocated_charges(
            cost_and_usage(table, period=OCTOBER, dimensions=shared.assignment), table, shared
        )
        for table in (some, none)
    )
    assert empty.schema == full.schema
    assert (full.num_rows, empty.num_rows) == (3, 0)
