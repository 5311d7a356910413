"""Claude Code through the real requests: a call a day, no addresses, and never a billed cent."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
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
from tieout.sources.person_refs import person_ref
from tieout.sources.providers import claude_code

OCTOBER = Period(2026, 10)
ASKED: dict[str, Any] = {"account": "nordlicht-labs", "period": OCTOBER}
WHEN: dict[str, Any] = {
    "through": date(2026, 10, 3),
    "now": datetime(2026, 10, 4, 6, tzinfo=UTC),
    **ASKED,
}
KEY = "sk-ant-admin-canary"
SALT = "0123456789abcdef"
ADDRESS = "Ana.Berg@nordlicht.example"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(http_json, "sleep", waited.append)
    return waited


def connection(url: str | None, **extra: str) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_claude_code",
        endpoint=url,
        secret=Secret(KEY),
        extra={"person_salt": SALT, **extra},
    )


def record(on: str, cents: object, *, address: str = ADDRESS) -> dict[str, Any]:
    model = {
        "model": "claude-opus-5-5",
        "tokens": {"input": 10, "output": 5, "cache_read": 3, "cache_creation": 2},
        "estimated_cost": {"currency": "USD", "amount": cents},
    }
    return {
        "date": f"{on}T00:00:00Z",
        "actor": {"type": "user_actor", "email_address": address},
        "customer_type": "api",
        "terminal_type": "vscode",
        "model_breakdown": [model],
    }


def page(*records: dict[str, Any], after: str | None = None) -> Reply:
    return Reply(body={"data": records, "has_more": after is not None, "next_page": after})


def three_days(asked: Asked) -> Reply:
    """The first day on two pages, a quiet second day, the third on one page."""
    on, cursor = asked.query["starting_at"], asked.query.get("page")
    if on == "2026-10-02":
        return page()
    if on == "2026-10-01" and cursor is None:
        return page(record(on, 1025), after="page_two")
    return page(record(on, "0.5"))


def test_each_day_is_asked_by_itself_to_its_last_page_and_bills_nothing() -> None:
    with serving(three_days) as stub:
        documents = claude_code.fetch_cost(connection(stub.url), **WHEN)
    asked = [(one.query["starting_at"][-2:], one.query.get("page")) for one in stub.asked]
    assert asked == [("01", None), ("01", "page_two"), ("02", None), ("03", None)]
    assert {one.path for one in stub.asked} == {"/v1/organizations/usage_report/claude_code"}
    sent = {name.lower(): value for name, value in stub.asked[0].headers.items()}
    assert (sent["x-api-key"], sent["anthropic-version"]) == (KEY, "2023-06-01")
    result = claude_code.to_focus(documents, **ASKED)
    assert result.totals.loaded_units == 0
    assert set(result.charges["billed_cost"].to_pylist()) == {Decimal(0)}
    assert sum(map(to_units, result.charges["list_cost"].to_pylist())) == to_units("10.26")
    assert set(result.charges["consumed_quantity"].to_pylist()) == {Decimal(20)}
    (note,) = result.findings
    assert (note.kind, note.severity) == ("claude_code_estimate", "info")
    assert note.amount_units == to_units("10.26")


def test_quiet_days_that_were_answered_are_vouched_for() -> None:
    with serving(lambda _: page()) as stub:
        documents = claude_code.fetch_cost(connection(stub.url), **WHEN)
    # every answer is the same bytes, and still each day has its own
    assert claude_code.to_focus(documents, **ASKED).complete_through == date(2026, 10, 3)
    without_second = [one for one in documents if one.request["starting_at"] != "2026-10-02"]
    result = claude_code.to_focus(without_second, **ASKED)
    assert result.complete_through == date(2026, 10, 1)
    assert [one.kind for one in result.findings] == ["missing_days"]


def test_no_document_and_no_charge_holds_an_address() -> None:
    with serving(three_days) as stub:
        documents = claude_code.fetch_cost(connection(stub.url), **WHEN)
    kept = b"".join(one.content for one in documents)
    assert b"nordlicht.example" not in kept
    result = claude_code.to_focus(documents, **ASKED)
    reference = person_ref(ADDRESS, salt=SALT.encode())
    assert set(result.charges["resource_id"].to_pylist()) == {reference}
    assert all(reference in tags for tags in result.charges["tags"].to_pylist())


def test_a_cursor_that_repeats_is_refused() -> None:
    with (
        serving(lambda _: page(record("2026-10-01", 1), after="same")) as stub,
        pytest.raises(SourceAnswerError, match="already read"),
    ):
        claude_code.fetch_cost(connection(stub.url), **WHEN)


def test_a_page_that_is_given_twice_is_refused() -> None:
    replies = iter([page(record("2026-10-01", 1), after="two")])
    same = page(record("2026-10-01", 1))

    def answer(asked: Asked) -> Reply:
        return next(replies, same) if asked.query["starting_at"] == "2026-10-01" else page()

    with serving(answer) as stub:
        documents = claude_code.fetch_cost(connection(stub.url), **WHEN)
    twins = [documents[1], replace(documents[1], name="again.json")]
    with pytest.raises(SourceAnswerError, match="to the byte"):
        claude_code.to_focus(twins, **ASKED)


def test_a_row_of_another_day_than_was_asked_is_left_out() -> None:
    with serving(lambda _: page(record("2026-10-02", 100))) as stub:
        documents = claude_code.fetch_cost(
            connection(stub.url), **{**WHEN, "through": date(2026, 10, 1)}
        )
    result = claude_code.to_focus(documents, **ASKED)
    assert result.charges.num_rows == 0
    assert "expected 2026-10-01" in result.findings[0].message


def test_a_throttle_is_waited_out_and_then_given_up(waits: list[float]) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "7"})])
    with serving(lambda asked: next(replies, None) or three_days(asked)) as stub:
        claude_code.fetch_cost(connection(stub.url), **WHEN)
    assert waits == [7]
    with (
        serving(lambda _: Reply(status=429)) as stub,
        pytest.raises(SourceUnreachableError, match=r"HTTP 429.*tieout_claude_code"),
    ):
        claude_code.fetch_cost(connection(stub.url), **WHEN)


def test_a_refusal_names_the_connection_and_no_secret() -> None:
    with (
        serving(lambda _: Reply(status=401, body={"error": KEY})) as stub,
        pytest.raises(SourceRefusedError, match="tieout_claude_code") as caught,
    ):
        claude_code.fetch_cost(connection(stub.url), **WHEN)
    assert KEY not in repr(caught.value)
    assert SALT not in repr(caught.value)


def test_no_document_repeats_the_key_or_the_salt() -> None:
    with serving(three_days) as stub:
        documents = claude_code.fetch_cost(connection(stub.url), **WHEN)
    kept = repr([(one.name, one.content, one.request) for one in documents])
    assert KEY not in kept
    assert SALT not in kept


@pytest.mark.parametrize("body", ["<html>", "[]", '{"results": []}', '{"data": {}}'])
def test_a_garbage_page_is_refused(body: str) -> None:
    with serving(lambda _: Reply(body=body)) as stub, pytest.raises(SourceAnswerError):
        claude_code.fetch_cost(connection(stub.url), **WHEN)


def test_the_salt_is_required_and_a_folder_is_not() -> None:
    saltless = replace(connection(None), extra={})
    with pytest.raises(SettingError, match="person_salt"):
        claude_code.fetch_cost(saltless, **WHEN)
    asked = {key: WHEN[key] for key in ("account", "period", "now")}
    assert claude_code.fetch_documents(connection(None), **asked) == ()
    with_folder = connection(None, documents_url="memory://no-such-folder")
    assert claude_code.fetch_documents(with_folder, **asked) == ()
