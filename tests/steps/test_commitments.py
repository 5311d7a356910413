"""A commitment that ends in October: drawn by the month's charges, tied, its shortfall accrued."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests import month
from tests.ledger.promised import ACCOUNTS, ROLES
from tests.steps.test_fees import Books
from tests.worlds import WorldAt

from tieout.close import checks_commitments
from tieout.core.errors import NotReadyError
from tieout.core.money import to_units
from tieout.core.period import parse_period
from tieout.steps import evidence, exhibits, matches, matching, post, rate, reconcile, rollforwards
from tieout.steps.close_inputs import gather
from tieout.store import findings, journal, reconciliations, runs

CHART = (
    (month.POLICIES / "chart.yaml")
    .read_text()
    .replace("control:\n", ACCOUNTS)
    .replace("expense:   # first", ROLES.replace("expense:\n", "expense:   # first"))
)
TEXT = """\
commitments:
  - id: openai-october
    provider: openai
    billing_account_id: org-NordlichtLabs
    currency: USD
    start_on: 2026-10-01
    last_on: {last_on}
    committed: "{committed}"
    reference: Order form 7
"""
REF = "commitment:openai-october"
RATES = """\
contract_rates:
  - id: anthropic-five
    provider: anthropic
    billing_account_id: nordlicht-labs
    valid_from: 2026-10-01
    discount_pct: "5"
    evidence: Order form 8
  - id: openai-ten
    provider: openai
    billing_account_id: org-NordlichtLabs
    valid_from: 2026-10-01
    discount_pct: "10"
    evidence: Order form 7
"""


@pytest.fixture(scope="module")
def books(world_at: WorldAt) -> Iterator[Books]:
    world = world_at("classify final")
    made = Books(worker=world.worker(), web=world.web())
    made.adopt("chart", CHART)
    made.october()
    yield made
    made.worker.close()
    made.web.close()


def promise(committed: str, last_on: str = "2026-10-31", more: str = "") -> str:
    return TEXT.format(committed=committed, last_on=last_on) + more


def bridge(books: Books) -> dict[str, Any]:
    with books.worker.store.transaction() as tx:
        found = reconciliations.for_period(tx, month.PERIOD)
    (one,) = [one for one in found if one["section"] == REF]
    return one


def amounts(books: Books, period: str = month.PERIOD) -> dict[str, int]:
    """What the entries of the commitment left on each account, in cents."""
    with books.worker.store.transaction() as tx:
        entries = journal.entries(tx, period=period)
    found: dict[str, int] = {}
    for entry in entries:
        for line in entry["lines"] if entry["source_refs"][:1] == [REF] else ():
            amount = line["debit_minor"] - line["credit_minor"]
            found[line["account"]] = found.get(line["account"], 0) + amount
    return {account: amount for account, amount in found.items() if amount}


def judged(books: Books) -> list[str]:
    with books.worker.store.transaction() as tx:
        found = evidence.load(books.worker, tx, parse_period(month.PERIOD))
        return checks_commitments.commitment_ties(gather(tx, found))[0]


def test_a_commitment_is_drawn_noted_and_ties_and_its_shortfall_is_accrued(books: Books) -> None:
    before = books.worker
    content = _content(books)
    books.adopt("commitments", promise("6000", "2026-12-31"))
    assert judged(books) == ["openai/org-NordlichtLabs: openai-october: it has not been reconciled"]
    assert reconcile.run(before, period=month.PERIOD).status == "done"
    drawn = bridge(books)
    used = drawn["start_units"] - drawn["end_units"]
    assert [line["component"] for line in drawn["lines"]] == ["usage"]
    assert used > 0
    assert _kinds(books) >= {"balance_not_stated", "commitment_shortfall"}

    post.settle(before, period=month.PERIOD)
    left = (Decimal(6000) - Decimal(used) / 10**12).quantize(Decimal("0.01"))
    assert amounts(books) == {"1900": int(left * 100), "2900": -int(left * 100)}
    assert judged(books) == []
    assert _content(books) != content
    assert post.settle(before, period=month.PERIOD).status == "unchanged"

    books.adopt("commitments", promise("6000"))
    reconcile.run(before, period=month.PERIOD)
    (problem,) = [one for one in judged(books) if "shortfall" in one]
    assert f"a shortfall of {left} USD is to be accrued, 0.00 USD is" in problem
    post.settle(before, period=month.PERIOD)
    assert amounts(books) == {"6300": int(left * 100), "2150": -int(left * 100)}
    assert judged(books) == []
    (row,) = rollforwards.run(before, period=month.PERIOD)["commitments"]
    assert (row["lapsed"], row["closing"], row["shortfall_accrued"]) == (
        f"-{left}",
        "0.00",
        str(left),
    )
    with before.store.transaction() as tx:
        found = evidence.load(before, tx, parse_period(month.PERIOD))
        kept = exhibits.Month(context=before, tx=tx, found=found, entries=[], upto_seq=0)
        assert REF.encode() in (exhibits.EXHIBITS["04-rollforwards.json"](kept) or b"")


def test_a_statement_that_says_otherwise_blocks(books: Books) -> None:
    said = '    balances: [{period: 2026-10, amount: "1.00", evidence: console}]\n'
    books.adopt("commitments", promise("5000", "2026-12-31", said))
    reconcile.run(books.worker, period=month.PERIOD)
    post.settle(books.worker, period=month.PERIOD)
    assert bridge(books)["unexplained_units"] != 0
    assert "unexplained" in _kinds(books)
    assert "in the ledger and 1.00 USD open" in judged(books)[0]


def test_a_term_that_began_before_the_books_needs_its_opening(books: Books) -> None:
    early = promise("5000", "2026-12-31").replace("2026-10-01", "2026-08-01")
    books.adopt("commitments", early)
    with pytest.raises(NotReadyError, match="openai-october has no drawdown of 2026-08"):
        reconcile.run(books.worker, period=month.PERIOD)
    opened = '    opening: {period: 2026-10, amount: "4000", evidence: console}\n'
    books.adopt("commitments", early + opened)
    reconcile.run(books.worker, period=month.PERIOD)
    assert bridge(books)["start_units"] == 4000 * 10**12


def test_the_contract_comes_off_the_estimate_and_a_bill_without_it_has_its_cause(
    books: Books,
) -> None:
    opened = promise("5000", "2026-12-31")
    books.adopt("commitments", opened)
    books.adopt("contract_rates", RATES)
    for provider in ("anthropic", "openai"):
        assert rate.run(books.worker, provider=provider, period=month.PERIOD).status == "done"
        assert rate.run(books.worker, provider=provider, period=month.PERIOD).status == "unchanged"
    reconcile.run(books.worker, period=month.PERIOD)
    with books.worker.store.transaction() as tx:
        bridges = reconciliations.for_period(tx, month.PERIOD)
        rated = runs.latest(tx, "rate", f"{month.PERIOD}/openai/org-NordlichtLabs")
    assert rated
    assert rated.outputs["contract_rates"] == "contract_rates@1"
    components = {
        one["provider"]: {line["component"]: line["amount_units"] for line in one["lines"]}
        for one in bridges
        if one["section"] == "estimate_to_report"
    }
    assert components["openai"]["contract_rate"] > to_units("100")
    assert "negotiated_discount" not in components["anthropic"]
    rounding = components["anthropic"].get("contract_rate", 0)
    assert abs(rounding) < to_units("0.01")  # of 257.57 without the contract
    matching.run(books.worker, period=month.PERIOD)
    proven = _causes(books)
    assert "negotiated_rate_missing" in proven["openai"]
    assert "negotiated_rate_missing" not in proven["anthropic"]


def _content(books: Books) -> str:
    with books.worker.store.transaction() as tx:
        return evidence.load(books.worker, tx, parse_period(month.PERIOD)).content_hash()


def _kinds(books: Books) -> set[str]:
    with books.worker.store.transaction() as tx:
        return {one.finding.kind for one in findings.for_period(tx, month.PERIOD)}


def _causes(books: Books) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in matches.causes(books.worker, period=month.PERIOD):
        found.setdefault(one["account"].partition("/")[0], set()).add(one["cause"])
    return found
