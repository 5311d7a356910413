"""Look-up tables: what a key means, from its first to its last day."""

from datetime import date

import pytest

from tieout.core.errors import RuleFileError
from tieout.rules.lookup import LookupTable, parse_lookup

TEAMS = """\
key,valid_from,valid_to,cost_center,region
search,,2026-10-15,CC-1,EMEA
search,2026-10-16,,CC-9,EMEA
support,,,CC-2,
"""


def _centers(table: LookupTable, day: str) -> dict[str, str]:
    return table.as_of(date.fromisoformat(day)).texts("cost_center")


def test_a_row_holds_from_its_first_to_its_last_day() -> None:
    table = parse_lookup(TEAMS, name="teams.csv")
    assert table.columns == ("cost_center", "region")
    assert _centers(table, "2026-10-15") == {"search": "CC-1", "support": "CC-2"}
    assert _centers(table, "2026-10-16") == {"search": "CC-9", "support": "CC-2"}
    assert table.changes_on() == {date(2026, 10, 16)}


def test_an_empty_cell_is_no_value() -> None:
    table = parse_lookup(TEAMS, name="t").as_of(date(2026, 10, 1))
    assert table.texts("region") == {"search": "EMEA"}
    assert all(row.valid_from is row.valid_to is None for row in table.rows)


def test_a_table_without_days_needs_no_day_columns() -> None:
    table = parse_lookup("region,key\nEMEA,search\n", name="t")
    assert table.texts("region") == {"search": "EMEA"}
    assert table.changes_on() == set()


def test_the_last_day_there_is_does_not_end() -> None:
    table = parse_lookup("key,valid_to,a\nx,9999-12-31,1\n", name="t")
    assert table.changes_on() == set()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "t.csv, line 1: the header is ''; expected key"),
        ("name,a\nx,1\n", "line 1: the header is 'name,a'; expected key"),
        ("key,valid_from\nx,\n", "at least one further column"),
        ("key,a,a\n", "line 1: column 'a' stands twice"),
        ("key,key,a\n", "line 1: column 'key' stands twice"),
        ("key,a b\n", "line 1: column 'a b' stands twice or is no name"),
        ("key,\n", "line 1: column '' stands twice or is no name"),
        ("key,a\nx\n", "line 2: 1 cells; expected 2"),
        ("key,a\n ,1\n", "line 2: key is empty; fill it in"),
        ("key,valid_from,a\nx,soon,1\n", "line 2: valid_from is 'soon'; expected a day"),
        (
            "key,valid_from,valid_to,a\nx,2026-02-01,2026-01-31,1\n",
            "line 2: valid_to must not lie before",
        ),
        ("key,a\nx,1\ny,2\nx,1\n", "line 4: key 'x' already has a row .* in line 2"),
        (
            "key,valid_from,valid_to,a\nx,,2026-10-15,1\nx,2026-10-15,,2\n",
            "line 3: key 'x' already has a row for the same days in line 2",
        ),
        (
            "key,valid_from,valid_to,a\nx,2026-10-15,,2\nx,,,1\n",
            "line 2: key 'x' already has a row for the same days in line 3",
        ),
        ('key,a\n"x"y,1\n', "line 2: not CSV"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        parse_lookup(text, name="t.csv")
