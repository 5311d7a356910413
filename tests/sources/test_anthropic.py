"""Anthropic through the real SDK: both interfaces, their reach, and the control of the total."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic as sdk
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
from tieout.sources.anthropic_client import REPORTS, asked, fetch_report, open_client
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.providers import anthropic

SPECIFICATION = Path(__file__).parents[1] / "data" / "openapi" / "anthropic-usage-cost.openapi.json"
MONTH = Path(__file__).parents[1] / "golden" / "anthropic" / "legacy_days" / "month.json.gz"
TRUTH: dict[str, Any] = json.loads((Path("sample") / "truth.json").read_text())["anthropic"]
OCTOBER = Period(2026, 10)
ASKED: dict[str, Any] = {"account": "nordlicht-labs", "period": OCTOBER}
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
WHEN: dict[str, Any] = {"through": date(2026, 10, 31), "now": NOW, **ASKED}
KEY = "sk-ant-admin-canary"
REFRESHED = "2026-11-01T04:00:00Z"

MakeDocument = Callable[..., RawDocument]


def connection(url: str, **extra: str) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_anthropic", endpoint=url, secret=Secret(KEY), extra={**extra}
    )


def span(number: int) -> dict[str, str]:
    after = "2026-11-01" if number == OCTOBER.last_on.day else f"2026-10-{number + 1:02d}"
    return {"starting_at": f"2026-10-{number:02d}T00:00:00Z", "ending_at": f"{after}T00:00:00Z"}


def cost(number: int, cents: str) -> dict[str, Any]:
    amounts = {"amount": cents, "list_amount": cents, "currency": "USD"}
    return {**span(number), "group": {"workspace_id": None}, "cost": amounts}


def page(*rows: dict[str, Any], refreshed: str | None = REFRESHED) -> dict[str, Any]:
    return {"data": rows, "has_more": False, "next_page": None, "data_refreshed_at": refreshed}


def with_reports(reports: Callable[[Asked], dict[str, Any]]) -> Callable[[Asked], Reply]:
    """Reports by the function; two workspaces, one of them the default."""
    ordinary = {"id": "wrkspc_01Search", "name": "Search"}
    default = {"id": "wrkspc_00Default", "name": "Default"}

    def answer(asked: Asked) -> Reply:
        if not asked.path.endswith("/workspaces"):
            return Reply(body=reports(asked))
        is_asked = asked.query["include_default"] == "true"
        return Reply(body={"data": [ordinary, *([default] * is_asked)], "has_more": False})

    return answer


def pulled(reports: Callable[[Asked], dict[str, Any]], **extra: str) -> Normalised:
    with serving(with_reports(reports)) as stub:
        documents = anthropic.fetch_cost(connection(stub.url, **extra), **WHEN)
    return anthropic.to_focus(documents, **ASKED)


def legacy_month(asked: Asked) -> dict[str, Any]:
    """The recorded month of the older interface, page by page."""
    pages = json.loads(gzip.decompress(MONTH.read_bytes()))[asked.path.rpartition("/")[2]]
    cursor = asked.query.get("page")
    found: dict[str, Any] = pages[0 if cursor is None else 1]
    assert cursor is None or pages[0]["next_page"] == cursor
    return found


@pytest.mark.parametrize("api", ["analytics", "legacy"])
@pytest.mark.parametrize("name", ["cost", "usage"])
def test_each_report_is_asked_as_its_description_says(prism: Prism, api: str, name: Any) -> None:
    report = REPORTS[api, name]
    request = asked(report, **WHEN)
    with open_client(connection(prism(SPECIFICATION))) as client:
        (document,) = fetch_report(client, name, report, request)
    if name == "usage":
        usage = anthropic.to_usage([document], **ASKED)
        assert (usage.rows_bad, usage.rows_out > 0) == (0, True)
    else:
        result = anthropic.to_focus([document], **ASKED)
        assert (result.totals.rows_bad, result.totals.rows_out > 0) == (0, True)


@pytest.mark.parametrize("api", ["analytics", "legacy"])
def test_a_throttle_of_the_description_is_one_sentence(prism: Prism, api: str) -> None:
    report = REPORTS[api, "cost"]
    with open_client(connection(prism(SPECIFICATION))) as plain:
        client = plain.with_options(default_headers={"Prefer": "code=429"}, max_retries=0)
        with pytest.raises(SourceUnreachableError, match="HTTP 429"):
            fetch_report(client, "cost", report, asked(report, **WHEN))


def test_the_older_interface_is_asked_in_its_own_version_with_the_same_key() -> None:
    with serving(with_reports(legacy_month)) as stub:
        anthropic.fetch_cost(connection(stub.url, api="legacy"), **WHEN)
    first, second = stub.asked[:2]
    assert first.path == "/v1/organizations/cost_report"
    assert first.headers["anthropic-version"] == "2023-06-01"
    assert first.headers["Authorization"] == f"Bearer {KEY}"
    assert first.query["group_by[]"] == "description"  # the last of the two
    assert (first.query["bucket_width"], first.query["limit"]) == ("1d", "31")
    assert first.query["ending_at"] == "2026-11-01T00:00:00Z"
    assert second.query["page"] == "page_an12"


def test_both_interfaces_give_the_same_net_for_each_workspace() -> None:
    result = pulled(legacy_month, api="legacy")
    assert result.findings == ()
    assert result.totals.source_total * 100 == Decimal(TRUTH["analytics_amount_cents"])
    sums: dict[str, int] = {}
    for row in result.charges.to_pylist():
        key = row["sub_account_id"]
        sums[key] = sums.get(key, 0) + to_units(row["billed_cost"]) * 100
    assert sums == {key: to_units(value) for key, value in TRUTH["by_workspace_cents"].items()}
    assert result.complete_through == date(2026, 10, 31)
    assert set(result.charges["list_cost"].to_pylist()) == {None}


def test_tokens_that_the_older_cost_report_never_prices_are_named() -> None:
    with serving(with_reports(legacy_month)) as stub:
        documents = anthropic.fetch_usage(connection(stub.url, api="legacy"), **WHEN)
    found = anthropic.to_usage(documents, **ASKED)
    (note,) = found.findings
    assert (note.kind, note.severity) == ("priority_tier_without_cost", "info")
    assert str(TRUTH["priority_tier_tokens_in_usage_but_not_in_cost"]) in note.message


def test_a_missing_day_ends_what_the_older_interface_vouches_for(document: MakeDocument) -> None:
    buckets = [{**span(number), "results": []} for number in (1, 2, 4)]
    content = json.dumps({"data": buckets, "has_more": False})
    path = REPORTS["legacy", "cost"].path
    result = anthropic.to_focus([document("cost", content, path=path)], **ASKED)
    assert result.complete_through == date(2026, 10, 2)
    assert [one.kind for one in result.findings] == ["missing_days"]


def test_the_same_bucket_twice_is_refused(document: MakeDocument) -> None:
    content = json.dumps({"data": [{**span(1), "results": []}] * 2, "has_more": False})
    path = REPORTS["legacy", "cost"].path
    with pytest.raises(SourceAnswerError, match="repeats the bucket"):
        anthropic.to_focus([document("cost", content, path=path)], **ASKED)


@pytest.mark.parametrize(
    ("refreshed", "last"),
    [
        ([REFRESHED], date(2026, 10, 31)),
        (["2026-11-03T00:00:00Z"], date(2026, 10, 31)),
        (["2026-10-20T00:00:00Z"], date(2026, 10, 19)),
        (["2026-10-20T23:59:59Z"], date(2026, 10, 19)),
        (["2026-10-20T01:00:00+02:00"], date(2026, 10, 18)),
        ([REFRESHED, "2026-10-09T12:00:00Z"], date(2026, 10, 8)),
        (["2026-10-01T23:00:00Z"], None),
        ([REFRESHED, None], None),
        (["soon"], None),
        (["0001-01-01T00:00:00+10:00"], None),
    ],
)
def test_only_days_that_had_ended_when_the_oldest_page_was_refreshed_are_vouched_for(
    document: MakeDocument, refreshed: list[str | None], last: date | None
) -> None:
    pages = [
        document("cost", json.dumps(page(cost(number, "5"), refreshed=mark)), name=f"page{number}")
        for number, mark in enumerate(refreshed, start=1)
    ]
    result = anthropic.to_focus(pages, **ASKED)
    assert result.complete_through == last
    assert result.totals.rows_out == len(refreshed)  # rows of later days stay


def test_no_day_is_vouched_for_beyond_the_end_that_was_asked() -> None:
    with serving(with_reports(lambda _: page(cost(3, "5")))) as stub:
        documents = anthropic.fetch_cost(
            connection(stub.url), **{**WHEN, "through": date(2026, 10, 14)}
        )
    assert anthropic.to_focus(documents, **ASKED).complete_through == date(2026, 10, 14)


@pytest.mark.parametrize("api", ["analytics", "legacy"])
def test_a_total_that_agrees_with_the_rows_is_silent_and_never_charged(api: str) -> None:
    def reports(asked: Asked) -> dict[str, Any]:
        is_total = "group_by[]" not in asked.query
        cents = ["12.5"] if is_total else ["10", "2.5"]
        if api == "analytics":
            return page(*(cost(1, one) for one in cents))
        results = [{"amount": one, "currency": "USD"} for one in cents]
        return {"data": [{**span(1), "results": results}], "has_more": False}

    result = pulled(reports, api=api, check_total="on")
    assert result.totals.source_total == Decimal("0.125")
    assert result.totals.rows_in == 2
    assert result.findings == ()


def test_a_total_that_differs_blocks_and_says_on_which_day() -> None:
    def reports(asked: Asked) -> dict[str, Any]:
        is_total = "group_by[]" not in asked.query
        return page(cost(1, "10"), cost(2, "20" if is_total else "7"))

    (finding,) = pulled(reports, check_total="on").findings
    assert (finding.kind, finding.severity) == ("total_differs", "blocking")
    assert finding.amount_units == to_units("0.13")
    assert "differ on 2026-10-02:" in finding.message
    assert pulled(reports).findings == ()  # it is asked only when the connection says so


def test_days_that_differ_are_found_even_if_the_sums_agree() -> None:
    def reports(asked: Asked) -> dict[str, Any]:
        is_total = "group_by[]" not in asked.query
        return page(cost(1 if is_total else 2, "10"))

    (finding,) = pulled(reports, check_total="on").findings
    assert finding.amount_units == 0
    assert "2026-10-01, 2026-10-02" in finding.message


@pytest.mark.parametrize("setting", [{"api": "old"}, {"check_total": "yes"}])
def test_a_setting_that_means_nothing_is_refused(setting: dict[str, str]) -> None:
    ((key, value),) = setting.items()
    with pytest.raises(SettingError, match=f"{key} of tieout_anthropic is '{value}'"):
        anthropic.fetch_cost(connection("http://127.0.0.1:9", **setting), **WHEN)


@pytest.mark.parametrize("api", ["analytics", "legacy"])
def test_a_refused_key_is_one_sentence_without_the_key(api: str) -> None:
    with (
        serving(lambda _: Reply(status=401, body={"error": {"message": KEY}})) as stub,
        pytest.raises(SourceRefusedError, match="tieout_anthropic") as caught,
    ):
        anthropic.fetch_cost(connection(stub.url, api=api), **WHEN)
    assert KEY not in repr(caught.value)


def test_the_client_of_a_connection_is_the_sdks() -> None:
    with open_client(connection("http://127.0.0.1:9/v1")) as client:
        assert isinstance(client, sdk.Anthropic)
        assert str(client.base_url) == "http://127.0.0.1:9"
