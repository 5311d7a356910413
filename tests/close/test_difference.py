from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import COST_OF_REVENUE, ledger, line

from tieout.close.difference import changed_json, difference
from tieout.core.money import to_units


def test_only_what_changed_is_named_with_both_figures() -> None:
    before = ledger(line("10", initiative="chat"), line("5", initiative="search"))
    now = ledger(
        line("9", initiative="chat"), line("5", initiative="search"), line("1", initiative=None)
    )
    assert [changed_json(one) for one in difference(before, now)] == [
        {
            "account": "openai/org-1",
            "initiative": None,
            "pl_category": COST_OF_REVENUE,
            "before": "0.00",
            "now": "1.00",
            "change": "1.00",
        },
        {
            "account": "openai/org-1",
            "initiative": "chat",
            "pl_category": COST_OF_REVENUE,
            "before": "10.00",
            "now": "9.00",
            "change": "-1.00",
        },
    ]


_LINES = st.lists(
    st.builds(
        lambda cost, name: line(cost, initiative=name),
        st.integers(-(10**15), 10**15),
        st.sampled_from(["chat", "search", None]),
    ),
    min_size=1,
    max_size=8,
)


@given(before=_LINES, now=_LINES)
def test_the_changes_add_up_to_the_difference_of_the_totals(
    before: list[dict[str, str]], now: list[dict[str, str]]
) -> None:
    first, second = ledger(*before), ledger(*now)
    found = difference(first, second)
    totals = [
        sum(to_units(one) for one in table.column("billed_cost").to_pylist())
        for table in (first, second)
    ]
    assert sum(one.now_units - one.before_units for one in found) == totals[1] - totals[0]
    assert difference(first, first) == ()
