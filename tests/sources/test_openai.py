"""OpenAI through the real SDK: its own interface description, and a stub for pages and faults."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai as sdk
import pytest
from tests.emulators import Prism
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
from tieout.sources.base import RawDocument
from tieout.sources.openai_client import open_client
from tieout.sources.openai_usage import METERS
from tieout.sources.providers import openai

SPECIFICATION = Path(__file__).parents[1] / "data" / "openapi" / "openai-admin.openapi.json"
OCTOBER = Period(2026, 10)
ASKED: dict[str, Any] = {"account": "org-Example", "period": OCTOBER}
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
WHEN: dict[str, Any] = {"through": date(2026, 10, 31), "now": NOW, **ASKED}
FIRST_S, DAY_S = 1_790_812_800, 86_400
KEY = "sk-admin-canary"

MakeDocument = Callable[..., RawDocument]


def connection(url: str, **extra: str) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_openai", endpoint=url, secret=Secret(KEY), extra={**extra}
    )


def bucket(day: int, *results: dict[str, Any]) -> dict[str, Any]:
    start = FIRST_S + (day - 1) * DAY_S
    return {"object": "bucket", "start_time": start, "end_time": start + DAY_S, "results": results}


def page(*buckets: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    return {"object": "page", "data": buckets, "has_more": after is not None, "next_page": after}


def cost(value: object, **fields: object) -> dict[str, Any]:
    amount = {"value": value, "currency": "usd"}
    return {"object": "organization.costs.result", "amount": amount, **fields}


def usage_row(name: str, **fields: object) -> dict[str, Any]:
    kind = f"organization.usage.{METERS[name].result}.result"
    return {"object": kind, "model": "gpt-6-sol", "project_id": "proj_A", **fields}


def answering(found: Callable[[Asked], dict[str, Any]]) -> Callable[[Asked], Reply]:
    """Costs by the function; no projects."""

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/projects"):
            return Reply(body={"data": [], "has_more": False})
        return Reply(body=found(asked))

    return answer


def reached(document: MakeDocument, *days: int, **request: str) -> tuple[date | None, list[str]]:
    buckets = [bucket(day) for day in days]
    cost_page = document("cost", json.dumps(page(*buckets)), **request)
    result = openai.to_focus([cost_page], **ASKED)
    return result.complete_through, [one.kind for one in result.findings]


@pytest.mark.parametrize("name", [name for name in METERS if name != "decisions"])
def test_each_kind_of_usage_is_asked_and_decoded_as_openai_describes_it(
    prism: Prism, name: str
) -> None:
    meter = METERS[name]
    with open_client(connection(prism(SPECIFICATION))) as client:
        answer = getattr(client.admin.organization.usage.with_raw_response, name)(
            start_time=FIRST_S, group_by=list(meter.groups), bucket_width="1d", limit=31
        )
    row = answer.parse().data[0].results[0]
    assert row.object == f"organization.usage.{meter.result}.result"
    raw = json.loads(answer.http_response.content)["data"][0]["results"][0]
    assert raw.keys() >= {meter.quantity} - {None}
    assert meter.quantity or raw.keys() & {"input_tokens", "num_requests"}


def test_costs_and_projects_are_asked_and_decoded_as_openai_describes_them(prism: Prism) -> None:
    november = Period(2024, 11)  # the month of the documented example
    asked: dict[str, Any] = {"account": "org-Example", "period": november}
    url = prism(SPECIFICATION)
    documents = openai.fetch_cost(connection(url), through=date(2024, 11, 30), now=NOW, **asked)
    assert [one.name for one in documents] == ["costs.page1.json", "projects.page1.json"]
    result = openai.to_focus(documents, **asked)
    assert result.totals.source_total == Decimal("0.06")
    assert result.complete_through == date(2024, 11, 1)
    with open_client(connection(url)) as client:
        answer = client.admin.organization.usage.costs(start_time=FIRST_S)
        (project,) = client.admin.organization.projects.list(include_archived=True).data
    assert answer.data[0].results[0].object == "organization.costs.result"
    assert project.name == "Project example"


def test_the_documented_example_that_never_ends_is_refused(prism: Prism) -> None:
    with pytest.raises(SourceAnswerError, match="already read"):
        openai.fetch_usage(connection(prism(SPECIFICATION)), **WHEN)


@pytest.mark.parametrize(
    ("headers", "error", "words"),
    [
        ({"Authorization": "Basic none"}, SourceRefusedError, "HTTP 401"),
        ({"Prefer": "code=429"}, SourceUnreachableError, "HTTP 429.*may be repeated"),
    ],
)
def test_a_refusal_and_a_throttle_of_the_description_are_one_sentence(
    prism: Prism,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    error: type[Exception],
    words: str,
) -> None:
    def opened(one: ProviderConnection) -> sdk.OpenAI:
        return open_client(one).with_options(default_headers=headers, max_retries=0)

    monkeypatch.setattr(openai, "open_client", opened)
    with pytest.raises(error, match=words) as caught:
        openai.fetch_cost(connection(prism(SPECIFICATION)), **WHEN)
    assert KEY not in repr(caught.value)


def test_completions_alone_are_asked_unless_the_connection_says_more() -> None:
    with serving(lambda _: Reply(body=page(bucket(1)))) as stub:
        openai.fetch_usage(connection(stub.url), **WHEN)
        openai.fetch_usage(connection(stub.url, usage="all"), **WHEN)
        openai.fetch_usage(connection(stub.url, usage="images, decisions,images"), **WHEN)
    names = [one.path.removeprefix("/organization/usage/") for one in stub.asked]
    everything = [name for name in METERS if name != "decisions"]
    assert names == ["completions", *everything, "images", "decisions"]
    assert all(one.query["end_time"] == str(FIRST_S + 31 * DAY_S) for one in stub.asked)
    with pytest.raises(SettingError, match="tieout_openai names 'video'"):
        openai.fetch_usage(connection("http://127.0.0.1:9", usage="images,video"), **WHEN)


def test_an_endpoint_that_openai_does_not_have_fails_and_is_not_taken_for_no_use() -> None:
    with (
        serving(lambda _: Reply(status=404, body={"error": {}})) as stub,
        pytest.raises(SourceAnswerError, match="HTTP 404"),
    ):
        openai.fetch_usage(connection(stub.url, usage="decisions"), **WHEN)


def test_web_searches_are_counted_once_and_decisions_as_tokens() -> None:
    rows = {
        "web_search_calls": usage_row("web_search_calls", num_requests=12, num_model_requests=7),
        "decisions": usage_row(
            "decisions", input_tokens=90, output_tokens=4, num_model_requests=2, batch=True
        ),
        "audio_transcriptions": usage_row("audio_transcriptions", seconds=61),
    }

    def answer(asked: Asked) -> Reply:
        return Reply(body=page(bucket(3, rows[asked.path.rpartition("/")[2]])))

    with serving(answer) as stub:
        documents = openai.fetch_usage(connection(stub.url, usage=",".join(rows)), **WHEN)
    found = openai.to_usage(documents, **ASKED)
    shown = ["web_searches", "input_tokens", "requests", "service_tier"]
    assert [tuple(row[key] for key in shown) for row in found.usage.to_pylist()] == [
        (12, 0, 0, "standard"),
        (0, 90, 2, "batch"),
    ]
    (note,) = found.findings
    assert (note.kind, note.severity) == ("usage_not_metered_by_tokens", "info")
    assert "61 seconds in 1 rows" in note.message


def test_amounts_are_exact_whether_they_come_as_numbers_or_as_texts() -> None:
    first, second = "0.1234567890123456789", "12.50"
    text = json.dumps(page(bucket(1, cost("@@"), cost(second)))).replace('"@@"', first)

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/projects"):
            return Reply(body={"data": [], "has_more": False})
        return Reply(body=text)

    with serving(answer) as stub:
        documents = openai.fetch_cost(connection(stub.url), **WHEN)
    result = openai.to_focus(documents, **ASKED)
    assert result.totals.source_total == Decimal(first) + Decimal(second)
    assert set(result.charges["billing_currency"].to_pylist()) == {"USD"}


def test_projects_that_were_archived_keep_their_names() -> None:
    projects = {
        None: {"data": [{"id": "proj_A", "name": "Alpha"}], "has_more": True, "last_id": "proj_A"},
        "proj_A": {"data": [{"id": "proj_old", "name": "Old shop"}], "has_more": False},
    }

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/projects"):
            assert asked.query["include_archived"] == "true"
            return Reply(body=projects[asked.query.get("after")])
        return Reply(body=page(bucket(1, cost(1, project_id="proj_old"))))

    with serving(answer) as stub:
        documents = openai.fetch_cost(connection(stub.url), **WHEN)
    result = openai.to_focus(documents, **ASKED)
    assert result.charges["sub_account_name"].to_pylist() == ["Old shop"]


def test_empty_buckets_vouch_for_quiet_days_and_a_missing_one_ends_it(
    document: MakeDocument,
) -> None:
    whole = range(1, 32)
    assert reached(document, *whole) == (date(2026, 10, 31), [])
    assert reached(document, 1, 2, 3) == (date(2026, 10, 3), [])
    assert reached(document, 1, 2, 4, 5) == (date(2026, 10, 2), ["missing_days"])
    assert reached(document, 2, 3) == (None, ["missing_days"])
    assert reached(document) == (None, [])


def test_no_day_is_vouched_for_beyond_the_end_that_was_asked(document: MakeDocument) -> None:
    end = str(FIRST_S + 14 * DAY_S)
    assert reached(document, *range(1, 21), end_time=end) == (date(2026, 10, 14), [])


def test_a_bucket_that_is_not_one_whole_utc_day_vouches_for_nothing(
    document: MakeDocument,
) -> None:
    half = {**bucket(1), "end_time": FIRST_S + DAY_S // 2}
    shifted = {**bucket(2), "start_time": FIRST_S + DAY_S + 3600, "end_time": FIRST_S + 2 * DAY_S}
    for odd in (half, shifted):
        result = openai.to_focus([document("cost", json.dumps(page(odd)))], **ASKED)
        assert result.complete_through is None


def test_pages_that_overlap_are_refused_before_anything_counts_twice() -> None:
    pages = {
        None: page(bucket(1, cost(1)), bucket(2, cost(2)), after="two"),
        "two": page(bucket(2, cost(2)), bucket(3, cost(3))),
    }
    with serving(answering(lambda asked: pages[asked.query.get("page")])) as stub:
        documents = openai.fetch_cost(connection(stub.url), **WHEN)
    with pytest.raises(SourceAnswerError, match=r"costs\.page2.*repeats the bucket"):
        openai.to_focus(documents, **ASKED)


def test_a_cursor_that_goes_in_a_circle_is_refused() -> None:
    after = {None: "two", "two": "three", "three": "two"}

    def found(asked: Asked) -> dict[str, Any]:
        return page(after=after[asked.query.get("page")])

    with (
        serving(answering(found)) as stub,
        pytest.raises(SourceAnswerError, match="already read"),
    ):
        openai.fetch_cost(connection(stub.url), **WHEN)


def test_a_row_of_another_kind_is_left_out_with_its_money(document: MakeDocument) -> None:
    odd = {**cost("-5.00"), "object": "organization.credits.result"}
    content = json.dumps(page(bucket(1, cost("1.25"), odd)))
    result = openai.to_focus([document("cost", content)], **ASKED)
    assert result.totals.loaded_units == to_units("1.25")
    (finding,) = result.findings
    assert (finding.kind, finding.amount_units) == ("bad_row", to_units("-5.00"))


def test_usage_of_an_unknown_endpoint_is_refused(document: MakeDocument) -> None:
    odd = document("usage", json.dumps(page()), path="organization/usage/video")
    with pytest.raises(SourceAnswerError, match="'video'"):
        openai.to_usage([odd], **ASKED)


def test_no_document_repeats_the_key() -> None:
    with serving(answering(lambda _: page(bucket(1)))) as stub:
        documents = openai.fetch_cost(connection(stub.url), **WHEN)
    sent = {name.lower(): value for name, value in stub.asked[0].headers.items()}
    assert sent["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr([(one.content, one.request) for one in documents])
