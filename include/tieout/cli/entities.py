"""Commands about legal entities: their trial balances and what they owe each other."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from tieout.cli.shell import Json, show_found, working
from tieout.cli.views import money, plain_table, table_row
from tieout.core.period import parse_period
from tieout.steps import entity_books

EntityOption = Annotated[str | None, typer.Option("--entity", help="One legal entity only.")]


def entities(
    period: Annotated[str, typer.Argument(help="Accounting month, such as 2026-10.")],
    entity: EntityOption = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the trial balance of each legal entity, and what the entities owe each other."""
    with working() as made:
        found = entity_books.run(made, period=str(parse_period(period)), entity=entity)
    show_found(found, entities_view, as_json=as_json)


def entities_view(found: dict[str, Any]) -> Iterator[RenderableType]:
    """A trial balance an entity, then the pairs."""
    for one in found["entities"]:
        table = plain_table(f"{one['name']} at the end of {found['period']}, {found['currency']}")
        for name in ("account", "name"):
            table.add_column(name)
        for name in ("debit", "credit", "balance"):
            table.add_column(name, justify="right")
        for row in one["trial_balance"]:
            amounts = (money(row[name]) for name in ("debit", "credit", "balance"))
            table_row(table, row["account"], row["name"], *amounts)
        yield table
    table = plain_table(f"Owed between entities, {found['currency']}")
    for name in ("of", "by"):
        table.add_column(name)
    for name in ("books of the first", "books of the second", "left after elimination"):
        table.add_column(name, justify="right")
    for one in found["pairs"]:
        amounts = (money(one[name]) for name in ("first_is_owed", "second_is_owed", "left"))
        table_row(table, one["first"], one["second"], *amounts)
    yield table
