"""What changed between two versions of a rule set, in words an approver can judge.

Owns the comparison and which rules can decide differently because of it; what would move, and how
much, is the preview's. Rules are matched by dimension and id; an id that
stands for different rules on different days, by the order of these days as well.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Literal, TypeAlias

from tieout.rules.lint_cover import conditions, listed_values
from tieout.rules.lint_logic import normal
from tieout.rules.parse import Constant, DimensionRules, FromTag, Rule, RuleSet
from tieout.rules.predicate import Condition, Predicate
from tieout.rules.rule_words import (
    days_words,
    outcome_words,
    place_words,
    predicate_words,
    quoted,
)

ChangeKind = Literal["added", "removed", "moved", "changed"]
RuleKey: TypeAlias = tuple[str, str]
_Key: TypeAlias = tuple[str, int]  # an id, and which of its rules

_FOR_PEOPLE = frozenset({"rule_id", "description", "owner"})  # decide nothing
_KNOWN_SOURCES = frozenset({"column", "tag"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """One change of one rule; `message` is one sentence.

    `what` names the parts that changed (`when`, `then`, `valid_from`, `valid_to`, `description`,
    `owner`), empty unless `kind` is `changed`. Places count from 1 inside the dimension, None
    where the rule is not there. A change of the dimension's valid values has no `rule_id` and
    `what` is `values`.
    """

    kind: ChangeKind
    dimension: str
    rule_id: str
    message: str
    what: tuple[str, ...] = ()
    old_place: int | None = None
    new_place: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """What can decide differently: dimensions, and rules as (dimension, rule id).

    A charge whose class or rule differs in a dimension between the two versions meets the
    condition of at least one of that dimension's `rules`, as it was or as it is. What meets none
    of them need not be classified again.
    """

    dimensions: frozenset[str]
    rules: frozenset[RuleKey]


def rule_diff(old: RuleSet, new: RuleSet) -> tuple[RuleChange, ...]:
    """The changes by dimension: rules of the new version in their order, then those that are gone.

    A rule that moved and changed gives two entries. As few rules as possible are called moved:
    inserting a rule moves nothing. A rule under another dimension is gone here and new there.
    """
    return tuple(change for one, other in _pairs(old, new) for change in _changes(one, other))


def affected(old: RuleSet, new: RuleSet) -> Affected:
    """Which rules can decide differently: a little too many, never too few.

    New, gone and moved rules, and those of which something else than texts for people changed; a
    condition that is only written differently asks the same. If any dimension is affected, so is
    every rule that can depend on another dimension. The register and other tables that rules read
    are not compared: whoever changes them classifies everything again.
    """
    if _differ(old, new, known={"name", "dimensions", "tests"}):
        return _everything(old, new)
    found: set[RuleKey] = set()
    for one, other in _pairs(old, new):
        found |= {(one.dimension, rule_id) for rule_id, _ in _touched(one, other)}
    if found:
        every = [*old.rules(), *new.rules()]
        found |= {(dimension, rule.rule_id) for dimension, rule in every if _follows(rule)}
    return Affected(
        dimensions=frozenset(dimension for dimension, _ in found), rules=frozenset(found)
    )


def _pairs(old: RuleSet, new: RuleSet) -> Iterator[tuple[DimensionRules, DimensionRules]]:
    """Each dimension as it was and as it is; one that is not there has no rules."""
    before = {group.dimension: group for group in old.dimensions}
    after = {group.dimension: group for group in new.dimensions}
    for dimension in dict.fromkeys([*after, *before]):
        empty = DimensionRules(dimension=dimension, rules=())
        yield before.get(dimension, empty), after.get(dimension, empty)


def _keyed(rules: Sequence[Rule]) -> dict[_Key, Rule]:
    """Rules in their order, by id and number among those of that id, the earliest days first."""
    days: dict[str, list[date]] = {}
    for rule in rules:
        days.setdefault(rule.rule_id, []).append(rule.valid_from or date.min)
    return {
        (rule.rule_id, sorted(days[rule.rule_id]).index(rule.valid_from or date.min)): rule
        for rule in rules
    }


def _changes(old: DimensionRules, new: DimensionRules) -> Iterator[RuleChange]:
    before, after = _keyed(old.rules), _keyed(new.rules)
    places = {key: place for place, key in enumerate(before, start=1)}
    moved = _moved([*before], [*after])
    yield from _values(old, new)
    for place, (key, rule) in enumerate(after.items(), start=1):
        own = RuleChange(
            kind="added",
            dimension=new.dimension,
            rule_id=rule.rule_id,
            message="",
            old_place=places.get(key),
            new_place=place,
        )
        if key not in before:
            yield replace(own, message=_sentence(own, f"is new in place {place}: {_reads(rule)}."))
            continue
        if key in moved:
            words = f"moved from place {own.old_place} to {place}, {_neighbour(new.rules, place)}."
            yield replace(own, kind="moved", message=_sentence(own, words))
        if what := _parts(before[key], rule):
            words = "; ".join(_difference(part, before[key], rule) for part in what)
            yield replace(own, kind="changed", what=what, message=_sentence(own, f"{words}."))
    for key, rule in before.items():
        if key not in after:
            yield _gone(old.dimension, rule, places[key])


def _values(old: DimensionRules, new: DimensionRules) -> Iterator[RuleChange]:
    before, after = listed_values(old), listed_values(new)
    if before == after:
        return
    if not before:
        words = f"are {quoted(after)} from now on; before, any was"
    elif not after:
        words = f"are no longer listed: any is; before, they were {quoted(before)}"
    else:
        words = f"change: the list {_came_and_went(before, after)}"
    yield RuleChange(
        kind="changed",
        dimension=new.dimension,
        rule_id="",
        message=f"The valid values of {new.dimension} {words}.",
        what=("values",),
    )


def _gone(dimension: str, rule: Rule, place: int) -> RuleChange:
    own = RuleChange(
        kind="removed", dimension=dimension, rule_id=rule.rule_id, message="", old_place=place
    )
    return replace(own, message=_sentence(own, f"is gone; it said: {_reads(rule)}."))


def _sentence(change: RuleChange, words: str) -> str:
    return f"Rule {change.rule_id} ({change.dimension}) {words}"


def _reads(rule: Rule) -> str:
    days = days_words(rule)
    when = "" if days == "always" else f" {days}"
    asked = predicate_words(rule.when)
    return f"a charge where {asked} gets {outcome_words(rule.then)}{when}"


def _neighbour(rules: Sequence[Rule], place: int) -> str:
    if place == len(rules):
        return "after all others"
    return f"before {rules[place].rule_id}"


def _parts(old: Rule, new: Rule) -> tuple[str, ...]:
    order = ("when", "then", "valid_from", "valid_to", "description", "owner")
    names = [*order, *(one.name for one in fields(new) if one.compare and one.name not in order)]
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))


def _difference(part: str, old: Rule, new: Rule) -> str:
    if part == "when":
        return _question(old.when, new.when)
    if part == "then":
        return f"gives {outcome_words(new.then)} instead of {outcome_words(old.then)}"
    before, after = getattr(old, part), getattr(new, part)
    if part in ("valid_from", "valid_to"):
        start = "holds from" if part == "valid_from" else "holds until before"
        return f"{start} {after or 'no set day'} instead of {before or 'no set day'}"
    return f"has {part} '{after or ''}' instead of '{before or ''}'"


def _question(old: Predicate, new: Predicate) -> str:
    if normal(old) == normal(new):
        return "writes its condition differently but asks the same"
    if _same_list(old, new):
        return _list_difference(old, new)
    return f"asks whether {predicate_words(new)} instead of whether {predicate_words(old)}"


def _same_list(old: Predicate, new: Predicate) -> bool:
    if not isinstance(old, Condition) or not isinstance(new, Condition):
        return False
    return old.operator == "in" and replace(old, values=()) == replace(new, values=())


def _list_difference(old: Predicate, new: Predicate) -> str:
    """For two lists of one column or tag: only what came and what went."""
    (before,), (after,) = conditions(old), conditions(new)
    return f"{_came_and_went(before.values, after.values)} in the list of {place_words(after)}"


def _came_and_went(before: Sequence[str], after: Sequence[str]) -> str:
    """What a list has now and had not, and the other way round."""
    came = [text for text in after if text not in before]
    went = [text for text in before if text not in after]
    parts = [f"adds {quoted(came)}"] if came else []
    parts += [f"drops {quoted(went)}"] if went else []
    return " and ".join(parts) or "changes its order"


def _moved(old: Sequence[_Key], new: Sequence[_Key]) -> frozenset[_Key]:
    """The fewest rules whose removal leaves the rest in the same order (longest rising run)."""
    places = {key: place for place, key in enumerate(old)}
    kept = [key for key in new if key in places]
    tails: list[int] = []  # lowest last place of a rising run of each length
    lengths = []
    for key in kept:
        length = bisect_left(tails, places[key])
        tails[length : length + 1] = [places[key]]
        lengths.append(length)
    wanted = len(tails) - 1
    stayed = set()
    for key, length in zip(reversed(kept), reversed(lengths), strict=True):
        if length == wanted:
            stayed.add(key)
            wanted -= 1
    return frozenset(kept) - stayed


def _touched(old: DimensionRules, new: DimensionRules) -> set[_Key]:
    before, after = _keyed(old.rules), _keyed(new.rules)
    if _differ(old, new, known={"dimension", "rules"}):
        return {*before, *after}
    both = before.keys() & after.keys()
    changed = {key for key in both if _decisive(before[key], after[key])}
    return (before.keys() ^ after.keys()) | changed | _moved([*before], [*after])


def _decisive(old: Rule, new: Rule) -> bool:
    what = set(_parts(old, new)) - _FOR_PEOPLE
    if normal(old.when) == normal(new.when):
        what.discard("when")
    return bool(what)


def _follows(rule: Rule) -> bool:
    """Whether the rule can look at what another dimension decided; unknown shapes count as yes."""
    if not isinstance(rule.then, Constant | FromTag):
        return True
    return any(one.source not in _KNOWN_SOURCES for one in conditions(rule.when))


def _differ(
    old: RuleSet | DimensionRules, new: RuleSet | DimensionRules, *, known: set[str]
) -> bool:
    """Whether something beside the known parts changed, such as a part added to files later."""
    names = [one.name for one in fields(new) if one.compare and one.name not in known]
    return any(getattr(old, name) != getattr(new, name) for name in names)


def _everything(old: RuleSet, new: RuleSet) -> Affected:
    keys = [(dimension, rule.rule_id) for one in (old, new) for dimension, rule in one.rules()]
    return Affected(dimensions=frozenset(dimension for dimension, _ in keys), rules=frozenset(keys))
