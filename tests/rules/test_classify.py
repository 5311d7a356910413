"""Classification by example: who wins, what passes, what is kept as lineage."""

from collections.abc import Mapping

import pyarrow as pa
import pytest

from tieout.core.errors import IntegrityError, RuleFileError
from tieout.focus.columns import ATTRIBUTES, tags_json
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.classify import classify
from tieout.rules.parse import parse_rules
from tieout.rules.register import Initiative

REGISTER = {
    name: Initiative(
        initiative_id=name,
        name=name,
        owner="maria",
        cost_center=center,
        pl_category="Cost of revenue",
        product_line=line,
    )
    for name, center, line in [("support", "CC-1", "Helpdesk"), ("search", "CC-2", None)]
}


def _attributes(*rows: Mapping[str, str | None]) -> pa.Table:
    full = [{"tags": "{}", **row} for row in rows]
    columns = {name: pa.array([row.get(name) for row in full], pa.string()) for name in ATTRIBUTES}
    return pa.table({"attr_id": pa.array(range(10, 10 + len(rows)), pa.int64()), **columns})


def _classified(rules: str, *rows: Mapping[str, str | None]) -> pa.Table:
    rule_set = parse_rules(f"rule_set: s\ndimensions:\n{rules}", name="f")
    return classify(_attributes(*rows), rule_set, initiatives=REGISTER)


def _decided(found: pa.Table, dimension: str) -> list[tuple[str | None, str | None]]:
    classes, rules = found.column(dimension), found.column(f"{dimension}_rule")
    return list(zip(classes.to_pylist(), rules.to_pylist(), strict=True))


def test_the_first_match_wins_and_its_rule_is_kept() -> None:
    found = _classified(
        """
  initiative:
    - {id: bot, when: {column: sub_account_name, equals: SupportBot}, then: support}
    - {id: openai, when: {column: provider, equals: openai}, then: pool:shared}
""",
        {"provider": "openai", "sub_account_name": "SupportBot"},
        {"provider": "openai", "sub_account_name": "Other"},
        {"provider": "aws"},
    )
    assert _decided(found, "initiative") == [
        ("support", "bot"),
        ("pool:shared", "openai"),
        (None, None),
    ]


def test_the_result_has_every_dimension_in_row_order_with_texts() -> None:
    found = _classified("  project:\n    - {id: p, when: always, then: atlas}\n", {}, {})
    names = [name for dimension in DIMENSIONS for name in (dimension, f"{dimension}_rule")]
    assert found.column_names == ["attr_id", *names]
    assert found.column("attr_id").to_pylist() == [10, 11]
    assert set(found.schema.types[1:]) == {pa.string()}
    assert _decided(found, "project") == [("atlas", "p")] * 2
    assert _decided(found, "environment") == [(None, None)] * 2


def test_other_dimensions_follow_the_initiative_through_the_register() -> None:
    found = _classified(
        """
  product_line:
    - {id: line, when: always, then: {initiative: product_line}}
    - {id: rest, when: always, then: Other}
  cost_center:
    - {id: center, when: always, then: {initiative: cost_center}}
  initiative:
    - {id: pooled, when: {column: provider, equals: aws}, then: pool:shared}
    - {id: app, when: {tag: app, exists: true}, then: {tag: app}}
""",
        {"tags": tags_json({"app": "support"})},
        {"tags": tags_json({"app": "search"})},
        {"provider": "aws"},
        {},
    )
    assert _decided(found, "cost_center") == [
        ("CC-1", "center"),
        ("CC-2", "center"),
        (None, None),
        (None, None),
    ]
    assert _decided(found, "product_line") == [
        ("Helpdesk", "line"),
        ("Other", "rest"),
        ("Other", "rest"),
        ("Other", "rest"),
    ]


def test_a_tag_outcome_passes_where_the_tag_is_absent_or_not_an_initiative() -> None:
    rules = """
  initiative:
    - {id: app, when: always, then: {tag: app}}
    - {id: rest, when: {column: provider, equals: aws}, then: search}
  environment:
    - {id: env, when: always, then: {tag: env}}
"""
    found = _classified(
        rules,
        {"provider": "aws", "tags": tags_json({"app": "support", "env": "prod"})},
        {"provider": "aws", "tags": tags_json({"app": "unknown"})},
        {"provider": "aws", "tags": tags_json({"app": "pool:shared"})},
        {},
    )
    assert _decided(found, "initiative") == [
        ("support", "app"),
        ("search", "rest"),
        ("search", "rest"),
        (None, None),
    ]
    assert _decided(found, "environment") == [("prod", "env"), *[(None, None)] * 3]


@pytest.mark.parametrize(
    ("test", "matched"),
    [
        ("equals: Größe", [True, False, False, False, False]),
        ("in: [Größe, abc]", [True, False, True, False, False]),
        ("prefix: a", [False, False, True, True, False]),
        ("suffix: c", [False, False, True, False, False]),
        ("contains: b", [False, False, True, False, False]),
        ("regex: '^A|ß'", [True, False, False, False, False]),
        ("regex: '(?i)^A'", [False, False, True, True, False]),
        ("exists: true", [True, False, True, True, False]),
        ("missing: true", [False, True, False, False, True]),
    ],
)
@pytest.mark.parametrize("source", ["column: region_id", "tag: 'aws:x'"])
def test_each_predicate_on_columns_and_tags(source: str, test: str, matched: list[bool]) -> None:
    texts = ["Größe", None, "abc", "a", ""]
    found = _classified(
        f"  project:\n    - {{id: p, when: {{{source}, {test}}}, then: hit}}\n",
        *[
            {"region_id": text, "tags": tags_json({"aws:x": text} if text else {})}
            for text in texts
        ],
    )
    assert [name == "hit" for name in found.column("project").to_pylist()] == matched


def test_not_holds_where_the_value_is_absent() -> None:
    rules = "  project:\n    - {id: p, when: {not: {tag: app, equals: a}}, then: hit}\n"
    found = _classified(rules, {"tags": '{"app":"a"}'}, {"tags": '{"app":"b"}'}, {})
    assert found.column("project").to_pylist() == [None, "hit", "hit"]


def test_no_attributes_give_no_assignment() -> None:
    found = _classified("  project:\n    - {id: p, when: {tag: a, exists: true}, then: {tag: a}}\n")
    assert found.num_rows == 0


@pytest.mark.parametrize(
    ("when", "matched"),
    [
        ("{all: [{all: [{tag: a, equals: x}, {tag: b, equals: y}]}]}", [3]),
        ("{any: [{all: [{tag: a, equals: x}, {tag: b, equals: y}]}]}", [3]),
        ("{any: [{tag: a, equals: x}, {tag: b, equals: y}]}", [1, 2, 3]),
        ("{all: [{any: [{tag: a, equals: x}, {tag: b, equals: y}]}]}", [1, 2, 3]),
        ("{any: [{tag: a, equals: x}, {not: {tag: b, equals: y}}]}", [0, 1, 3]),
        ("{all: [{tag: a, equals: x}, {not: {tag: b, equals: y}}]}", [1]),
        ("{all: [{not: {tag: a, equals: x}}]}", [0, 2]),
        ("{any: [always, {tag: a, equals: x}]}", [0, 1, 2, 3]),
    ],
)
def test_tests_join_as_they_are_nested(when: str, matched: list[int]) -> None:
    rules = f"  project:\n    - {{id: p, when: {when}, then: hit}}\n"
    tags: list[dict[str, str]] = [{}, {"a": "x"}, {"b": "y"}, {"a": "x", "b": "y"}]
    found = _classified(rules, *[{"tags": tags_json(one)} for one in tags])
    hits = found.column("project").to_pylist()
    assert [at for at, name in enumerate(hits) if name] == matched


def test_a_table_in_pieces_gives_the_same_as_one_in_one_piece() -> None:
    whole = _attributes({"provider": "aws"}, {"provider": "openai"}, {})
    rules = parse_rules(
        "rule_set: s\ndimensions:\n  project:\n"
        "    - {id: p, when: {column: provider, equals: aws}, then: hit}\n",
        name="f",
    )
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    left = classify(whole, rules, initiatives={})
    assert classify(pieces, rules, initiatives={}).equals(left)


@pytest.mark.parametrize("tags", ["{", "[]", '{"a": 1}', '{"a":"1"}{}'])
def test_tags_that_are_no_texts_stop_the_step(tags: str) -> None:
    rules = "  project:\n    - {id: p, when: {tag: a, exists: true}, then: x}\n"
    with pytest.raises(IntegrityError, match=r"Tags .* normalise"):
        _classified(rules, {"tags": tags})


def test_dated_rules_are_refused_until_the_period_is_chosen() -> None:
    rules = "  project:\n    - {id: p, when: always, then: x, valid_from: 2026-01-01}\n"
    with pytest.raises(RuleFileError, match=r"Rule p holds for some days only: .*rules_on\(\)"):
        _classified(rules, {})


def test_rows_of_a_code_beyond_sixteen_bits_are_found() -> None:
    count = (1 << 16) + 3
    texts = pa.array([f"i-{number}" for number in [*range(count), count - 1, 1]])
    columns = {name: pa.nulls(len(texts), pa.string()) for name in ATTRIBUTES}
    columns |= {"resource_id": texts, "tags": pa.array(["{}"] * len(texts))}
    attributes = pa.table({"attr_id": pa.array(range(len(texts)), pa.int64()), **columns})
    rules = parse_rules(
        "rule_set: s\ndimensions:\n  project:\n"
        f"    - {{id: p, when: {{column: resource_id, in: [i-1, i-{count - 1}]}}, then: hit}}\n",
        name="f",
    )
    found = classify(attributes, rules, initiatives={}).column("project").to_pylist()
    assert [at for at, name in enumerate(found) if name] == [1, count - 1, count, count + 1]


def test_tags_of_an_empty_text_are_none() -> None:
    rules = "  project:\n    - {id: p, when: {tag: a, missing: true}, then: hit}\n"
    assert _decided(_classified(rules, {"tags": ""}), "project") == [("hit", "p")]


def test_a_condition_on_many_distinct_values_finds_all_its_rows() -> None:
    rules = (
        "  project:\n    - {id: p, when: {column: resource_id, regex: '^i-.*[02468]$'}, then: x}\n"
    )
    found = _classified(rules, *[{"resource_id": f"i-{number}"} for number in range(200)])
    assert found.column("project").to_pylist() == ["x", None] * 100
