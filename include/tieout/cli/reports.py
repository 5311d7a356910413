"""Commands that show what came in, by day and by version, and write the month as FOCUS files."""

from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from tieout.cli.shell import Json, run_step, show_found, working
from tieout.cli.views import plain_table, table_row
from tieout.core.period import parse_period
from tieout.steps import completeness as completeness_step
from tieout.steps import export as export_step
from tieout.steps import restatements as restatements_step

export_app = typer.Typer(help="Write a month in open formats, or for a ledger.")

Period = Annotated[str, typer.Argument(help="Accounting month, such as 2026-10.")]


def completeness(period: Period, *, as_json: Json = False) -> None:
    """Show which days of which account are there, in which version, and the holes."""
    with working() as made:
        found = completeness_step.run(made, period=str(parse_period(period)))
    show_found(found, completeness_view, as_json=as_json)


def restatements(
    period: Period,
    provider: Annotated[str | None, typer.Option(help="One provider only.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what each provider changed from one version of its report to the next."""
    with working() as made:
        found = restatements_step.run(made, period=str(parse_period(period)), provider=provider)
    show_found(found, restatements_view, as_json=as_json)


@export_app.callback()
def export() -> None:
    """Write a month in open formats, or for a ledger."""


@export_app.command()
def focus(
    period: Period,
    to: Annotated[Path, typer.Option(help="Folder for the files; it is made.")] = Path(),
    *,
    as_json: Json = False,
) -> None:
    """Write FOCUS 1.2 Cost and Usage and the 1.4 Billing Period and Invoice Detail datasets."""
    run_step(partial(export_step.focus, period=period, folder=to), as_json=as_json)


def completeness_view(found: dict[str, Any]) -> RenderableType:
    """One line an account; its holes are named, its versions listed."""
    table = plain_table(
        f"Completeness {found['period']}: {found['received']} of {found['expected']} days"
    )
    for name in ("account", "days", "rows", "versions", "refreshed", "holes"):
        table.add_column(name)
    for account, days in groupby(found["days"], key=lambda day: day["account"]):
        seen = list(days)
        received = [day for day in seen if day["received"]]
        holes = [day["day"] for day in seen if day["expected"] and not day["received"]]
        table_row(
            table,
            account,
            f"{len(received)}/{sum(1 for day in seen if day['expected'])}",
            str(sum(day["rows"] for day in received)),
            ", ".join(str(version) for version in sorted({day["version"] for day in received})),
            max((day["refreshed_at"][:16] for day in received), default=""),
            f"{len(holes)} from {holes[0]}" if holes else "none",
        )
    return table


def restatements_view(found: list[dict[str, Any]]) -> RenderableType:
    """One line a cause; a pair of versions without a difference says so."""
    table = plain_table("Restatements: what changed from one version to the next")
    for name in ("account", "versions", "read", "total", "change", "cause"):
        table.add_column(name, justify="right" if name in {"total", "change"} else "left")
    for pair in found:
        causes = [line["cause"] for line in pair["lines"]] or ["No charge changed."]
        table_row(
            table,
            pair["account"],
            f"{pair['from']['version']} to {pair['to']['version']}",
            pair["to"]["fetched_at"][:16],
            pair["to"]["total"],
            pair["change"],
            " ".join(causes),
        )
    return table
