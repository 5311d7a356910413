"""What a rule set says against what is known beside it: register, pools, look-up tables.

Owns sentences about rules that were read without error; reading is `parse`'s.
"""

from collections.abc import Collection, Mapping

from tieout.rules.lookup import LookupTable
from tieout.rules.register import POOL_PREFIX, Initiative
from tieout.rules.rule_set import Constant, FromLookup, RuleSet


def check_outcomes(
    rules: RuleSet,
    initiatives: Mapping[str, Initiative],
    pools: Collection[str],
    lookups: Mapping[str, LookupTable] | None = None,
) -> tuple[str, ...]:
    """What is wrong with outcomes, one sentence each in rule order; empty when all fit.

    `initiatives` is keyed by id, `pools` holds pool ids. A constant initiative must be in the
    register or be `pool:<id>` of a known pool; no other dimension may be a pool. `lookups` is keyed
    by the name that rules use, see `check_lookups`; None leaves look-ups unchecked.
    """
    sentences = []
    for dimension, rule in rules.rules():
        if isinstance(rule.then, Constant):
            problem = _misfit(dimension, rule.then.value, initiatives, pools)
            if problem:
                sentences.append(f"Rule {rule.rule_id} ({dimension}, line {rule.line}): {problem}")
    return (*sentences, *(check_lookups(rules, lookups) if lookups is not None else ()))


def check_lookups(rules: RuleSet, lookups: Mapping[str, LookupTable]) -> tuple[str, ...]:
    """Rules that name a look-up table or a column that does not exist, one sentence each."""
    sentences = []
    for _, rule in rules.rules():
        if not isinstance(rule.then, FromLookup):
            continue
        table = lookups.get(rule.then.table)
        if table is None:
            known = ", ".join(sorted(lookups)) or "none"
            problem = f"look-up table {rule.then.table!r} does not exist; known: {known}"
            remedy = "add the table or correct the name"
        elif rule.then.give not in table.columns:
            columns = ", ".join(table.columns)
            problem = f"{table.name} has no column {rule.then.give!r}; it has: {columns}"
            remedy = "add the column or correct the rule"
        else:
            continue
        sentences.append(f"{rules.place_of(rule)}: {problem}; {remedy}.")
    return tuple(sentences)


def _misfit(
    dimension: str, value: str, initiatives: Mapping[str, Initiative], pools: Collection[str]
) -> str | None:
    pooled = value.startswith(POOL_PREFIX)
    if dimension != "initiative":
        return f"{value!r} is a cost pool; only an initiative can be one." if pooled else None
    if pooled:
        known = value.removeprefix(POOL_PREFIX) in pools
        return None if known else f"pool {value!r} is in no allocation file; add it or correct it."
    if value in initiatives:
        return None
    return f"initiative {value!r} is not in the register; register it or correct the rule."
