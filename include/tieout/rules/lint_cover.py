"""Rules that can never decide because of what stands before them: found by logic, without charges.

Owns which pairs of rules are worth comparing and what an earlier rule takes away; the logic of two
predicates is `lint_logic`'s.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tieout.rules.lint_logic import NEVER, implies, never, normal
from tieout.rules.parse import Constant, DimensionRules, FromTag, Rule
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Predicate

_Trigger = tuple[str, ...]
_EVERYWHERE: _Trigger = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A rule with what logic says about it; predicates are normal.

    `when` is the rule's own question. `needs` holds wherever the rule decides, `takes` holds only
    where it certainly decides (NEVER: it may pass over any charge).
    """

    number: int
    rule: Rule
    when: Predicate
    needs: Predicate
    takes: Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """`rule` never decides because of `by`; `same` when both ask and give the same."""

    rule: Rule
    by: Rule
    same: bool


def known_rules(rules: Sequence[Rule], group: DimensionRules) -> tuple[Known, ...]:
    """Some rules of one dimension in their order, with their predicates in normal form."""
    return tuple(_known(number, rule, group) for number, rule in enumerate(rules))


def listed_values(group: DimensionRules) -> tuple[str, ...]:
    """The only classes that the rule file allows in a dimension; none when it lists none."""
    found: tuple[str, ...] = getattr(group, "values", ())
    return found


def impossible(rules: Sequence[Known]) -> tuple[Rule, ...]:
    """Rules that no charge can ever meet, or that give a tag they say is missing."""
    return tuple(one.rule for one in rules if never(one.needs))


def covered(rules: Sequence[Known]) -> tuple[Covered, ...]:
    """Rules that an earlier one of the same dimension always comes before, in rule order.

    An earlier rule that may pass over a charge (its outcome can be absent) only counts when the
    later one gives the same; one that holds for fewer days does not count. The first such rule is
    named, one that asks and gives the same before any other.
    """
    index = _Index.of(rules)
    found = []
    for later in rules:
        earlier = [one for one in index.candidates(later) if one.number < later.number]
        earlier = [one for one in earlier if _holds_as_long(one.rule, later.rule)]
        same = next((one for one in earlier if _same(one, later)), None)
        first = same or next((one for one in earlier if _takes_all(one, later)), None)
        if first is not None:
            found.append(Covered(rule=later.rule, by=first.rule, same=same is not None))
    return tuple(found)


def _known(number: int, rule: Rule, group: DimensionRules) -> Known:
    when = normal(rule.when)
    needs, takes = when, NEVER
    if isinstance(rule.then, Constant):
        takes = when
    elif isinstance(rule.then, FromTag):
        tagged = Condition(source="tag", name=rule.then.tag, operator="exists")
        needs = normal(AllOf((when, tagged)))
        # a tag names any class, but no initiative or value that is not in its list
        any_class = group.dimension != "initiative" and not listed_values(group)
        takes = needs if any_class else NEVER
    return Known(number=number, rule=rule, when=when, needs=needs, takes=takes)


def _same(earlier: Known, later: Known) -> bool:
    return earlier.rule.then == later.rule.then and earlier.when == later.when


def _takes_all(earlier: Known, later: Known) -> bool:
    if implies(later.needs, earlier.takes):
        return True
    return earlier.rule.then == later.rule.then and implies(later.when, earlier.when)


def _holds_as_long(earlier: Rule, later: Rule) -> bool:
    starts = (earlier.valid_from or date.min) <= (later.valid_from or date.min)
    return starts and (earlier.valid_to or date.max) >= (later.valid_to or date.max)


@dataclass(frozen=True, slots=True)
class _Index:
    """Rules by what a later rule must mention to be covered by them, so that few are compared."""

    by_trigger: dict[_Trigger, list[Known]]

    @classmethod
    def of(cls, rules: Sequence[Known]) -> "_Index":
        """File each rule under its rarest needed value, or under every place it looks at."""
        common = Counter(trigger for one in rules for trigger in _mentions(one.when))
        by_trigger: dict[_Trigger, list[Known]] = defaultdict(list)
        for one in rules:
            for trigger in _triggers(one.when, common):
                by_trigger[trigger].append(one)
        return cls(by_trigger)

    def candidates(self, later: Known) -> list[Known]:
        """Rules that can cover this one, in rule order."""
        mentioned = {_EVERYWHERE} | _mentions(later.needs)
        found = {one.number: one for at in mentioned for one in self.by_trigger.get(at, ())}
        return [found[number] for number in sorted(found)]


def _triggers(predicate: Predicate, common: Counter[_Trigger]) -> set[_Trigger]:
    parts = predicate.parts if isinstance(predicate, AllOf) else (predicate,)
    listed = [
        {(part.source, part.name, value) for value in part.values}
        for part in parts
        if isinstance(part, Condition) and part.operator == "in"
    ]
    if listed:
        return set(min(listed, key=lambda values: sum(common[value] for value in values)))
    places: set[_Trigger] = {(one.source, one.name) for one in conditions(predicate)}
    return places or {_EVERYWHERE}


def _mentions(predicate: Predicate) -> set[_Trigger]:
    found: set[_Trigger] = set()
    for one in conditions(predicate):
        found.add((one.source, one.name))
        if one.operator == "in":
            found |= {(one.source, one.name, value) for value in one.values}
    return found


def conditions(predicate: Predicate) -> Iterator[Condition]:
    """Every single test of a predicate, at all depths."""
    if isinstance(predicate, Condition):
        yield predicate
    elif isinstance(predicate, Not):
        yield from conditions(predicate.part)
    elif isinstance(predicate, AllOf | AnyOf):
        for part in predicate.parts:
            yield from conditions(part)


def is_catch_all(rule: Rule) -> bool:
    """Whether the rule asks nothing."""
    return normal(rule.when) == Always()
