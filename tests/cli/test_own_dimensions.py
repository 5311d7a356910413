"""Dimensions of the user's own stand in a column of their own, where there are any."""

from typing import Any

from rich.console import Console

from tieout.cli import views


def text_of(rows: list[dict[str, Any]]) -> str:
    console = Console(width=160, record=True, file=None)
    with console.capture() as said:
        console.print(views.ledger_lines(rows))
    return said.get()


def line(**changes: Any) -> dict[str, Any]:
    row = {
        "ledger_line_id": "a" * 64,
        "provider": "aws",
        "service_name": "Bedrock",
        "initiative": "search",
        "pool_id": None,
        "own_dimensions": None,
        "billed_cost": "12.50",
    }
    return row | changes


def test_lines_show_own_dimensions_only_where_there_are_some() -> None:
    assert " own" not in text_of([line()])
    shown = text_of([line(), line(own_dimensions='{"team":"red","tier":"gold"}')])
    assert " own" in shown
    assert "team red, tier gold" in shown


def test_lines_that_are_folded_keep_their_columns() -> None:
    many = [line(own_dimensions='{"team":"red"}')] * (views.MOST_LINES + 2)
    assert "2 others" in text_of(many)
    assert "25.00" in text_of(many)
