"""Commands that show the close: checklist, exceptions, movements, reopenings.

Deciding is not among them: people decide on the finance API, where they are logged in.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from tieout.cli.shell import Json, show_found, working
from tieout.cli.views import plain_table, table_row
from tieout.steps import close as close_step
from tieout.steps import exceptions as exceptions_step
from tieout.steps import reopen as reopen_step
from tieout.steps import reviewing as reviewing_step

Period = Annotated[str, typer.Argument(help="Accounting month, such as 2026-10.")]
AnyPeriod = Annotated[
    str | None, typer.Argument(help="Accounting month; without one, all of them.")
]
_RESULTS = {
    "passed": "passed",
    "failed": "FAILED",
    "not_applicable": "n/a",
    "to_follow": "to follow",
}


def checklist(period: Period, *, as_json: Json = False) -> None:
    """Show the checklist: who does what by when, the result, and what was compared."""
    with working() as made:
        found = close_step.checklist(made, period=period)
    show_found(found, _checklist_view, as_json=as_json)


def exceptions(
    period: AnyPeriod = None,
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: Json = False,
) -> None:
    """Show the exceptions queue: age, amount at stake, owner, state; oldest first."""
    with working() as made:
        if period is not None:
            exceptions_step.refresh(made, period=period)
        found = exceptions_step.listing(made, period=period, resolved=is_all)
    show_found(found, _exceptions_view, as_json=as_json)


def movements(period: Period, *, as_json: Json = False) -> None:
    """Show what moved against the month before, and what nobody has explained yet."""
    with working() as made:
        found = reviewing_step.movements(made, period=period)
    show_found(found, _movements_view, as_json=as_json)


def reopenings(period: Period, *, as_json: Json = False) -> None:
    """Show who reopened a month and why, every close of it, and what differs from the last one."""
    with working() as made:
        found = reopen_step.listing(made, period=period)
    show_found(found, _reopenings_view, as_json=as_json)


def _checklist_view(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = plain_table("Checklist")
    for name in ("check", "title", "result", "due", "owner", "reviewer", "detail"):
        table.add_column(name)
    for one in found:
        result = _RESULTS.get(one.get("state", ""), "passed" if one["passed"] else "FAILED")
        table_row(
            table,
            one["check_id"],
            one["title"],
            result if one["blocking"] or result != "FAILED" else "open",
            one.get("due_on", ""),
            one.get("owner", ""),
            one.get("reviewer", ""),
            one["detail"],
        )
    return table


def _exceptions_view(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = plain_table(f"Exceptions: {len(found)}")
    for name in ("exception", "month", "type", "subject", "state", "age", "owner", "due"):
        table.add_column(name)
    table.add_column("at stake", justify="right")
    table.add_column("what")
    for one in found:
        table_row(
            table,
            one["exception_id"][:12],
            one["period"],
            one["type"],
            one["subject"],
            f"{one['state']}{', blocks' if one['blocks'] else ''}",
            f"{one['age_days']} ({one['bucket']})",
            one["owner"] or "nobody",
            one["due_on"] or "-",
            f"{one['amount']} {one['currency']}",
            one["message"],
        )
    return table


def _movements_view(found: Mapping[str, Any]) -> RenderableType:
    before = found["before"] or "no closed month before"
    table = plain_table(f"Movements {found['period']} against {before} ({found['threshold']})")
    for name in ("movement", "threshold", "explanation"):
        table.add_column(name)
    for one in found["movements"]:
        missing = "missing" if one["beyond"] else "-"
        table_row(
            table,
            one["figures"],
            "beyond" if one["beyond"] else "within",
            "given" if one["explained"] else missing,
        )
    return table


def _reopenings_view(found: Mapping[str, Any]) -> RenderableType:
    table = plain_table(f"Reopenings and closes of {found['period']}")
    for name in ("what", "who", "when", "why"):
        table.add_column(name)
    for one in found["closes"]:
        content = f"content {one['content_hash'][:12]}"
        table_row(
            table, f"close {one['close_no']}", one["closed_by"], one["closed_at"][:19], content
        )
    for one in found["reopenings"]:
        people = f"{one['requested_by']}, {one['approved_by'] or 'nobody yet'}"
        scope = f"{one['reason_code']} ({', '.join(one['scope'])}): {one['remark']}"
        until = f"until {one['expires_at'][:19]}"
        table_row(table, f"reopening {one['reopening']}", people, until, scope)
    for reason in found["flags"]:
        table_row(table, "flag", "", "", reason)
    differs = found["difference"]
    for one in differs["changes"] if differs else ():
        what = f"{one['account']} {one['initiative'] or 'unallocated'}"
        table_row(table, "changed", what, one["change"], f"{one['before']} to {one['now']}")
    for entry in differs["entries"] if differs else ():
        table_row(table, "posted since", "", "", entry)
    return table
