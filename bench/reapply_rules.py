"""Made-up rule files for bench_reapply, the same on every machine, and what peers need of them.

Owns the text of 200 or 1,000 ordered rules in six lists (1 to 3 conditions each: equals, in,
prefix, regex, exists; four lists end by passing a tag through) and its translation to the `CASE`
chain that people write by hand. tieout itself never translates a rule to SQL.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.reapply_data import PROVIDERS, REGIONS, SEED, SERVICES, STAGES, SUB_ACCOUNTS, TAG_VALUES
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.parse import parse_rules
from tieout.rules.predicate import AllOf, Condition, Predicate
from tieout.rules.rule_set import Constant, FromTag, Outcome, RuleSet

SHARES = {
    "initiative": 0.3,
    "cost_center": 0.25,
    "pl_category": 0.1,
    "product_line": 0.15,
    "environment": 0.075,
    "project": 0.125,
}
PASSED = {
    "cost_center": "cost-center",
    "product_line": "product",
    "environment": "env",
    "project": "project",
}
THREE_LISTS = {"initiative": 0.4, "cost_center": 0.4, "project": 0.2}  # what agentfin can hold


def main() -> None:
    """Write the rule files and what the peers read into the folder of the first argument."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for count in (200, 1_000):
        text = rules_text(count)
        rules = parse_rules(text, name="rules")
        (folder / f"rules_{count}.yaml").write_text(text)
        (folder / f"case_{count}.sql").write_text(case_sql(rules))
        (folder / f"rules_{count}.json").write_text(json.dumps(plain_rules(rules)))
    (folder / "rules_200_changed.yaml").write_text(rules_text(200, changed=200 // 20))
    constant = rules_text(500, shares=THREE_LISTS, passed={})
    (folder / "rules_500.yaml").write_text(constant)
    plain = plain_rules(parse_rules(constant, name="rules"))
    (folder / "rules_500.json").write_text(json.dumps(plain))


def rules_text(
    count: int,
    *,
    changed: int = 0,
    shares: Mapping[str, float] = SHARES,
    passed: Mapping[str, str] = PASSED,
) -> str:
    """A rule file of `count` rules; in `changed` of them, spread evenly, the outcome is another.

    `shares` says how many of the rules each dimension has, `passed` which tag ends its list.
    """
    rng = np.random.default_rng(SEED + count)
    spread = {count * (2 * place + 1) // (2 * changed) for place in range(changed)}
    lines, number = ["rule_set: bench", "dimensions:"], 0
    for dimension, share in shares.items():
        lines.append(f"  {dimension}:")
        size = round(count * share)
        for place in range(size):
            number += 1
            tag = passed.get(dimension) if place == size - 1 else None
            when, then = _rule(rng, dimension, size)
            if number in spread:
                then += "-new"
            lines += [
                f"    - id: r{number:04}",
                f"      description: Rule {number} of the made-up set",
                "      owner: bench",
                f"      when: {f'{{tag: {tag}, exists: true}}' if tag else when}",
                f"      then: {f'{{tag: {tag}}}' if tag else then}",
            ]
    return "\n".join(lines) + "\n"


def _rule(rng: np.random.Generator, dimension: str, size: int) -> tuple[str, str]:
    """One condition that few rows meet, then none to two broad ones on something else."""
    parts = [_picked(rng, _NARROW)]
    for _ in range(int(rng.integers(0, 3))):
        more = _picked(rng, _BROAD)
        if _subject(more) not in {_subject(part) for part in parts}:
            parts.append(more)
    when = parts[0] if len(parts) == 1 else f"{{all: [{', '.join(parts)}]}}"
    return when, f"{dimension}-{rng.integers(0, 12 + size // 2):03}"


def _subject(condition: str) -> str:
    return condition.partition(",")[0]


_Kind = Callable[[np.random.Generator], str]


def _picked(rng: np.random.Generator, kinds: Sequence[_Kind]) -> str:
    return "{" + kinds[int(rng.integers(0, len(kinds)))](rng) + "}"


def _stage(rng: np.random.Generator) -> str:
    return STAGES[int(rng.integers(0, len(STAGES)))]


def _tag(rng: np.random.Generator) -> str:
    return list(TAG_VALUES)[int(rng.integers(0, len(TAG_VALUES)))]


def _tag_is(rng: np.random.Generator) -> str:
    tag = _tag(rng)
    return f"tag: {tag}, equals: {tag}-{rng.integers(0, TAG_VALUES[tag]):03}"


def _tag_in(rng: np.random.Generator) -> str:
    tag = _tag(rng)
    values = ", ".join(f"{tag}-{n:03}" for n in rng.integers(0, TAG_VALUES[tag], 3))
    return f"tag: {tag}, in: [{values}]"


def _tag_starts(rng: np.random.Generator) -> str:
    tag = _tag(rng)
    return f"tag: {tag}, prefix: {tag}-{rng.integers(0, TAG_VALUES[tag]) // 10:02}"


def _tag_matches(rng: np.random.Generator) -> str:
    return f"tag: {_tag(rng)}, regex: '{rng.integers(0, 10)}[0-4]$'"


def _service_in(rng: np.random.Generator) -> str:
    names = ", ".join(f"svc-{n % 15:02}-{n:03}" for n in rng.integers(0, SERVICES, 3))
    return f"column: service_name, in: [{names}]"


_NARROW: tuple[_Kind, ...] = (
    lambda rng: f"column: sub_account_id, equals: '{rng.integers(0, SUB_ACCOUNTS) * 7919:012}'",
    lambda rng: f"column: sub_account_name, prefix: {_stage(rng)}-{rng.integers(0, 37):02}-",
    lambda rng: f"column: resource_id, prefix: res/{rng.integers(0, 97):02}/",
    lambda rng: f"column: service_name, regex: '-{rng.integers(0, 30):02}[0-4]$'",
    lambda rng: f"column: sku_meter, prefix: input-{rng.integers(1, 70)}",
    _service_in,
    _tag_is,
    _tag_in,
    _tag_starts,
)
_BROAD: tuple[_Kind, ...] = (
    lambda rng: f"column: provider, in: [{', '.join(rng.choice(PROVIDERS, 3))}]",
    lambda rng: f"column: region_id, in: [eu-{rng.integers(0, REGIONS // 3) * 3}, us-1, ap-5]",
    lambda rng: f"column: service_name, prefix: svc-{rng.integers(0, 15):02}",
    lambda rng: f"tag: {_tag(rng)}, exists: true",
    _tag_matches,
)


def case_sql(rules: RuleSet) -> str:
    """The ledger by period, provider and six dimensions over `{source}`; tags extracted once a row.

    One list of JSON paths a row is the fastest of three forms measured (each tag on its own took
    1.2 times as long, distinct tag objects joined back as long).
    """
    columns, tags = _sources(rules)
    paths = ", ".join(_quoted(f'$."{tag}"') for tag in tags)
    named = ", ".join(f'found[{place}] AS "tag {tag}"' for place, tag in enumerate(tags, start=1))
    chains = ", ".join(f"{chain} AS {name}" for name, chain in _case_chains(rules).items())
    read = ", ".join(sorted({"provider", *columns}))
    return (
        f"SELECT strftime(billing_period_start, '%Y-%m') AS period, * "  # noqa: S608  made-up names
        "EXCLUDE (billing_period_start) "
        f"FROM (SELECT billing_period_start, provider, {chains}, count(*) AS charge_count, "
        "CAST(sum(billed_cost) AS DECIMAL(28,12)) AS billed_cost FROM "
        f"(SELECT *, {named} FROM (SELECT {read}, billed_cost, billing_period_start, "
        f"json_extract_string(tags, [{paths}]) AS found FROM {{source}})) GROUP BY ALL)"
    )


def plain_rules(rules: RuleSet) -> dict[str, Any]:
    """The rules for peers: a dimension's list of conditions (joined by and) and outcome."""
    return {
        group.dimension: [
            {
                "when": [
                    [one.source, one.name, one.operator, list(one.values)]
                    for one in _conditions(rule.when)
                ],
                "then": rule.then.value if isinstance(rule.then, Constant) else None,
                "tag": rule.then.tag if isinstance(rule.then, FromTag) else None,
            }
            for rule in group.rules
        ]
        for group in rules.dimensions
    }


def _sources(rules: RuleSet) -> tuple[list[str], list[str]]:
    """The columns and the tags that the rules look at or pass through, sorted."""
    conditions = [one for _, rule in rules.rules() for one in _conditions(rule.when)]
    tags = {one.name for one in conditions if one.source == "tag"}
    tags |= {rule.then.tag for _, rule in rules.rules() if isinstance(rule.then, FromTag)}
    return sorted({one.name for one in conditions if one.source == "column"}), sorted(tags)


def _conditions(predicate: Predicate) -> list[Condition]:
    if isinstance(predicate, Condition):
        return [predicate]
    parts = predicate.parts if isinstance(predicate, AllOf) else ()
    return [condition for part in parts for condition in _conditions(part)]


def _case_chains(rules: RuleSet) -> dict[str, str]:
    """A `CASE` expression for each dimension; tag `x` is the column `"tag x"`."""
    ordered = {group.dimension: group.rules for group in rules.dimensions}
    chains = {}
    for dimension in DIMENSIONS:
        arms = [f"WHEN {_sql(rule.when)} THEN {_outcome(rule.then)}" for rule in ordered[dimension]]
        chains[dimension] = f"CASE {' '.join(arms)} END"
    return chains


def _outcome(outcome: Outcome) -> str:
    if isinstance(outcome, FromTag):
        return f'"tag {outcome.tag}"'
    if isinstance(outcome, Constant):
        return _quoted(outcome.value)
    raise TypeError(f"the made-up rules have no {type(outcome).__name__}")


def _sql(predicate: Predicate) -> str:
    if isinstance(predicate, Condition):
        return _condition(predicate)
    if isinstance(predicate, AllOf):
        return f"({' AND '.join(_sql(part) for part in predicate.parts)})"
    raise TypeError(f"the made-up rules have no {type(predicate).__name__}")


def _condition(condition: Condition) -> str:
    name = f'"{condition.name}"' if condition.source == "column" else f'"tag {condition.name}"'
    values = [_quoted(value) for value in condition.values]
    return {
        "in": f"{name} IN ({', '.join(values)})",
        "prefix": f"starts_with({name}, {''.join(values)})",
        "regex": f"regexp_matches({name}, {''.join(values)})",
        "exists": f"{name} IS NOT NULL",
    }[condition.operator]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    main()
