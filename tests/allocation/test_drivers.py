"""Driver tables: read with dates and source, counted by the day, refused with the line."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.allocation.drivers import DriverValue, Measure, drivers_of, parse_drivers
from tieout.allocation.misfits import missing_drivers, redefined, strange_targets
from tieout.allocation.pool import Pool
from tieout.core.errors import RuleFileError
from tieout.core.period import Period

TABLE = """driver,target,valid_from,valid_to,value,source
headcount,support,,2026-09-30,12,HR export June
headcount,support,2026-10-01,,14.5,HR export October
headcount,pool:network,2026-01-01,2026-12-31,3,HR export June
tokens,search,,,-7,gateway log
"""
TOTALS = """driver,target,valid_from,valid_to,value,source,measure
tokens,search,2026-10-01,2026-10-15,3000,gateway log,total
tokens,search,2026-10-16,2026-10-31,2000,gateway log,total
tokens,support,2026-10-22,2026-11-10,4000,gateway log,total
headcount,support,2026-10-12,,31,HR export October,
"""
OCTOBER, NOVEMBER = Period(2026, 10), Period(2026, 11)


def test_a_table_is_read_in_file_order_with_its_lines() -> None:
    values = parse_drivers("\ufeff" + TABLE, name="drivers.csv")
    assert [one.line for one in values] == [2, 3, 4, 5]
    assert values[1] == DriverValue(
        driver="headcount",
        target="support",
        valid_from=date(2026, 10, 1),
        valid_to=None,
        value=Fraction("14.5"),
        source="HR export October",
        line=3,
    )


@pytest.mark.parametrize(
    ("month", "headcount"),
    [
        (Period(2025, 12), {"support": 12}),
        (Period(2026, 9), {"pool:network": 3, "support": 12}),
        (OCTOBER, {"pool:network": 3, "support": Fraction("14.5")}),
        (Period(2027, 1), {"support": Fraction("14.5")}),
    ],
)
def test_values_hold_on_both_of_their_days(month: Period, headcount: dict[str, Fraction]) -> None:
    found = drivers_of(parse_drivers(TABLE, name="drivers.csv"), month)
    assert found == {"headcount": headcount, "tokens": {"search": -7}}


def test_a_level_counts_by_its_days_and_a_total_by_its_days_in_the_month() -> None:
    values = parse_drivers(TOTALS, name="drivers.csv")
    assert drivers_of(values, OCTOBER) == {
        "tokens": {"search": 5000, "support": 2000},  # 10 of the 20 days of 4,000
        "headcount": {"support": 20},  # 20 of the 31 days of October
    }
    assert drivers_of(values, NOVEMBER) == {
        "tokens": {"support": 2000},
        "headcount": {"support": 31},
    }
    # a driver is known even where it says nothing about the month
    assert drivers_of(values, Period(2026, 9)) == {"tokens": {}, "headcount": {}}
    assert drivers_of((), OCTOBER) == {}


def test_a_level_that_changes_inside_a_month_is_weighed_by_days_exactly() -> None:
    text = TABLE.replace("2026-09-30,12", "2026-10-10,12").replace(
        "2026-10-01,,14.5", "2026-10-11,,14.5"
    )
    found = drivers_of(parse_drivers(text, name="drivers.csv"), OCTOBER)
    assert found["headcount"]["support"] == Fraction(12 * 10, 31) + Fraction("14.5") * Fraction(
        21, 31
    )


@given(
    start=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    days=st.integers(0, 200),
    value=st.fractions(),
    measure=st.sampled_from(["level", "total"]),
)
def test_totals_add_up_over_the_months_and_levels_never_exceed_their_value(
    start: date, days: int, value: Fraction, measure: Measure
) -> None:
    one = DriverValue(
        driver="d", target="t", valid_from=start, valid_to=start + timedelta(days=days),
        value=value, source="s", line=2, measure=measure,
    )  # fmt: skip
    months = [Period(2026 + number // 12, number % 12 + 1) for number in range(24)]
    counted = [part for month in months if (part := one.in_month(month)) is not None]
    if measure == "total":
        assert sum(counted) == value
    assert all(abs(part) <= abs(value) for part in counted)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a,b,,,1", "line 6: 5 cells; expected 6"),
        ("a,,,,,s", "line 6: target, value is empty"),
        ("a,b c,,,1,s", "line 6: target is 'b c'; expected an id"),
        ("a/b,c,,,1,s", "line 6: driver is 'a/b'; expected an id"),
        ("pool:a,c,,,1,s", "line 6: driver is 'pool:a'; expected an id"),
        ("a,b,,,many,s", "line 6: value is 'many'; expected a decimal number"),
        ("a,b,soon,,1,s", "line 6: valid_from is 'soon'; expected a day"),
        ("a,b,2026-02-02,2026-02-01,1,s", "line 6: valid_to must not lie before valid_from"),
        ("tokens,search,2026-01-01,,1,s", "line 6: driver tokens of search already has .* line 5"),
        ("headcount,support,2026-09-30,2026-09-30,1,s", "line 6: driver headcount of support"),
        ('a,"b,,,1,s', "line 6: not CSV"),
    ],
)
def test_a_broken_line_is_refused_with_its_place(line: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=f"drivers.csv, {sentence}"):
        parse_drivers(f"{TABLE}{line}\n", name="drivers.csv")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a,b,,,1,s,sum", "line 6: measure is 'sum'; expected level or total"),
        ("a,b,2026-10-01,,1,s,total", "line 6: a total needs both days"),
        ("a,b,,2026-10-01,1,s,total", "line 6: a total needs both days"),
        ("tokens,b,,,1,s,level", "line 6: driver tokens is a level, in line 2 a total"),
    ],
)
def test_a_measure_that_cannot_be_counted_is_refused(line: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=f"drivers.csv, {sentence}"):
        parse_drivers(f"{TOTALS}{line}\n", name="drivers.csv")


@pytest.mark.parametrize("text", ["", "driver;target\n", "driver,target,value\n"])
def test_another_header_is_refused(text: str) -> None:
    with pytest.raises(RuleFileError, match=r"line 1: the header is .*; expected driver,target"):
        parse_drivers(text, name="drivers.csv")


def test_a_table_that_is_too_large_is_refused() -> None:
    with pytest.raises(RuleFileError, match="larger than 4,000,000 bytes"):
        parse_drivers("x" * 4_000_001, name="drivers.csv")


def test_a_table_may_not_redefine_what_is_measured_or_name_strangers() -> None:
    values = parse_drivers(TABLE, name="drivers.csv")
    assert redefined(values, ["direct_cost"]) == []
    (sentence,) = redefined(values, ["tokens"])
    assert sentence.startswith("line 5: driver tokens is measured")
    known = {"initiatives": ["support", "search"], "pools": ["network"]}
    assert strange_targets(values, **known) == []
    found = strange_targets(values, initiatives=["search", "network"], pools=["support"])
    assert [one.split(" is no")[0] for one in found] == [
        "line 2: 'support'",
        "line 3: 'support'",
        "line 4: 'pool:network'",
    ]


def test_pools_miss_a_driver_that_a_new_table_leaves_out() -> None:
    pool = Pool(pool_id="desk", description="", owner="li", method="proportional", driver="seats")
    assert missing_drivers([pool], ["seats"]) == []
    assert missing_drivers([pool], ["tokens"]) == ["Pool desk: no driver 'seats'; known: tokens."]
