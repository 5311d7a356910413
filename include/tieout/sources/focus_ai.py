"""AI spend in FOCUS rows: what SkuPriceDetails say, and what a cloud's meters tell beyond that.

Owns the reading of the specification's AI billing keys (FOCUS working draft after 1.4, which calls
them a naming guide) and the merge; meters are recognised by `ai_meters`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pyarrow as pa

from tieout.core.errors import SourceAnswerError
from tieout.core.period import Period
from tieout.focus.coded import Texts
from tieout.focus.columns import AI_SERVICE_CATEGORY
from tieout.sources.ai_columns import AiColumns, Meter, ai_columns
from tieout.sources.ai_meters import Cloud
from tieout.sources.columns import derived
from tieout.sources.limits import load_json

CLOUDS = frozenset({"aws", "azure", "gcp"})
X_COLUMNS = ("x_model_developer", "x_model", "x_token_kind", "x_service_tier")

_NOTHING: Texts = (None, None, None, None)
_TOKEN_KINDS = {
    ("input", "read"): "cached_input",
    ("input", "write"): "cache_write",
    ("output", "uncached"): "output",
}
# texts of a meter by cloud: service, meter, sku, description
_METER_COLUMNS = {
    "aws": ("x_ServiceCode", "x_UsageType", "SkuId", "ServiceName"),
    "azure": ("x_SkuMeterCategory", "x_SkuMeterName", "x_SkuMeterId", "x_SkuMeterSubcategory"),
    "gcp": ("ServiceName", "SkuMeter", "SkuId", "ChargeDescription"),
}
_FALLBACKS = ("ServiceName", "SkuMeter")


def ai_of_details(details: pa.DictionaryArray) -> dict[str, pa.DictionaryArray]:
    """Developer, model and kind of token as SkuPriceDetails name them."""
    return dict(zip(X_COLUMNS, derived([details], _details, len(X_COLUMNS)), strict=True))


def recognised(
    cloud: Cloud,
    text: Callable[[str], pa.DictionaryArray],
    columns: Mapping[str, pa.Array],
    *,
    period: Period,
) -> tuple[dict[str, pa.Array], AiColumns]:
    """Service category and x_ columns, filled from the cloud's meters where the row says nothing.

    A row whose details name its model does not count as unmapped.
    """
    names = [text(name) for name in (*_METER_COLUMNS[cloud], *_FALLBACKS)]
    days = columns["charge_period_start"].cast(pa.date32())
    found = ai_columns(cloud, names, _meter, days=days, period=period)
    flags = pa.DictionaryArray.from_arrays(pa.array(found.is_ai.astype(np.int32)), ["", "ai"])
    (category,) = derived([flags, columns["service_category"]], _category, 1)
    merged = {
        name: derived([columns[name], found.columns[name]], _first, 1)[0] for name in X_COLUMNS
    }
    has_model = merged["x_model"].is_valid().to_numpy(zero_copy_only=False)
    found = replace(found, is_unmapped=found.is_unmapped & ~has_model)
    return {"service_category": category, **merged}, found


def _meter(*texts: str | None) -> Meter:
    service, meter, sku, description, service_name, sku_meter = texts
    return Meter(
        service=service or service_name or "",
        meter=meter or sku_meter or description or "",
        sku=sku,
        description=description,
        attributes=None,
    )


def _category(flag: str | None, category: str | None) -> Texts:
    return (AI_SERVICE_CATEGORY if flag else category,)


def _first(own: str | None, other: str | None) -> Texts:
    return (own or other,)


@lru_cache(maxsize=1 << 16)
def _details(text: str | None) -> Texts:
    try:
        value = load_json((text or "{}").encode(), name="SkuPriceDetails")
    except SourceAnswerError:
        return _NOTHING
    if not isinstance(value, dict):
        return _NOTHING
    direction = str(value.get("TokenDirection") or "").lower()
    cache = str(value.get("TokenCacheAction") or "uncached").lower()
    kind = direction if cache == "uncached" else None
    return (
        _text(value.get("ModelDeveloper")),
        _text(value.get("ModelId") or value.get("ModelFamily")),
        _TOKEN_KINDS.get((direction, cache), kind if direction in {"input", "output"} else None),
        None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
