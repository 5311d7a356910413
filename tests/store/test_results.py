"""Allocations and bridges: the database adds them up again."""

from typing import Any

import pytest
from tests.conftest import Stores
from tests.store.samples import OCTOBER, a_run, ledger_lines, run_id

from tieout.core.errors import ConservationError, IntegrityError
from tieout.core.money import UNITS_PER_ONE
from tieout.store import allocations, reconciliations, runs
from tieout.store.allocations import Share

DOLLAR = UNITS_PER_ONE
SHARES = [
    Share(
        pool_id="platform",
        pool_line_id="pool-line",
        ledger_line_id=f"line-{name}",
        initiative=name,
        amount_units=units,
    )
    for name, units in (("a", 6 * DOLLAR + 1), ("b", 4 * DOLLAR - 1))
]
CERTIFICATE = {"pools": [{"pool_id": "platform", "amount_in_units": str(10 * DOLLAR)}]}


def a_bridge(**fields: Any) -> dict[str, Any]:
    line = {"component": "late", "cause": "1 charge came late", "evidence": ["charge-1"]}
    return {
        "provider": "openai",
        "billing_account_id": "org-1",
        "section": "draft_to_final",
        "currency": "USD",
        "start_label": "draft",
        "start_units": str(100 * DOLLAR),
        "end_label": "final",
        "end_units": str(110 * DOLLAR),
        "unexplained_units": "1",
        "lines": [
            line | {"amount_units": str(4 * DOLLAR - 1)},
            line | {"component": "re-rated", "amount_units": 6 * DOLLAR},
        ],
    } | fields


def test_shares_and_certificate_come_back_as_given(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        run = run_id(tx, "allocate")
        totals = {"platform": 10 * DOLLAR}
        assert allocations.add(tx, run, CERTIFICATE, pool_totals=totals, shares=SHARES)
        assert not allocations.add(tx, run, CERTIFICATE, pool_totals=totals, shares=SHARES)
    with stores.reader.transaction() as tx:
        assert allocations.certificate_of(tx, run) == CERTIFICATE
        assert allocations.certificate_of(tx, run + 1) is None
        assert allocations.shares(tx, run) == SHARES


@pytest.mark.parametrize("total", [10 * DOLLAR + 1, 0])
def test_shares_that_do_not_add_up_to_the_pool_are_refused(stores: Stores, total: int) -> None:
    totals = {"platform": total}
    with (
        pytest.raises(ConservationError, match=r"The shares of pool platform add up to 10\.0"),
        stores.worker.transaction() as tx,
    ):
        allocations.add(tx, run_id(tx, "allocate"), CERTIFICATE, pool_totals=totals, shares=SHARES)


def test_a_pool_without_shares_is_refused_at_commit(stores: Stores) -> None:
    with pytest.raises(ConservationError, match="add up to 0"), stores.worker.transaction() as tx:
        allocations.add(tx, run_id(tx), CERTIFICATE, pool_totals={"platform": 1}, shares=[])


def test_a_run_without_pools_is_kept(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        run = run_id(tx, "allocate")
        assert allocations.add(tx, run, {"pools": []}, pool_totals={}, shares=[])


def test_shares_are_the_lines_that_came_out_of_a_pool() -> None:
    lines = ledger_lines("6", "4")
    pools = lines.schema.get_field_index("pool_id")
    filled = lines.set_column(pools, lines.schema.field(pools), [[None, "platform"]])
    filled = filled.set_column(pools + 1, lines.schema.field(pools + 1), [[None, "pool-line"]])
    found = allocations.shares_of(filled)
    assert [(share.pool_line_id, share.amount_units) for share in found] == [
        ("pool-line", 4 * DOLLAR)
    ]


def test_bridges_come_back_with_whole_units_and_the_newest_run_counts(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        old = runs.record(tx, a_run("reconcile", inputs="old")).run_id
        new = runs.record(tx, a_run("reconcile", inputs="new")).run_id
        other = a_bridge(section="credit_rollforward", end_units=100 * DOLLAR + 1, lines=[])
        assert reconciliations.add(tx, old, OCTOBER, [a_bridge(), other]) == 2
        assert reconciliations.add(tx, new, OCTOBER, [a_bridge(start_label="new draft")]) == 1
    with stores.reader.transaction() as tx:
        kept = reconciliations.for_run(tx, old)
        newest = reconciliations.for_period(tx, OCTOBER)
        assert reconciliations.for_period(tx, "2026-09") == []
    assert [one["section"] for one in kept] == ["credit_rollforward", "draft_to_final"]
    assert [line["amount_units"] for line in kept[1]["lines"]] == [4 * DOLLAR - 1, 6 * DOLLAR]
    assert kept[1]["lines"][0]["evidence"] == ["charge-1"]
    assert [(one["run_id"], one["start_label"]) for one in newest] == [
        (old, "draft"),
        (new, "new draft"),
    ]


@pytest.mark.parametrize("fields", [{"unexplained_units": "0"}, {"lines": []}])
def test_a_bridge_that_does_not_close_is_refused(stores: Stores, fields: dict[str, Any]) -> None:
    with (
        pytest.raises(ConservationError, match=r"end - start - unexplained = "),
        stores.worker.transaction() as tx,
    ):
        reconciliations.add(tx, run_id(tx, "reconcile"), OCTOBER, [a_bridge(**fields)])


def test_one_run_has_one_bridge_per_account_and_section(stores: Stores) -> None:
    with pytest.raises(IntegrityError), stores.worker.transaction() as tx:
        reconciliations.add(tx, run_id(tx), OCTOBER, [a_bridge(), a_bridge()])
