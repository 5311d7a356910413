"""Two small figures and what the causes made of their difference."""

from datetime import timedelta
from typing import Any

from tests.reconciliation.charge_rows import charges, tokens

from tieout.core.money import to_decimal
from tieout.reconciliation.breaks import Known
from tieout.reconciliation.cases import open_case
from tieout.reconciliation.explaining import Explained, explain

Rows = list[dict[str, Any]]


def found(estimate: Rows, report: Rows, known: Known | None = None, **more: Any) -> Explained:
    case = open_case(
        charges(*estimate, pull="estimate"), charges(*report), known=known or Known(), **more
    )
    return explain(case)


def shown(explained: Explained) -> list[tuple[str, str]]:
    """Cause and amount of each explanation, and what is open."""
    lines = [(one.cause, to_decimal(one.amount_units)) for one in explained.explanations]
    if explained.unexplained_units:
        lines.append(("open", to_decimal(explained.unexplained_units)))
    return [(cause, f"{amount:.2f}") for cause, amount in lines]


def hourly(day: int, hour: int, cost: str, **fields: Any) -> dict[str, Any]:
    row = tokens(day, cost, quantity=cost, **fields)
    starts = row["charge_period_start"] + timedelta(hours=hour)
    return {**row, "charge_period_start": starts, "charge_period_end": starts + timedelta(hours=1)}


def metered(day: int, cost: str, quantity: str = "10", **fields: Any) -> dict[str, Any]:
    return tokens(day, cost, quantity=quantity, **fields)
