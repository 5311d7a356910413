from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges

from tieout.core.money import to_units
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.bridge import Bridge
from tieout.reconciliation.restatement import restatement_bridge

Row = dict[str, Any]


def bridge(draft: list[Row], final: list[Row]) -> Bridge:
    return restatement_bridge(
        provider="openai",
        account="org-1",
        draft=charges(*draft, pull="draft"),
        final=charges(*final),
        currency="USD",
    )


def test_a_pull_that_says_the_same_from_other_bytes_changes_nothing() -> None:
    assert bridge([charge(30, "5")], [charge(30, "5")]).lines == ()


def test_late_restated_and_withdrawn_rows_are_told_apart_with_their_days() -> None:
    found = bridge(
        [charge(30, "5", sku_id="a"), charge(31, "1", sku_id="b")],
        [charge(30, "7", sku_id="a"), charge(30, "4"), charge(31, "6")],
    )
    assert {line.component: (line.amount_units, line.cause) for line in found.lines} == {
        "late_rows": (
            to_units("10"),
            "2 charges of 2026-10-30 to 2026-10-31 were not yet in the draft.",
        ),
        "restated_rows": (
            to_units("2"),
            "The provider restated 1 charges of 2026-10-30 after the draft.",
        ),
        "withdrawn_rows": (
            to_units("-1"),
            "1 draft charges of 2026-10-31 are gone from the final report.",
        ),
    }


_ROW = st.tuples(
    st.integers(min_value=1, max_value=31),
    st.integers(min_value=-(10**15), max_value=10**15),
    st.sampled_from([None, "x", "y"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ROW, max_size=8), st.lists(_ROW, max_size=8))
def test_a_restatement_conserves_exactly(
    before: list[tuple[int, int, str | None]], after: list[tuple[int, int, str | None]]
) -> None:
    draft = charges(*(charge(day, units, sku_id=sku) for day, units, sku in before), pull="draft")
    final = charges(*(charge(day, units, sku_id=sku) for day, units, sku in after))
    found = restatement_bridge(
        provider="openai", account="org-1", draft=draft, final=final, currency="USD"
    )
    assert found.start_units + found.explained_units == found.end_units == total_units(final)
