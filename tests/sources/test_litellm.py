"""LiteLLM through the real requests: pages, no addresses, and never a billed cent."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.sources.json_stub import Asked, Reply, serving

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import SettingError, SourceAnswerError, SourceRefusedError
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources import answers, http_json
from tieout.sources.providers import litellm

OCTOBER = Period(2026, 10)
ASKED: dict[str, Any] = {"account": "gateway", "period": OCTOBER}
WHEN: dict[str, Any] = {
    "through": date(2026, 10, 31),
    "now": datetime(2026, 11, 1, 6, tzinfo=UTC),
    **ASKED,
}
KEY = "sk-litellm-canary"
SALT = "fedcba9876543210"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(http_json, "sleep", waited.append)
    return waited


def connection(url: str | None) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_litellm", endpoint=url, secret=Secret(KEY), extra={"person_salt": SALT}
    )


def page(number: int, *, spend: float, more: bool, alias: str = "bot") -> dict[str, Any]:
    metrics = {"spend": spend, "total_tokens": 10}
    cell = {
        "metrics": metrics,
        "api_key_breakdown": {
            "abc": {"metrics": metrics, "metadata": {"key_alias": alias, "team_id": "shop"}}
        },
    }
    result = {"date": "2026-10-07", "breakdown": {"models": {"openai/gpt-4o": cell}}}
    return {"results": [result], "metadata": {"page": number, "has_more": more}}


def two_pages(asked: Asked) -> Reply:
    number = int(asked.query["page"])
    return Reply(body=page(number, spend=number * 0.25, more=number < 2))


def test_pages_are_read_to_the_end_and_bill_nothing() -> None:
    with serving(two_pages) as stub:
        documents = litellm.fetch_cost(connection(stub.url), **WHEN)
    asked = [dict(one.query) for one in stub.asked]
    assert [one["page"] for one in asked] == ["1", "2"]
    assert asked[0]["start_date"] == "2026-10-01"
    assert asked[0]["end_date"] == "2026-10-31"
    result = litellm.to_focus(documents, **ASKED)
    assert result.totals.loaded_units == 0
    assert set(result.charges["billed_cost"].to_pylist()) == {Decimal(0)}
    assert set(result.charges["effective_cost"].to_pylist()) == {Decimal(0)}
    assert sum(map(to_units, result.charges["list_cost"].to_pylist())) == to_units("0.75")
    (note,) = result.findings
    assert (note.kind, note.amount_units) == ("gateway_estimate", to_units("0.75"))


def test_no_document_and_no_charge_holds_an_address() -> None:
    body = page(1, spend=1, more=False, alias="ana@nordlicht.example")
    with serving(lambda _: Reply(body=body)) as stub:
        documents = litellm.fetch_cost(connection(stub.url), **WHEN)
    assert b"nordlicht.example" not in b"".join(one.content for one in documents)
    (name,) = litellm.to_focus(documents, **ASKED).charges["resource_name"].to_pylist()
    assert name.startswith("person-")


def test_a_proxy_that_gives_another_page_than_asked_is_refused() -> None:
    with (
        serving(lambda _: Reply(body=page(1, spend=1, more=True))) as stub,
        pytest.raises(SourceAnswerError, match="expected page 2"),
    ):
        litellm.fetch_cost(connection(stub.url), **WHEN)


def test_pages_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "MAX_PAGES", 3)
    assert answers.MAX_PAGES > 3

    def answer(asked: Asked) -> Reply:
        return Reply(body=page(int(asked.query["page"]), spend=1, more=True))

    with serving(answer) as stub, pytest.raises(SourceAnswerError, match="more than 3 pages"):
        litellm.fetch_cost(connection(stub.url), **WHEN)


def test_a_throttle_is_waited_out_and_a_refusal_is_not(waits: list[float]) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "6"})])
    with serving(lambda asked: next(replies, None) or two_pages(asked)) as stub:
        litellm.fetch_cost(connection(stub.url), **WHEN)
    assert waits == [6]
    with (
        serving(lambda _: Reply(status=403, body={"error": KEY})) as stub,
        pytest.raises(SourceRefusedError, match="tieout_litellm") as caught,
    ):
        litellm.fetch_cost(connection(stub.url), **WHEN)
    assert KEY not in repr(caught.value)
    assert SALT not in repr(caught.value)


@pytest.mark.parametrize("body", ["<html>", "[]", '{"data": []}', '{"results": ["x"]}'])
def test_a_garbage_page_is_refused(body: str) -> None:
    with serving(lambda _: Reply(body=body)) as stub, pytest.raises(SourceAnswerError):
        litellm.fetch_cost(connection(stub.url), **WHEN)


def test_the_proxys_address_is_required_and_a_folder_is_not() -> None:
    with pytest.raises(SettingError, match="has no host"):
        litellm.fetch_cost(connection(None), **WHEN)
    asked = {key: WHEN[key] for key in ("account", "period", "now")}
    assert litellm.fetch_documents(connection(None), **asked) == ()
    with_folder = replace(connection(None), extra={"documents_url": "memory://no-such-folder"})
    assert litellm.fetch_documents(with_folder, **asked) == ()
