"""Meters of whole columns: each is asked once, and days count where the tables change."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from tieout.core.period import Period
from tieout.focus.columns import MONEY
from tieout.sources import ai_columns as module
from tieout.sources.ai_columns import Meter, ai_columns, unmapped_rows
from tieout.sources.ai_meters import AiMeter
from tieout.sources.columns import text_column
from tieout.sources.tables import Batch

OCTOBER = Period(2026, 10)


def answer(model: str | None) -> AiMeter:
    return AiMeter(developer="Acme", model=model, token_kind="input", service_tier=None)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, date]]]:
    """A table in which meter "new" gets its model on the 10th, and "gone" ends on the 10th."""
    calls: list[tuple[str, date]] = []

    def recognise(cloud: str, *, meter: str, on: date, **_: object) -> AiMeter | None:
        calls.append((meter, on))
        is_late = on >= date(2026, 10, 10)
        known = {
            "new": answer("m-2" if is_late else None),
            "gone": None if is_late else answer("m"),
        }
        return known.get(meter)

    monkeypatch.setattr(module, "recognise", recognise)
    module._ask.cache_clear()
    yield calls
    module._ask.cache_clear()


def meter_of(name: str | None) -> Meter:
    return Meter(service="s", meter=name or "", sku=None, description=None, attributes=None)


def test_a_meter_whose_answer_changes_in_the_month_is_asked_for_each_day(
    asked: list[tuple[str, date]],
) -> None:
    names = ["new", "ec2", "new", "new", "gone", "gone", "ec2"]
    days = [date(2026, 10, day) for day in (9, 9, 10, 11, 9, 31, 10)]
    found = ai_columns(
        "aws",
        [text_column(pa.array(names), 7)],
        meter_of,
        days=pa.array([*days[:3], None, *days[4:]]),
        period=OCTOBER,
    )
    assert found.columns["x_model"].to_pylist() == [None, None, "m-2", None, "m", None, None]
    assert found.is_ai.tolist() == [True, False, True, True, True, False, False]
    assert found.is_unmapped.tolist() == [True, False, False, True, False, False, False]
    assert asked.count(("ec2", OCTOBER.start_on)) == 1
    batch = Batch(document="ab" * 32, name="f", first_row=11, rows=7, columns={})
    kept = np.array([True, True, True, False, True, True, True])
    (row,) = unmapped_rows(found, pa.array([Decimal(5)] * 7, MONEY), kept, batch)
    assert (row.meter, row.units, row.number) == ("new", 5 * 10**12, 11)
