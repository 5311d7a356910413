from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges

from tieout.core.money import to_units
from tieout.reconciliation.arrears import report_bridges
from tieout.reconciliation.bridge import Bridge

ROW = st.tuples(
    st.integers(1, 4), st.sampled_from(["a", "b", None]), st.integers(-(10**14), 10**14)
)


def bridge(
    estimate: list[tuple[int, str | None, int]], report: list[tuple[int, str | None, int]]
) -> Bridge:
    tables = [
        charges(*(charge(day, units, sub_account_id=account) for day, account, units in rows))
        for rows in (estimate, report)
    ]
    return report_bridges(
        provider="aws", account="1", estimate=tables[0], draft=tables[1], final=tables[1]
    )[0]


def test_a_restated_day_a_dropped_one_and_a_new_one_are_three_causes() -> None:
    found = bridge(
        [(1, "a", to_units("10")), (2, "a", to_units("5")), (4, "a", to_units("1"))],
        [
            (1, "a", to_units("7")),
            (1, "a", to_units("4")),
            (3, "b", to_units("2")),
            (4, "a", to_units("1")),
        ],
    )
    assert {line.component: line.amount_units for line in found.lines} == {
        "restated": to_units("1"),
        "only_in_estimate": to_units("-5"),
        "only_in_report": to_units("2"),
    }
    assert found.start_label == "Provider's preliminary figures"
    causes = {line.component: line.cause for line in found.lines}
    assert causes["restated"].endswith("(2 charges).")
    assert found.unexplained_units == 0


@given(estimate=st.lists(ROW, min_size=1, max_size=8), report=st.lists(ROW, max_size=8))
def test_every_unit_between_the_feed_and_the_report_has_a_cause(
    estimate: list[tuple[int, str | None, int]], report: list[tuple[int, str | None, int]]
) -> None:
    found = bridge(estimate, report)
    assert found.start_units + sum(line.amount_units for line in found.lines) == found.end_units
    assert found.unexplained_units == 0
