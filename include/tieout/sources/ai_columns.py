"""AI spend in whole columns: each distinct meter is recognised once, its answer given to its rows.

Owns the gathering; what a meter says is `ai_meters`'. The dated tables are asked with the first and
the last day of the month; only where these answers differ does the day of each row count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tieout.core.money import from_decimal
from tieout.core.period import Period
from tieout.focus.coded import distinct_tuples
from tieout.sources.ai_meters import AiMeter, Cloud, recognise
from tieout.sources.amounts import Mask
from tieout.sources.columns import gathered
from tieout.sources.tables import Batch
from tieout.sources.tag_columns import tag_map

_KEPT = 1 << 17
_NONE = AiMeter(developer=None, model=None, token_kind=None, service_tier=None)


class Meter(NamedTuple):
    """What `recognise` is asked about; `attributes` is canonical JSON."""

    service: str
    meter: str
    sku: str | None
    description: str | None
    attributes: str | None


class UnmappedRow(NamedTuple):
    """A row of AI spend without a known model, as `unmapped_findings` takes it."""

    meter: str
    sku: str
    units: int
    document: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AiColumns:
    """The x_ columns of a batch, which rows are AI spend, and which of these lack a model."""

    columns: dict[str, pa.DictionaryArray]
    is_ai: Mask
    is_unmapped: Mask
    meters: list[Meter]
    codes: npt.NDArray[np.int32]


def ai_columns(
    cloud: Cloud,
    texts: Sequence[pa.DictionaryArray],
    meter_of: Callable[..., Meter],
    *,
    days: pa.Array,
    period: Period,
) -> AiColumns:
    """Recognise the rows of a batch; `meter_of` makes the question of one tuple of the texts."""
    codes, tuples = distinct_tuples(texts)
    meters = [meter_of(*one) for one in tuples]
    answers = [_ask(cloud, meter, period.start_on) for meter in meters]
    for place, meter in enumerate(meters):
        if _ask(cloud, meter, period.last_on) != answers[place]:
            codes = _by_day(cloud, codes, place, days, meters, answers)
    found = [one or _NONE for one in answers]
    is_ai = np.array([one is not None for one in answers], np.bool_)
    no_model = np.array([one is not None and one.model is None for one in answers], np.bool_)
    return AiColumns(
        columns={
            "x_model_developer": gathered([*(one.developer for one in found), None], codes),
            "x_model": gathered([*(one.model for one in found), None], codes),
            "x_token_kind": gathered([*(one.token_kind for one in found), None], codes),
            "x_service_tier": gathered([*(one.service_tier for one in found), None], codes),
        },
        is_ai=is_ai[codes],
        is_unmapped=no_model[codes],
        meters=meters,
        codes=codes,
    )


def unmapped_rows(found: AiColumns, units: pa.Array, kept: Mask, batch: Batch) -> list[UnmappedRow]:
    """The loaded rows of AI spend whose model is not known."""
    return [
        UnmappedRow(
            meter=found.meters[found.codes[row]].meter,
            sku=found.meters[found.codes[row]].sku or "",
            units=from_decimal(units[row].as_py()),
            document=batch.document,
            number=batch.first_row + row,
        )
        for row in np.flatnonzero(found.is_unmapped & kept).tolist()
    ]


@lru_cache(maxsize=_KEPT)
def _ask(cloud: Cloud, meter: Meter, on: date) -> AiMeter | None:
    return recognise(
        cloud,
        service=meter.service,
        meter=meter.meter,
        sku=meter.sku,
        description=meter.description,
        attributes=tag_map(meter.attributes),
        on=on,
    )


def _by_day(
    cloud: Cloud,
    codes: npt.NDArray[np.int32],
    place: int,
    days: pa.Array,
    meters: list[Meter],
    answers: list[AiMeter | None],
) -> npt.NDArray[np.int32]:
    """Codes in which the rows of one meter are split by the answers of their days."""
    split = codes.copy()
    rows = np.flatnonzero(codes == place)
    dates = days.take(pa.array(rows)).to_pylist()
    places: dict[AiMeter | None, int] = {answers[place]: place}
    for row, day in zip(rows.tolist(), dates, strict=True):
        answer = answers[place] if day is None else _ask(cloud, meters[place], day)
        if answer not in places:
            places[answer] = len(answers)
            answers.append(answer)
            meters.append(meters[place])
        split[row] = places[answer]
    return split
