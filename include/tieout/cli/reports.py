"""Commands that show what came in and how balances rolled, and write the month as FOCUS files."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from tieout.cli.shell import Json, run_step, show_found, working
from tieout.cli.views import plain_table, table_row
from tieout.core.errors import UsageError
from tieout.core.period import parse_period
from tieout.publish.close_files import REPORT_HTML, REPORT_PDF, WORKBOOK
from tieout.steps import close_export
from tieout.steps import completeness as completeness_step
from tieout.steps import export as export_step
from tieout.steps import restatements as restatements_step
from tieout.steps import rollforwards as rollforwards_step

_REPORT_FORMS = {".pdf": REPORT_PDF, ".html": REPORT_HTML}
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


def rollforward(period: Period, *, as_json: Json = False) -> None:
    """Show how liabilities, prepaid balances and commitments rolled, and if they tie three ways."""
    with working() as made:
        found = rollforwards_step.run(made, period=str(parse_period(period)))
    show_found(found, rollforward_view, as_json=as_json)


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


@export_app.command()
def workbook(
    period: Period,
    out: Annotated[Path | None, typer.Option(help="File; tieout-PERIOD.xlsx unless given.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Write the close as an Excel workbook whose formulas re-add every figure."""
    file = out or Path(f"tieout-{period}.xlsx")
    step = partial(close_export.run, period=period, form=WORKBOOK, file=file)
    run_step(step, as_json=as_json)


@export_app.command()
def report(
    period: Period,
    out: Annotated[
        Path | None, typer.Option(help="File, .pdf or .html; tieout-PERIOD.pdf unless given.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Write the close as a report with charts: a PDF, or one HTML file."""
    file = out or Path(f"tieout-{period}.pdf")
    if file.suffix not in _REPORT_FORMS:
        raise UsageError(f"A report is .pdf or .html: expected one of them, found {file.name}.")
    form = _REPORT_FORMS[file.suffix]
    run_step(partial(close_export.run, period=period, form=form, file=file), as_json=as_json)


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


def rollforward_view(found: dict[str, Any]) -> Iterator[RenderableType]:
    """Both rolls as a sheet, then each balance as three sources have it, and what is wrong."""
    table = plain_table(f"Accrued liabilities {found['period']}, {found['currency']}")
    for name in ("account", "service month"):
        table.add_column(name)
    moved = ("accrual", "re_accrual", "reversal", "cleared", "release", "remeasurement", "reclass")
    _sheet(table, [_account(row, row["service_period"], row) for row in found["accrued"]], moved)
    yield table
    table = plain_table(f"Prepaid {found['period']}, {found['currency']}")
    for name in ("account", "of"):
        table.add_column(name)
    moved = ("opening_balance", "purchase", "grant", "usage", "expiry", "fee", "other")
    rows = [_account(row, row["what"], {**row, **row["movements"]}) for row in found["prepaid"]]
    _sheet(table, rows, moved)
    yield table
    if found["commitments"]:
        yield _commitments(found)
    yield _ties(found)
    yield from found["problems"]


def _commitments(found: dict[str, Any]) -> RenderableType:
    """Each from what was left to what is left; how much will be short, and how much is accrued."""
    table = plain_table(f"Commitments {found['period']}, {found['currency']}")
    for name in ("account", "commitment"):
        table.add_column(name)
    names = (
        "committed",
        "opening",
        "usage",
        "adjustment",
        "beyond",
        "lapsed",
        "closing",
        "forecast_shortfall",
        "shortfall_accrued",
    )
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row in found["commitments"]:
        account = f"{row['provider']}/{row['billing_account_id']}"
        table_row(table, account, row["commitment"], *(row[name] for name in names))
    return table


def _account(row: dict[str, Any], about: str, amounts: dict[str, Any]) -> dict[str, Any]:
    return {**amounts, "heads": (f"{row['provider']}/{row['billing_account_id']}", about)}


def _sheet(table: Table, rows: list[dict[str, Any]], moved: tuple[str, ...]) -> None:
    """Opening, the movements that any row has, closing."""
    shown = [name for name in moved if any(Decimal(row[name]) for row in rows)]
    columns = ("opening", *shown, "closing")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table_row(table, *row["heads"], *(row[name] for name in columns))


def _ties(found: dict[str, Any]) -> RenderableType:
    table = plain_table("Three ways")
    for name in ("balance", "of"):
        table.add_column(name)
    for name in ("rolled forward", "ledger", "open"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in found["ties"]:
        table_row(
            table,
            one["what"],
            one["subject"],
            one["rolled"],
            one["ledger"],
            one["open"],
            "ties" if one["ties"] else "DOES NOT TIE",
        )
    return table
