"""OpenAI's kinds of usage: what is asked for each, and what of it is metered in tokens.

Owns the table of endpoints. Tokens and web searches become usage rows; pictures, sound, sessions,
file searches and storage have no column there, so each kind is told in one finding.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import openai
import pyarrow as pa

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.period import Period
from tieout.focus.usage import USAGE_SCHEMA
from tieout.sources.answers import read_pages
from tieout.sources.base import NormalisedUsage, RawDocument
from tieout.sources.openai_buckets import Row, bucket_day, bucket_rows, check_object, text_of
from tieout.sources.openai_client import PROVIDER, asked, raw_bytes
from tieout.sources.rows import bad_row, normalise_usage, whole_number

_BUCKETS_A_PAGE = 31
_KEYS = ("project_id", "api_key_id", "model")
_TIERS = {None: "standard", "default": "standard", "flex": "flex", "priority": "priority"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One usage endpoint; `quantity` is the field of what it counts if those are no tokens."""

    result: str
    groups: tuple[str, ...]
    quantity: str | None = None
    unit: str = ""


METERS: Mapping[str, Meter] = {
    "completions": Meter(result="completions", groups=(*_KEYS, "batch", "service_tier")),
    "embeddings": Meter(result="embeddings", groups=_KEYS),
    "moderations": Meter(result="moderations", groups=_KEYS),
    "images": Meter(
        result="images", groups=(*_KEYS, "size", "source"), quantity="images", unit="images"
    ),
    "audio_speeches": Meter(
        result="audio_speeches", groups=_KEYS, quantity="characters", unit="characters"
    ),
    "audio_transcriptions": Meter(
        result="audio_transcriptions", groups=_KEYS, quantity="seconds", unit="seconds"
    ),
    "web_search_calls": Meter(result="web_searches", groups=_KEYS),
    "file_search_calls": Meter(
        result="file_searches",
        groups=("project_id", "api_key_id", "vector_store_id"),
        quantity="num_requests",
        unit="file searches",
    ),
    "vector_stores": Meter(
        result="vector_stores",
        groups=("project_id",),
        quantity="usage_bytes",
        unit="byte-days",
    ),
    "code_interpreter_sessions": Meter(
        result="code_interpreter_sessions",
        groups=("project_id",),
        quantity="num_sessions",
        unit="sessions",
    ),
    # in the SDK, not in the published interface description of August 2026
    "decisions": Meter(result="decisions", groups=(*_KEYS, "batch", "service_tier")),
}
_DEFAULT = "completions"
_ALL = tuple(name for name in METERS if name != "decisions")


def chosen_meters(connection: ProviderConnection) -> tuple[str, ...]:
    """The endpoints that the connection's `usage` names: completions unless it says otherwise.

    Raises:
        SettingError: one that does not exist.
    """
    names: dict[str, None] = {}
    for name in connection.extra.get("usage", _DEFAULT).split(","):
        wanted = _ALL if name.strip() == "all" else (name.strip(),)
        names |= dict.fromkeys(wanted)
    unknown = sorted(names.keys() - METERS.keys())
    if unknown:
        raise SettingError(
            f"usage of {connection.name} names {unknown[0][:40]!r}: expected all, or some of "
            f"{', '.join(METERS)} with commas; correct the connection."
        )
    return tuple(names)


def fetch_meter(
    client: openai.OpenAI, name: str, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """All pages of one endpoint up to `through` (inclusive).

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    groups = METERS[name].groups
    request = asked(
        f"organization/usage/{name}",
        account=account,
        groups=groups,
        period=period,
        through=through,
        now=now,
    )
    call: Callable[..., Any] = getattr(client.admin.organization.usage.with_raw_response, name)

    def ask(cursor: str | None) -> bytes:
        return raw_bytes(
            client,
            lambda: call(
                start_time=int(request["start_time"]),
                end_time=int(request["end_time"]),
                group_by=list(groups),
                bucket_width="1d",
                limit=_BUCKETS_A_PAGE,
                page=cursor or openai.omit,
            ),
        )

    return read_pages(ask, name=f"usage.{name}", kind="usage", request=request)


def read_usage(
    documents: Sequence[RawDocument], *, account: str, period: Period, names: Mapping[str, str]
) -> NormalisedUsage:
    """Usage rows of all endpoints that were asked, and a finding for each without tokens.

    `names` are the projects' by id. Input already includes cached tokens. Web searches are counted
    without requests and tokens, because completions have counted both.
    """
    parts = [
        _metered(pages, METERS[name], account=account, period=period, names=names)
        if METERS[name].quantity is None
        else _told(pages, name, period=period)
        for name, pages in _by_meter(documents).items()
    ]
    tables = [USAGE_SCHEMA.empty_table(), *(part.usage for part in parts)]
    return NormalisedUsage(
        usage=pa.concat_tables(tables).combine_chunks(),
        findings=tuple(finding for part in parts for finding in part.findings),
        rows_in=sum(part.rows_in for part in parts),
        rows_out=sum(part.rows_out for part in parts),
        rows_bad=sum(part.rows_bad for part in parts),
    )


def _by_meter(documents: Sequence[RawDocument]) -> dict[str, list[RawDocument]]:
    found: dict[str, list[RawDocument]] = {}
    for document in documents:
        if document.kind == "usage":
            name = document.request.get("path", _DEFAULT).rpartition("/")[2]
            if name not in METERS:
                raise SourceAnswerError(
                    f"{document.name} was asked from {name[:40]!r}: expected one of "
                    f"{', '.join(METERS)}; pull it again."
                )
            found.setdefault(name, []).append(document)
    return found


def _metered(
    pages: Sequence[RawDocument],
    meter: Meter,
    *,
    account: str,
    period: Period,
    names: Mapping[str, str],
) -> NormalisedUsage:
    def usage(row: Row) -> Mapping[str, object]:
        values = row.values
        check_object(values, _object_name(meter))
        project = text_of(values, "project_id")
        start, end = bucket_day(values, period)
        return {
            "provider": PROVIDER,
            "billing_account_id": account,
            "sub_account_id": project,
            "sub_account_name": names.get(project or ""),
            "api_key_id": text_of(values, "api_key_id"),
            "charge_period_start": start,
            "charge_period_end": end,
            "model": _model(values),
            "service_tier": _tier(values),
            **_counts(values, meter),
        }

    return normalise_usage(bucket_rows(pages), to_usage=usage, provider=PROVIDER)


def _counts(values: Mapping[str, Any], meter: Meter) -> dict[str, int]:
    searches = meter.result == "web_searches"
    return {
        "input_tokens": whole_number(values, "input_tokens"),
        "cached_input_tokens": whole_number(values, "input_cached_tokens"),
        "cache_write_tokens": whole_number(values, "input_cache_write_tokens"),
        "cache_write_1h_tokens": 0,
        "output_tokens": whole_number(values, "output_tokens"),
        "web_searches": whole_number(values, "num_requests") if searches else 0,
        "requests": 0 if searches else whole_number(values, "num_model_requests"),
    }


def _told(pages: Sequence[RawDocument], name: str, *, period: Period) -> NormalisedUsage:
    """No usage rows: the sum of what was counted, and the rows that could not be read."""
    meter = METERS[name]
    total = rows = 0
    bad: list[Finding] = []
    for row in bucket_rows(pages):
        try:
            total += _quantity(row.values, meter, period)
            rows += 1
        except SourceAnswerError as error:
            bad.append(bad_row(row, str(error), provider=PROVIDER, units=0))
    return NormalisedUsage(
        usage=USAGE_SCHEMA.empty_table(),
        findings=(*bad, *_not_in_tokens(name, total, rows)),
        rows_in=len(bad),
        rows_out=0,
        rows_bad=len(bad),
    )


def _quantity(values: Mapping[str, Any], meter: Meter, period: Period) -> int:
    check_object(values, _object_name(meter))
    bucket_day(values, period)
    key = meter.quantity or ""
    if values.get(key) is None:
        raise SourceAnswerError(f"Field {key} is missing: expected a whole number.")
    return whole_number(values, key)


def _not_in_tokens(name: str, total: int, rows: int) -> Iterator[Finding]:
    if total:
        yield Finding(
            kind="usage_not_metered_by_tokens",
            severity="info",
            subject=f"{PROVIDER} {name}",
            message=(
                f"OpenAI counts {total} {METERS[name].unit} in {rows} rows of {name}: expected "
                "tokens, which a rate card prices; the cost report bills them, so they are "
                "allocated, but not estimated."
            ),
        )


def _object_name(meter: Meter) -> str:
    return f"organization.usage.{meter.result}.result"


def _tier(values: Mapping[str, Any]) -> str:
    if values.get("batch") is True:
        return "batch"
    tier = text_of(values, "service_tier")
    if tier not in _TIERS:
        raise SourceAnswerError(
            f"Service tier is {str(tier)[:40]!r}: expected one of default, flex, priority; "
            "the plug-in must learn this one before its tokens can be priced."
        )
    return _TIERS[tier]


def _model(values: Mapping[str, Any]) -> str:
    model = text_of(values, "model")
    if model is None:
        raise SourceAnswerError("Field model is empty: expected the usage grouped by model.")
    return model
