"""Rules hold by charge date: the stretches of a period in which no rule and no table changes.

Owns days only. Each segment carries rules and tables without days, which is what `classify` takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import RuleFileError
from tieout.core.period import Period
from tieout.rules.lookup import LookupTable
from tieout.rules.rule_set import FromLookup, RuleSet

NO_LOOKUPS: Mapping[str, LookupTable] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Days `start_on` up to, not including, `end_on`, with the rules and tables that hold then.

    `rules` and `lookups` are without days; `lookups` has only tables that the rules take from.
    """

    start_on: date
    end_on: date
    rules: RuleSet
    lookups: Mapping[str, LookupTable]


def segments(
    rules: RuleSet, period: Period, *, lookups: Mapping[str, LookupTable] = NO_LOOKUPS
) -> tuple[Segment, ...]:
    """The segments of a period in order: adjoining, and together the whole period.

    There is one when no rule and no row of a table that rules take from starts or ends inside it.
    """
    return segments_between(rules, period.start_on, period.end_on, lookups=lookups)


def segments_between(
    rules: RuleSet, start: date, end: date, *, lookups: Mapping[str, LookupTable] = NO_LOOKUPS
) -> tuple[Segment, ...]:
    """As `segments`, for the days `start` up to, not including, `end`: late charges, say."""
    used = {name: lookups[name] for name in sorted(tables_of(rules)) if name in lookups}
    cuts = sorted(day for day in changes(rules, lookups) if start < day < end)
    bounds = [start, *cuts, end]
    return tuple(
        Segment(
            start_on=first,
            end_on=after,
            rules=rules_on(rules, first),
            lookups={name: table.as_of(first) for name, table in used.items()},
        )
        for first, after in pairwise(bounds)
    )


def segment_numbers(
    days: pa.Array | pa.ChunkedArray, found: Sequence[Segment]
) -> npt.NDArray[np.int64]:
    """For each day (or UTC instant) the number of its segment, from 0.

    Days before the first segment count as its first day, days after the last as its last.
    """
    starts = np.array([one.start_on for one in found], dtype="datetime64[D]")
    dates = pc.cast(days, pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]")
    numbers = np.searchsorted(starts, dates, side="right") - 1
    found_numbers: npt.NDArray[np.int64] = np.maximum(numbers, 0).astype(np.int64)
    return found_numbers


def changes(rules: RuleSet, lookups: Mapping[str, LookupTable]) -> set[date]:
    """The days from which rules, or tables that they take from, differ from the day before."""
    days = {day for _, rule in rules.rules() for day in (rule.valid_from, rule.valid_to) if day}
    used = (lookups[name] for name in tables_of(rules) if name in lookups)
    return days.union(*(table.changes_on() for table in used))


def rules_on(rules: RuleSet, day: date) -> RuleSet:
    """The rules in force for charges of one day, without their days.

    A dimension left without rules stays in the set.
    """
    groups = []
    for group in rules.dimensions:
        kept = tuple(
            replace(rule, valid_from=None, valid_to=None)
            for rule in group.rules
            if rule.holds_on(day)
        )
        groups.append(replace(group, rules=kept))
    return replace(rules, dimensions=tuple(groups))


def in_force(rules: RuleSet, period: Period) -> RuleSet:
    """The rules of a period in which none of them changes, without their days.

    Raises:
        RuleFileError: a rule starts or ends inside the period; classify by `segments` instead.
    """
    for _, rule in rules.rules():
        for day in (rule.valid_from, rule.valid_to):
            if day is not None and period.contains(day) and day != period.start_on:
                raise RuleFileError(
                    f"Rule {rule.rule_id}: {day} lies inside {period}; expected one set of rules "
                    "for the whole month: classify by segments, or move the day to a first."
                )
    return rules_on(rules, period.start_on)


def tables_of(rules: RuleSet) -> set[str]:
    """The names of the look-up tables that the rules take from."""
    return {rule.then.table for _, rule in rules.rules() if isinstance(rule.then, FromLookup)}
