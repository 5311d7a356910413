"""Ledger lines as a table: sums, conditions and pages, as the database gives them too."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.money import from_decimal
from tieout.focus.ledger_columns import LEDGER_SCHEMA, total_units
from tieout.reports.line_tables import Place, Sum, Wanted, fitting, page, sums

LINES = """
a  aws     prod  10.50  {"team":"red"}
b  aws     -      4.50  -
c  openai  prod   4.50  {"team":"blue"}
d  -       dev   -2.00  {"team":"red"}
"""


def table(text: str) -> pa.Table:
    rows = []
    for line in text.strip().splitlines():
        values = [None if one == "-" else one for one in line.split()]
        line_id, provider, environment, amount, own = values
        rows.append(
            {
                **dict.fromkeys(LEDGER_SCHEMA.names),
                "ledger_line_id": line_id,
                "provider": provider,
                "environment": environment,
                "billed_cost": Decimal(amount or "0"),
                "charge_count": 1,
                "own_dimensions": own,
            }
        )
    return pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)


def units(text: str) -> int:
    return from_decimal(Decimal(text))


def ids(rows: pa.Table) -> list[str]:
    found: list[str] = rows["ledger_line_id"].to_pylist()
    return found


def test_lines_are_summed_by_a_column_with_null_as_a_value() -> None:
    found = {one.key: one for one in sums(table(LINES), ["provider"])}
    assert found[("aws",)] == Sum(key=("aws",), units=units("15.00"), count=2)
    assert found[(None,)] == Sum(key=(None,), units=units("-2.00"), count=1)


def test_lines_are_summed_by_a_dimension_of_ones_own() -> None:
    found = {one.key: one.units for one in sums(table(LINES), ["team", "provider"])}
    assert found[("red", "aws")] == units("10.50")
    assert found[(None, "aws")] == units("4.50")


def test_without_a_dimension_there_is_one_sum() -> None:
    assert sums(table(LINES), []) == [Sum(key=(), units=units("17.50"), count=4)]


def test_a_dimension_that_no_line_has_is_null_everywhere() -> None:
    assert [one.key for one in sums(table(LINES), ["colour"])] == [(None,)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(name="provider", values=("aws",)), ["a", "b"]),
        (Wanted(name="provider", values=("aws", None)), ["a", "b", "d"]),
        (Wanted(name="provider", values=("aws",), but=True), ["c", "d"]),
        (Wanted(name="team", values=("red",)), ["a", "d"]),
        (Wanted(name="team", values=("red", None), but=True), ["c"]),
        (Wanted(name="provider", values=("openai",), pools=("desk",)), ["c"]),
    ],
)
def test_lines_that_fit_a_condition(wanted: Wanted, expected: list[str]) -> None:
    assert ids(fitting(table(LINES), [wanted])) == expected


def test_conditions_hold_together() -> None:
    both = [Wanted(name="provider", values=("aws",)), Wanted(name="environment", values=(None,))]
    assert ids(fitting(table(LINES), both)) == ["b"]


@pytest.mark.parametrize(("smallest_first", "order"), [(False, "abcd"), (True, "dbca")])
def test_pages_follow_each_other_without_a_gap(*, smallest_first: bool, order: str) -> None:
    seen, behind = "", None
    for _ in range(4):
        (row,) = page(table(LINES), behind=behind, smallest_first=smallest_first, limit=1)
        seen += str(row["ledger_line_id"])
        behind = Place(amount=Decimal(str(row["billed_cost"])), line_id=str(row["ledger_line_id"]))
    assert seen == order
    assert page(table(LINES), behind=behind, smallest_first=smallest_first, limit=1) == []


@given(
    st.lists(
        st.tuples(st.sampled_from(["aws", "gcp", "-"]), st.integers(-(10**9), 10**9)),
        min_size=1,
        max_size=20,
    )
)
def test_sums_conserve_the_lines(rows: list[tuple[str, int]]) -> None:
    text = "\n".join(f"l{n} {who} prod {amount}.25 -" for n, (who, amount) in enumerate(rows))
    lines = table(text)
    found = sums(lines, ["provider"])
    assert sum(one.units for one in found) == total_units(lines)
    assert sum(one.count for one in found) == len(rows)


def test_lines_of_a_pool_fit_whatever_they_have_there() -> None:
    lines = table(LINES)
    at = LEDGER_SCHEMA.get_field_index("pool_id")
    pools = pa.array([None, "desk", "other", "desk"], pa.string())
    lines = lines.set_column(at, LEDGER_SCHEMA.field(at), pools)
    of_desk = Wanted(name="provider", values=("aws",), but=True, pools=("desk",))
    assert ids(fitting(lines, [of_desk])) == ["b", "c", "d"]
