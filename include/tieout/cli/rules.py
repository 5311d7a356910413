"""Commands for changing one's mind about the past: propose, preview, look, reapply.

The approval in between is a person's, given in the pages' API; no command can give it.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from tieout.cli import rule_views
from tieout.cli.shell import Json, errors, run_step, show, show_found, show_text, working
from tieout.core.errors import UsageError
from tieout.publish.tables import csv_bytes
from tieout.rules.imports import base as imports
from tieout.steps import allocate as allocate_step
from tieout.steps import check_rules as check_step
from tieout.steps import classify as classify_step
from tieout.steps import history as history_step
from tieout.steps import policies as policy_step
from tieout.steps import preview as preview_step
from tieout.steps import reapply as reapply_step

rules_app = typer.Typer(help="Rules for the past: propose, preview, reapply.")
Label = Annotated[str, typer.Argument(help="Policy version, such as classification@3.")]
Preview = Annotated[str, typer.Argument(help="Preview id or its first characters.")]
First = Annotated[str, typer.Option("--from", help="First month, such as 2026-01.")]
Last = Annotated[str, typer.Option("--to", help="Last month.")]
Who = Annotated[str, typer.Option("--as", "--person", help="Who does it.")]
Table = Annotated[Path | None, typer.Option("--csv", help="Write every moved charge to this file.")]


@rules_app.command("propose")
def propose(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    person: Who,
    kind: Annotated[str, typer.Option(help="classification, allocation, ...")] = "classification",
    valid_from: Annotated[str, typer.Option(help="First day it is in force.")] = "2020-01-01",
    json_: Json = False,
) -> None:
    """Propose a version of the rules; nothing moves before it was previewed and approved."""
    try:
        since = date.fromisoformat(valid_from)
    except ValueError:
        raise UsageError(
            f"--valid-from is {valid_from[:40]!r}: expected a day such as 2026-01-01."
        ) from None
    text = file.read_text(encoding="utf-8")
    run_step(
        lambda made: policy_step.propose(
            made, kind=kind, text=text, name=file.name, valid_from=since, person=person
        ),
        as_json=json_,
    )


@rules_app.command("preview")
def preview(
    label: Label,
    *,
    first: First,
    last: Last,
    person: Who = "service:cli",
    more_than: Annotated[str, typer.Option(help="Name initiatives that move by more.")] = "0",
    table: Table = None,
    json_: Json = False,
) -> None:
    """What a proposed version would move in past months: nothing is touched."""
    with working() as made:
        found = preview_step.run(
            made, label=label, first=first, last=last, person=person, threshold=more_than
        )
        if table is not None:
            _write(table, list(preview_step.charges(made, preview=found["preview"])))
    show_found(found, rule_views.preview, as_json=json_)


@rules_app.command("previews")
def previews(json_: Json = False) -> None:
    """All previews, newest first, and who approved them."""
    with working() as made:
        found = preview_step.listing(made)
    show_found(found, rule_views.previews, as_json=json_)


@rules_app.command("show")
def show_preview(preview: Preview, table: Table = None, json_: Json = False) -> None:
    """A preview that was made before, with its approval."""
    with working() as made:
        found = preview_step.show(made, preview=preview)
        if table is not None:
            _write(table, list(preview_step.charges(made, preview=preview)))
    show_found(found, rule_views.preview, as_json=json_)


@rules_app.command("lint")
def lint(
    label: Label,
    period: Annotated[str, typer.Option("--on", help="Month whose charges are looked at.")],
    json_: Json = False,
) -> None:
    """What is odd about a version of the rules, and the money that each rule decides."""
    with working() as made:
        found = check_step.run(made, label=label, period=period)
    show_found(found, rule_views.lint, as_json=json_)


@rules_app.command("diff")
def diff(old: Label, new: Label, json_: Json = False) -> None:
    """What changed from one version of the rules to another, in words."""
    with working() as made:
        found = check_step.diff(made, old=old, new=new)
    show_found(found, rule_views.differences, as_json=json_)


@rules_app.command("import")
def import_rules(
    tool: Annotated[str, typer.Argument(help="aws_cost_categories, cloudzero or vantage.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    dimension: Annotated[str, typer.Option(help="Which dimension they decide.")] = "initiative",
    *,
    json_: Json = False,
) -> None:
    """Another tool's rules in our language, on standard output; what is left out on the other."""
    found = imports.load(tool).to_rules(
        file.read_text(encoding="utf-8"), name=file.name, dimension=dimension, service_names={}
    )
    show_text("rules", found.text, as_json=json_)
    for note in found.notes:
        errors.print(f"tieout: {note}", markup=False)


def reapply(preview: Preview, json_: Json = False) -> None:
    """Apply an approved preview to the past, to the last unit; twice changes nothing."""
    with working() as made:
        show(reapply_step.run(made, preview=preview), as_json=json_)
        for period, stage in reapply_step.open_stages(made, preview=preview):
            for step in (classify_step.run, allocate_step.run):
                show(step(made, period=period, stage=stage), as_json=json_)


def charge_history(period: str, charge: str, *, as_json: bool) -> None:
    """Every classification that a charge ever had."""
    with working() as made:
        found = history_step.run(made, period=period, charge=charge)
    show_found(found, rule_views.history, as_json=as_json)


def _write(table: Path, rows: list[dict[str, Any]]) -> None:
    """Amounts stay numbers; a text that a spreadsheet would run is shown as text."""
    columns = list(rows[0]) if rows else ["line_id"]
    cells = ({**row, "billed_cost": Decimal(row["billed_cost"])} for row in rows)
    table.write_bytes(csv_bytes(columns, cells))
