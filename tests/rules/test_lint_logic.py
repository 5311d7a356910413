"""The logic of predicates where it must not guess, and where it must stay quick."""

from typing import cast

from tieout.rules.lint_logic import NEVER, implies, never, normal
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Operator, Predicate


def text(operator: str, *values: str, name: str = "sku_id") -> Condition:
    return Condition(source="column", name=name, operator=cast("Operator", operator), values=values)


LARGE = text("ge", "5")


def test_a_test_that_is_not_known_implies_only_itself() -> None:
    assert implies(LARGE, LARGE)
    for other in (text("ge", "4"), text("in", "7"), text("exists"), text("prefix", "7")):
        assert not implies(LARGE, other)
        assert not implies(other, LARGE)


def test_a_test_that_is_not_known_contradicts_only_its_own_negation() -> None:
    assert never(normal(AllOf((LARGE, Not(LARGE)))))
    for other in (text("lt", "4"), text("in", "2"), text("missing")):
        assert not never(normal(AllOf((LARGE, other))))


def test_the_empty_text_in_a_list_matches_nothing() -> None:
    assert normal(text("in", "")) == NEVER
    assert normal(text("in", "b", "", "a", "b")) == text("in", "a", "b")


def test_all_of_something_and_nothing_is_nothing() -> None:
    gone = text("missing", name="region_id")
    branches = tuple(AllOf((gone, text("prefix", name, name="region_id"))) for name in ("a", "b"))
    assert never(normal(AllOf((text("in", "x"), AnyOf(branches)))))
    assert not never(normal(AllOf((text("in", "x"), AnyOf((*branches, gone))))))


def test_never_implies_everything_and_everything_implies_always() -> None:
    assert implies(NEVER, text("in", "a"))
    assert implies(text("in", "a"), Always())
    assert not implies(Always(), text("in", "a"))
    assert not implies(Not(text("in", "a")), NEVER)
    assert normal(Not(NEVER)) == Always()
    assert normal(AllOf((Always(), Always()))) == Always()
    assert normal(AnyOf((NEVER, text("in", "a"), Always()))) == Always()


def test_very_large_predicates_are_compared_by_equality_only() -> None:
    def large(first: int) -> Predicate:
        return normal(AnyOf(tuple(text("prefix", f"x{n}") for n in range(first, first + 250))))

    assert implies(large(0), large(0))
    assert not implies(normal(AllOf((large(0), text("exists", name="region_id")))), large(0))


def test_deep_nesting_stays_quick() -> None:
    def nested(depth: int, name: str) -> Predicate:
        leaf: Predicate = text("prefix", "x", name=name)
        for level in range(depth):
            shape = AllOf if level % 2 else AnyOf
            leaf = shape((leaf, text("contains", f"y{level}", name=name)))
        return normal(leaf)

    assert not implies(nested(28, "sku_id"), nested(28, "region_id"))
    assert implies(nested(28, "sku_id"), nested(28, "sku_id"))
