"""Cursor through the real requests: windows, pages, pace, and no address in anything kept."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.sources.json_stub import Asked, Reply, serving

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import (
    SettingError,
    SourceAnswerError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources import http_json
from tieout.sources.person_refs import person_ref, without_addresses
from tieout.sources.providers import cursor

OCTOBER = Period(2026, 10)
ASKED: dict[str, Any] = {"account": "team", "period": OCTOBER}
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
SALT = "0123456789abcdef-salt"
KEY = "crsr-canary-key"
THROUGH = date(2026, 10, 31)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(http_json, "sleep", waited.append)
    return waited


def connection(url: str, **extra: str) -> ProviderConnection:
    given = {"person_salt": SALT, "team": "nordlicht", **extra}
    return ProviderConnection(name="tieout_cursor", endpoint=url, secret=Secret(KEY), extra=given)


def event(day: int, cents: str, who: str = "Ana@Nordlicht.example") -> dict[str, Any]:
    at = int(datetime(2026, 10, day, 12, tzinfo=UTC).timestamp() * 1000)
    return {
        "timestamp": str(at),
        "model": "claude-sonnet-4-6",
        "kind": "Usage-based",
        "isChargeable": True,
        "chargedCents": cents,
        "userEmail": who,
        "tokenUsage": {"inputTokens": 1, "outputTokens": 2},
    }


def paged(events: list[dict[str, Any]], *, a_page: int) -> Any:
    """Serves the events of the asked window, `a_page` at a time."""

    def answer(asked: Asked) -> Reply:
        first, last = int(str(asked.body["startDate"])), int(str(asked.body["endDate"]))
        inside = [one for one in events if first <= int(one["timestamp"]) <= last]
        start = (int(str(asked.body["page"])) - 1) * a_page
        more = start + a_page < len(inside)
        body = {
            "totalUsageEventsCount": len(inside),
            "pagination": {"hasNextPage": more},
            "usageEvents": inside[start : start + a_page],
        }
        return Reply(body=body)

    return answer


def test_a_month_is_read_in_windows_and_pages_at_the_pace_cursor_asks_for(
    waits: list[float],
) -> None:
    events = [event(1, "1.5"), event(15, "2.25"), event(30, "0.25"), event(31, "100")]
    with serving(paged(events, a_page=2)) as stub:
        documents = cursor.fetch_cost(connection(stub.url), through=THROUGH, now=NOW, **ASKED)
    assert [one.name for one in documents] == [
        "usage-events.window1.page1.json",
        "usage-events.window1.page2.json",
        "usage-events.window2.page1.json",
    ]
    bounds = [
        (int(str(one.body["startDate"])), int(str(one.body["endDate"]))) for one in stub.asked
    ]
    assert bounds[0] == bounds[1]
    assert bounds[2][0] == bounds[0][1] + 1
    assert bounds[0][1] - bounds[0][0] < 30 * 86_400_000
    assert all(one.headers["Authorization"].startswith("Basic ") for one in stub.asked)
    assert len(waits) == 2
    assert all(0 < wait <= 3 for wait in waits)
    result = cursor.to_focus(documents, **ASKED)
    assert result.totals.loaded_units == to_units("1.04")
    assert result.findings == ()
    assert set(result.charges["sub_account_id"].to_pylist()) == {"nordlicht"}


def test_no_document_and_no_charge_holds_an_address() -> None:
    ref = person_ref("ana@nordlicht.example", salt=SALT.encode())
    with serving(paged([event(1, "1")], a_page=9)) as stub:
        documents = cursor.fetch_cost(connection(stub.url), through=THROUGH, now=NOW, **ASKED)
    kept = b"".join(one.content for one in documents).lower()
    assert b"nordlicht.example" not in kept
    assert ref.encode() in kept
    (tags,) = cursor.to_focus(documents, **ASKED).charges["tags"].to_pylist()
    assert json.loads(tags) == {"person": ref}


def test_addresses_go_and_all_else_stays() -> None:
    text = (
        '{"a": "bob@x.example", "m": "claude-sonnet-4-5@20250929", "n": 0.10, '
        '"e": "b\\u006fb\\u0040x.example", "l": "hi\\nbob@x.example"}'
    )
    kept = without_addresses(text.encode(), salt=b"s" * 16).decode()
    assert "x.example" not in kept
    assert '"claude-sonnet-4-5@20250929"' in kept
    assert "0.10" in kept
    assert json.loads(kept)["l"].startswith("hi\nperson-")
    other = without_addresses(text.encode(), salt=b"t" * 16).decode()
    assert json.loads(other)["a"] != json.loads(kept)["a"]


def test_a_list_that_changes_while_it_is_read_is_refused() -> None:
    counts = iter([3, 4])

    def answer(asked: Asked) -> Reply:
        page = int(str(asked.body["page"]))
        body = {
            "totalUsageEventsCount": next(counts),
            "pagination": {"hasNextPage": page == 1},
            "usageEvents": [event(2, "1"), event(3, "1")],
        }
        return Reply(body=body)

    with (
        serving(answer) as stub,
        pytest.raises(SourceUnreachableError, match="changed while it was read"),
    ):
        cursor.fetch_cost(connection(stub.url), through=date(2026, 10, 5), now=NOW, **ASKED)


def test_a_throttle_is_waited_out(waits: list[float]) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "5"})])
    good = paged([event(1, "1")], a_page=9)
    with serving(lambda asked: next(replies, None) or good(asked)) as stub:
        cursor.fetch_cost(connection(stub.url), through=date(2026, 10, 1), now=NOW, **ASKED)
    assert waits[0] == 5


def test_a_refused_key_is_named_by_its_connection_only() -> None:
    with (
        serving(lambda _: Reply(status=401, body={"error": KEY})) as stub,
        pytest.raises(SourceRefusedError, match="tieout_cursor") as caught,
    ):
        cursor.fetch_cost(connection(stub.url), through=THROUGH, now=NOW, **ASKED)
    assert KEY not in repr(caught.value)
    assert SALT not in repr(caught.value) + repr(connection(stub.url))


@pytest.mark.parametrize("body", ["<html>", "[]", '{"usageEvents": {}}', '{"usageEvents": [1]}'])
def test_a_garbage_page_is_refused(body: str) -> None:
    with serving(lambda _: Reply(body=body)) as stub, pytest.raises(SourceAnswerError):
        cursor.fetch_cost(connection(stub.url), through=THROUGH, now=NOW, **ASKED)


def test_a_salt_is_required_and_must_be_long() -> None:
    bare = replace(connection("http://127.0.0.1:9"), extra={})
    with pytest.raises(SettingError, match="person_salt"):
        cursor.fetch_cost(bare, through=THROUGH, now=NOW, **ASKED)
    with pytest.raises(SettingError, match="at least 16 random"):
        cursor.fetch_cost(
            connection("http://127.0.0.1:9", person_salt="short"),
            through=THROUGH,
            now=NOW,
            **ASKED,
        )


def test_a_page_that_comes_twice_is_not_counted_twice() -> None:
    with serving(paged([event(1, "1")], a_page=9)) as stub:
        (page,) = cursor.fetch_cost(
            connection(stub.url), through=date(2026, 10, 1), now=NOW, **ASKED
        )
    with pytest.raises(SourceAnswerError, match="to the byte"):
        cursor.to_focus([page, replace(page, name="again.json")], **ASKED)


def test_an_event_of_another_month_or_without_a_time_is_a_bad_row() -> None:
    late, timeless = event(1, "1"), event(1, "2")
    late["timestamp"], timeless["timestamp"] = "1000", "soon"
    body = {"totalUsageEventsCount": 2, "pagination": {}, "usageEvents": [late, timeless]}
    with serving(lambda _: Reply(body=body)) as stub:
        documents = cursor.fetch_cost(
            connection(stub.url), through=date(2026, 10, 1), now=NOW, **ASKED
        )
    result = cursor.to_focus(documents, **ASKED)
    assert (result.totals.rows_bad, result.totals.refused_units) == (2, to_units("0.03"))
