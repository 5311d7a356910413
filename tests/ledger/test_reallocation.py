"""Shared cost as distribution and as assessment: natural accounts stay, the secondary nets to zero.

The worked example is that of docs/reference/allocation/posting.md.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.books import CHART_TEXT, COST_OF_REVENUE, MONTH, RESEARCH, ledger, line, paper
from tests.ledger.group import ENGINEERING, GROUP, GROUP_CHART_TEXT, SALES, SUPPORT

from tieout.allocation.pool import Pool
from tieout.allocation.reallocation import Reallocation
from tieout.core.errors import RuleFileError
from tieout.core.money import to_minor
from tieout.ledger.chart import Chart, parse_chart
from tieout.ledger.entry import JournalEntry, JournalLine, reverse
from tieout.ledger.exchange import AccountRates, ExchangeTerms
from tieout.ledger.foreign import own_chart, own_view, valued
from tieout.ledger.fx_rates import Rate
from tieout.ledger.grouping import expense_lines, is_cost, late_lines, lines_behind, net_units
from tieout.ledger.intercompany import disagreements
from tieout.ledger.posting import accrual, invoice, true_up
from tieout.ledger.reclass import reclass
from tieout.ledger.sides import POOL, booked, misfits, passed_on, reallocations_of, sides

_ACCOUNTS = """\
  - {code: "6800", name: Shared cost assessed, type: expense}
  - {code: "7900", name: Differences of exchange, type: income}
"""
CHART = parse_chart(
    CHART_TEXT.replace("control:\n", f"{_ACCOUNTS}control:\n").replace(
        'suspense: "6900"', 'suspense: "6900"\n  exchange_difference: "7900"'
    ),
    name="chart.yaml",
)
SENDER = {"cost_center": "CC-900 Platform", "pl_category": RESEARCH}
ASSESSED = replace(CHART, reallocations={"platform": Reallocation(account="6800", **SENDER)})
DISTRIBUTED = replace(CHART, reallocations={"platform": Reallocation(**SENDER)})
STYLES = [ASSESSED, DISTRIBUTED]


def share(cost: str | int, initiative: str, **fields: Any) -> dict[str, Any]:
    """A share of a line of pool platform."""
    values = {
        "initiative": initiative,
        "initiative_rule": "pool:platform",
        "cost_center": f"CC of {initiative}",
        "pool_id": "platform",
        "pool_line_id": "p" * 64,
    }
    return line(cost, **{**values, **fields})


def held(cost: str | int, **fields: Any) -> dict[str, Any]:
    return share(cost, "pool:platform", initiative_rule="pool:platform/held", **fields)


def shown(lines: Sequence[JournalLine]) -> list[tuple[str, str | None, int]]:
    return [(one.account, one.dimensions["cost_center"], one.amount_minor) for one in lines]


def by_account(lines: Sequence[JournalLine]) -> dict[str, int]:
    found = Counter[str]()
    for one in lines:
        found[one.account] += one.amount_minor
    return {account: minor for account, minor in sorted(found.items()) if minor}


def lines_of(table: pa.Table, chart: Chart) -> tuple[JournalLine, ...]:
    return expense_lines(table, chart=chart, total_minor=to_minor(net_units(table), 2), digits=2)[0]


EXAMPLE = ledger(
    line("1000", cost_center="CC of search", initiative="search"),
    share("180", "search"),
    share("120", "support"),
)


def test_the_worked_example_as_assessment() -> None:
    made, findings = expense_lines(EXAMPLE, chart=ASSESSED, total_minor=130_000, digits=2)
    assert shown(made) == [
        ("5100", "CC of search", 100_000),
        ("6100", "CC-900 Platform", 30_000),
        ("6800", "CC-900 Platform", -30_000),
        ("6800", "CC of search", 18_000),
        ("6800", "CC of support", 12_000),
    ]
    assert findings == ()
    assert by_account(made) == {"5100": 100_000, "6100": 30_000}
    assert [one.memo.partition(":")[0] for one in made[2:]] == [
        "Allocated out",
        "Allocated from platform",
        "Allocated from platform",
    ]


def test_the_worked_example_as_distribution() -> None:
    made = lines_of(EXAMPLE, DISTRIBUTED)
    assert shown(made) == [
        ("5100", "CC of search", 100_000),
        ("6100", "CC-900 Platform", 30_000),
        ("6100", "CC-900 Platform", -30_000),
        ("6100", "CC of search", 18_000),
        ("6100", "CC of support", 12_000),
    ]


def test_the_worked_example_as_it_is_booked_without_a_posting() -> None:
    assert shown(lines_of(EXAMPLE, CHART)) == [
        ("5100", "CC of search", 118_000),
        ("5100", "CC of support", 12_000),
    ]


def test_what_a_pool_holds_stays_with_the_sender() -> None:
    made = lines_of(ledger(share("100", "search"), held("50")), ASSESSED)
    assert shown(made) == [
        ("6100", "CC-900 Platform", 15_000),
        ("6800", "CC-900 Platform", -10_000),
        ("6800", "CC of search", 10_000),
    ]
    whole = ledger(line("7", initiative="pool:platform", pool_id="platform"))
    assert shown(lines_of(whole, ASSESSED)) == [("6100", "CC-900 Platform", 700)]


def test_the_sender_has_no_product_line_and_the_receiver_keeps_its_own() -> None:
    made = lines_of(ledger(share("10", "search", product_line="Search")), ASSESSED)
    named = ("initiative", "pl_category", "product_line", POOL)
    assert [tuple(one.dimensions.get(name) for name in named) for one in made] == [
        ("pool:platform", RESEARCH, None, None),
        ("pool:platform", RESEARCH, None, "platform"),
        ("search", COST_OF_REVENUE, "Search", "platform"),
    ]


def test_tax_of_a_shared_line_is_no_cost_and_nothing_is_passed_on_of_it() -> None:
    made = lines_of(ledger(share("19", "search", charge_category="Tax")), ASSESSED)
    assert made == ()


def test_a_sender_without_an_account_stands_in_suspense() -> None:
    sender = Reallocation(cost_center="CC-900", pl_category="Unknown", account="6800")
    books = replace(CHART, reallocations={"platform": sender})
    made, findings = expense_lines(
        ledger(share("10", "search")), chart=books, total_minor=1000, digits=2
    )
    assert by_account(made) == {"6900": 1000}
    assert [one.kind for one in findings] == ["unmapped"]


def test_a_ledger_line_stands_on_three_sides_and_is_cost_on_one() -> None:
    (row,) = ledger(share("10", "search")).to_pylist()
    assert [one.account for one in sides(row, ASSESSED)] == ["6100", "6800", "6800"]
    assert sides(row, CHART) == (booked(row, CHART),)
    assert (ASSESSED.cost_account(row), CHART.cost_account(row)) == ("6100", "5100")
    assert passed_on({**row, "pool_id": None}, ASSESSED) is None


def test_what_does_not_fit_the_chart_is_named() -> None:
    def pool(**terms: Any) -> Pool:
        own = Reallocation(**{**SENDER, **terms})
        return Pool(pool_id="p", description="", owner="o", method="even", reallocation=own)

    plain = Pool(pool_id="q", description="", owner="o", method="even")
    assert misfits([pool(account="6800"), pool(), plain], CHART) == []
    wrong = [
        pool(pl_category="Unknown"),
        pool(account="9"),
        pool(account="1000"),
        pool(account="5100"),
    ]
    found = misfits(wrong, CHART)
    for sentence, part in zip(
        found,
        (
            "'Unknown' has no expense account",
            "account 9 is not in the chart, ",
            "account 1000 is asset and taken, ",
            "account 5100 is expense and taken, ",
        ),
        strict=True,
    ):
        assert part in sentence
    assert list(reallocations_of([pool(account="6800"), plain], CHART, name="p.yaml")) == ["p"]
    with pytest.raises(RuleFileError, match=r"p\.yaml: Pool p: account 9"):
        reallocations_of([pool(account="9")], CHART, name="p.yaml")


SHARED = st.builds(
    lambda units, name, charge, is_held: (
        held(units, charge_category=charge)
        if is_held
        else share(units, name, charge_category=charge)
    ),
    st.integers(-(10**13), 10**15),
    st.sampled_from(["search", "support", "tools"]),
    st.sampled_from(["Usage", "Credit"]),
    st.booleans(),
)
DIRECT = st.builds(
    lambda units, name: line(units, initiative=name, cost_center=f"CC of {name}"),
    st.integers(-(10**13), 10**15),
    st.sampled_from(["search", "support"]),
)
ROWS = st.lists(st.one_of(SHARED, DIRECT), min_size=1, max_size=10)


def moved(lines: Sequence[JournalLine]) -> dict[tuple[str, str | None], int]:
    found = Counter[tuple[str, str | None]]()
    for one in lines:
        if POOL in one.dimensions:
            found[one.account, one.dimensions["charge_category"]] += one.amount_minor
    return {key: minor for key, minor in found.items() if minor}


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from(STYLES))
def test_what_is_passed_on_adds_up_to_zero_and_the_rest_to_the_total(
    rows: list[dict[str, Any]], books: Chart
) -> None:
    table = ledger(*rows)
    total = to_minor(net_units(table), 2)
    made = lines_of(table, books)
    assert sum(one.amount_minor for one in made) == total
    assert moved(made) == {}
    for one in made:
        exact = net_units(lines_behind(one, table, chart=books))
        amount = -one.amount_minor if one.memo.startswith("Allocated out") else one.amount_minor
        assert abs(amount * 10**10 - exact) <= 10**10


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_a_style_moves_no_cent_between_accounts_and_none_of_direct_cost(
    rows: list[dict[str, Any]],
) -> None:
    table = ledger(*rows)
    assessed, distributed = (lines_of(table, books) for books in STYLES)
    assert by_account(assessed) == by_account(distributed)
    gross = [
        [one for one in made if POOL not in one.dimensions] for made in (assessed, distributed)
    ]
    own = [[(one.account, one.dimensions, one.amount_minor) for one in made] for made in gross]
    assert own[0] == own[1]


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS, st.integers(-(10**6), 10**6), st.sampled_from(STYLES))
def test_a_late_paper_is_passed_on_as_its_lines_and_the_rest_by_size(
    billed: list[dict[str, Any]], others: list[dict[str, Any]], total: int, books: Chart
) -> None:
    table = ledger(*billed, *others)
    rows = table.slice(0, len(billed))
    made, _ = late_lines(rows, table, chart=books, total_minor=total, digits=2)
    assert sum(one.amount_minor for one in made) == total
    assert moved(made) == {}
    center = SENDER["cost_center"]
    sender = sum(one.amount_minor for one in made if one.dimensions["cost_center"] == center)
    if not any(row["initiative"] == "pool:platform" for row in (*billed, *others)):
        assert sender == 0


@pytest.mark.parametrize("books", STYLES)
def test_accrual_true_up_and_invoice_keep_the_secondary_account_at_zero(books: Chart) -> None:
    first = ledger(share("10.005", "search"), share("20.004", "support"), line("7.77"))
    last = ledger(share("11.001", "search"), share("23.333", "tools"), line("7.78"))
    document = paper("42.12")
    accrued = accrual(first, month=MONTH, chart=books).entry
    assert accrued is not None
    more = true_up([accrued], last, month=MONTH, chart=books, documents=[document]).entry
    assert more is not None
    booked_in_full = invoice(last, month=MONTH, chart=books, document=document).entry
    assert booked_in_full is not None
    for entry in (accrued, more, booked_in_full):
        assert moved(entry.lines) == {}
    together = [*cost(accrued), *cost(more)]
    assert by_account(together) == by_account(cost(booked_in_full))


def cost(entry: JournalEntry) -> list[JournalLine]:
    return [one for one in entry.lines if is_cost(one)]


def test_a_closed_month_that_gets_a_posting_is_reclassified_once() -> None:
    accrued = accrual(EXAMPLE, month=MONTH, chart=CHART).entry
    assert accrued is not None
    on = date(2026, 11, 30)
    made = reclass([accrued], EXAMPLE, month=MONTH, chart=ASSESSED, on=on).entry
    assert made is not None
    assert by_account(made.lines) == {"5100": -30_000, "6100": 30_000}
    assert moved(made.lines) == {}
    again = reclass([accrued, made], EXAMPLE, month=MONTH, chart=ASSESSED, on=on)
    assert again.entry is None


def test_sender_and_receivers_of_several_entities_each_balance() -> None:
    books = replace(
        parse_chart(GROUP_CHART_TEXT.replace("control:\n", f"{_ACCOUNTS}control:\n"), name="c"),
        entities=GROUP,
        reallocations={
            "platform": Reallocation(cost_center=ENGINEERING, pl_category=RESEARCH, account="6800")
        },
    )
    table = ledger(
        share("100", "search", cost_center=SUPPORT), share("50", "sales", cost_center=SALES)
    )
    entry = accrual(table, month=MONTH, chart=books).entry
    assert entry is not None
    assert disagreements(entry) == []
    assert [
        (one.account, one.dimensions["legal_entity"], one.amount_minor) for one in cost(entry)
    ] == [
        ("6100", "gmbh", 15_000),
        ("6800", "gmbh", -15_000),
        ("6800", "ltd", 5_000),
        ("6800", "inc", 10_000),
    ]


def rates(text: str) -> AccountRates:
    cost_rate = Rate(
        from_currency="EUR",
        to_currency="USD",
        rate_type="average",
        on=date(2026, 10, 31),
        rate=Decimal(text),
        source="bank",
    )
    spot = replace(cost_rate, rate_type="spot", on=date(2026, 11, 3))
    return AccountRates(cost=cost_rate, published=(spot,), terms=ExchangeTerms())


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from(["0.0001", "0.1", "0.913371", "1.08", "149.5"]))
def test_in_another_currency_the_secondary_account_stays_at_zero_too(
    rows: list[dict[str, Any]], rate: str
) -> None:
    entry = accrual(ledger(*rows), month=MONTH, chart=own_chart(ASSESSED, "EUR")).entry
    if entry is None:
        return
    made = valued(entry, known=(), rates=rates(rate), chart=ASSESSED)
    assert by_account([one for one in made.lines if POOL in one.dimensions]) == {}
    (papers,) = own_view([made])
    assert [(one.account, one.amount_minor) for one in papers.lines] == [
        (one.account, one.amount_minor) for one in entry.lines
    ]
    for one in made.lines:
        if one.transaction_minor:
            assert one.amount_minor * one.transaction_minor > 0
    mirror = reverse(made, on=date(2026, 11, 1))
    assert by_account([one for one in mirror.lines if POOL in one.dimensions]) == {}


def test_small_amounts_of_both_signs_at_a_small_rate_keep_their_sides() -> None:
    cents = {"a": "0.05", "b": "0.01", "c": "0.01", "d": "0.01", "e": "-0.04"}
    table = ledger(*(share(amount, name) for name, amount in cents.items()))
    entry = accrual(table, month=MONTH, chart=own_chart(ASSESSED, "EUR")).entry
    assert entry is not None
    made = valued(entry, known=(), rates=rates("0.0001"), chart=ASSESSED)
    passed = [
        (one.transaction_minor, one.amount_minor) for one in made.lines if POOL in one.dimensions
    ]
    assert sorted(passed) == [(-4, -3), (-4, -1), (1, 1), (1, 1), (1, 1), (5, 1)]
