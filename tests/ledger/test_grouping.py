from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.books import CHART, COST_OF_REVENUE, RESEARCH, ledger, line

from tieout.core.errors import IntegrityError
from tieout.core.money import to_minor, to_units
from tieout.ledger.entry import JournalLine
from tieout.ledger.grouping import (
    expense_lines,
    lines_behind,
    lines_hash,
    net_units,
    tax_units,
)


def shown(lines: Sequence[JournalLine]) -> list[tuple[str, int, str]]:
    return [(each.account, each.amount_minor, each.memo) for each in lines]


def test_lines_are_grouped_by_account_and_dimensions_and_the_credit_stays_visible() -> None:
    table = ledger(
        line("10.001"),
        line("20.002", sub_account_id="other project"),
        line("5.00", pl_category=RESEARCH, initiative="search-ranking"),
        line("-1.50", charge_category="Credit", service_category="Other", initiative=None),
    )
    lines, findings = expense_lines(table, chart=CHART, total_minor=3350, digits=2)
    assert shown(lines) == [
        ("5100", 3000, "Usage, AI and Machine Learning, support-assistant"),
        ("5100", -150, "Credit, Other, no initiative"),
        ("6100", 500, "Usage, AI and Machine Learning, search-ranking"),
    ]
    assert findings == ()


def test_three_thirds_of_a_dollar_round_to_a_dollar() -> None:
    table = ledger(*(line("0.333333333333", initiative=name) for name in "abc"), line(1))
    lines, _ = expense_lines(table, chart=CHART, total_minor=100, digits=2)
    assert sorted(each.amount_minor for each in lines) == [33, 33, 34]


def test_a_group_that_rounds_to_nothing_is_no_line() -> None:
    lines, _ = expense_lines(ledger(line("0.001")), chart=CHART, total_minor=0, digits=2)
    assert lines == ()


def test_tax_is_no_cost() -> None:
    table = ledger(line("100"), line("19", charge_category="Tax"))
    lines, _ = expense_lines(table, chart=CHART, total_minor=10_000, digits=2)
    assert [each.amount_minor for each in lines] == [10_000]
    assert (net_units(table), tax_units(table)) == (to_units("100"), to_units("19"))
    assert net_units(ledger()) == 0


def test_a_category_without_account_stands_in_suspense_with_a_finding() -> None:
    table = ledger(
        line("1", pl_category=None), line("2", pl_category="Marketing"), line("3", pl_category=None)
    )
    lines, findings = expense_lines(table, chart=CHART, total_minor=600, digits=2)
    assert {each.account for each in lines} == {"6900"}
    assert [(each.kind, each.severity, each.amount_units) for each in findings] == [
        ("unmapped", "warning", to_units("4")),
        ("unmapped", "warning", to_units("2")),
    ]


def test_a_difference_without_cause_stands_in_suspense_and_is_never_spread() -> None:
    table = ledger(line("100"), line("200", pl_category=RESEARCH))
    lines, findings = expense_lines(table, chart=CHART, total_minor=29_998, digits=2)
    assert shown(lines) == [
        ("5100", 10_000, "Usage, AI and Machine Learning, support-assistant"),
        ("6100", 20_000, "Usage, AI and Machine Learning, support-assistant"),
        ("6900", -2, "Difference to the invoice without a cause"),
    ]
    assert [(each.kind, each.severity, each.amount_units) for each in findings] == [
        ("unexplained", "blocking", to_units("-0.02"))
    ]


def test_an_invoice_without_any_ledger_line_is_unexplained_as_a_whole() -> None:
    lines, findings = expense_lines(ledger(), chart=CHART, total_minor=5, digits=2)
    assert shown(lines) == [("6900", 5, "Difference to the invoice without a cause")]
    assert [each.kind for each in findings] == ["unexplained"]


def test_a_journal_line_opens_back_to_its_ledger_lines() -> None:
    table = ledger(line("10"), line("20"), line("5", pl_category=RESEARCH))
    (first, second), _ = expense_lines(table, chart=CHART, total_minor=3500, digits=2)
    assert net_units(lines_behind(first, table, chart=CHART)) == to_units("30")
    assert net_units(lines_behind(second, table, chart=CHART)) == to_units("5")


def test_a_journal_line_of_other_ledger_lines_is_refused() -> None:
    table = ledger(line("10"), line("20"))
    (first,), _ = expense_lines(table, chart=CHART, total_minor=3000, digits=2)
    with pytest.raises(IntegrityError, match="does not come from these ledger lines"):
        lines_behind(first, table.slice(0, 1), chart=CHART)


def test_the_order_of_ledger_lines_does_not_matter() -> None:
    table = ledger(line("10.005"), line("20.005", initiative=None), line("5", pl_category=RESEARCH))
    turned = table.take([2, 0, 1])
    assert lines_hash(table) == lines_hash(turned) != lines_hash(table.slice(1))
    one, other = (
        expense_lines(each, chart=CHART, total_minor=3501, digits=2) for each in (table, turned)
    )
    assert one == other


_LINE = st.tuples(
    st.integers(min_value=-(10**14), max_value=10**15),
    st.sampled_from([COST_OF_REVENUE, RESEARCH, None]),
    st.sampled_from(["a", "b", None]),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(_LINE, max_size=12), st.sampled_from([0, 2, 3]))
def test_lines_add_up_to_the_rounded_total_and_no_group_is_off_by_a_cent(
    rows: list[tuple[int, str | None, str | None]], digits: int
) -> None:
    table = ledger(*(line(units, pl_category=pl, initiative=name) for units, pl, name in rows))
    total = to_minor(net_units(table), digits)
    lines, findings = expense_lines(table, chart=CHART, total_minor=total, digits=digits)
    assert sum(each.amount_minor for each in lines) == total
    assert all(found.kind == "unmapped" for found in findings)
    step = 10 ** (12 - digits)
    for each in lines:
        exact = net_units(lines_behind(each, table, chart=CHART))
        assert abs(each.amount_minor * step - exact) <= step


PARTS = st.lists(
    st.tuples(
        st.integers(-(10**13), 10**13),
        st.sampled_from(["search-ranking", "support-assistant", None]),
        st.sampled_from([None, '{"team":"a"}', '{"team":"b"}']),
    ),
    min_size=1,
    max_size=8,
)


@given(PARTS)
def test_own_dimensions_neither_split_an_entry_nor_move_a_cent(
    parts: list[tuple[int, str | None, str | None]],
) -> None:
    with_own = ledger(
        *(line(units, initiative=name, own_dimensions=own) for units, name, own in parts)
    )
    without = ledger(*(line(units, initiative=name) for units, name, _ in parts))
    total = to_minor(net_units(with_own), 2)
    made, _ = expense_lines(with_own, chart=CHART, total_minor=total, digits=2)
    expected, _ = expense_lines(without, chart=CHART, total_minor=total, digits=2)
    assert made == expected
    assert not any("own_dimensions" in each.dimensions for each in made)
