"""Preview: what a proposed policy would move in past months, kept so that it can be approved.

Owns nothing but the answer: no line, run or entry of a month is touched. The approval, recorded by
the pages, is of exactly this answer; `reapply` refuses to do anything else.
"""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from tieout import log as logs
from tieout.core.errors import NotReadyError, UsageError
from tieout.core.money import format_units, from_decimal, to_units
from tieout.core.period import Period, parse_period
from tieout.focus.columns import with_current_attr_ids
from tieout.focus.ledger_columns import CLASS_COLUMNS
from tieout.reports.rule_preview import month_json, month_summary, summary_json
from tieout.steps import past
from tieout.steps.context import Context
from tieout.steps.inputs import chart, with_pools
from tieout.steps.views import moved_charges
from tieout.store import audit, policies, previews
from tieout.store.session import Tx

THRESHOLD = "0"
_LARGEST = 5
log = logs.get("preview")

CHARGE_COLUMNS = (
    "line_id",
    "provider",
    "billing_account_id",
    "sub_account_id",
    "service_name",
    "charge_period_start",
    "charge_category",
    "charge_description",
    "resource_id",
    "billed_cost",
    "source_document",
    "source_row",
)


def run(
    context: Context,
    *,
    label: str,
    first: str,
    last: str,
    person: str,
    threshold: str = THRESHOLD,
) -> dict[str, Any]:
    """Compute and keep the preview of a policy version (`classification@3`) over some months.

    Gives its content and `preview`, its id. Months that were never classified are left out and
    named. The same policy, months and ledger give the same preview.

    Raises:
        UsageError: no such kind of rules, or it applies only from a later day on.
        NotReadyError: none of the months has been classified.
    """
    months = past.span(parse_period(first), parse_period(last))
    with context.store.transaction(actor=person) as tx:
        policy = rule_policy(tx, label, months[0])
        content = _content(context, tx, months, policy, threshold_units=to_units(threshold))
        kept = previews.add(
            tx, content, kind=policy.kind, version=policy.version, periods=(first, last)
        )
        facts = {"policy": policy.label, "periods": [first, last], "preview": kept.sha256}
        audit.record(tx, "preview_made", kept.sha256, facts)
    log.info("previewed", policy=label, first=first, last=last, preview=kept.sha256)
    return {"preview": kept.sha256, **content}


def rule_policy(tx: Tx, label: str, first: Period) -> policies.Policy:
    """The policy version that a label such as `classification@3` names."""
    found = policies.by_label(tx, label)
    if not past.is_rule_kind(found.kind):
        raise UsageError(
            f"{found.label} decides no class and no share: expected one of "
            f"{', '.join(past.RULE_KINDS)} or a look-up table; see `tieout policies list`."
        )
    if found.valid_from > first.start_on:
        raise UsageError(
            f"{label} applies from {found.valid_from} on, the preview begins with {first}: propose "
            f"the text with `--valid-from {first.start_on}` to apply it to that month."
        )
    return found


def show(context: Context, *, preview: str) -> dict[str, Any]:
    """A kept preview by its id or the first characters of it, with its approval."""
    with context.store.transaction() as tx:
        found = previews.get(tx, preview)
    content: dict[str, Any] = json.loads(found.canonical)
    approved_at = found.approved_at.isoformat() if found.approved_at else None
    return {
        "preview": found.sha256,
        "made_by": found.recorded_by,
        "approved_by": found.approved_by,
        "approved_at": approved_at,
        **content,
    }


def headline(found: dict[str, Any]) -> dict[str, str]:
    """A preview in one sentence, small enough to be handed from task to task."""
    summary = found["summary"]
    closed = ", ".join(summary["closed_periods_touched"]) or "no closed month"
    largest = "; ".join(
        f"{one['value']} {one['change']}" for one in summary["initiatives"][:_LARGEST]
    )
    sentence = (
        f"{found['policy']} from {found['first_period']} to {found['last_period']} moves "
        f"{summary['charges_moved']} charges and touches {closed}; by initiative: "
        f"{largest or 'nothing'}."
    )
    return {"preview": found["preview"], "policy": found["policy"], "sentence": sentence}


def listing(context: Context) -> list[dict[str, Any]]:
    """All previews, newest first."""
    with context.store.transaction() as tx:
        return [
            {
                "preview": one.sha256,
                "policy": f"{one.kind}@{one.version}",
                "periods": [one.first_period, one.last_period],
                "made_by": one.recorded_by,
                "approved_by": one.approved_by,
            }
            for one in previews.listing(tx)
        ]


def charges(context: Context, *, preview: str) -> Iterator[dict[str, Any]]:
    """Every charge that a preview moves, with its class and rule before and after.

    Raises:
        NotReadyError: the ledger has moved on since; make a new preview.
    """
    with context.store.transaction() as tx:
        found = previews.get(tx, preview)
        policy = policies.get(tx, found.kind, found.version)
        first, last = parse_period(found.first_period), parse_period(found.last_period)
        shown = {one["period"]: one for one in json.loads(found.canonical)["months"]}
        for month in past.span(first, last):
            if str(month) in shown:
                yield from _charges(context, tx, month, policy, shown[str(month)])


def _charges(
    context: Context, tx: Tx, month: Period, policy: policies.Policy, shown: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    made = past.recompute(context, tx, month, policy)
    if made is None or made.change.before_sha256 != shown["before_sha256"]:
        raise NotReadyError(
            f"{month} is no longer what the preview began with: make a new preview to see charges."
        )
    tables = [
        with_current_attr_ids(context.lake.get_table(one["path"], one["sha256"]))
        for one in made.charges
    ]
    rows = moved_charges(pa.concat_tables(tables), made.assignment_before, made.made.assignment)
    for row in rows.to_pylist():
        yield {
            "period": str(month),
            **{name: row[name] for name in CHARGE_COLUMNS},
            "charge_period_start": row["charge_period_start"].isoformat(),
            "billed_cost": format_units(from_decimal(row["billed_cost"])),
            **{
                f"{prefix}_{column}": row[f"{prefix}_{column}"]
                for pair in CLASS_COLUMNS
                for prefix in ("old", "new")
                for column in pair
            },
        }


def _content(
    context: Context,
    tx: Tx,
    months: list[Period],
    policy: policies.Policy,
    *,
    threshold_units: int,
) -> dict[str, Any]:
    shown, summaries, unknown = [], [], []
    for month in months:  # one at a time: a month may have hundreds of thousands of lines
        made = past.recompute(context, tx, month, policy)
        if made is None:
            unknown.append(str(month))
            continue
        books, pools = chart(tx, month), made.used["allocation"]
        after = with_pools(books, pools.body, pools.label)
        shown.append(month_json(made.change, chart=books, chart_after=after))
        summaries.append(month_summary(made.change))
    if not shown:
        raise NotReadyError(
            f"None of {months[0]} to {months[-1]} has been classified: there is nothing that "
            f"{policy.label} could move."
        )
    return {
        "policy": policy.label,
        "policy_sha256": policy.sha256,
        "proposed_by": policy.proposed_by,
        "first_period": str(months[0]),
        "last_period": str(months[-1]),
        "never_classified": unknown,
        "months": shown,
        "summary": summary_json(summaries, threshold_units=threshold_units),
        "method_version": past.METHOD_VERSION,
    }
