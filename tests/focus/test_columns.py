"""Charges get attribute ids; the attribute dictionary is what rules run on."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import IntegrityError
from tieout.focus import columns
from tieout.focus.columns import (
    ATTRIBUTES,
    CHARGE_SCHEMA,
    attributes_of,
    tags_json,
    with_attr_ids,
)
from tieout.focus.ledger_columns import (
    DIMENSIONS,
    LEDGER_SCHEMA,
    LINE_KEY,
    OWN_DIMENSION_RULES,
    OWN_DIMENSIONS,
    ledger_line_ids,
    with_own_dimensions,
)
from tieout.focus.usage import TOKEN_KINDS, USAGE_SCHEMA


def _charges(*sub_accounts: str | None) -> pa.Table:
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)
    rows = [
        {
            "line_id": f"line-{number}",
            "provider": "openai",
            "billing_account_id": "org-1",
            "sub_account_name": name,
            "billing_period_start": date(2026, 10, 1),
            "charge_period_start": start,
            "charge_period_end": end,
            "charge_category": "Usage",
            "billed_cost": Decimal("1.5"),
            "effective_cost": Decimal("1.5"),
            "billing_currency": "USD",
            "service_category": "AI and Machine Learning",
            "service_name": "OpenAI API",
            "service_provider_name": "OpenAI",
            "invoice_issuer_name": "OpenAI",
            "tags": "{}",
            "source_document": "d" * 64,
            "source_row": number,
        }
        for number, name in enumerate(sub_accounts, start=1)
    ]
    schema = pa.schema([column for column in CHARGE_SCHEMA if column.name != "attr_id"])
    return pa.Table.from_pylist(rows, schema=schema)


def test_equal_attributes_share_an_id_and_others_do_not() -> None:
    charges = with_attr_ids(_charges("SupportBot", None, "SupportBot"))
    assert charges.schema.equals(CHARGE_SCHEMA)
    first, second, third = charges.column("attr_id").to_pylist()
    assert first == third != second


def test_the_dictionary_has_each_tuple_once_in_id_order() -> None:
    charges = with_attr_ids(_charges("SupportBot", None, "SupportBot", "Search"))
    found = attributes_of(charges)
    assert found.column_names == ["attr_id", *ATTRIBUTES]
    assert found.num_rows == 3
    assert found.column("attr_id").to_pylist() == sorted(set(charges["attr_id"].to_pylist()))
    assert set(found.column("sub_account_name").to_pylist()) == {"SupportBot", "Search", None}


def test_no_charges_have_no_attributes() -> None:
    assert attributes_of(with_attr_ids(_charges())).num_rows == 0


def test_a_collision_of_attribute_ids_stops_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "attribute_key", lambda _: 7)
    with pytest.raises(IntegrityError, match="Two different attribute tuples"):
        with_attr_ids(_charges("a", "b"))


def test_tags_are_canonical_and_empty_ones_are_dropped() -> None:
    assert tags_json({"b": "ü", "a": "1", "c": ""}) == '{"a":"1","b":"ü"}'


@given(st.dictionaries(st.text(), st.text()))
def test_tags_come_back_and_their_order_plays_no_part(tags: dict[str, str]) -> None:
    text = tags_json(tags)
    assert json.loads(text) == {key: value for key, value in tags.items() if value}
    assert tags_json(dict(reversed(tags.items()))) == text


def test_a_ledger_line_is_known_by_its_key_and_pool_not_by_its_amount() -> None:
    empty = dict.fromkeys(LINE_KEY)
    rows = [
        {**empty, "ledger_line_id": "", "billed_cost": Decimal(1), "charge_count": 1},
        {**empty, "ledger_line_id": "", "billed_cost": Decimal(2), "charge_count": 9},
        {**empty, "ledger_line_id": "", "billed_cost": Decimal(2), "charge_count": 9,
         "pool_id": "shared"},
    ]  # fmt: skip
    first, second, pooled = ledger_line_ids(pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA))
    assert first == second != pooled


OWN = [OWN_DIMENSIONS, OWN_DIMENSION_RULES]


def line(**fields: str) -> pa.Table:
    """One ledger line, the same in every test but for these fields."""
    known: dict[str, Any] = {
        "ledger_line_id": "",
        "period": "2026-10",
        "provider": "openai",
        "initiative": "search-ranking",
        "initiative_rule": "r-1",
        "pool_id": "shared",
        "billed_cost": Decimal(1),
        "charge_count": 1,
    }
    row = dict.fromkeys(LEDGER_SCHEMA.names) | known | fields
    return pa.Table.from_pylist([row], schema=LEDGER_SCHEMA)


def test_a_line_without_own_dimensions_keeps_the_id_from_before_there_were_any() -> None:
    # made by the version before
    known = "89174105256584c4ab1a2728bb5e5988cbae53c4c4c9f25f8a0c174d51d0eab2"
    assert ledger_line_ids(line()) == [known]


def test_own_dimensions_and_their_rules_are_part_of_what_a_line_is() -> None:
    search, reranked, ranking = (
        line(own_dimensions=f'{{"team":"{team}"}}', own_dimension_rules=f'{{"team":"{rule}"}}')
        for team, rule in (("search", "r-1"), ("search", "r-2"), ("ranking", "r-1"))
    )
    ids = [ledger_line_ids(one)[0] for one in (line(), search, reranked, ranking)]
    assert len(set(ids)) == 4
    assert ledger_line_ids(pa.concat_tables([line(), search])) == ids[:2]


def test_lines_of_an_older_file_get_the_columns_that_it_lacks_in_their_place() -> None:
    older = line().drop_columns(OWN)
    assert with_own_dimensions(older).equals(line())
    assert with_own_dimensions(older).schema.equals(pa.schema([*line().schema]))
    assert with_own_dimensions(line(own_dimensions="{}")).equals(line(own_dimensions="{}"))


def test_an_assignment_of_an_older_file_gets_them_at_its_end() -> None:
    names = [one for name in DIMENSIONS for one in (name, f"{name}_rule")]
    older = pa.table({"attr_id": pa.array([7], pa.int64()), **{name: ["x"] for name in names}})
    found = with_own_dimensions(older)
    assert found.column_names == ["attr_id", *names, *OWN]
    assert found.select(OWN).to_pylist() == [dict.fromkeys(OWN)]


def test_usage_has_a_count_of_tokens_for_every_kind() -> None:
    assert {f"{kind}_tokens" for kind in TOKEN_KINDS} <= set(USAGE_SCHEMA.names)
