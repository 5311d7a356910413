"""The rules read plainly, charge by charge, as their reference says; and random rules to read."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from hypothesis import strategies as st

from tieout.focus.columns import tags_json
from tieout.rules.lookup import LookupRow, LookupTable
from tieout.rules.predicate import (
    AllOf,
    Always,
    AnyOf,
    Condition,
    Not,
    Operator,
    Predicate,
    Source,
)
from tieout.rules.register import REGISTER_COLUMNS, Initiative
from tieout.rules.rule_set import (
    BySource,
    Constant,
    DimensionRules,
    FromDimension,
    FromInitiative,
    FromLookup,
    FromTag,
    Missing,
    Outcome,
    Rule,
    RuleSet,
)

Row = dict[str, str | None]

START, END = date(2026, 10, 1), date(2026, 11, 1)
OWN = ("zone", "area")
RULED = ("initiative", "cost_center", "project", *OWN)
REGISTER = {
    name: Initiative(
        initiative_id=name,
        name=name,
        owner="o",
        cost_center=f"cc-{name}",
        pl_category="p",
        product_line=line,
    )
    for name, line in [("a", "line"), ("ab", None), ("Größe", "x")]
}


@dataclass(slots=True)
class Reader:
    """Reads one charge of one day; remembers what it decided and which rules lacked a value."""

    rules: RuleSet
    lookups: Mapping[str, LookupTable]
    row: Row
    on: date
    decided: Row = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)

    def dimension(self, dimension: str) -> str | None:
        if dimension not in self.decided:
            groups = {group.dimension: group for group in self.rules.dimensions}
            self.decided |= {dimension: None, f"{dimension}_rule": None}
            if dimension in groups:
                self._decide(groups[dimension])
        return self.decided[dimension]

    def _decide(self, group: DimensionRules) -> None:
        for rule in group.rules:
            if not (rule.valid_from or date.min) <= self.on < (rule.valid_to or date.max):
                continue
            if not holds(rule.when, self.row):
                continue
            given = self._given(rule, group)
            if given is not None:
                self.decided[group.dimension] = given
                self.decided[f"{group.dimension}_rule"] = rule.rule_id
                return

    def _given(self, rule: Rule, group: DimensionRules) -> str | None:
        if isinstance(rule.then, Constant):
            return rule.then.value
        found = self._drawn(rule)
        if group.dimension == "initiative" and found not in REGISTER:
            return None
        return None if group.values and found not in group.values else found

    def _drawn(self, rule: Rule) -> str | None:
        match rule.then:
            case FromTag(tag):
                return text(self.row, "tag", tag)
            case FromInitiative(column):
                entry = REGISTER.get(self.dimension("initiative") or "")
                return entry.column(column) if entry else None
            case FromDimension(dimension):
                given = self.dimension(dimension)
                return None if given and given.startswith("pool:") else given
            case FromLookup(by=by, name=name):
                key = self.dimension(name) if by == "dimension" else text(self.row, by, name)
                return self._cell(rule, rule.then, key)
            case _:
                raise AssertionError(rule.then)

    def _cell(self, rule: Rule, outcome: FromLookup, key: str | None) -> str | None:
        table = self.lookups[outcome.table]
        cells = [
            row.values[table.columns.index(outcome.give)]
            for row in table.rows
            if row.key == key
            and (row.valid_from is None or row.valid_from <= self.on)
            and (row.valid_to is None or self.on <= row.valid_to)
        ]
        found = cells[0] if cells else None
        if key is not None and found is None and outcome.missing == "fail":
            self.lacking.add(rule.rule_id)
        return found


def text(row: Row, source: str, name: str) -> str | None:
    found = row[name] if source == "column" else json.loads(row["tags"] or "{}").get(name)
    return found or None


def holds(predicate: Predicate, row: Row) -> bool:
    match predicate:
        case Not(part):
            return not holds(part, row)
        case AllOf(parts):
            return all(holds(part, row) for part in parts)
        case AnyOf(parts):
            return any(holds(part, row) for part in parts)
        case Condition() as condition:
            return answers(condition, text(row, condition.source, condition.name))
        case Always():
            return True


def answers(condition: Condition, found: str | None) -> bool:
    if found is None or condition.operator in ("exists", "missing"):
        return (found is None) == (condition.operator == "missing")
    first = condition.values[0]
    operations: dict[str, Any] = {
        "in": lambda: found in condition.values,
        "prefix": lambda: found.startswith(first),
        "suffix": lambda: found.endswith(first),
        "contains": lambda: first in found,
        "regex": lambda: re.search(first, found) is not None,
        "gt": lambda: any(left > right for left, right in comparable(found, first)),
        "ge": lambda: any(left >= right for left, right in comparable(found, first)),
        "lt": lambda: any(left < right for left, right in comparable(found, first)),
        "le": lambda: any(left <= right for left, right in comparable(found, first)),
    }
    return bool(operations[condition.operator]())


def comparable(found: str, bound: str) -> list[tuple[Any, Any]]:
    """Both as numbers or both as days; none when they are not of one kind."""
    for kind in (Decimal, date.fromisoformat):
        try:
            return [(kind(found), kind(bound))]
        except (InvalidOperation, ValueError):
            continue
    return []


def _joined(inner: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    """Each shape as often as the others: one_of would count every branch of `inner` for Not."""
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    shapes: dict[str, st.SearchStrategy[Predicate]] = {
        "all": some.map(AllOf),
        "any": some.map(AnyOf),
        "not": inner.map(Not),
    }
    return st.sampled_from(("all", "all", "any", "any", "not")).flatmap(shapes.__getitem__)


def _condition(operator: Operator, place: tuple[Source, str], values: tuple[str, ...]) -> Condition:
    return Condition(source=place[0], name=place[1], operator=operator, values=values)


# Hypothesis draws from lists made beforehand: ten times as many cases in the same time.
_WORDS = ("a", "ab", "b", "Größe", "größe", "日本", " a", "a\nb", "pool:x", "😀", "high")
TEXTS = (*_WORDS, "3", "-1.5", "3.0", "2026-10-05", "2026-12-31")
TAGS = ("a", "user:app", "ö")
COLUMNS = ("provider", "region_id", "sku_id")
OPERANDS: Mapping[Operator, Sequence[tuple[str, ...]]] = {
    "in": [("a",), ("Größe", "pool:x"), ("3", "b", "nowhere"), ("日本", " a", "high")],
    **dict.fromkeys(("prefix", "suffix", "contains"), tuple((text,) for text in TEXTS)),
    "regex": [(text,) for text in ("^a", "b$", "a|ß", "[^a]", "^$", "(?i)GRÖSSE|A", "日.", "x*")],
    **dict.fromkeys(("exists", "missing"), ((),)),
    **dict.fromkeys(
        ("gt", "ge", "lt", "le"),
        (("3",), ("-1.50",), ("0",), ("2026-10-05",), ("2027-01-01",)),
    ),
}
CONDITIONS = st.sampled_from(list(OPERANDS)).flatmap(
    lambda operator: st.builds(
        _condition,
        st.just(operator),
        st.sampled_from([*(("column", one) for one in COLUMNS), *(("tag", one) for one in TAGS)]),
        st.sampled_from(OPERANDS[operator]),
    )
)
_LEAVES: st.SearchStrategy[Predicate] = st.one_of(*[CONDITIONS] * 6, st.just(Always()))
PREDICATES: st.SearchStrategy[Predicate] = st.one_of(
    CONDITIONS, _joined(_LEAVES), _joined(st.one_of(_LEAVES, _joined(_LEAVES)))
)
_DATES = (date(2026, 9, 30), START, date(2026, 10, 5), date(2026, 10, 20), END)
DAYS = st.sampled_from((None, None, *_DATES))
_CELL = st.sampled_from((None, "", *("a", "Größe", "pool:x", "3", "2026-10-05") * 2, *TEXTS))
ROWS = st.lists(
    st.tuples(*[_CELL] * (len(COLUMNS) + len(TAGS))).map(
        lambda cells: {
            **dict(zip(COLUMNS, cells, strict=False)),
            "tags": tags_json(
                {name: cell for name, cell in zip(TAGS, cells[len(COLUMNS) :], strict=True) if cell}
            ),
        }
    ),
    min_size=1,
    max_size=6,
)
# stretches in which a key has a row: adjoining, with a gap, open to one side
_STRETCHES = (
    ((None, None),),
    ((None, date(2026, 10, 4)), (date(2026, 10, 5), None)),
    ((date(2026, 9, 30), date(2026, 10, 4)), (date(2026, 10, 20), date(2026, 10, 31))),
    ((date(2026, 11, 1), None),),
)


@st.composite
def lookup_tables(draw: st.DrawFn) -> LookupTable:
    """A table `give` whose keys change on some days, with gaps and empty cells."""
    rows = [
        LookupRow(
            key=key, valid_from=start, valid_to=end, values=(draw(st.sampled_from((None, *TEXTS))),)
        )
        for key in draw(st.lists(st.sampled_from(TEXTS), unique=True, max_size=5))
        for start, end in draw(st.sampled_from(_STRETCHES))
    ]
    return LookupTable(name="t", columns=("give",), rows=tuple(rows))


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Rules of five dimensions that take from each other without a circle; some have days."""
    order = draw(st.permutations(RULED))
    groups = {}
    for place, dimension in enumerate(order):
        outcomes = st.one_of(*map(st.sampled_from, _outcomes(order[:place])))
        groups[dimension] = DimensionRules(
            dimension=dimension,
            rules=tuple(
                draw(_rules(f"{dimension}-{number}", outcomes))
                for number in range(draw(st.sampled_from((0, 1, 2, 2, 3, 3))))
            ),
            values=draw(st.sampled_from(((), (), TEXTS[:8], TEXTS[4:]))),
        )
    return RuleSet(name="s", dimensions=tuple(groups[dimension] for dimension in RULED), file="f")


def _outcomes(before: Sequence[str]) -> list[Sequence[Outcome]]:
    """Outcomes by kind, so that no kind is rare."""
    keys: list[tuple[BySource, str]] = [
        *(("tag", name) for name in TAGS),
        *(("column", name) for name in COLUMNS),
        *(("dimension", name) for name in before),
    ]
    missing: tuple[Missing, ...] = ("pass", "fail")
    kinds: list[Sequence[Outcome]] = [
        [Constant(text) for text in TEXTS[::4]],
        [FromTag(name) for name in TAGS],
        [FromDimension(name) for name in before],
        [FromInitiative(name) for name in REGISTER_COLUMNS if "initiative" in before],
        [
            FromLookup(table="t", by=by, name=name, give="give", missing=one)
            for by, name in keys
            for one in missing
        ],
    ]
    return [kind for kind in kinds if kind]


def _rules(rule_id: str, outcomes: st.SearchStrategy[Outcome]) -> st.SearchStrategy[Rule]:
    return st.builds(
        Rule,
        rule_id=st.just(rule_id),
        description=st.just(""),
        owner=st.none(),
        valid_from=DAYS,
        valid_to=DAYS,
        when=PREDICATES,
        then=outcomes,
    )
