"""Commands that show a month's figures side by side and why the last is not the first."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from tieout.cli.shell import Json, run_step, show_found, working
from tieout.cli.views import money, plain_table, table_row
from tieout.core.errors import UsageError
from tieout.core.period import parse_period
from tieout.steps import daily as daily_step
from tieout.steps import matches as matches_step

Period = Annotated[str, typer.Argument(help="Accounting month, such as 2026-10.")]
Account = Annotated[
    str | None, typer.Option(help="One account only, such as openai/org-1, or a provider.")
]
_FIGURES = ("estimated", "reported", "invoiced")


def bridge(period: Period, account: Account = None, *, as_json: Json = False) -> None:
    """Show why the last figure of each account is not its first: price, volume, mix and more."""
    with working() as made:
        found = matches_step.bridges(made, period=str(parse_period(period)), account=account)
    show_found(found, bridge_view, as_json=as_json)


def figures(period: Period, *, as_json: Json = False) -> None:
    """Show estimate, report and invoice of each account with their states, and what moved."""
    with working() as made:
        found = daily_step.figures(made, period=str(parse_period(period)))
    show_found(found, figures_view, as_json=as_json)


def daily(
    day: Annotated[str, typer.Argument(help="A day such as 2026-10-31; its month is included.")],
    *,
    as_json: Json = False,
) -> None:
    """Reconcile every open month to what is known now, and keep what moved since yesterday."""
    try:
        about = date.fromisoformat(day)
    except ValueError as error:
        raise UsageError(f"Expected a day such as 2026-10-31, found {day[:40]!r}.") from error
    run_step(partial(daily_step.run, day=about), as_json=as_json)


def figures_view(found: dict[str, Any]) -> Iterator[RenderableType]:
    """One line an account, each figure with its state; then what moved between two days."""
    table = plain_table(f"Figures {found['period']}: {found['state']}")
    table.add_column("account")
    for name in _FIGURES:
        table.add_column(name, justify="right")
        table.add_column("")
    for name in ("gap so far", "unexplained", "through"):
        table.add_column(name, justify="right")
    for one in found["accounts"]:
        cells = [text for name in _FIGURES for text in _figure(one[name])]
        rest = (one["gap"], one["unexplained"], one["compared_through"])
        table_row(table, one["account"], *cells, *(text or "-" for text in rest))
    yield table
    if found["since"]:
        yield _drift(found)


def _drift(found: dict[str, Any]) -> RenderableType:
    names = (*_FIGURES, "gap", "unexplained")
    table = plain_table(f"Moved from {found['since']} to {found['day']}")
    table.add_column("account")
    for name in names:
        table.add_column(name, justify="right")
    for one in found["drift"]:
        table_row(table, one["account"], *(one[name] for name in names))
    return table


def _figure(found: dict[str, str] | None) -> tuple[str, str]:
    return (found["amount"], found["state"]) if found else ("-", "")


def bridge_view(found: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    """One table an account: from figure to figure, component by component, then the causes."""
    for one in found:
        table = plain_table(f"{one['account']}, {one['currency']}")
        table.add_column("component")
        table.add_column("amount", justify="right")
        table.add_column("why")
        table_row(table, one["start_label"], money(one["start"]), "")
        for line in one["lines"]:
            table_row(
                table, line["component"].replace("_", " "), money(line["amount"]), line["cause"]
            )
        if Decimal(one["unexplained"]):
            table_row(table, "unexplained", one["unexplained"], "No component holds it.")
        table_row(table, one["end_label"], money(one["end"]), "")
        for cause in one["causes"]:
            named = cause["cause"].replace("_", " ")
            name = f"  {named}" if named == "unexplained" else f"  proven: {named}"
            table_row(table, name, money(cause["amount"]), cause["sentence"])
        yield table
