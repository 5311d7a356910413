"""Rules that logic alone calls unreachable, and those that it must not."""

import pytest
from tests.rules.lint_cases import CHARGES, judge, read, said


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("always", "{column: provider, equals: aws}"),
        ("{column: provider, in: [aws, gcp]}", "{column: provider, equals: gcp}"),
        ("{column: sku_id, prefix: ab}", "{column: sku_id, prefix: abc}"),
        ("{column: sku_id, suffix: b}", "{column: sku_id, suffix: ab}"),
        ("{column: sku_id, contains: b}", "{column: sku_id, prefix: abc}"),
        ("{column: sku_id, prefix: ab}", "{column: sku_id, in: [abc, abd]}"),
        ("{column: sku_id, regex: '^a[bc]'}", "{column: sku_id, in: [abc, acd]}"),
        ("{column: sku_id, exists: true}", "{column: sku_id, regex: x}"),
        ("{not: {column: sku_id, equals: a}}", "{column: sku_id, missing: true}"),
        ("{not: {column: sku_id, prefix: a}}", "{column: sku_id, prefix: b}"),
        ("{not: {column: sku_id, suffix: a}}", "{column: sku_id, suffix: b}"),
        ("{not: {column: sku_id, equals: a}}", "{not: {column: sku_id, in: [b, a]}}"),
        ("{tag: app, exists: true}", "{not: {tag: app, missing: true}}"),
        (
            "{column: provider, equals: aws}",
            "{all: [{column: sku_id, equals: x}, {column: provider, equals: aws}]}",
        ),
        (
            "{any: [{column: provider, equals: aws}, {column: sku_id, prefix: x}]}",
            "{any: [{column: sku_id, equals: xy}, {column: provider, equals: aws}]}",
        ),
    ],
)
def test_a_rule_that_a_wider_one_stands_before_is_unreachable(earlier: str, later: str) -> None:
    rules = read(f"when: {earlier}, then: a", f"when: {later}, then: ab")
    found = judge(rules, charges=CHARGES.slice(0, 0))
    assert said(found) == [("unreachable", "r2", "r1")]
    assert found[0].severity == "warning"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{column: provider, equals: gcp}", "{column: provider, in: [aws, gcp]}"),
        ("{column: sku_id, prefix: abc}", "{column: sku_id, prefix: ab}"),
        ("{column: sku_id, suffix: ab}", "{column: sku_id, prefix: ab}"),
        ("{column: sku_id, contains: ab}", "{column: sku_id, contains: b}"),
        ("{column: sku_id, exists: true}", "{not: {column: sku_id, equals: a}}"),
        ("{column: sku_id, equals: x}", "{not: {column: sku_id, equals: a}}"),
        ("{not: {column: sku_id, regex: a}}", "{column: sku_id, regex: b}"),
        ("{not: {column: sku_id, prefix: a}}", "{column: region_id, prefix: b}"),
        ("{not: {column: sku_id, prefix: a}}", "{column: sku_id, prefix: ab}"),
        ("{column: provider, missing: true}", "{column: sku_id, missing: true}"),
        (
            "{all: [{column: sku_id, equals: x}, {column: provider, equals: aws}]}",
            "{column: provider, equals: aws}",
        ),
    ],
)
def test_a_rule_that_a_narrower_one_stands_before_is_not(earlier: str, later: str) -> None:
    rules = read(f"when: {earlier}, then: a", f"when: {later}, then: ab")
    assert judge(rules, charges=CHARGES.slice(0, 0)) == ()


def test_a_rule_that_can_pass_over_a_charge_covers_only_its_like() -> None:
    rules = read(
        "when: always, then: {tag: app}",
        "when: {column: provider, equals: aws}, then: {tag: app}",
        "when: {column: provider, equals: aws}, then: a",
    )
    found = judge(rules, charges=CHARGES.slice(0, 0))
    assert said(found) == [("unreachable", "r2", "r1")]


def test_outside_the_initiative_a_tag_that_is_there_always_decides() -> None:
    rules = read(
        "when: always, then: {tag: app}",
        "when: {tag: app, equals: bot}, then: x",
        "when: {tag: app, missing: true}, then: y",
        dimension="environment",
    )
    assert said(judge(rules)) == [("unreachable", "r2", "r1")]


def test_a_rule_that_holds_for_fewer_months_covers_nothing() -> None:
    rules = read(
        "when: always, then: a, valid_from: 2026-10-01",
        "when: {column: provider, equals: aws}, then: ab",
        "when: {column: provider, equals: aws}, then: ab, valid_from: 2026-11-01",
    )
    found = judge(rules, charges=CHARGES.slice(0, 0))
    assert said(found) == [("duplicate", "r3", "r2")]
