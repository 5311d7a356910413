"""What a rule would move, as plain values."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART, COST_OF_REVENUE, MONTH, RESEARCH, ledger, line

from tieout.core.errors import ConservationError
from tieout.core.money import to_decimal, to_units
from tieout.focus.columns import MONEY
from tieout.focus.ledger_columns import DIMENSIONS, OWN_DIMENSION_RULES, OWN_DIMENSIONS
from tieout.ledger.posting import drawdown
from tieout.ledger.reclass import reclass
from tieout.reports.own_totals import own_totals
from tieout.reports.rule_preview import MonthChange, month_json, month_summary, summary_json

BEFORE = ledger(
    line("70"),
    line("20", initiative=None),
    line("10", pl_category=RESEARCH),
    line("5", charge_category="Tax"),
)
AFTER = ledger(
    line("60"),
    line("30", initiative="search-ranking"),
    line("10", pl_category=None),
    line("5", charge_category="Tax"),
)


def move(amount: str, **changed: tuple[str | None, str | None]) -> dict[str, Any]:
    row: dict[str, Any] = {"billed_cost": to_decimal(to_units(amount)), "charge_count": 2}
    for name in DIMENSIONS:
        old, new = changed.get(name, ("same", "same"))
        row |= {f"old_{name}": old, f"new_{name}": new}
        row |= {f"old_{name}_rule": f"{name}-1", f"new_{name}_rule": f"{name}-2"}
    for name in (OWN_DIMENSIONS, OWN_DIMENSION_RULES):
        old, new = changed.get(name, (None, None))
        row |= {f"old_{name}": old, f"new_{name}": new}
    return row


def change(
    before: pa.Table = BEFORE, after: pa.Table = AFTER, *moves: dict[str, Any]
) -> MonthChange:
    names = list(move("0"))
    schema = pa.schema(
        [(name, MONEY if name == "billed_cost" else
          pa.int64() if name == "charge_count" else pa.string()) for name in names]
    )  # fmt: skip
    return MonthChange(
        period="2026-10",
        state="closed",
        before=before,
        before_sha256="a" * 64,
        after=after,
        after_sha256="b" * 64,
        moves=pa.Table.from_pylist(list(moves), schema=schema),
        reclass=(),
    )


def test_only_what_changes_is_listed_largest_first() -> None:
    found = month_json(change(), chart=CHART)
    assert found["total"] == "105.00"
    assert found["dimensions"]["initiative"] == [
        {"value": "search-ranking", "before": "0.00", "after": "30.00", "change": "30.00"},
        {"value": "(unallocated)", "before": "20.00", "after": "0.00", "change": "-20.00"},
        {"value": "support-assistant", "before": "85.00", "after": "75.00", "change": "-10.00"},
    ]
    assert found["dimensions"]["environment"] == []
    assert found["unallocated"] == {"before": "20.00", "after": "0.00", "change": "-20.00"}


def test_pl_lines_are_expense_accounts_before_tax_and_what_has_none_is_suspense() -> None:
    found = month_json(change(), chart=CHART)["pl_lines"]
    assert [(one["value"][:4], one["change"]) for one in found] == [
        ("6100", "-10.00"),
        ("6900", "10.00"),
    ]


def test_two_categories_of_one_account_are_one_line() -> None:
    before = ledger(line("1", pl_category="Unknown"), line("2", pl_category="Unheard"))
    after = ledger(line("3", pl_category=COST_OF_REVENUE))
    found = month_json(change(before, after), chart=CHART)["pl_lines"]
    assert [(one["value"][:4], one["before"]) for one in found] == [("5100", "0.00"),
                                                                    ("6900", "3.00")]  # fmt: skip


def test_a_move_names_the_classes_and_the_rules_that_differ() -> None:
    small = move("1", environment=(None, "prod"))
    large = move("-40", initiative=("internal-tools", "search-ranking"))
    found = month_json(change(BEFORE, AFTER, small, large), chart=CHART)["moves"]
    assert [one["amount"] for one in found] == ["-40.00", "1.00"]
    assert found[1]["dimensions"] == {
        "environment": {
            "from": None,
            "to": "prod",
            "rule_before": "environment-1",
            "rule_after": "environment-2",
        }
    }


def test_own_dimensions_change_like_any_other_and_come_after_the_built_in_ones() -> None:
    before = ledger(
        line("70", own_dimensions='{"team":"search"}'),
        line("30", own_dimensions='{"team":"ranking","zone":"eu"}'),
    )
    after = ledger(
        line("60", own_dimensions='{"country":"Germany","team":"search"}'),
        line("40", own_dimensions='{"team":"ranking"}'),
    )
    found = month_json(change(before, after), chart=CHART)["dimensions"]
    assert [*found] == [*DIMENSIONS, "country", "team", "zone"]
    assert found["country"] == [
        {"value": "(unallocated)", "before": "100.00", "after": "40.00", "change": "-60.00"},
        {"value": "Germany", "before": "0.00", "after": "60.00", "change": "60.00"},
    ]
    assert [(one["value"], one["change"]) for one in found["team"]] == [
        ("ranking", "10.00"),
        ("search", "-10.00"),
    ]
    assert [(one["value"], one["change"]) for one in found["zone"]] == [
        ("(unallocated)", "30.00"),
        ("eu", "-30.00"),
    ]


def test_a_move_in_own_dimensions_names_only_those_that_differ() -> None:
    moved = move(
        "3",
        own_dimensions=('{"team":"a","zone":"eu"}', '{"country":"Germany","team":"b","zone":"eu"}'),
        own_dimension_rules=(
            '{"team":"t-1","zone":"z-1"}',
            '{"country":"c-1","team":"t-2","zone":"z-2"}',
        ),
    )
    (found,) = month_json(change(BEFORE, AFTER, moved), chart=CHART)["moves"]
    assert found["dimensions"] == {
        "country": {"from": None, "to": "Germany", "rule_before": None, "rule_after": "c-1"},
        "team": {"from": "a", "to": "b", "rule_before": "t-1", "rule_after": "t-2"},
    }


OWN_LINES = st.lists(
    st.tuples(
        st.integers(-(10**15), 10**15),
        st.dictionaries(st.sampled_from(["team", "zone"]), st.sampled_from("abc")),
    ),
    max_size=6,
)


@given(OWN_LINES)
def test_every_own_dimension_adds_up_to_all_lines(rows: list[tuple[int, dict[str, str]]]) -> None:
    lines = ledger(
        *(line(units, own_dimensions=json.dumps(own) if own else None) for units, own in rows)
    )
    found = own_totals(lines)
    assert set(found) == {name for _, own in rows for name in own}
    for name, totals in found.items():
        assert sum(totals.values()) == sum(units for units, _ in rows)
        for value in "abc":
            of_value = sum(units for units, own in rows if own.get(name) == value)
            assert totals.get(value, 0) == of_value


def test_lines_of_another_total_are_refused() -> None:
    with pytest.raises(ConservationError, match=r"come to 1\.00 instead of 105\.00 USD: expected"):
        month_json(change(BEFORE, ledger(line("1"))), chart=CHART)


def test_months_add_up_and_the_threshold_is_absolute() -> None:
    one = change(BEFORE, AFTER, move("10", project=("a", "b")))
    found = summary_json([month_summary(one)] * 2, threshold_units=to_units("25"))
    assert [(each["value"], each["change"]) for each in found["initiatives"]] == [
        ("search-ranking", "60.00"),
        ("(unallocated)", "-40.00"),
        ("support-assistant", "-20.00"),
    ]
    assert [each["value"] for each in found["beyond_threshold"]] == [
        "search-ranking",
        "(unallocated)",
    ]
    assert found["charges_moved"] == 4
    assert found["closed_periods_touched"] == ["2026-10", "2026-10"]


def test_nothing_at_all_changes_nothing() -> None:
    found = month_json(change(ledger(), ledger()), chart=CHART)
    assert (found["total"], found["pl_lines"], found["reclass"]) == ("0.00", [], [])
    assert summary_json([], threshold_units=0)["initiatives"] == []


def test_an_entry_is_shown_with_its_lines() -> None:
    drawn = drawdown(ledger(line("30")), month=MONTH, chart=CHART).entry
    assert drawn is not None
    entry = reclass(
        [drawn],
        ledger(line("30", initiative="search-ranking")),
        month=MONTH,
        chart=CHART,
        on=date(2026, 11, 30),
    ).entry
    assert entry is not None
    found = month_json(replace(change(), reclass=(entry,)), chart=CHART)["reclass"]
    assert (found[0]["moved"], found[0]["posting_on"]) == ("30.00", "2026-11-30")
    assert [one["amount"] for one in found[0]["lines"]] == ["30.00", "-30.00"]
