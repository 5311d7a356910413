"""Commands that match the month's figures and show what is open, and why they differ.

Deciding is not among them: people decide on the finance API, where they are logged in.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from tieout.cli.shell import Json, run_step, show_found, working
from tieout.cli.views import MOST_LINES, plain_table, table_row
from tieout.core.errors import UsageError
from tieout.steps import matches as matches_step
from tieout.steps import matching as matching_step

Period = Annotated[str, typer.Argument(help="Accounting month, such as 2026-10.")]


def match(period: Period, *, as_json: Json = False) -> None:
    """Match estimate, report and invoice in passes, and prove why the rest differs."""
    run_step(partial(matching_step.run, period=period), as_json=as_json)


def matches(
    period: Period,
    *,
    is_open: Annotated[
        bool, typer.Option("--open", help="Rows that nothing matches or explains.")
    ] = False,
    is_unmatched: Annotated[
        bool, typer.Option("--unmatched", help="Rows that nothing matches, with their cause.")
    ] = False,
    is_suggested: Annotated[
        bool, typer.Option("--suggested", help="Matches that wait for a person.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what was matched in which pass; with an option: what is open, or what waits."""
    if sum((is_open, is_unmatched, is_suggested)) > 1:
        raise UsageError(
            "Expected one of --open, --unmatched and --suggested, found several: ask for one."
        )
    with working() as made:
        if is_open or is_unmatched:
            every = matches_step.unmatched_rows(made, period=period)
            rows = [row for row in every if is_unmatched or row["cause"] is None]
            show_found(rows, _open_view, as_json=as_json)
            return
        found = matches_step.listing(made, period=period)
    if is_suggested:
        waiting = _waiting(found)
        show_found(waiting, _suggested_view, as_json=as_json)
    else:
        show_found(found, _pairs_view, as_json=as_json)


def causes(period: Period, *, as_json: Json = False) -> None:
    """Show why the figures of each account differ; --json names the lines that prove it."""
    with working() as made:
        found = matches_step.causes(made, period=period)
    show_found(found, _causes_view, as_json=as_json)


def _waiting(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"account": pair["account"], "section": pair["section"], **record}
        for pair in found["pairs"]
        for record in pair["records"]
        if record["waiting"]
    ]


def _pairs_view(found: Mapping[str, Any]) -> RenderableType:
    pending = f", {found['pending']} decisions not applied yet" if found["pending"] else ""
    table = plain_table(f"Matches {found['period']}{pending}")
    table.add_column("account")
    table.add_column("pair")
    for name in ("earlier", "later", "explained", "open earlier", "open later", "suggested"):
        table.add_column(name, justify="right")
    table.add_column("passes")
    for pair in found["pairs"]:
        passes = [f"{name} {count}" for name, count in pair["passes"].items()]
        table_row(
            table,
            pair["account"],
            _words(pair["section"]),
            pair["earlier_amount"],
            pair["later_amount"],
            str(pair["explained_earlier_count"] + pair["explained_later_count"]),
            f"{pair['open_earlier_count']}: {pair['open_earlier_amount']}",
            f"{pair['open_later_count']}: {pair['open_later_amount']}",
            str(pair["suggested_count"]),
            ", ".join(passes),
        )
    return table


def _open_view(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    shown = rows[:MOST_LINES]
    table = plain_table(f"Unmatched rows: {len(shown)} of {len(rows)} (all with --json)")
    for name in ("account", "pair", "side", "row", "what", "cause"):
        table.add_column(name)
    table.add_column("amount", justify="right")
    for row in shown:
        what = (row.get("charge_day"), row.get("service_name"), row.get("charge_description"))
        table_row(
            table,
            row["account"],
            _words(row["section"]),
            row["side"],
            row["row"][:24],
            " ".join(text for text in what if text),
            _words(row["cause"] or "none: look at it"),
            row["amount"],
        )
    return table


def _suggested_view(waiting: Sequence[Mapping[str, Any]]) -> RenderableType:
    shown = waiting[:MOST_LINES]
    table = plain_table(f"Suggested matches: {len(shown)} of {len(waiting)} (all with --json)")
    for name in ("match", "account", "pair", "pass", "rows"):
        table.add_column(name)
    table.add_column("difference", justify="right")
    for one in shown:
        table_row(
            table,
            one["match_id"][:12],
            one["account"],
            _words(one["section"]),
            one["pass"],
            f"{len(one['earlier'])} to {len(one['later'])}",
            one["difference"],
        )
    return table


def _causes_view(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = plain_table("Why the figures differ (the lines that prove it: --json)")
    for name in ("account", "pair", "cause"):
        table.add_column(name)
    table.add_column("amount", justify="right")
    table.add_column("why")
    for one in found:
        table_row(
            table,
            one["account"],
            _words(one["section"]),
            _words(one["cause"]),
            one["amount"],
            one["sentence"],
        )
    return table


def _words(name: str) -> str:
    return name.replace("_", " ")
