"""A month's charges as given policies see them: classified, and summed to direct ledger lines.

Owns no storage and no choice of policies: the steps that classify, preview and reapply all
compute here, so that what was previewed is what is posted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import ConservationError
from tieout.core.money import format_units
from tieout.core.period import Period
from tieout.engine.base import STARTED
from tieout.engine.month_cube import (
    SEGMENT,
    class_sums,
    of_segment,
    places,
    segments_of,
    with_classes,
)
from tieout.focus.columns import ATTRIBUTES, with_current_attr_ids
from tieout.focus.ledger_columns import (
    CLASS_COLUMNS,
    LEDGER_SCHEMA,
    LINE_KEY,
    ledger_line_ids,
    total_units,
)
from tieout.rules.classify import classify
from tieout.rules.lookup import LookupTable, parse_lookup
from tieout.rules.own_dimensions import packed
from tieout.rules.parse import parse_rules
from tieout.rules.register import Initiative, parse_initiatives
from tieout.rules.rule_days import changes, rules_on, tables_of
from tieout.rules.rule_set import RuleSet
from tieout.rules.tag_map import (
    Owner,
    TagMapping,
    mapped,
    parse_owners,
    parse_tag_map,
    table_changes,
)
from tieout.store.policies import LOOKUP_PREFIX, Policy, PolicyKind

Used = Mapping[PolicyKind, Policy]
_KEYS = tuple(name for name in LINE_KEY if name != "period")  # one month at a time
_BOTH = tuple(
    f"{prefix}_{name}" for pair in CLASS_COLUMNS for prefix in ("old", "new") for name in pair
)

CLASSIFYING: tuple[PolicyKind, ...] = ("classification", "initiatives")
OPTIONAL: tuple[PolicyKind, ...] = ("tag_map", "owners")


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """`assignment` has class and rule of each attr_id; `lines` are LEDGER_SCHEMA without shares."""

    assignment: pa.Table
    lines: pa.Table


def classified(cube: pa.Table, month: Period, used: Used) -> Classified:
    """Classify a cube (`engine.month_cube`) of a month and sum it to direct ledger lines.

    Raises:
        ConservationError: the lines come to another total than the charges.
    """
    assignment = assign(cube, used)
    lines = _lines(class_sums(with_classes(cube, assignment), _KEYS), month)
    if total_units(lines) != total_units(cube):
        raise ConservationError(
            f"The lines of {month} come to {format_units(total_units(lines))}: expected the "
            f"charges' {format_units(total_units(cube))}; nothing was kept, classify again."
        )
    return Classified(assignment=assignment, lines=lines)


def _lines(sums: pa.Table, month: Period) -> pa.Table:
    """Sums by class as LEDGER_SCHEMA, with their ids."""
    empty = pa.nulls(sums.num_rows, pa.string())
    sums = sums.append_column("period", pa.repeat(pa.scalar(str(month)), sums.num_rows))
    sums = sums.append_column("pool_id", empty).append_column("pool_line_id", empty)
    sums = sums.append_column("ledger_line_id", pa.array(ledger_line_ids(sums), pa.string()))
    return sums.select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)


def assign(cube: pa.Table, used: Used) -> pa.Table:
    """Class and rule of each attribute tuple, by the rules and tables of its charges' days.

    With `segment_on` where the cube has several stretches of days, else without.
    """
    starts = segments_of(cube)
    if len(starts) <= 1:
        return _assigned(cube, starts[0] if starts else date.min, used)
    parts = []
    for start in starts:
        part = _assigned(of_segment(cube, start), start, used)
        parts.append(part.append_column(SEGMENT, pa.array([start] * part.num_rows, pa.date32())))
    return pa.concat_tables(parts)


def _assigned(cube: pa.Table, day: date, used: Used) -> pa.Table:
    tags, owners = _tables(used)
    attributes = cube.select(["attr_id", *ATTRIBUTES])
    known = mapped(attributes, tags=tags, owners=owners, on=day)
    return packed(
        classify(
            known,
            rules_on(rule_set(used), day),
            initiatives=register(used),
            lookups={name: table.as_of(day) for name, table in lookups(used).items()},
        )
    )


def cuts(used: Used) -> set[date]:
    """The days from which rules, or tables that they draw on, differ from the day before."""
    tags, owners = _tables(used)
    return changes(rule_set(used), lookups(used)) | table_changes((*tags, *owners))


def _tables(used: Used) -> tuple[tuple[TagMapping, ...], tuple[Owner, ...]]:
    tags, owners = used.get("tag_map"), used.get("owners")
    return (
        parse_tag_map(tags.body, name=tags.label) if tags else (),
        parse_owners(owners.body, name=owners.label) if owners else (),
    )


def moved(cube: pa.Table, before: pa.Table, after: pa.Table) -> pa.Table:
    """The charges whose class differs between two assignments of a cube, summed by both classes.

    Columns: `old_` and `new_` of each dimension and its rule, `billed_cost`, `charge_count`.
    """
    rows = with_classes(with_classes(cube, before, prefix="old_"), after, prefix="new_")
    return class_sums(rows.filter(_differs(rows)), _BOTH)


def moved_charges(charges: pa.Table, before: pa.Table, after: pa.Table) -> pa.Table:
    """The same charges one by one, with both classes beside them, in the order of `charges`."""
    dated = charges.append_column(SEGMENT, charges[STARTED].cast(pa.date32()))
    rows = with_classes(with_classes(dated, before, prefix="old_"), after, prefix="new_")
    return rows.filter(_differs(rows))


def _differs(rows: pa.Table) -> pa.ChunkedArray:
    found = pa.chunked_array([pa.array(np.zeros(rows.num_rows, np.bool_))])
    for name, _ in CLASS_COLUMNS:
        old, new = rows[f"old_{name}"], rows[f"new_{name}"]
        same = pc.fill_null(pc.equal(old, new), False)
        both_null = pc.and_(old.is_null(), new.is_null())
        found = pc.or_(found, pc.invert(pc.or_(same, both_null)))
    return found


def rows_of(charges: pa.Table, assignment: pa.Table) -> pa.Array:
    """For each charge of a stored file its row of the assignment; null where it has none.

    Found by the ids of the file, else by today's: an assignment may be newer than its charges.
    """
    days = charges[STARTED].cast(pa.date32())
    found = places(charges["attr_id"], days, assignment)
    if not found.null_count:
        return found
    return pc.coalesce(found, places(with_current_attr_ids(charges)["attr_id"], days, assignment))


def numbered(assignment: pa.Table) -> pa.Table:
    """The assignment with the number of its row as `attr_id`: one row for each; see `by_row`."""
    return assignment.set_column(0, "attr_id", pa.array(np.arange(assignment.num_rows)))


def by_row(charges: pa.Table, assignment: pa.Table) -> pa.Table:
    """Charges of a stored file with the number of their assignment's row as `attr_id`, else -1."""
    rows = rows_of(charges, assignment).cast(pa.int64()).fill_null(-1)
    return charges.set_column(charges.column_names.index("attr_id"), "attr_id", rows)


def rekeyed(assignment: pa.Table, kept: pa.Table, current: pa.Table) -> pa.Table:
    """An assignment by the ids of the files as kept, by today's ids of the same charges.

    A file written before a column became an attribute has coarser ids, so each of today's has
    exactly one of the old; rows are those of `current`'s distinct ids that the assignment knows.
    """
    old, new = kept["attr_id"].combine_chunks(), current["attr_id"].combine_chunks()
    if old.equals(new):
        return assignment
    pairs = pa.table({"attr_id": old, "new": new}).group_by(["attr_id", "new"]).aggregate([])
    found = assignment.join(pairs, "attr_id", join_type="inner")
    place = found.column_names.index("attr_id")
    return found.set_column(place, "attr_id", found["new"]).select(assignment.column_names)


def lookup_kinds(rules: Policy) -> list[PolicyKind]:
    """The kinds of the look-up tables that rules take from."""
    named = tables_of(_parsed_rules(rules))
    return sorted(LOOKUP_PREFIX + name for name in named)


def rule_set(used: Used) -> RuleSet:
    """The rules, with their days."""
    return _parsed_rules(used["classification"])


@lru_cache(maxsize=16)
def _parsed_rules(rules: Policy) -> RuleSet:
    return parse_rules(rules.body, name=rules.label)


def lookups(used: Used) -> dict[str, LookupTable]:
    """The look-up tables by the name that rules use."""
    return {
        kind.removeprefix(LOOKUP_PREFIX): parse_lookup(one.body, name=one.label)
        for kind, one in used.items()
        if kind.startswith(LOOKUP_PREFIX)
    }


def register(used: Used) -> dict[str, Initiative]:
    """The initiatives by id."""
    return {one.initiative_id: one for one in _parsed_register(used["initiatives"])}


@lru_cache(maxsize=16)
def _parsed_register(register: Policy) -> tuple[Initiative, ...]:
    return parse_initiatives(register.body, name=register.label)
