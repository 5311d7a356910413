"""Commands for the auditor: the evidence pack, checkpoints of the audit log, saved queries."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from tieout.cli.shell import Json, run_step, show_found, working
from tieout.cli.views import plain_table, table_row
from tieout.publish.pack_keys import make_key
from tieout.steps import audit_log, audit_views
from tieout.steps import checkpoint as checkpoint_step
from tieout.steps import pack as pack_step

audit_app = typer.Typer(help="The append-only log of who did what, when and why.")
checkpoint_app = typer.Typer(help="What the audit log comes to: signed, and copied outside.")

Period = Annotated[str, typer.Argument(help="Accounting month, such as 2026-10.")]


def pack(
    period: Period,
    out: Annotated[Path, typer.Option(help="Where the folder of the pack is made.")] = Path(),
    *,
    as_json: Json = False,
) -> None:
    """Write the evidence pack of a published month: an auditor checks it without us."""
    run_step(partial(pack_step.run, period=period, folder=out), as_json=as_json)


@audit_app.command("verify")
def audit_verify(*, as_json: Json = False) -> None:
    """Walk the chain of audit events and say where it breaks, if it does."""
    run_step(audit_log.verify, as_json=as_json)


@audit_app.command("queries")
def audit_queries(
    name: Annotated[str | None, typer.Argument(help="The query; none lists all.")] = None,
    period: Annotated[str | None, typer.Option(help="The month to ask about.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the saved queries over the journal, or run one on a month."""
    if name is None or period is None:
        show_found(audit_views.queries(), partial(_table, "Saved queries"), as_json=as_json)
        return
    with working() as made:
        found = audit_views.query(made, name=name, period=period)
    show_found(found, lambda one: _table(one["asks"], one["rows"]), as_json=as_json)


@audit_app.command("access")
def audit_access(*, as_json: Json = False) -> None:
    """Who has which duties since when, and what each database role may do."""
    with working() as made:
        found = audit_views.access(made)
    show_found(
        found,
        lambda both: (_table(title, rows) for title, rows in both.items()),
        as_json=as_json,
    )


@audit_app.command("changes")
def audit_changes(period: Period, *, as_json: Json = False) -> None:
    """Changes of rules, registers and people since the publication before the month's own."""
    with working() as made:
        found = audit_views.changes(made, period=period)
    show_found(found, partial(_table, f"Changes up to {period}"), as_json=as_json)


@checkpoint_app.command("make")
def checkpoint_make(*, as_json: Json = False) -> None:
    """Keep a checkpoint of the audit log, sign it with TIEOUT_SIGNING_KEY, copy it outside."""
    run_step(checkpoint_step.make, as_json=as_json)


@checkpoint_app.command("list")
def checkpoint_list(*, as_json: Json = False) -> None:
    """All checkpoints, who signed them and where their copies are."""
    with working() as made:
        found = checkpoint_step.listing(made)
    show_found(found, partial(_table, f"Checkpoints: {len(found)}"), as_json=as_json)


@checkpoint_app.command("verify")
def checkpoint_verify(*, as_json: Json = False) -> None:
    """Compare the log with every checkpoint and its copies outside; name what was changed."""
    run_step(checkpoint_step.verify, as_json=as_json)


@checkpoint_app.command("keygen")
def checkpoint_keygen(
    file: Annotated[Path, typer.Argument(help="New file for the private key.")],
    *,
    as_json: Json = False,
) -> None:
    """Make a signing key; prints the public key, which belongs to the auditor."""
    show_found({"verifier_key": make_key(file)}, lambda one: one["verifier_key"], as_json=as_json)


def _table(title: str, rows: list[dict[str, Any]]) -> RenderableType:
    """One line a row, with the columns of the first."""
    table = plain_table(f"{title}: {len(rows)}")
    for name in rows[0] if rows else ("nothing",):
        table.add_column(name.replace("_", " "))
    for row in rows:
        table_row(table, *(_cell(value) for value in row.values()))
    return table


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
