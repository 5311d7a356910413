"""A month's charges as given policies see them: classified, and summed to direct ledger lines.

Owns no storage and no choice of policies: the steps that classify, preview and reapply all
compute here, so that what was previewed is what is posted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import from_decimal
from tieout.core.period import Period
from tieout.engine.base import Engine
from tieout.engine.duckdb import join_and_sum
from tieout.focus.columns import (
    ATTRIBUTES,
    attributes_of,
    with_current_attr_ids,
)
from tieout.focus.ledger_columns import DIMENSIONS, LEDGER_SCHEMA, LINE_KEY, ledger_line_ids
from tieout.rules.classify import classify
from tieout.rules.lookup import LookupTable, parse_lookup
from tieout.rules.parse import in_force, parse_rules
from tieout.rules.register import Initiative, parse_initiatives
from tieout.rules.segments import tables_of
from tieout.rules.tag_map import mapped, parse_owners, parse_tag_map
from tieout.store.policies import LOOKUP_PREFIX, Policy, PolicyKind

Used = Mapping[PolicyKind, Policy]
_KEYS = tuple(name for name in LINE_KEY if name != "period")  # one month at a time

CLASSIFYING: tuple[PolicyKind, ...] = ("classification", "initiatives")
OPTIONAL: tuple[PolicyKind, ...] = ("tag_map", "owners")


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """`assignment` has class and rule of each attr_id; `lines` are LEDGER_SCHEMA without shares."""

    assignment: pa.Table
    lines: pa.Table

    @property
    def total_units(self) -> int:
        """Cost of all lines, in units."""
        return sum(_units(self.lines))

    @property
    def unallocated_units(self) -> int:
        """Sum of absolute amounts of lines that no rule gave an initiative, in units."""
        decided = self.lines.column("initiative").to_pylist()
        return sum(
            abs(amount)
            for amount, initiative in zip(_units(self.lines), decided, strict=True)
            if initiative is None
        )


def classified(charges: pa.Table, month: Period, used: Used) -> Classified:
    """Classify charges (CHARGE_SCHEMA) of a month and sum them to direct ledger lines."""
    assignment = assign(attributes_of(charges), month, used)
    sums = join_and_sum(charges, assignment, keys=_KEYS, amount="billed_cost")
    return Classified(assignment=assignment, lines=_lines(sums, month))


def classified_files(engine: Engine, paths: Sequence[str], month: Period, used: Used) -> Classified:
    """The same of charges in files that a chosen engine reads; equal to the bit."""
    assignment = assign(engine.distinct_attributes(paths, ATTRIBUTES), month, used)
    sums = engine.join_and_sum(paths, assignment, keys=_KEYS, amount="billed_cost")
    return Classified(assignment=assignment, lines=_lines(sums, month))


def _lines(sums: pa.Table, month: Period) -> pa.Table:
    """Sums by class as LEDGER_SCHEMA, with their ids."""
    empty = pa.nulls(sums.num_rows, pa.string())
    sums = sums.append_column("period", pa.repeat(pa.scalar(str(month)), sums.num_rows))
    sums = sums.append_column("pool_id", empty).append_column("pool_line_id", empty)
    sums = sums.append_column("ledger_line_id", pa.array(ledger_line_ids(sums), pa.string()))
    return sums.select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)


def assign(attributes: pa.Table, month: Period, used: Used) -> pa.Table:
    """Class and rule of each attribute tuple of the dictionary."""
    rules, tags, owners = used["classification"], used.get("tag_map"), used.get("owners")
    known = mapped(
        attributes,
        tags=parse_tag_map(tags.body, name=tags.label) if tags else (),
        owners=parse_owners(owners.body, name=owners.label) if owners else (),
        on=month.last_on,
    )
    rule_set = in_force(parse_rules(rules.body, name=rules.label), month)
    return classify(known, rule_set, initiatives=register(used))


def moved(charges: pa.Table, before: pa.Table, after: pa.Table) -> pa.Table:
    """The charges whose class differs between two assignments, summed by both classes.

    Columns: `old_` and `new_` of each dimension and its rule, `billed_cost`, `charge_count`. Both
    assignments are of these charges.
    """
    pair = _pair(before, after)
    own = charges.filter(pc.is_in(charges["attr_id"], pair["attr_id"].combine_chunks()))
    keys = [name for name in pair.column_names if name != "attr_id"]
    return join_and_sum(own, pair, keys=keys, amount="billed_cost")


def moved_charges(charges: pa.Table, before: pa.Table, after: pa.Table) -> pa.Table:
    """The same charges one by one, with both classes beside them, in the order of `charges`."""
    pair = _pair(before, after)
    at = pc.index_in(charges["attr_id"], pair["attr_id"].combine_chunks())
    own = charges.filter(at.is_valid())
    found = pair.take(at.drop_null())
    for name in found.column_names:
        if name != "attr_id":
            own = own.append_column(name, found[name])
    return own


def keyed_as(charges: pa.Table, assignment: pa.Table) -> pa.Table:
    """Charges of a stored file by the ids that an assignment of them uses: its own, or today's."""
    ids = assignment["attr_id"].combine_chunks()
    if pc.all(pc.is_in(charges["attr_id"], ids)).as_py():
        return charges
    return with_current_attr_ids(charges)


def rekeyed(assignment: pa.Table, kept: pa.Table, current: pa.Table) -> pa.Table:
    """An assignment by the ids of the files as kept, by today's ids of the same charges.

    A file written before a column became an attribute has coarser ids, so each of today's has
    exactly one of the old; rows are those of `current`'s distinct ids that the assignment knows.
    """
    old, new = kept["attr_id"].combine_chunks(), current["attr_id"].combine_chunks()
    if old.equals(new):
        return assignment
    pairs = pa.table({"new": new, "old": old}).group_by(["new", "old"]).aggregate([])
    at = pc.index_in(pairs["old"].combine_chunks(), assignment["attr_id"].combine_chunks())
    known = pairs.filter(at.is_valid())
    found = assignment.take(at.drop_null())
    return found.set_column(0, "attr_id", known["new"])


def _pair(before: pa.Table, after: pa.Table) -> pa.Table:
    """Both classes of the attribute tuples whose class changes."""
    before, after = before.sort_by("attr_id"), after.sort_by("attr_id")
    columns = {"attr_id": after["attr_id"]}
    differs = pa.array([False] * after.num_rows)
    for name in DIMENSIONS:
        old, new = before[name], after[name]
        same = pc.fill_null(pc.equal(old, new), False)
        both_null = pc.and_(old.is_null(), new.is_null())
        differs = pc.or_(differs, pc.invert(pc.or_(same, both_null)))
        for prefix, source in (("old", before), ("new", after)):
            columns[f"{prefix}_{name}"] = source[name]
            columns[f"{prefix}_{name}_rule"] = source[f"{name}_rule"]
    return pa.table(columns).filter(differs)


def lookup_kinds(rules: Policy) -> list[PolicyKind]:
    """The kinds of the look-up tables that rules take from."""
    named = tables_of(parse_rules(rules.body, name=rules.label))
    return sorted(LOOKUP_PREFIX + name for name in named)


def lookups(used: Used) -> dict[str, LookupTable]:
    """The look-up tables by the name that rules use."""
    return {
        kind.removeprefix(LOOKUP_PREFIX): parse_lookup(one.body, name=one.label)
        for kind, one in used.items()
        if kind.startswith(LOOKUP_PREFIX)
    }


def register(used: Used) -> dict[str, Initiative]:
    """The initiatives by id."""
    found = used["initiatives"]
    known = parse_initiatives(found.body, name=found.label)
    return {one.initiative_id: one for one in known}


def _units(lines: pa.Table) -> list[int]:
    return [from_decimal(value) for value in lines.column("billed_cost").to_pylist()]
