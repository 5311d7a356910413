"""What follows from a predicate whatever the charges are: implication and contradiction.

Owns the logic only. Every yes is certain; a no can also mean "not known": a test that this module
has no knowledge of implies nothing but itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import pyarrow as pa
import pyarrow.compute as pc

from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Operator, Predicate

_TEXT_TESTS = ("in", "prefix", "suffix", "contains", "regex")  # an absent text answers no
_OPPOSITE: Mapping[Operator, Operator] = {"exists": "missing", "missing": "exists"}
_MOST_PAIRS = 40_000  # of parts compared; beyond, only equal predicates imply each other
_MOST_PARTS = 40  # of an `all` whose parts are compared with each other

NEVER: Predicate = Not(Always())


def normal(predicate: Predicate) -> Predicate:
    """The same question in one way of writing.

    Predicates that differ only in order, nesting, repetition or `not` of `not` become equal. `not`
    stands at single tests only; `in` lists of one column or tag are merged (`any`: joined, `all`:
    what they share) and sorted. A question that nothing can meet may become NEVER.
    """
    if isinstance(predicate, Not):
        return _negated(predicate.part)
    if isinstance(predicate, AllOf):
        return _all(normal(part) for part in predicate.parts)
    if isinstance(predicate, AnyOf):
        return _any(normal(part) for part in predicate.parts)
    if isinstance(predicate, Condition) and predicate.operator == "in":
        return _with_values(predicate, set(predicate.values))
    return predicate


def implies(narrow: Predicate, wide: Predicate) -> bool:
    """Whether every charge that meets `narrow` certainly meets `wide`; both are normal."""
    if narrow == wide:
        return True
    if size(narrow) * size(wide) > _MOST_PAIRS:
        return False
    return _Comparison().implies(narrow, wide)


def never(predicate: Predicate) -> bool:
    """Whether certainly no charge meets the predicate; it is normal."""
    if isinstance(predicate, AnyOf):
        return all(never(part) for part in predicate.parts)
    if not isinstance(predicate, AllOf):
        return predicate == NEVER
    if any(never(part) for part in predicate.parts):
        return True
    return len(predicate.parts) <= _MOST_PARTS and any(
        implies(one, normal(Not(other))) for one, other in combinations(predicate.parts, 2)
    )


def size(predicate: Predicate) -> int:
    """How many parts a predicate has, at all depths."""
    if isinstance(predicate, AllOf | AnyOf):
        return 1 + sum(size(part) for part in predicate.parts)
    return 1


def _negated(predicate: Predicate) -> Predicate:
    if isinstance(predicate, Not):
        return normal(predicate.part)
    if isinstance(predicate, AllOf):
        return _any(_negated(part) for part in predicate.parts)
    if isinstance(predicate, AnyOf):
        return _all(_negated(part) for part in predicate.parts)
    if isinstance(predicate, Condition) and predicate.operator in _OPPOSITE:
        return replace(predicate, operator=_OPPOSITE[predicate.operator])
    inner = normal(predicate)
    return Always() if inner == NEVER else Not(inner)


def _all(parts: Iterable[Predicate]) -> Predicate:
    found = _merged(_flat(AllOf, parts), joined=False)
    found.discard(Always())
    if NEVER in found:
        return NEVER
    return _joined(AllOf, found) if found else Always()


def _any(parts: Iterable[Predicate]) -> Predicate:
    found = _merged(_flat(AnyOf, parts), joined=True)
    found.discard(NEVER)
    if Always() in found:
        return Always()
    return _joined(AnyOf, found) if found else NEVER


def _flat(shape: type[AllOf] | type[AnyOf], parts: Iterable[Predicate]) -> set[Predicate]:
    found: set[Predicate] = set()
    for part in parts:
        found |= set(part.parts) if isinstance(part, shape) else {part}
    return found


def _joined(shape: type[AllOf] | type[AnyOf], parts: set[Predicate]) -> Predicate:
    ordered = sorted(parts, key=repr)
    return ordered[0] if len(ordered) == 1 else shape(tuple(ordered))


def _merged(parts: set[Predicate], *, joined: bool) -> set[Predicate]:
    """One `in` for each column or tag: the union of their values, or the intersection."""
    others: set[Predicate] = set()
    values: dict[tuple[str, str], tuple[Condition, set[str]]] = {}
    for part in parts:
        if not isinstance(part, Condition) or part.operator != "in":
            others.add(part)
            continue
        place = (part.source, part.name)
        _, known = values.get(place, (part, set(part.values)))
        own = set(part.values)
        values[place] = (part, known | own if joined else known & own)
    return others | {_with_values(part, known) for part, known in values.values()}


def _with_values(condition: Condition, values: set[str]) -> Predicate:
    """An `in` with sorted values; the empty text is absent and matches nothing."""
    kept = tuple(sorted(values - {""}))
    if not kept:
        return NEVER
    return replace(condition, values=kept)


@dataclass(slots=True)
class _Comparison:
    """One comparison of two predicates; remembers pairs, so that nesting cannot make it long."""

    known: dict[tuple[int, int], bool] = field(default_factory=dict)

    def implies(self, narrow: Predicate, wide: Predicate) -> bool:
        pair = (id(narrow), id(wide))
        if pair not in self.known:
            self.known[pair] = self._decide(narrow, wide)
        return self.known[pair]

    def _decide(self, narrow: Predicate, wide: Predicate) -> bool:
        if narrow in (wide, NEVER) or wide == Always():
            return True
        if isinstance(narrow, AnyOf):
            return all(self.implies(part, wide) for part in narrow.parts)
        if isinstance(wide, AllOf):
            return all(self.implies(narrow, part) for part in wide.parts)
        if isinstance(wide, AnyOf) and any(self.implies(narrow, part) for part in wide.parts):
            return True
        if isinstance(narrow, AllOf):
            return any(self.implies(part, wide) for part in narrow.parts)
        return _test_implies(narrow, wide)


def _test_implies(narrow: Predicate, wide: Predicate) -> bool:
    """The same for single tests and their negations."""
    if isinstance(narrow, Condition):
        if isinstance(wide, Condition):
            return _same_place(narrow, wide) and _condition_implies(narrow, wide)
        other = wide.part if isinstance(wide, Not) else None
        return isinstance(other, Condition) and _disjoint(narrow, other)
    if isinstance(narrow, Not) and isinstance(wide, Not):
        inner, outer = narrow.part, wide.part
        return isinstance(inner, Condition) and _test_implies(outer, inner)
    return False


def _same_place(one: Condition, other: Condition) -> bool:
    return (one.source, one.name) == (other.source, other.name)


def _condition_implies(narrow: Condition, wide: Condition) -> bool:
    if wide.operator == "exists":
        return narrow.operator in _TEXT_TESTS
    if wide.operator not in _TEXT_TESTS:
        return False
    if narrow.operator == "in":
        return all(_accepts(wide, narrow.values))
    text = narrow.values[0] if narrow.values else ""
    return _extends(narrow.operator, text, wide)


def _extends(operator: str, text: str, wide: Condition) -> bool:
    """Whether a text that starts with, ends with or has `text` inside always passes `wide`."""
    if wide.operator == "contains" and operator in ("prefix", "suffix", "contains"):
        return wide.values[0] in text
    if operator == wide.operator == "prefix":
        return text.startswith(wide.values[0])
    return operator == wide.operator == "suffix" and text.endswith(wide.values[0])


def _disjoint(one: Condition, other: Condition) -> bool:
    """Whether certainly no text passes both tests."""
    if not _same_place(one, other):
        return False
    if "missing" in (one.operator, other.operator):
        present = other if one.operator == "missing" else one
        return present.operator in _TEXT_TESTS
    for listed, test in ((one, other), (other, one)):
        if listed.operator == "in" and test.operator in _TEXT_TESTS:
            return not any(_accepts(test, listed.values))
    return _ends_apart(one, other)


def _ends_apart(one: Condition, other: Condition) -> bool:
    if one.operator != other.operator or one.operator not in ("prefix", "suffix"):
        return False
    first, second = one.values[0], other.values[0]
    if one.operator == "prefix":
        return not (first.startswith(second) or second.startswith(first))
    return not (first.endswith(second) or second.endswith(first))


def _accepts(condition: Condition, texts: tuple[str, ...]) -> list[bool]:
    """For each text, whether it passes the test (one of _TEXT_TESTS)."""
    if condition.operator == "in":
        known = set(condition.values)
        return [text in known for text in texts]
    wanted = condition.values[0]
    if condition.operator == "regex":
        found = pc.match_substring_regex(pa.array(texts, pa.string()), wanted)
        return [bool(answer) for answer in found.to_pylist()]
    tests = {"prefix": str.startswith, "suffix": str.endswith, "contains": str.__contains__}
    return [tests[condition.operator](text, wanted) for text in texts]
