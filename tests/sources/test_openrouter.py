"""OpenRouter through the real requests: a day a document, older days from a folder."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.sources.json_stub import Asked, Reply, serving

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import (
    NotReadyError,
    SettingError,
    SourceAnswerError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources import http_json
from tieout.sources.providers import openrouter

OCTOBER = Period(2026, 10)
ASKED: dict[str, Any] = {"account": "main", "period": OCTOBER}
KEY = "sk-or-canary-key"
THROUGH = date(2026, 10, 31)
ON_THE_20TH = datetime(2026, 10, 20, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(http_json, "sleep", waited.append)
    return waited


def connection(url: str, **extra: str) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_openrouter", endpoint=url, secret=Secret(KEY), extra={**extra}
    )


def row(on: str, usage: object, **more: object) -> dict[str, Any]:
    return {
        "date": on,
        "model": "openai/gpt-4.1",
        "provider_name": "OpenAI",
        "usage": usage,
        **more,
    }


def activity(asked: Asked) -> Reply:
    return Reply(body={"data": [row(asked.query["date"], 0.5)]})


def test_each_completed_day_is_a_document() -> None:
    with serving(activity) as stub:
        documents = openrouter.fetch_cost(
            connection(stub.url), through=THROUGH, now=ON_THE_20TH, **ASKED
        )
    assert [one.query["date"] for one in stub.asked] == [f"2026-10-{n:02d}" for n in range(1, 20)]
    assert stub.asked[0].path == "/activity"
    assert stub.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    result = openrouter.to_focus(documents, **ASKED)
    assert result.totals.loaded_units == 19 * to_units("0.5")
    assert set(result.charges["x_model_developer"].to_pylist()) == {"OpenAI"}


def test_a_day_that_the_interface_no_longer_gives_is_read_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "2026-10-01.json").write_text(json.dumps({"data": [row("2026-10-01", 7)]}))
    now = datetime(2026, 11, 1, 6, tzinfo=UTC)
    with serving(activity) as stub:
        documents = openrouter.fetch_cost(
            connection(stub.url, activity_url=tmp_path.as_uri()), through=THROUGH, now=now, **ASKED
        )
    assert "2026-10-01" not in {one.query["date"] for one in stub.asked}
    assert len(documents) == 31
    assert documents[0].request["from"] == "activity_url"
    result = openrouter.to_focus(documents, **ASKED)
    assert result.totals.loaded_units == to_units("7") + 30 * to_units("0.5")


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({}, NotReadyError),
        ({"activity_url": "memory://nothing-here"}, NotReadyError),
        ({"activity_url": "http://127.0.0.1/x"}, SettingError),
    ],
)
def test_a_lost_day_stops_the_pull_instead_of_a_smaller_month(
    extra: dict[str, str], error: type[Exception]
) -> None:
    now = datetime(2026, 11, 5, 6, tzinfo=UTC)
    with serving(activity) as stub, pytest.raises(error):
        openrouter.fetch_cost(connection(stub.url, **extra), through=THROUGH, now=now, **ASKED)


def test_inference_at_a_key_of_ones_own_is_never_billed_here() -> None:
    def answer(_: Asked) -> Reply:
        return Reply(body={"data": [row("2026-10-01", 0.25, byok_usage_inference=4)]})

    with serving(answer) as stub:
        documents = openrouter.fetch_cost(
            connection(stub.url), through=date(2026, 10, 1), now=ON_THE_20TH, **ASKED
        )
    result = openrouter.to_focus(documents, **ASKED)
    assert result.totals.loaded_units == to_units("0.25")
    (note,) = result.findings
    assert (note.kind, note.severity, note.amount_units) == (
        "billed_elsewhere",
        "info",
        to_units("4"),
    )


def test_an_unreadable_amount_for_the_other_bill_refuses_the_row() -> None:
    body = {"data": [row("2026-10-01", 0.25, byok_usage_inference="four")]}
    with serving(lambda _: Reply(body=body)) as stub:
        documents = openrouter.fetch_cost(
            connection(stub.url), through=date(2026, 10, 1), now=ON_THE_20TH, **ASKED
        )
    result = openrouter.to_focus(documents, **ASKED)
    assert [one.kind for one in result.findings] == ["bad_row"]
    assert result.totals.refused_units == to_units("0.25")


def test_a_throttle_is_waited_out_and_a_refusal_is_not(waits: list[float]) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "2"})])
    asked: dict[str, Any] = {"through": date(2026, 10, 1), "now": ON_THE_20TH, **ASKED}
    with serving(lambda one: next(replies, None) or activity(one)) as stub:
        openrouter.fetch_cost(connection(stub.url), **asked)
    assert waits == [2]
    with (
        serving(lambda _: Reply(status=401, body={"error": KEY})) as stub,
        pytest.raises(SourceRefusedError, match="tieout_openrouter") as caught,
    ):
        openrouter.fetch_cost(connection(stub.url), **asked)
    assert KEY not in repr(caught.value)


def test_a_folder_that_cannot_be_read_is_worth_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise PermissionError

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.exists", broken)
    extra = {"activity_url": tmp_path.as_uri()}
    with pytest.raises(SourceUnreachableError, match="activity_url"):
        openrouter.fetch_cost(
            connection("http://127.0.0.1:9", **extra),
            through=THROUGH,
            now=datetime(2026, 11, 5, 6, tzinfo=UTC),
            **ASKED,
        )


@pytest.mark.parametrize("body", ["<html>", "[]", '{"data": {}}', '{"data": [3]}'])
def test_a_garbage_page_is_refused(body: str) -> None:
    with serving(lambda _: Reply(body=body)) as stub, pytest.raises(SourceAnswerError):
        openrouter.fetch_cost(
            connection(stub.url), through=date(2026, 10, 1), now=ON_THE_20TH, **ASKED
        )
