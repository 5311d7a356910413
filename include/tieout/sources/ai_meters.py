"""Which rows of a cloud bill are AI spend, and on which model, token kind and service tier.

Owns the reading of the dated tables in `ai_meter_tables/` and the report of what they do not know.
It never decides about money: a row that is not recognised stays a charge as it is. Answers depend
on the arguments and the tables only; the tables are read once.
"""

import csv
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.finding import Finding
from tieout.core.money import format_units
from tieout.sources.ai_meter_words import plain, service_tier, token_kind

Cloud = Literal["aws", "gcp", "azure"]

_TABLES = Path(__file__).parent / "ai_meter_tables"
_KEPT_ANSWERS = 1 << 17
_ATTRIBUTES = ("provider", "model", "inferencetype", "servicetier")
_WORDS_OF_A_NAME = str.maketrans({" ": "-"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AiMeter:
    """What a billed row of AI spend says; None is "the bill or our tables do not say".

    `token_kind` is one of focus.usage.TOKEN_KINDS, `service_tier` standard, batch, flex, priority
    or provisioned. `model` is written as its developer writes it, without the cloud's prefix.
    """

    developer: str | None
    model: str | None
    token_kind: str | None
    service_tier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRow:
    """One row of a table: `pattern` is RE2 on plain text, for `kind` sku the exact id.

    Kinds: `spend` (this is AI spend), `name` (developer and model), `sku` (the whole answer),
    `no_model` (AI spend that has no model by nature). Valid from and to a day, inclusive.
    """

    kind: str
    pattern: str
    developer: str | None
    model: str | None
    token_kind: str | None
    service_tier: str | None
    valid_from: date | None
    valid_to: date | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The rows of one cloud and the days on which the set of valid rows changes, ascending."""

    rows: tuple[MeterRow, ...]
    changes: tuple[date, ...]


def recognise(
    cloud: Cloud,
    *,
    service: str,
    meter: str,
    sku: str | None = None,
    description: str | None = None,
    attributes: Mapping[str, str] | None = None,
    on: date,
) -> AiMeter | None:
    """What a billed row says about AI on its day of usage; None: it is not spend on models.

    aws: `service` product code or name, `meter` usage type, `description` the product name,
    `attributes` the product map (its provider, model and inferenceType win over the usage type).
    gcp: `service` service id or description, `meter` SKU description, `sku` SKU id.
    azure: `service` MeterCategory, `description` MeterSubCategory, `meter` MeterName.
    A result with model None is AI spend whose model the tables do not know on that day.
    """
    era = bisect_right(_load_table(cloud).changes, on)
    words = (plain(service), plain(description or ""), plain(meter))
    return _recognised(cloud, era, words, sku or "", _relevant(attributes or {}))


def unmapped_findings(
    cloud: Cloud, rows: Iterable[tuple[str, str, int, str, int]], *, currency: str = "USD"
) -> tuple[Finding, ...]:
    """One warning for each meter whose model is unknown, largest amount first.

    A row is (meter, sku, units of 1e-12, source document, source row): the AI rows that
    `recognise` gave without a model. Meters that have no model by nature (provisioned capacity,
    tools, guardrails) are left out. The first row of a meter gives its place.
    """
    sums: dict[str, int] = {}
    places: dict[str, tuple[str, str, int]] = {}
    for meter, sku, units, document, number in rows:
        sums[meter] = sums.get(meter, 0) + units
        places.setdefault(meter, (sku, document, number))
    unknown = [meter for meter in sums if not _has_no_model(cloud, plain(meter))]
    unknown.sort(key=lambda meter: (-abs(sums[meter]), meter))
    return tuple(_unmapped(cloud, meter, sums[meter], places[meter], currency) for meter in unknown)


def meter_rows(cloud: Cloud) -> tuple[MeterRow, ...]:
    """The table of one cloud in its order: for reports and for the test of the tables."""
    return _load_table(cloud).rows


@lru_cache(maxsize=_KEPT_ANSWERS)
def _recognised(
    cloud: Cloud,
    era: int,
    words: tuple[str, str, str],
    sku: str,
    attributes: tuple[str, ...],
) -> AiMeter | None:
    rows = _valid(cloud, era)
    for row in rows:
        if row.kind == "sku" and row.pattern == sku:
            return _known_sku(row, words[2])
    text = " | ".join(words)
    if not _matches(_any_of(cloud, era, "spend"), text):
        return None
    provider, model, inference, tier = attributes
    kind = token_kind(plain(inference or words[2]))
    named = service_tier(plain(f"{inference} {tier}"), kind=kind) if inference or tier else None
    if named in {None, "standard"}:
        named = service_tier(words[2], kind=kind)
    developer, known = _name(rows, plain(model) if model else text)
    if model and known is None:
        known = plain(model).translate(_WORDS_OF_A_NAME)
    return AiMeter(
        developer=developer or provider or None, model=known, token_kind=kind, service_tier=named
    )


def _known_sku(row: MeterRow, meter: str) -> AiMeter:
    kind = row.token_kind or token_kind(meter)
    return AiMeter(
        developer=row.developer,
        model=row.model,
        token_kind=kind,
        service_tier=row.service_tier or service_tier(meter, kind=kind),
    )


def _name(rows: Iterable[MeterRow], text: str) -> tuple[str | None, str | None]:
    """Developer and model of the first name that occurs; the template's groups are filled in."""
    for row in rows:
        if row.kind == "name" and _matches(row.pattern, text):
            whole = f"^.*?(?:{row.pattern}).*$"
            filled = pc.replace_substring_regex(pa.scalar(text), whole, row.model or "").as_py()
            parts = [part for part in plain(filled).split(" ") if part]
            return row.developer, "-".join(parts) or None
    return None, None


def _unmapped(
    cloud: Cloud, meter: str, units: int, place: tuple[str, str, int], currency: str
) -> Finding:
    sku, document, number = place
    named = f" (SKU {sku})" if sku else ""
    return Finding(
        kind="unmapped_meter",
        severity="warning",
        subject=f"{cloud} meter {meter[:120]}",
        message=(
            f"AI meter {meter[:120]!r}{named} bills {format_units(units)} {currency}, but no row "
            f"of the {cloud} meter table names its model on that day: expected one; add a dated "
            "row to ai_meter_tables, or classify the meter by rule."
        ),
        amount_units=units,
        currency=currency,
        source_document=document,
        source_row=number,
    )


def _has_no_model(cloud: Cloud, meter: str) -> bool:
    patterns = [row.pattern for row in _load_table(cloud).rows if row.kind == "no_model"]
    return bool(patterns) and _matches("|".join(f"(?:{one})" for one in patterns), meter)


def _relevant(attributes: Mapping[str, str]) -> tuple[str, ...]:
    """The four attributes that count, however the export spells their names."""
    found = {
        name.rpartition("/")[2].replace("_", "").lower(): value
        for name, value in attributes.items()
        if value
    }
    return tuple(found.get(name, "") for name in _ATTRIBUTES)


def _matches(pattern: str, text: str) -> bool:
    # pyarrow's RE2: a pattern that comes from a table never goes to Python's own engine
    found = pc.call_function("match_substring_regex", [pa.scalar(text)], _options(pattern))
    return bool(found.as_py())


@lru_cache(maxsize=1024)
def _options(pattern: str) -> pc.MatchSubstringOptions:
    return pc.MatchSubstringOptions(pattern)


@lru_cache(maxsize=256)
def _valid(cloud: Cloud, era: int) -> tuple[MeterRow, ...]:
    table = _load_table(cloud)
    day = table.changes[era - 1] if era else date.min
    return tuple(
        row
        for row in table.rows
        if (row.valid_from or date.min) <= day <= (row.valid_to or date.max)
    )


@lru_cache(maxsize=256)
def _any_of(cloud: Cloud, era: int, kind: str) -> str:
    return "|".join(f"(?:{row.pattern})" for row in _valid(cloud, era) if row.kind == kind)


@lru_cache(maxsize=3)
def _load_table(cloud: Cloud) -> _Table:
    with (_TABLES / f"{cloud}.csv").open(encoding="utf-8", newline="") as file:
        rows = tuple(_row(values) for values in csv.DictReader(file))
    starts = {row.valid_from for row in rows if row.valid_from}
    ends = {row.valid_to + timedelta(days=1) for row in rows if row.valid_to}
    return _Table(rows=rows, changes=tuple(sorted(starts | ends)))


def _row(values: Mapping[str, str]) -> MeterRow:
    return MeterRow(
        kind=values["kind"],
        pattern=values["pattern"],
        developer=values["developer"] or None,
        model=values["model"] or None,
        token_kind=values["token_kind"] or None,
        service_tier=values["service_tier"] or None,
        valid_from=date.fromisoformat(values["valid_from"]) if values["valid_from"] else None,
        valid_to=date.fromisoformat(values["valid_to"]) if values["valid_to"] else None,
        source=values["source"],
    )
