"""How previews of rule changes look in a terminal. Owns no figure."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from tieout.cli.views import plain_table, table_row

MOST_ROWS = 15


def preview(found: dict[str, Any]) -> Iterator[RenderableType]:
    """One preview: what moves by initiative, then by month, P&L line and rule."""
    state = f"approved by {found['approved_by']}" if found.get("approved_by") else "not approved"
    months = f"{found['first_period']} to {found['last_period']}"
    yield f"Preview {found['preview'][:12]} of {found['policy']}, {months} ({state})"
    summary = found["summary"]
    yield from _changes("By initiative", summary["initiatives"])
    for month in found["months"]:
        name = f"{month['period']} ({month['state']})"
        yield from _changes(f"{name}, by P&L line", month["pl_lines"])
        for dimension, changes in month["dimensions"].items():
            if dimension != "initiative":
                yield from _changes(f"{name}, by {dimension.replace('_', ' ')}", changes)
        yield from _moves(name, month["moves"])
    yield _end(found)


def lint(found: dict[str, Any]) -> Iterator[RenderableType]:
    """Findings about rules, then the money behind each rule."""
    for one in found["findings"]:
        yield f"{one['severity']} {one['kind'].replace('_', ' ')}: {one['message']}"
    if not found["findings"]:
        yield f"Nothing is odd about {found['policy']} on the charges of {found['period']}."
    table = plain_table(f"What each rule of {found['policy']} decides in {found['period']}")
    table.add_column("dimension")
    table.add_column("rule", overflow="fold")
    for column in ("charges", "amount"):
        table.add_column(column, justify="right")
    for one in found["money"]:
        rule = one["rule"] or "(no rule)"
        amount = _amount(one["amount"])
        table_row(table, one["dimension"], rule, str(one["charges"]), amount)
    yield table


def differences(found: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """What changed between two versions, one sentence a change."""
    yield from (one["message"] for one in found)


def previews(found: list[dict[str, Any]]) -> RenderableType:
    """All previews, one a row."""
    table = plain_table("Previews")
    for column in ("preview", "policy", "months", "made by", "approved by"):
        table.add_column(column)
    for one in found:
        months = " to ".join(one["periods"])
        approved = one["approved_by"] or "-"
        table_row(table, one["preview"][:12], one["policy"], months, one["made_by"], approved)
    return table


def history(found: dict[str, Any]) -> Iterator[RenderableType]:
    """A charge and each class it ever had, oldest first."""
    yield (
        f"Charge {found['line_id'][:12]} of {found['provider']}, {found['billed_cost']}: "
        f"{found['description'] or 'no description'}, row {found['row']} of document "
        f"{found['document_sha256'][:12]}"
    )
    for one in found["classifications"]:
        people = "; ".join(
            f"{each['policy']} by {each['proposed_by']}, approved by {each['approved_by'] or '-'}"
            for each in one["policies"]
        )
        at = f"ledger {one['ledger_seq']}, " if one["ledger_seq"] else ""
        table = plain_table(f"{one['basis']}, {at}run {one['run']}, {one['known_at'][:19]}")
        for column in ("dimension", "value", "rule"):
            table.add_column(column)
        for name, each in one["classes"].items():
            table_row(table, name.replace("_", " "), each["value"] or "-", each["rule"] or "-")
        yield table
        yield people


def _changes(title: str, changes: list[dict[str, str]]) -> Iterator[Table]:
    if not changes:
        return
    table = plain_table(title)
    table.add_column("value")
    for column in ("before", "after", "change"):
        table.add_column(column, justify="right")
    for one in changes[:MOST_ROWS]:
        amounts = (_amount(one[name]) for name in ("before", "after", "change"))
        table_row(table, one["value"], *amounts)
    if len(changes) > MOST_ROWS:
        table_row(table, f"and {len(changes) - MOST_ROWS} more (--json shows all)", "", "", "")
    yield table


def _moves(name: str, moves: list[dict[str, Any]]) -> Iterator[Table]:
    if not moves:
        return
    table = plain_table(f"{name}, rules behind the moves")
    for column in ("dimension", "from", "to", "rule before", "rule after"):
        table.add_column(column, overflow="fold")
    for column in ("charges", "amount"):
        table.add_column(column, justify="right")
    for move in moves[:MOST_ROWS]:
        for dimension, one in move["dimensions"].items():
            texts = (one[key] or "-" for key in ("from", "to", "rule_before", "rule_after"))
            table_row(table, dimension, *texts, str(move["charges"]), _amount(move["amount"]))
    yield table


def _end(found: dict[str, Any]) -> str:
    summary = found["summary"]
    closed = ", ".join(summary["closed_periods_touched"]) or "none"
    entries = sum(len(month["reclass"]) for month in found["months"])
    unallocated = summary["unallocated"]
    return (
        f"{summary['charges_moved']} charges move. Unallocated {_amount(unallocated['before'])} "
        f"before, {_amount(unallocated['after'])} after. Closed months touched: {closed}; they "
        f"are not rewritten, {entries} reclassifications go to the open month."
    )


def _amount(text: str) -> str:
    return f"{Decimal(text):,.2f}"
