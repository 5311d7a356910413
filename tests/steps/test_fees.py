"""An upfront fee over three months: the month that bills it, two releases, and nothing left."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.period import parse_period
from tieout.focus.ledger_columns import LEDGER_SCHEMA
from tieout.steps import allocate, classify, close, fees, policies, post, reconcile, sign, status
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import latest_outputs
from tieout.store import allocations, journal, periods, runs

NOVEMBER, DECEMBER, JANUARY = "2026-11", "2026-12", "2027-01"
PREPAID, POOL = "1300", "machine-plan"
BEARERS = {"search-ranking", "internal-tools"}
RULES = (month.POLICIES / "classification.yaml").read_text()
PLACE = RULES.index("    - id: gcp-commitment\n")
FEE = "equals: gcp}, {column: sku_meter, prefix: Commitment v1}]}\n      then: "
POOLS = (
    (month.POLICIES / "allocation.yaml").read_text()
    + """
  - id: machine-plan
    owner: maria
    method: amortise
    start_on: 2026-10-01
    months: 3
    by: months
    percent: {search-ranking: 75, internal-tools: 25}
"""
)
CLOUD = """
accounts:
  - provider: anthropic
    billing_account_id: nordlicht-labs
    name: The only account left
    mode: prepaid
    currency: USD
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Both logins of an October whose final charges are there, and what was posted."""

    worker: Context
    web: Context

    def adopt(self, kind: str, text: str, valid_from: date = date(2026, 1, 1)) -> None:
        made = policies.propose(
            self.worker, kind=kind, text=text, name=kind, valid_from=valid_from, person="ana"
        )
        version = int(made.summary["version"] or 0)
        sign.approve_policy(self.web, kind=kind, version=version, person="ben")

    def october(self) -> None:
        for step in (classify.run, allocate.run):
            step(self.worker, period=month.PERIOD, stage="final")
        reconcile.run(self.worker, period=month.PERIOD)

    def later(self, period: str) -> None:
        """A month without any charge: only what earlier months left to do."""
        worker = self.worker
        with worker.store.transaction() as tx:
            periods.ensure(tx, period)
            empty = worker.lake.put_table(LEDGER_SCHEMA.empty_table(), f"ledger/period={period}")
            made = runs.record(
                tx,
                runs.NewRun(
                    step="allocate",
                    subject=f"{period}/final",
                    input_key=empty.sha256,
                    outputs={"lines": {"path": empty.path, "sha256": empty.sha256}},
                    code_version="test",
                    started_at=worker.now(),
                    finished_at=worker.now(),
                ),
            )
            allocations.add(tx, made.run_id, {"pools": []}, pool_totals={}, shares=[])

    def settle(self, period: str) -> StepResult:
        return post.settle(self.worker, period=period)

    def entries(self, period: str | None = None) -> list[dict[str, Any]]:
        """Deferrals, releases and what reverses them."""
        with self.worker.store.transaction() as tx:
            found = journal.entries(tx, period=period)
        return [one for one in found if one["source_refs"][:1] == [f"pool:{POOL}/{month.PERIOD}"]]

    def prepaid(self) -> int:
        return sum(_sums(self.entries())[key] for key in _sums(self.entries()) if key[0] == PREPAID)

    def cost(self, period: str) -> Counter[str]:
        """What the entries of a month give initiatives and pools, in cents."""
        found: Counter[str] = Counter()
        for (account, initiative), amount in _sums(self.entries(period)).items():
            if account != PREPAID:
                found[str(initiative)] += amount
        return Counter({name: amount for name, amount in found.items() if amount})

    def fee(self) -> int:
        """The fee as October's ledger lines have it, in cents."""
        with self.worker.store.transaction() as tx:
            stored = latest_outputs(tx, "allocate", f"{month.PERIOD}/final")["lines"]
        lines = self.worker.lake.get_table(stored["path"], stored["sha256"]).to_pylist()
        total = sum(
            (line["billed_cost"] for line in lines if line["pool_id"] == POOL), start=Decimal(0)
        )
        return int((total * 100).quantize(Decimal(1)))


def _sums(entries: list[dict[str, Any]]) -> Counter[tuple[str, str | None]]:
    found: Counter[tuple[str, str | None]] = Counter()
    for entry in entries:
        for line in entry["lines"]:
            key = (line["account"], line["dimensions"].get("initiative"))
            found[key] += line["debit_minor"] - line["credit_minor"]
    return found


@pytest.fixture
def books(world_at: WorldAt) -> Iterator[Books]:
    """October's commitment of Google Cloud is a fee for three months."""
    world = world_at("classify final")
    made = Books(worker=world.worker(), web=world.web())
    made.adopt("allocation", POOLS)
    before, after = RULES[:PLACE], RULES[PLACE:]
    assert FEE + '"pool:shared-platform"' in after
    made.adopt(
        "classification",
        before + after.replace(f'{FEE}"pool:shared-platform"', f'{FEE}"pool:{POOL}"'),
    )
    made.adopt("accounts", CLOUD, valid_from=date(2026, 11, 1))
    yield made
    made.worker.close()
    made.web.close()


def test_a_fee_is_deferred_released_month_by_month_and_nothing_stays_prepaid(
    books: Books,
) -> None:
    books.october()
    total = books.fee()
    assert total > 0
    assert books.settle(month.PERIOD).status == "done"
    assert books.cost(month.PERIOD) == {f"pool:{POOL}": -books.prepaid()}
    assert abs(books.prepaid() * 3 - total * 2) <= 2
    assert close.request(books.worker, period=month.PERIOD).status == "done"
    borne = total - books.prepaid()
    for period in (NOVEMBER, DECEMBER, JANUARY):
        books.later(period)
        before = books.prepaid()
        assert books.settle(period).status == ("unchanged" if period == JANUARY else "done")
        cost = books.cost(period)
        assert sum(cost.values()) == before - books.prepaid()
        borne += sum(cost.values())
        if period != JANUARY:
            assert cost.keys() == BEARERS
            assert abs(cost["search-ranking"] - 3 * cost["internal-tools"]) <= 4
    assert (books.prepaid(), borne) == (0, total)
    with books.worker.store.transaction() as tx:
        assert sum(row.balance_minor for row in journal.trial_balance(tx)) == 0
        assert fees.through(books.worker, tx, parse_period(JANUARY))[0].fee.pool_id == POOL
    count = len(books.entries())
    assert count == 3
    for period in (month.PERIOD, NOVEMBER, DECEMBER):
        assert books.settle(period).status == "unchanged"
    assert len(books.entries()) == count


def test_a_fee_that_is_restated_while_its_months_are_open_is_posted_as_if_from_the_start(
    books: Books,
) -> None:
    books.october()
    books.settle(month.PERIOD)
    books.later(NOVEMBER)
    books.settle(NOVEMBER)
    total = books.fee()
    books.adopt("allocation", POOLS.replace("months: 3", "months: 4"))
    books.october()
    assert books.settle(month.PERIOD).status == "done"
    assert abs(books.prepaid() - total * 3 // 4 + total // 3) <= 3
    assert books.settle(NOVEMBER).status == "done"
    assert abs(books.prepaid() * 2 - total) <= 2
    assert [books.settle(one).status for one in (month.PERIOD, NOVEMBER)] == ["unchanged"] * 2
    reversed_ones = [one for one in books.entries() if one["reverses"]]
    assert len(reversed_ones) == 2


def test_a_fee_that_leaves_its_pool_takes_its_entries_back(books: Books) -> None:
    books.october()
    books.settle(month.PERIOD)
    assert books.prepaid() > 0
    books.adopt("classification", RULES)
    books.october()
    assert books.settle(month.PERIOD).status == "done"
    assert books.prepaid() == 0
    assert not +_sums(books.entries())
    assert close.request(books.worker, period=month.PERIOD).status == "done"


def test_a_fee_billed_before_its_term_is_borne_when_the_term_begins(books: Books) -> None:
    books.adopt("allocation", POOLS.replace("2026-10-01", "2026-12-01"))
    books.october()
    books.settle(month.PERIOD)
    total = books.fee()
    assert books.prepaid() == total
    books.later(NOVEMBER)
    assert books.settle(NOVEMBER).status == "unchanged"
    books.later(DECEMBER)
    assert books.settle(DECEMBER).status == "done"
    assert books.cost(DECEMBER).keys() == BEARERS
    assert abs((total - books.prepaid()) * 3 - total) <= 2


def test_the_statement_of_the_billing_month_shows_its_instalment(books: Books) -> None:
    books.october()
    books.settle(month.PERIOD)
    found = status.statement(books.worker, period=month.PERIOD)
    gap = Decimal(found["ledger_net"]) - Decimal(found["expense"])
    assert gap.quantize(Decimal("0.01")) == Decimal(books.prepaid()).scaleb(-2)
