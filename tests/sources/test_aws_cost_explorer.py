"""Cost Explorer: asked through the real boto3 (moto, and a scripted peer), read exactly."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer
from tests.sources.aws_peer import Peer, connection

from tieout.core.errors import (
    NotReadyError,
    SettingError,
    SourceAnswerError,
    SourceUnreachableError,
)
from tieout.core.period import Period
from tieout.focus.columns import SERVICE_CATEGORIES, with_attr_ids
from tieout.sources import answers
from tieout.sources.aws_services import NAME_CATEGORIES, service_category_of_name
from tieout.sources.base import Normalised, RawDocument, load_provider

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
OCTOBER = Period(2026, 10)
ASKED: dict[str, Any] = {"account": "100000000001", "period": OCTOBER, "now": NOW}
OPERATION = "GetCostAndUsage"

Answer = dict[str, Any]


def group(service: str, account: str, amount: str, **more: str) -> Answer:
    unit = more.get("unit", "N/A")
    return {
        "Keys": [service, account],
        "Metrics": {
            "UnblendedCost": {"Amount": amount, "Unit": more.get("currency", "USD")},
            "UsageQuantity": {"Amount": more.get("quantity", "7.5"), "Unit": unit},
        },
    }


def day(on: str, *groups: Answer, estimated: bool = False, total: str = "0") -> Answer:
    end = date.fromisoformat(on).toordinal() + 1
    return {
        "TimePeriod": {"Start": on, "End": date.fromordinal(end).isoformat()},
        "Total": {} if groups else {"UnblendedCost": {"Amount": total, "Unit": "USD"}},
        "Groups": list(groups),
        "Estimated": estimated,
    }


def page(*days: Answer, token: str | None = None) -> Answer:
    names = [{"Value": "100000000002", "Attributes": {"description": "research"}}]
    more = {"NextPageToken": token} if token else {}
    return {"ResultsByTime": list(days), "DimensionValueAttributes": names, **more}


@pytest.fixture
def peer() -> Iterator[Peer]:
    one = Peer()
    yield one
    one.stop()


@pytest.fixture
def ask(peer: Peer) -> Callable[[], tuple[RawDocument, ...]]:
    def run() -> tuple[RawDocument, ...]:
        link = connection(ce_endpoint_url=peer.url, cost_explorer="on")
        return load_provider("aws").fetch_usage(link, through=date(2026, 10, 30), **ASKED)

    return run


Ask = Callable[[], tuple[RawDocument, ...]]


def estimate(*pages: Answer | bytes) -> Normalised:
    documents = [
        RawDocument(
            name=f"get_cost_and_usage.page{number}.json",
            kind="estimate",
            content=one if isinstance(one, bytes) else json.dumps(one).encode(),
            media_type="application/json",
            request={},
        )
        for number, one in enumerate(pages, start=1)
    ]
    return load_provider("aws").to_estimate(documents, account="100000000001", period=OCTOBER)


def test_it_is_not_asked_unless_the_connection_says_so(peer: Peer) -> None:
    for extra in ({}, {"cost_explorer": "off"}, {"cost_explorer": "false"}):
        link = connection(ce_endpoint_url=peer.url, **extra)
        assert load_provider("aws").fetch_usage(link, through=date(2026, 10, 30), **ASKED) == ()
    assert peer.asked == []


def test_a_switch_that_is_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(SettingError, match="cost_explorer of tieout_aws_emea is 'daily'"):
        load_provider("aws").fetch_usage(
            connection(cost_explorer="daily"), through=date(2026, 10, 30), **ASKED
        )


def test_the_question_is_daily_by_service_and_account_and_ends_after_the_last_day(
    peer: Peer, ask: Ask
) -> None:
    peer.answers(OPERATION, page(day("2026-10-01")))
    (document,) = ask()
    ((operation, asked),) = peer.asked
    assert operation == OPERATION
    assert asked == {
        "TimePeriod": {"Start": "2026-10-01", "End": "2026-10-31"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost", "UsageQuantity"],
        "GroupBy": [
            {"Type": "DIMENSION", "Key": "SERVICE"},
            {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
        ],
    }
    assert (document.kind, document.name) == ("estimate", "get_cost_and_usage.page1.json")
    assert document.request["through"] == "2026-10-30"


def test_every_page_is_kept_as_it_came_and_asked_with_the_token_before(
    peer: Peer, ask: Ask
) -> None:
    first = page(day("2026-10-01", group("Tax", "1", "2.5")), token="t-2")
    second = page(day("2026-10-02", group("Tax", "1", "0.25")))
    peer.answers(OPERATION, first, second)
    documents = ask()
    assert [json.loads(one.content) for one in documents] == [first, second]
    assert [body.get("NextPageToken") for _, body in peer.asked] == [None, "t-2"]
    result = load_provider("aws").to_estimate(documents, account="1", period=OCTOBER)
    assert result.totals.source_total == Decimal("2.75")


def test_a_page_token_that_comes_twice_stops_the_pull(peer: Peer, ask: Ask) -> None:
    peer.answers(OPERATION, page(token="again"))
    with pytest.raises(SourceAnswerError, match="expected each NextPageToken once"):
        ask()
    assert len(peer.asked) == 2


def test_a_throttled_request_is_asked_again(peer: Peer, ask: Ask) -> None:
    peer.refuses(OPERATION, "LimitExceededException")
    peer.answers(OPERATION, page(day("2026-10-01")))
    assert len(ask()) == 1
    assert len(peer.asked) == 2


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("LimitExceededException", SourceUnreachableError, "throttled"),
        ("DataUnavailableException", NotReadyError, "no data of these days yet"),
        ("BillExpirationException", SourceAnswerError, "about 13 months"),
        ("InvalidNextTokenException", SourceAnswerError, "no longer takes the page token"),
        ("RequestChangedException", SourceAnswerError, "belongs to another question"),
        ("BillingViewHealthStatusException", SourceAnswerError, "billing view is not healthy"),
        ("ValidationException", SourceAnswerError, "did not understand the request"),
    ],
)
def test_each_refusal_has_its_own_sentence(
    peer: Peer, ask: Ask, code: str, error: type[Exception], words: str
) -> None:
    peer.refuses(OPERATION, code)
    with pytest.raises(error, match=words):
        ask()


def test_moto_answers_what_it_was_given() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    results = {"results": [page(day("2026-10-01", group("Amazon Route 53", "1", "0.50")))]}
    try:
        queued = httpx.post(f"{url}/moto-api/static/ce/cost-and-usage-results", json=results)
        assert queued.status_code == 201
        link = connection(ce_endpoint_url=url, cost_explorer="on")
        provider = load_provider("aws")
        found = provider.fetch_usage(link, through=date(2026, 10, 31), **ASKED)
    finally:
        server.stop()
    (charge,) = provider.to_estimate(found, account="1", period=OCTOBER).charges.to_pylist()
    assert charge["service_name"] == "Amazon Route 53"
    assert charge["billed_cost"] == Decimal("0.5")


def test_a_bucket_is_a_charge_of_its_day_to_the_last_digit() -> None:
    bucket = group("Amazon Simple Storage Service", "100000000002", "0.0000000034", unit="GB-Mo")
    result = estimate(page(day("2026-10-31", bucket)))
    (charge,) = result.charges.to_pylist()
    assert charge["billed_cost"] == Decimal("0.000000003400")
    assert charge["effective_cost"] == charge["billed_cost"]
    assert charge["charge_period_start"] == datetime(2026, 10, 31, tzinfo=UTC)
    assert charge["charge_period_end"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert (charge["sub_account_id"], charge["sub_account_name"]) == ("100000000002", "research")
    assert (charge["consumed_quantity"], charge["consumed_unit"]) == (Decimal("7.5"), "GB-Mo")
    assert (charge["charge_category"], charge["service_category"]) == ("Usage", "Storage")
    assert with_attr_ids(result.charges).num_rows == 1


def test_a_quantity_of_mixed_units_is_left_out() -> None:
    (charge,) = estimate(page(day("2026-10-01", group("Tax", "1", "1")))).charges.to_pylist()
    assert (charge["consumed_quantity"], charge["consumed_unit"]) == (None, None)
    assert charge["charge_category"] == "Tax"


def test_models_sold_through_the_marketplace_are_ai_spend() -> None:
    name = "Claude Sonnet 4 (Amazon Bedrock Edition)"
    (charge,) = estimate(page(day("2026-10-01", group(name, "1", "9.99")))).charges.to_pylist()
    assert charge["service_category"] == "AI and Machine Learning"
    assert charge["x_model_developer"] == "Anthropic"


def test_credits_stay_negative() -> None:
    result = estimate(page(day("2026-10-01", group("AWS Lambda", "1", "-12.34"))))
    assert result.totals.source_total == Decimal("-12.34")
    assert result.charges["billed_cost"].to_pylist() == [Decimal("-12.340000000000")]


def test_days_that_aws_calls_estimated_are_named_once() -> None:
    days = [
        day("2026-10-30", group("Tax", "1", "1")),
        day("2026-10-31", group("Tax", "1", "1"), estimated=True),
    ]
    (finding,) = estimate(page(*days)).findings
    assert (finding.kind, finding.severity) == ("estimated_days", "info")
    assert "its figures of 31 Oct estimated" in finding.message


def test_quiet_days_count_as_received_up_to_the_first_hole() -> None:
    answered = [day("2026-10-01"), day("2026-10-02", group("Tax", "1", "1")), day("2026-10-04")]
    assert estimate(page(*answered)).complete_through == date(2026, 10, 2)
    assert estimate(page(day("2026-10-02"))).complete_through is None


def test_the_same_bucket_twice_does_not_count_twice() -> None:
    bucket = day("2026-10-01", group("Tax", "1", "3"))
    result = estimate(page(bucket, token="t"), page(bucket))
    (finding,) = result.findings
    assert finding.kind == "bad_row"
    assert "came twice" in finding.message
    assert result.totals.loaded_units == 3 * 10**12


@pytest.mark.parametrize(
    ("bucket", "words"),
    [
        ({"Keys": ["Tax", "1"]}, "no metric UnblendedCost"),
        ({"Keys": ["Tax", "1"], "Metrics": {"UnblendedCost": {"Amount": "1", "Unit": "USD"}}},
         "no metric UsageQuantity"),
        ({**group("Tax", "1", "1"), "Keys": ["Tax"]}, "expected service and linked account"),
        (group("Tax", "1", "NaN"), "Expected a decimal number"),
        (group("Tax", "1", "1", currency="N/A"), "expected a currency"),
        (7, "no metric UnblendedCost"),
    ],
)  # fmt: skip
def test_an_odd_bucket_is_left_out_with_its_place(bucket: Any, words: str) -> None:
    result = estimate(page(day("2026-10-01", group("AWS Glue", "1", "1"), bucket)))
    (finding,) = result.findings
    assert words in finding.message
    assert finding.source_row == 2
    assert result.totals.rows_out == 1


def test_a_day_outside_the_month_is_left_out() -> None:
    (finding,) = estimate(page(day("2026-11-01", group("Tax", "1", "5")))).findings
    assert "expected a day of 2026-10" in finding.message
    assert finding.amount_units == 5 * 10**12


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b"<html>",
        b'{"ResultsByTime": [3]}',
        b'{"ResultsByTime": [{"TimePeriod": {"Start": "soon"}, "Groups": []}]}',
        b'{"ResultsByTime": [{"Groups": []}]}',
        b'{"ResultsByTime": [{"TimePeriod": {"Start": "2026-10-01", "End": "2026-10-02"}}]}',
        json.dumps(page({**day("2026-10-01"), "TimePeriod":
                         {"Start": "2026-10-01", "End": "2026-11-01"}})).encode(),
        json.dumps(page(day("2026-10-01", total="4.20"))).encode(),
    ],
)  # fmt: skip
def test_an_answer_of_another_form_is_refused_whole(content: bytes) -> None:
    with pytest.raises(SourceAnswerError):
        estimate(content)


def test_odd_names_name_nobody() -> None:
    bucket = day("2026-10-01", group("Tax", "100000000002", "1"))
    for names in (3, [3], [{"Value": "100000000002"}], [{"Attributes": {"description": 3}}]):
        answer = {**page(bucket), "DimensionValueAttributes": names}
        assert estimate(answer).charges["sub_account_name"].to_pylist() == [None]


def test_no_page_means_no_figures() -> None:
    result = estimate()
    assert (result.totals.rows_in, result.findings, result.complete_through) == (0, (), None)


def test_names_of_services_have_known_categories_and_other_names_are_other() -> None:
    assert set(NAME_CATEGORIES.values()) <= set(SERVICE_CATEGORIES)
    assert service_category_of_name("Amazon Bedrock AgentCore") == "AI and Machine Learning"
    assert service_category_of_name("Quantum Ledger of Tomorrow") == "Other"


def test_an_endless_answer_is_given_up(
    peer: Peer, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_provider("aws"), "MAX_PAGES", 3)
    peer.answers(OPERATION, *(page(token=f"t-{number}") for number in range(9)))
    with pytest.raises(SourceAnswerError, match="at most 3 pages"):
        ask()
    assert answers.MAX_PAGES > 3
