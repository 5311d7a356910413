"""Driver tables: read with dates and source, refused with the line."""

from datetime import date
from fractions import Fraction

import pytest

from tieout.allocation.drivers import DriverValue, driver_values, parse_drivers
from tieout.core.errors import RuleFileError

TABLE = """driver,target,valid_from,valid_to,value,source
headcount,support,,2026-10-01,12,HR export June
headcount,support,2026-10-01,,14.5,HR export October
headcount,pool:network,2026-01-01,2027-01-01,3,HR export June
tokens,search,,,-7,gateway log
"""


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
    ("on", "expected"),
    [
        (date(2025, 12, 31), {"support": 12}),
        (date(2026, 9, 30), {"pool:network": 3, "support": 12}),
        (date(2026, 10, 1), {"pool:network": 3, "support": Fraction("14.5")}),
        (date(2027, 1, 1), {"support": Fraction("14.5")}),
    ],
)
def test_values_hold_from_their_first_day_up_to_before_their_end(
    on: date, expected: dict[str, Fraction]
) -> None:
    values = parse_drivers(TABLE, name="drivers.csv")
    assert driver_values(values, "headcount", on) == expected


def test_an_unknown_driver_is_answered_with_the_known_ones() -> None:
    values = parse_drivers(TABLE, name="drivers.csv")
    with pytest.raises(RuleFileError, match="it has headcount, tokens"):
        driver_values(values, "seats", date(2026, 1, 1))
    with pytest.raises(RuleFileError, match="it has none"):
        driver_values([], "seats", date(2026, 1, 1))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a,b,,,1", "line 6: 5 cells; expected 6"),
        ("a,,,,,s", "line 6: target, value is empty"),
        ("a,b c,,,1,s", "line 6: target is 'b c'; expected an id"),
        ("a/b,c,,,1,s", "line 6: driver is 'a/b'; expected an id"),
        ("a,b,,,many,s", "line 6: value is 'many'; expected a decimal number"),
        ("a,b,soon,,1,s", "line 6: valid_from is 'soon'; expected a day"),
        ("a,b,2026-02-01,2026-02-01,1,s", "line 6: valid_to is 2026-02-01"),
        ("tokens,search,2026-01-01,,1,s", "line 6: driver tokens of search overlaps line 5"),
        ("headcount,support,2026-09-30,2026-10-02,1,s", "line 6: driver headcount of support"),
        ('a,"b,,,1,s', "line 6: not CSV"),
    ],
)
def test_a_broken_line_is_refused_with_its_place(line: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=f"drivers.csv, {sentence}"):
        parse_drivers(f"{TABLE}{line}\n", name="drivers.csv")


@pytest.mark.parametrize("text", ["", "driver;target\n"])
def test_another_header_is_refused(text: str) -> None:
    with pytest.raises(RuleFileError, match=r"line 1: the header is .*; expected driver,target"):
        parse_drivers(text, name="drivers.csv")


def test_a_table_that_is_too_large_is_refused() -> None:
    with pytest.raises(RuleFileError, match="larger than 4,000,000 bytes"):
        parse_drivers("x" * 4_000_001, name="drivers.csv")
