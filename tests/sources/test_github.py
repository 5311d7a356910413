"""GitHub through the real requests: its own interface description, and a stub for faults."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.emulators import Prism
from tests.sources.json_stub import Asked, Reply, serving

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import SourceAnswerError, SourceRefusedError, SourceUnreachableError
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources import http_json
from tieout.sources.providers import github

SPECIFICATIONS = Path(__file__).parents[1] / "data" / "openapi"
OCTOBER = Period(2026, 10)
ASKED: dict[str, Any] = {"account": "nordlicht", "period": OCTOBER}
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
KEY = "ghp-canary-key"
BASE = "/organizations/nordlicht/settings/billing"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(http_json, "sleep", waited.append)
    return waited


def connection(url: str, **extra: str) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_github", endpoint=url, secret=Secret(KEY), extra={**extra}
    )


def usage(sku: str, net: str, day: int = 1) -> dict[str, Any]:
    return {"date": f"2026-10-{day:02d}", "product": "copilot", "sku": sku, "netAmount": net}


def answers(total: list[dict[str, Any]], by_model: dict[str, list[dict[str, Any]]]) -> Any:
    """Serves the usage report, and for each `<report>/<day>` its rows; else none of them."""

    def answer(asked: Asked) -> Reply:
        report = asked.path.removeprefix(f"{BASE}/")
        if report == "usage":
            return Reply(body={"usageItems": total})
        name = report.removesuffix("/usage")
        if not any(key.startswith(name) for key in by_model):
            return Reply(status=404, body={"message": "Not Found"})
        day = int(asked.query["day"])
        rows = by_model.get(f"{name}/{day}", [])
        return Reply(body={"timePeriod": {"day": day}, "usageItems": rows})

    return answer


def pulled(url: str, through: date, **extra: str) -> Any:
    return github.fetch_cost(connection(url, **extra), through=through, now=NOW, **ASKED)


@pytest.mark.parametrize(
    ("specification", "extra", "documents"),
    [
        ("github-org-billing.openapi.json", {"organization": "nordlicht"}, 3),
        ("github-enterprise-billing.openapi.json", {"enterprise": "nordlicht-group"}, 1),
    ],
)
def test_the_requests_are_those_of_githubs_own_description(
    prism: Prism, specification: str, extra: dict[str, str], documents: int
) -> None:
    found = pulled(prism(SPECIFICATIONS / specification), date(2026, 10, 1), **extra)
    assert len(found) == documents
    result = github.to_focus(found, **ASKED)
    # the example's usage row is of 2023; the examples by model are of SKUs that it does not have
    kinds = sorted(one.kind for one in result.findings)
    assert kinds == ["bad_row", *["reports_differ"] * (documents - 1)]
    assert result.totals.refused_units == to_units("0.8")


def test_rows_by_model_stand_for_the_total_where_both_agree() -> None:
    split = [
        {"product": "Copilot", "sku": "copilot_ai_credits", "model": model, "netAmount": net}
        for model, net in (("GPT-5", "0.7"), ("Claude Sonnet 4.6", "0.5"))
    ]
    total = [usage("Copilot AI Credits", "1.2"), usage("Copilot Business", "190")]
    with serving(answers(total, {"ai_credit/1": split})) as stub:
        documents = pulled(stub.url, date(2026, 10, 2))
    paths = [(one.path.removeprefix(BASE), one.query.get("day")) for one in stub.asked]
    assert paths == [
        ("/usage", None),
        ("/ai_credit/usage", "1"),
        ("/ai_credit/usage", "2"),
        ("/premium_request/usage", "1"),
    ]
    assert stub.asked[0].headers["X-Github-Api-Version"] == "2022-11-28"
    result = github.to_focus(documents, **ASKED)
    assert result.findings == ()
    assert result.totals.loaded_units == to_units("191.2")
    assert result.charges["x_model"].to_pylist() == [None, "GPT-5", "Claude Sonnet 4.6"]
    assert result.charges["sub_account_id"].to_pylist()[1:] == ["nordlicht", "nordlicht"]


def test_reports_that_disagree_leave_the_total_and_a_finding() -> None:
    split = [{"product": "Copilot", "sku": "Copilot AI Credits", "model": "M", "netAmount": "9"}]
    total = [usage("Copilot AI Credits", "1.2")]
    with serving(answers(total, {"ai_credit/1": split})) as stub:
        result = github.to_focus(pulled(stub.url, date(2026, 10, 1)), **ASKED)
    assert result.totals.loaded_units == to_units("1.2")
    (finding,) = result.findings
    assert (finding.kind, finding.amount_units) == ("reports_differ", to_units("7.8"))


def test_an_enterprise_is_asked_for_its_total_only() -> None:
    with serving(lambda _: Reply(body={"usageItems": []})) as stub:
        pulled(stub.url, date(2026, 10, 31), enterprise="a/b")
    assert [one.path for one in stub.asked] == ["/enterprises/a%2Fb/settings/billing/usage"]


def test_two_days_with_the_same_bytes_are_not_counted_twice() -> None:
    row = {"product": "Copilot", "sku": "Copilot AI Credits", "model": "M", "netAmount": "1"}
    with serving(lambda _: Reply(body={"usageItems": [row]})) as stub:
        documents = pulled(stub.url, date(2026, 10, 2))
    with pytest.raises(SourceAnswerError, match="to the byte"):
        github.to_focus(documents, **ASKED)


def test_a_throttle_is_waited_out_and_a_refusal_is_not(waits: list[float]) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "4"})])
    good = answers([], {})
    with serving(lambda asked: next(replies, None) or good(asked)) as stub:
        pulled(stub.url, date(2026, 10, 1))
    assert waits == [4]
    with (
        serving(lambda _: Reply(status=401, body={"message": KEY})) as stub,
        pytest.raises(SourceRefusedError, match="refused the key") as caught,
    ):
        pulled(stub.url, date(2026, 10, 1))
    assert KEY not in repr(caught.value)
    assert len(stub.asked) == 1


def test_a_server_that_stays_down_is_worth_a_retry(waits: list[float]) -> None:
    with serving(lambda _: Reply(status=500)) as stub, pytest.raises(SourceUnreachableError):
        pulled(stub.url, date(2026, 10, 1))
    assert waits == [1, 2]


@pytest.mark.parametrize("body", ["<html>", '{"items": []}', '{"usageItems": [null]}'])
def test_a_garbage_page_is_refused(body: str) -> None:
    with serving(lambda _: Reply(body=body)) as stub, pytest.raises(SourceAnswerError):
        pulled(stub.url, date(2026, 10, 1))
