"""Every amount in the tutorial and the README is a figure of a real run of the sample month."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests import month

from tieout.cli.views import _units, money
from tieout.core.money import to_decimal
from tieout.core.period import parse_period
from tieout.steps import evidence, status
from tieout.steps.inputs import latest_outputs

ROOT = Path(__file__).parents[2]
_AMOUNT = re.compile(r"(?<![\w.:-])-?\d{1,3}(?:,\d{3})*\.\d{2,6}(?![\d.])")


@pytest.fixture(scope="module")
def known(closed_world: month.World) -> set[str]:
    """All amounts of the statement, the bridges, the accrual and the pools, as they are shown."""
    context = closed_world.worker()
    statement = status.statement(context, period=month.PERIOD)
    with context.store.transaction() as tx:
        found = evidence.load(context, tx, parse_period(month.PERIOD))
        outputs = [
            latest_outputs(tx, step, f"{month.PERIOD}/{stage}")
            for step in ("classify", "allocate")
            for stage in ("draft", "final")
        ]
    context.close()
    amounts = [
        *_amounts(statement),
        *(str(output.get(name, "0")) for output in outputs for name in ("total", "pooled")),
        *(str(Decimal(_accrued(entry)) / 100) for entry in found.entries),
        *(str(to_decimal(bridge.end_units)) for bridge in found.bridges),
        *(str(to_decimal(bridge.start_units)) for bridge in found.bridges),
        str(to_decimal(int(found.certificate["pools"][0]["amount_in_units"]))),
    ]
    shown = {money(amount) for amount in amounts} | {
        _units(line.amount_units) for bridge in found.bridges for line in bridge.lines
    }
    bought = sum(
        line.amount_units
        for bridge in found.bridges
        for line in bridge.lines
        if line.component == "purchase"
    )
    share = str(Decimal(statement["unallocated_share_bp"]) / 100)
    return {*shown, _units(bought), share, *(one.lstrip("-") for one in shown)}


def _accrued(entry: Any) -> int:
    return sum(line.debit_minor for line in entry.lines) if entry.journal_type == "accrual" else 0


def _amounts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _amounts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _amounts(one)
    elif isinstance(value, str) and re.fullmatch(r"-?\d+\.\d+", value):
        yield value


@pytest.mark.parametrize("page", ["docs/tutorial.md", "README.md"])
def test_every_amount_of_the_page_is_one_of_a_real_run(page: str, known: set[str]) -> None:
    text = "\n".join(
        line
        for line in (ROOT / page).read_text().splitlines()
        if not re.match(r"^ *\d+\.\d s  ", line)
    )
    amounts = _AMOUNT.findall(re.sub(r"(Ubuntu|Python) [\d.]+", "", text))
    assert len(amounts) > 15
    assert [amount for amount in amounts if amount not in known] == []


def test_the_line_that_the_readme_explains_is_in_the_ledger(closed_world: month.World) -> None:
    (wanted,) = re.findall(r"tieout explain 2026-10 ([0-9a-f]+)", (ROOT / "README.md").read_text())
    context = closed_world.worker()
    lines = status.ledger_lines(context, period=month.PERIOD)
    context.close()
    assert [line["ledger_line_id"][:8] for line in lines].count(wanted) == 1
