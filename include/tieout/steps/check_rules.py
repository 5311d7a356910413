"""Check rules: what is odd about a version on a month's charges, and how two versions differ.

Owns the choice of charges and versions; what is odd is the linter's. Nothing is stored.
"""

from typing import Any

from tieout.core.errors import UsageError
from tieout.core.money import format_units
from tieout.core.period import parse_period
from tieout.engine.month_cube import MEASURES, month_cube, on_day
from tieout.focus.columns import ATTRIBUTES
from tieout.rules.lint import lint
from tieout.rules.lint_evidence import Evidence, money_by_rule
from tieout.rules.parse import parse_rules
from tieout.rules.rule_diff import rule_diff
from tieout.steps import views
from tieout.steps.context import Context
from tieout.steps.inputs import charges, optional_policy, policy, stage_snapshots
from tieout.store import policies
from tieout.store.session import Tx

KIND: policies.PolicyKind = "classification"


def run(context: Context, *, label: str, period: str) -> dict[str, Any]:
    """Findings about a version of the rules, and the money that each rule decides in a month.

    Raises:
        UsageError: the label names no classification.
        NotReadyError: the month has no normalised charges.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        asked = _version(tx, label)
        kinds: tuple[policies.PolicyKind, ...] = ("initiatives", "tag_map", "owners", "allocation")
        found = {kind: optional_policy(tx, kind, month) for kind in kinds}
        used: views.Used = {
            KIND: asked,
            **{kind: one for kind, one in found.items() if one is not None},
            "initiatives": policy(tx, "initiatives", month),
            **{kind: policy(tx, kind, month) for kind in views.lookup_kinds(asked)},
        }
        own = charges(context, stage_snapshots(tx, month, "final"))
    cube = on_day(month_cube(own, ()), month.last_on)
    evidence = Evidence(
        attributes=cube.select(["attr_id", *ATTRIBUTES]),
        assignment=views.assign(cube, used),
        amounts=cube.select(["attr_id", *MEASURES]),
        initiatives=views.register(used),
    )
    rules = parse_rules(asked.body, name=asked.label)
    return {
        "policy": asked.label,
        "period": period,
        "findings": [
            {
                "kind": one.kind,
                "severity": one.severity,
                "dimension": one.dimension,
                "rule": one.rule_id,
                "other_rule": one.other_rule_id,
                "amount": format_units(one.amount_units),
                "charges": one.charges,
                "message": one.message,
            }
            for one in lint(rules, evidence=evidence, on=month.last_on)
        ],
        "money": [
            {
                "dimension": one.dimension,
                "rule": one.rule_id,
                "amount": format_units(one.decides.units),
                "charges": one.decides.charges,
            }
            for one in money_by_rule(rules, evidence)
        ],
    }


def diff(context: Context, *, old: str, new: str) -> list[dict[str, Any]]:
    """What a person changed from one version of the rules to another, one sentence each."""
    with context.store.transaction() as tx:
        before, after = _version(tx, old), _version(tx, new)
    found = rule_diff(
        parse_rules(before.body, name=before.label), parse_rules(after.body, name=after.label)
    )
    return [
        {
            "kind": one.kind,
            "dimension": one.dimension,
            "rule": one.rule_id,
            "message": one.message,
        }
        for one in found
    ]


def _version(tx: Tx, label: str) -> policies.Policy:
    found = policies.by_label(tx, label)
    if found.kind != KIND:
        raise UsageError(
            f"{found.label} are no rules: expected a version of {KIND}, such as {KIND}@3; see "
            "`tieout policies list`."
        )
    return found
