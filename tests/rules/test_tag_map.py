import json
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import RuleFileError
from tieout.focus.columns import ATTRIBUTES
from tieout.rules.tag_map import mapped, parse_owners, parse_tag_map

TAGS = """\
valid_from,valid_to,from_key,from_value,key,value
,,env,prd,environment,prod
,,Env,,environment,
2026-10-01,2026-10-31,team,,app,
,2026-09-30,squad,,app,
"""
OWNERS = """\
valid_from,valid_to,column,value,owner
,,tag:app,search,Sofia Berg
2026-11-01,,sub_account_id,proj_1,Nobody Yet
,,sub_account_id,proj_1,Omar Aziz
"""
LAST = date(2026, 10, 31)


def attributes(*rows: dict[str, Any]) -> pa.Table:
    filled = [
        {"attr_id": at, **dict.fromkeys(ATTRIBUTES), **row, "tags": json.dumps(row.get("tags", {}))}
        for at, row in enumerate(rows)
    ]
    schema = pa.schema([("attr_id", pa.int64()), *((name, pa.string()) for name in ATTRIBUTES)])
    return pa.Table.from_pylist(filled, schema)


def tags_of(table: pa.Table, *, tags: str = TAGS, owners: str = OWNERS, on: date = LAST) -> Any:
    result = mapped(
        table,
        tags=parse_tag_map(tags, name="tag_map.csv"),
        owners=parse_owners(owners, name="owners.csv"),
        on=on,
    )
    assert result.drop(["tags"]) == table.drop(["tags"])
    return [json.loads(one) for one in result["tags"].to_pylist()]


def test_keys_and_values_are_mapped_without_regard_to_case() -> None:
    found = tags_of(attributes({"tags": {"ENV": "PRD"}}, {"tags": {"env": "dev", "x": "1"}}))
    assert found == [{"environment": "prod"}, {"environment": "dev", "x": "1"}]


def test_a_row_of_the_table_holds_from_its_first_to_its_last_day() -> None:
    table = attributes({"tags": {"team": "a", "squad": "b"}})
    assert tags_of(table) == [{"app": "a", "squad": "b"}]
    assert tags_of(table, on=date(2026, 9, 30)) == [{"app": "b", "team": "a"}]
    assert tags_of(table, on=date(2026, 11, 1)) == [{"squad": "b", "team": "a"}]


def test_when_two_tags_mean_the_same_the_first_row_wins_and_own_names_come_last() -> None:
    table = attributes({"tags": {"environment": "qa", "env": "prd"}})
    assert tags_of(table) == [{"environment": "prod"}]


def test_an_owner_is_found_by_a_mapped_tag_or_by_a_column() -> None:
    table = attributes(
        {"tags": {"team": "search"}, "sub_account_id": "proj_1"},
        {"sub_account_id": "proj_1"},
        {"sub_account_id": "proj_2"},
    )
    found = [one.get("business_owner") for one in tags_of(table)]
    assert found == ["Sofia Berg", "Omar Aziz", None]


def test_without_live_rows_the_attributes_are_the_same_table() -> None:
    table = attributes({"tags": {"b": "1", "a": "2"}})
    assert mapped(table, tags=(), owners=(), on=LAST) is table


@given(st.dictionaries(st.text(max_size=4), st.text(min_size=1, max_size=4), max_size=5))
def test_tags_that_no_row_names_are_kept(tags: dict[str, str]) -> None:
    kept = {
        key: value
        for key, value in tags.items()
        if key.casefold() not in {"env", "team", "environment", "app"}
    }
    assert kept.items() <= tags_of(attributes({"tags": tags}))[0].items()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key,value\n", "the header is 'key,value'; expected valid_from,valid_to,from_key"),
        (TAGS + ",,a\n", "tag_map.csv, line 6: 3 cells; expected 6"),
        (TAGS + ",,,x,y,z\n", "line 6: from_key is empty"),
        (TAGS + "soon,,a,b,c,d\n", "line 6: valid_from is 'soon'; expected a day such as"),
        (TAGS + ',,"a"b,,c,d\n', "line 6: not CSV"),
        ("x" * 4_000_001, "larger than 4,000,000 bytes"),
    ],
)
def test_a_broken_tag_table_names_the_line(text: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=message):
        parse_tag_map(text, name="tag_map.csv")


@pytest.mark.parametrize("column", ["colour", "tags"])
def test_an_owner_by_an_unknown_column_is_refused_with_the_known_ones(column: str) -> None:
    with pytest.raises(RuleFileError, match=r"line 5: column is .* expected tag:<key> or one of"):
        parse_owners(f"{OWNERS},,{column},x,y\n", name="owners.csv")


def test_a_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_header() -> None:
    assert parse_owners("\ufeff" + OWNERS, name="owners.csv") == parse_owners(OWNERS, name="o")
