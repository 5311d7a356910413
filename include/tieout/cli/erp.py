"""Commands that give a month's entries to a ledger outside and keep the word that it took them."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from tieout.cli.entities import EntityOption
from tieout.cli.reports import export_app
from tieout.cli.shell import Json, run_step, show_found, working
from tieout.cli.views import plain_table, table_row
from tieout.steps import erp_export

__all__ = ["export_app"]

Period = Annotated[str, typer.Argument(help="Accounting month, such as 2026-10.")]
Export = Annotated[
    str, typer.Argument(help="The file: the beginning of its SHA-256, or target/SHA-256.")
]


@export_app.command()
def erp(
    period: Period,
    target: Annotated[str, typer.Option(help="The approved target, such as netsuite.")],
    to: Annotated[Path, typer.Option(help="Folder for the files; it is made.")] = Path(),
    entity: EntityOption = None,
    *,
    as_json: Json = False,
) -> None:
    """Write the entries that a ledger has not taken yet as its import files."""
    export = partial(erp_export.run, period=period, target=target, folder=to, entity=entity)
    run_step(export, as_json=as_json)


@export_app.command()
def acknowledge(
    export: Export,
    reference: Annotated[str, typer.Option(help="The number that the ledger gave the import.")],
    person: Annotated[str, typer.Option("--as", "--person", help="Who saw it there.")],
    *,
    as_json: Json = False,
) -> None:
    """Say that the ledger took a file: its entries are not exported to it again."""
    run_step(
        partial(erp_export.acknowledge, export=export, reference=reference, person=person),
        as_json=as_json,
    )


@export_app.command("list")
def exports(period: Period, *, as_json: Json = False) -> None:
    """List the import files of a month, and which of them a ledger has taken."""
    with working() as made:
        found = erp_export.listing(made, period=period)
    show_found(found, partial(exports_view, period), as_json=as_json)


def exports_view(period: str, found: list[dict[str, Any]]) -> RenderableType:
    """One line a file, oldest first."""
    table = plain_table(f"Import files of {period}: {len(found)}")
    for name in ("file", "entries", "lines", "written", "reference", "acknowledged by"):
        table.add_column(name, no_wrap=name == "file")
    for one in found:
        table_row(
            table,
            one["name"],
            str(len(one["document_nos"])),
            str(one["line_count"]),
            one["recorded_at"][:16],
            one["reference"] or "not yet",
            one["acknowledged_by"] or "-",
        )
    return table
