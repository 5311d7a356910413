"""Dimensions of one's own as two texts of a ledger line, and the way there from a rule file."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges

from tieout.allocation.allocate import allocate
from tieout.allocation.parse import parse_pools
from tieout.engine.duckdb import join_and_sum
from tieout.focus.columns import attributes_of
from tieout.focus.ledger_columns import (
    CLASS_COLUMNS,
    DIMENSIONS,
    LEDGER_SCHEMA,
    LINE_KEY,
    OWN_DIMENSION_RULES,
    OWN_DIMENSIONS,
    ledger_line_ids,
)
from tieout.rules.classify import classify, examine
from tieout.rules.masks import Evaluator
from tieout.rules.own_dimensions import classes_of, own_columns, own_of, packed
from tieout.rules.parse import parse_rules
from tieout.rules.register import Initiative

RULES = parse_rules(
    """\
rule_set: classification
dimensions:
  initiative:
    - {id: shared, when: {tag: team, missing: true}, then: "pool:shared"}
    - {id: everything, when: always, then: search-ranking}
  team:
    - {id: team-by-tag, when: {tag: team, exists: true}, then: {tag: team}}
  country:
    - {id: country-of-account, when: {column: sub_account_id, prefix: "de-"}, then: Germany}
    - {id: country-of-team, when: {tag: team, equals: Größe}, then: Österreich}
""",
    name="rules.yaml",
)
REGISTER = {
    name: Initiative(
        initiative_id=name, name=name, owner="o", cost_center="1", pl_category="p",
        product_line=None,
    )
    for name in ("search-ranking", "internal-tools")
}  # fmt: skip
CHARGES = charges(
    charge(1, 10**12, tags='{"team":"search"}', sub_account_id="de-1"),
    charge(2, 2 * 10**12, tags='{"team":"search"}', sub_account_id="fr-1"),
    charge(3, 3 * 10**12, tags='{"team":"Größe"}', sub_account_id="fr-1"),
    charge(4, 4 * 10**12, tags="{}", sub_account_id="de-1"),
    charge(5, 5 * 10**12, tags="{}", sub_account_id="fr-1"),
)


def by_attribute(table: pa.Table, name: str) -> dict[int, str | None]:
    return dict(zip(table["attr_id"].to_pylist(), table[name].to_pylist(), strict=True))


def ledger(assignment: pa.Table) -> pa.Table:
    """Direct ledger lines of the charges, as the classification of a month makes them."""
    sums = join_and_sum(CHARGES, assignment, keys=LINE_KEY[1:], amount="billed_cost")
    nothing = pa.nulls(sums.num_rows, pa.string())
    sums = sums.append_column("period", pa.array(["2026-10"] * sums.num_rows))
    sums = sums.append_column("pool_id", nothing).append_column("pool_line_id", nothing)
    sums = sums.append_column("ledger_line_id", pa.array(ledger_line_ids(sums), pa.string()))
    return sums.select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)


def test_own_dimensions_become_two_canonical_texts_behind_the_built_in_ones() -> None:
    made = classify(attributes_of(CHARGES), RULES, initiatives=REGISTER)
    found = packed(made)
    built_in = [one for name in DIMENSIONS for one in (name, f"{name}_rule")]
    assert found.column_names == ["attr_id", *built_in, OWN_DIMENSIONS, OWN_DIMENSION_RULES]
    assert found.select(["attr_id", *built_in]).equals(made.select(["attr_id", *built_in]))
    classes, rules = (
        sorted(found[name].to_pylist(), key=str) for name in (OWN_DIMENSIONS, OWN_DIMENSION_RULES)
    )
    assert classes == [
        None,
        '{"country":"Germany","team":"search"}',
        '{"country":"Germany"}',
        '{"country":"Österreich","team":"Größe"}',
        '{"team":"search"}',
    ]
    assert rules == [
        None,
        '{"country":"country-of-account","team":"team-by-tag"}',
        '{"country":"country-of-account"}',
        '{"country":"country-of-team","team":"team-by-tag"}',
        '{"team":"team-by-tag"}',
    ]


def test_rules_without_own_dimensions_leave_both_texts_null() -> None:
    alone = parse_rules(
        "rule_set: r\ndimensions:\n  project: [{id: p, when: always, then: x}]\n", name="r"
    )
    made = classify(attributes_of(CHARGES), alone, initiatives={})
    found = packed(made)
    assert found.drop_columns([OWN_DIMENSIONS, OWN_DIMENSION_RULES]).equals(made)
    assert [found[name].null_count for name in (OWN_DIMENSIONS, OWN_DIMENSION_RULES)] == [
        made.num_rows
    ] * 2


def test_coded_and_plain_assignments_pack_to_the_same_texts() -> None:
    attributes = attributes_of(CHARGES)
    coded = packed(examine(Evaluator(attributes), RULES, initiatives=REGISTER).assignment)
    plain = packed(classify(attributes, RULES, initiatives=REGISTER))
    assert coded.cast(plain.schema).equals(plain)


def test_no_attributes_at_all_pack_to_nothing() -> None:
    made = classify(attributes_of(CHARGES.slice(0, 0)), RULES, initiatives=REGISTER)
    assert packed(made).num_rows == 0


def test_another_column_of_the_assignment_stays() -> None:
    made = classify(attributes_of(CHARGES), RULES, initiatives=REGISTER)
    numbered = made.append_column("segment", pa.array(range(made.num_rows)))
    assert packed(numbered)["segment"].equals(numbered["segment"])


NAMES = st.sampled_from(["team", "zone", "a", "cost_owner"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
DECISION = st.none() | st.tuples(TEXTS, st.sampled_from(["r-1", "r-2"]))


@given(st.lists(st.dictionaries(NAMES, DECISION), max_size=6), st.permutations(range(4)))
def test_what_was_decided_comes_back_and_the_order_of_columns_plays_no_part(
    rows: list[dict[str, tuple[str, str] | None]], order: list[int]
) -> None:
    names = ["team", "zone", "a", "cost_owner"]
    columns = {"attr_id": pa.array(range(len(rows)), pa.int64())}
    for name in (names[at] for at in order):
        decided = [row.get(name) or (None, None) for row in rows]
        columns[name] = pa.array([one[0] for one in decided], pa.string())
        columns[f"{name}_rule"] = pa.array([one[1] for one in decided], pa.string())
    found = packed(pa.table(columns))
    for at, column in enumerate((OWN_DIMENSIONS, OWN_DIMENSION_RULES)):
        expected = [{name: one[at] for name, one in row.items() if one} for row in rows]
        texts = found[column].to_pylist()
        assert [own_of(text) for text in texts] == expected
        assert all((text is None) == (own == {}) for text, own in zip(texts, expected, strict=True))
        spread = own_columns(found[column])
        assert list(spread) == sorted({name for own in expected for name in own})
        for name, values in spread.items():
            assert values.to_pylist() == [own.get(name) for own in expected]


def test_a_text_is_canonical() -> None:
    table = pa.table(
        {"b": ['ü"'], "b_rule": ["r"], "a": ["1"], "a_rule": ["s"], "attr_id": pa.array([1])}
    )
    (text,) = packed(table)[OWN_DIMENSIONS].to_pylist()
    assert text == '{"a":"1","b":"ü\\""}'
    assert json.loads(text) == own_of(text)


def test_ledger_lines_are_kept_apart_by_own_dimensions_and_add_up() -> None:
    lines = ledger(packed(classify(attributes_of(CHARGES), RULES, initiatives=REGISTER)))
    found = {
        row[OWN_DIMENSIONS]: str(row["billed_cost"].normalize())
        for row in lines.to_pylist()
        if row["initiative"] == "search-ranking"
    }
    assert found == {
        '{"country":"Germany","team":"search"}': "1",
        '{"team":"search"}': "2",
        '{"country":"Österreich","team":"Größe"}': "3",
    }
    assert sum(lines["billed_cost"].to_pylist()) == 15
    assert len(set(lines["ledger_line_id"].to_pylist())) == lines.num_rows == 5


@pytest.mark.parametrize("name", [OWN_DIMENSIONS, OWN_DIMENSION_RULES])
def test_a_share_of_a_pool_keeps_the_own_dimensions_of_the_line_that_it_came_out_of(
    name: str,
) -> None:
    lines = ledger(packed(classify(attributes_of(CHARGES), RULES, initiatives=REGISTER)))
    pools = parse_pools(
        "pools: [{id: shared, owner: o, method: even, targets: [search-ranking, internal-tools]}]",
        name="pools.yaml",
    )
    made, certificate = allocate(lines, pools=pools, drivers={}, initiatives=REGISTER)
    certificate.check()
    of_line = {row["ledger_line_id"]: row[name] for row in lines.to_pylist()}
    shares = [row for row in made.to_pylist() if row["pool_line_id"]]
    assert len(shares) == 4
    assert [row[name] for row in shares] == [of_line[row["pool_line_id"]] for row in shares]
    assert sum(row[name] is None for row in shares) == 2


def test_a_row_tells_class_and_rule_of_every_dimension_the_own_ones_last() -> None:
    row: dict[str, str | None] = {name: None for pair in CLASS_COLUMNS for name in pair}
    row |= {"project": "p", "project_rule": "p-1"}
    row |= {OWN_DIMENSIONS: '{"a":"1","b":"2"}', OWN_DIMENSION_RULES: '{"a":"a-1","b":"b-1"}'}
    found = classes_of(row)
    assert [*found] == [*DIMENSIONS, "a", "b"]
    assert [one for one in found.items() if one[1] != (None, None)] == [
        ("project", ("p", "p-1")),
        ("a", ("1", "a-1")),
        ("b", ("2", "b-1")),
    ]
    assert classes_of({f"old_{name}": text for name, text in row.items()}, prefix="old_") == found
