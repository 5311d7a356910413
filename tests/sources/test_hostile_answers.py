"""Providers that are down, refuse, or answer with something else: one clear error each."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tieout.config import ProviderConnection
from tieout.core.errors import (
    NotReadyError,
    SettingError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.core.period import Period
from tieout.sources import answers
from tieout.sources.answers import failed_status, read_pages
from tieout.sources.base import RawDocument, load_provider
from tieout.sources.providers import aws

Answering = Callable[..., str]
ConnectionTo = Callable[..., ProviderConnection]
MakeDocument = Callable[..., RawDocument]

ASKED: dict[str, Any] = {
    "account": "417000000001",
    "period": Period(2026, 10),
    "now": datetime(2026, 11, 1, 6, tzinfo=UTC),
}
THROUGH = date(2026, 10, 31)
CLOSED_PORT = "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, SourceRefusedError, "refused the key"),
        (403, SourceRefusedError, "HTTP 403"),
        (400, SourceAnswerError, "did not understand"),
        (429, SourceUnreachableError, "HTTP 429"),
        (503, SourceUnreachableError, "may be repeated"),
    ],
)
def test_a_failed_answer_is_one_sentence(
    answering: Answering,
    connection_to: ConnectionTo,
    name: str,
    status: int,
    error: type[SourceError],
    words: str,
) -> None:
    connection = connection_to(name, answering(status, '{"error": {"message": "no"}}'))
    with pytest.raises(error, match=words) as caught:
        load_provider(name).fetch_cost(connection, through=THROUGH, **ASKED)
    assert "demo" not in str(caught.value)
    assert f"{name} at 127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("name", ["openai", "anthropic", "aws"])
def test_a_provider_that_is_down_is_worth_a_retry(connection_to: ConnectionTo, name: str) -> None:
    with pytest.raises(SourceUnreachableError, match=rf"and .*\(tieout_{name}, unless"):
        load_provider(name).fetch_cost(connection_to(name, CLOSED_PORT), through=THROUGH, **ASKED)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<html>Bad gateway</html>", "not the JSON"),
        ('{"data": {}}', "no list called data"),
        ('{"data": [], "has_more": true}', "not where"),
        ('{"data": [], "has_more": true, "next_page": "p2"}', "already read"),
        ('{"data": [{"amount": NaN}], "has_more": false}', "NaN"),
    ],
)
def test_an_odd_answer_is_refused(
    answering: Answering, connection_to: ConnectionTo, name: str, content: str, words: str
) -> None:
    connection = connection_to(name, answering(200, content))
    with pytest.raises(SourceAnswerError, match=words):
        load_provider(name).fetch_usage(connection, through=THROUGH, **ASKED)


def test_pages_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_PAGES", 3)
    numbers = iter(range(100))

    def ask(_: str | None) -> bytes:
        return b'{"data": [], "has_more": true, "next_page": "%d"}' % next(numbers)

    with pytest.raises(SourceAnswerError, match="more than 3 pages"):
        read_pages(ask, name="costs", kind="cost", request={})


def test_a_row_that_is_no_object_is_refused(document: MakeDocument) -> None:
    for name in ("openai", "anthropic"):
        page = document("cost", '{"data": [7], "has_more": false}')
        with pytest.raises(SourceAnswerError, match="no object"):
            load_provider(name).to_focus([page], account="a", period=Period(2026, 10))


def test_openai_odd_buckets_and_results_do_not_crash(document: MakeDocument) -> None:
    provider = load_provider("openai")
    no_results = document("cost", '{"data": [{"start_time": 1790812800}]}')
    with pytest.raises(SourceAnswerError, match="no list called results"):
        provider.to_focus([no_results], account="a", period=Period(2026, 10))
    amount = {"amount": {"value": 1, "currency": "usd"}}
    odd = [
        {"start_time": 10**20, "end_time": 1, "results": [amount]},
        {"start_time": "soon", "end_time": None, "results": [amount, 5, {"amount": []}]},
    ]
    page = document("cost", json.dumps({"data": odd}))
    result = provider.to_focus([page], account="a", period=Period(2026, 10))
    assert result.totals.rows_bad == 4
    assert result.totals.refused_units == 2 * 10**12


def test_anthropic_rows_without_their_parts_are_bad_rows(document: MakeDocument) -> None:
    provider = load_provider("anthropic")
    rows = [{}, {"cost": {"amount": "5", "currency": "USD"}}, {"cost": 3, "group": []}]
    page = document("cost", json.dumps({"data": rows}))
    result = provider.to_focus([page], account="a", period=Period(2026, 10))
    assert result.totals.rows_bad == 3
    assert all("missing: expected an object" in one.message for one in result.findings)


def test_other_failures_name_what_was_expected() -> None:
    error = failed_status("openai", "https://user:pw@api.example/v1", 302)
    assert isinstance(error, SourceAnswerError)
    assert "pw" not in str(error)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", SourceRefusedError),
        (404, "NoSuchBucket", NotReadyError),
        (503, "SlowDown", SourceUnreachableError),
        (400, "InvalidRequest", SourceAnswerError),
    ],
)
def test_failures_of_s3_are_told_apart(
    answering: Answering,
    connection_to: ConnectionTo,
    status: int,
    code: str,
    error: type[Exception],
) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    connection = connection_to("aws", answering(status, body, "application/xml"))
    with pytest.raises(error):
        load_provider("aws").fetch_cost(connection, through=THROUGH, **ASKED)


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (400, {"__type": "ThrottlingException", "message": "slow"}, SourceUnreachableError),
        (400, {"__type": "AccessDeniedException", "message": "no"}, SourceRefusedError),
        (400, {"__type": "ValidationException", "message": "no"}, SourceAnswerError),
        (200, {"Other": []}, SourceAnswerError),
        (200, {"InvoiceSummaries": [], "NextToken": "again"}, SourceAnswerError),
    ],
)
def test_failures_of_the_invoicing_api_are_told_apart(
    answering: Answering,
    connection_to: ConnectionTo,
    status: int,
    content: dict[str, object],
    error: type[Exception],
) -> None:
    connection = connection_to("aws", answering(status, json.dumps(content)))
    with pytest.raises(error):
        load_provider("aws").fetch_documents(connection, **ASKED)


def test_the_invoicing_api_without_an_end_is_refused(
    answering: Answering, connection_to: ConnectionTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "MAX_PAGES", 1)
    endpoint = answering(200, '{"InvoiceSummaries": [], "NextToken": "more"}')
    with pytest.raises(SourceAnswerError, match="at most 1 pages"):
        load_provider("aws").fetch_documents(connection_to("aws", endpoint), **ASKED)


def test_the_invoicing_api_that_is_down_is_worth_a_retry(connection_to: ConnectionTo) -> None:
    with pytest.raises(SourceUnreachableError):
        load_provider("aws").fetch_documents(connection_to("aws", CLOSED_PORT), **ASKED)


def test_a_manifest_that_lists_nothing_is_refused(document: MakeDocument) -> None:
    manifest = document("manifest", '{"reportKeys": []}')
    with pytest.raises(SourceAnswerError, match="lists no reportKeys"):
        load_provider("aws").to_focus([manifest], account="a", period=Period(2026, 10))


def test_an_endpoint_on_this_machine_needs_the_setting(
    connection_to: ConnectionTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIEOUT_ALLOW_LOOPBACK")
    for name in ("openai", "anthropic", "aws"):
        with pytest.raises(SettingError, match="TIEOUT_ALLOW_LOOPBACK"):
            load_provider(name).fetch_cost(
                connection_to(name, CLOSED_PORT), through=THROUGH, **ASKED
            )
