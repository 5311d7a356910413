"""The real Azure clients against loopback: a details report, the cost query, invoices."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from demo import standin_azure
from demo.story import OCTOBER as OCTOBER_BILLS
from tests.sources.quiet_handler import QuietHandler

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import (
    SettingError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources import azure_delivery, azure_query
from tieout.sources.base import RawDocument, load_invoice_format, load_provider

OCTOBER = Period(2026, 10)
NOW = datetime(2026, 11, 3, 6, tzinfo=UTC)
THROUGH = date(2026, 10, 31)
ACCOUNT = standin_azure.PROFILE
ASKED: dict[str, Any] = {"account": ACCOUNT, "period": OCTOBER, "now": NOW}
TRUTH = json.loads((Path("sample") / "bills" / "azure" / "truth.json").read_text())
AZURE = load_provider("azure")

Answer = tuple[int, bytes, dict[str, str]]
Respond = Callable[[str, str, dict[str, list[str]], bytes, Any], Answer | None]
Serve = Callable[[Respond], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that answers with the function it is given; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(respond: Respond) -> str:
        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                answer = respond(self.command, unquote(parts.path), query, body, self.headers)
                status, content, headers = answer or (404, b"", {})
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def sample(serve: Serve, *, is_final: bool) -> ProviderConnection:
    """A connection to the stand-in of the sample company."""
    as_of = OCTOBER_BILLS.final_on if is_final else OCTOBER_BILLS.draft_on
    address: list[str] = []

    def respond(
        method: str, path: str, query: dict[str, list[str]], body: bytes, headers: Any
    ) -> Answer | None:
        return standin_azure.answer(
            method, path, query, body, headers, as_of=as_of, base_url=address[0]
        )

    address.append(serve(respond))
    return connection(address[0])


def connection(endpoint: str, **extra: str) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_azure",
        endpoint=endpoint,
        login="demo",
        secret=Secret("demo-secret"),
        extra={
            "report": "details",
            "tenant_id": "demo",
            "billing_account": standin_azure.OWNER,
            **extra,
        },
    )


def page(rows: list[list[Any]], link: str | None = None) -> bytes:
    names = ("Cost", "UsageDate", "ServiceName", "SubscriptionId", "Currency")
    columns = [{"name": name, "type": "String"} for name in names]
    return json.dumps({"properties": {"nextLink": link, "columns": columns, "rows": rows}}).encode()


def usage(to: ProviderConnection) -> tuple[RawDocument, ...]:
    return AZURE.fetch_usage(to, through=THROUGH, **ASKED)


def cost(to: ProviderConnection) -> tuple[RawDocument, ...]:
    return AZURE.fetch_cost(to, through=THROUGH, **ASKED)


@pytest.mark.parametrize("state", ["draft", "final"])
def test_the_sample_month_adds_up_to_its_truth(serve: Serve, state: str) -> None:
    documents = cost(sample(serve, is_final=state == "final"))
    result = AZURE.to_focus(documents, account=ACCOUNT, period=OCTOBER)
    assert result.totals.source_total == Decimal(TRUTH[f"report_total_{state}"])
    assert result.totals.rows_out == int(TRUTH[f"rows_{state}"])
    assert result.findings == ()
    assert result.complete_through == THROUGH  # the draft has usage on the last day
    by_app: dict[str, int] = {}
    for row in result.charges.to_pylist():
        app = json.loads(row["tags"]).get("app", "")
        by_app[app] = by_app.get(app, 0) + to_units(row["billed_cost"])
    if state == "final":
        assert by_app == {app: to_units(cost) for app, cost in TRUTH["final_by_app"].items()}


def test_invoices_of_the_sample_bill_its_rows_to_the_cent(serve: Serve) -> None:
    to = sample(serve, is_final=True)
    charges = AZURE.to_focus(cost(to), account=ACCOUNT, period=OCTOBER).charges.to_pylist()
    found = AZURE.fetch_documents(to, **ASKED)
    read = load_invoice_format("azure_billing").read
    bills = [bill for one in found for bill in read(one.content, document_sha256=one.sha256)]
    assert [one.name for one in found if one.name.startswith("transactions")] != []
    assert {bill.number: bill.total_units for bill in bills} == {
        TRUTH["services_invoice_number"]: to_units(TRUTH["services_invoice_total"]),
        TRUTH["marketplace_invoice_number"]: to_units(TRUTH["marketplace_invoice_total"]),
    }
    for bill in bills:
        rows = [row["billed_cost"] for row in charges if row["invoice_id"] == bill.number]
        assert abs(sum(to_units(one) for one in rows) - bill.total_units) < to_units("0.005")
    assert {bill.seller for bill in bills} == {"Microsoft", "Microsoft Azure Marketplace"}


def test_before_the_invoices_there_is_no_document(serve: Serve) -> None:
    assert AZURE.fetch_documents(sample(serve, is_final=False), **ASKED) == ()


def test_models_of_the_sample_are_recognised(serve: Serve) -> None:
    result = AZURE.to_focus(cost(sample(serve, is_final=True)), account=ACCOUNT, period=OCTOBER)
    rows = result.charges.to_pylist()
    provisioned = [row for row in rows if row["x_service_tier"] == "provisioned"]
    assert [row["x_token_kind"] for row in provisioned] == [None, None]
    assert sum(row["billed_cost"] for row in provisioned) == Decimal(720)
    claude = [row for row in rows if row["publisher_name"] == "Anthropic"]
    assert {row["x_model"] for row in claude} == {"claude-sonnet-4-5"}
    assert {row["invoice_id"] for row in claude} == {TRUTH["marketplace_invoice_number"]}
    kinds = {row["x_token_kind"] for row in rows if row["x_model"] == "gpt-5.4-mini"}
    assert kinds == {"input", "cached_input", "output"}
    assert {row["service_category"] for row in (*provisioned, *claude)} == {
        "AI and Machine Learning"
    }


def test_equal_views_are_kept_once_and_links_without_their_signature(serve: Serve) -> None:
    documents = cost(sample(serve, is_final=True))
    assert len({one.sha256 for one in documents}) == len(documents)
    assert [one.kind for one in documents] == ["manifest", "manifest", "manifest", "data"]
    assert all(b"sig=" not in one.content for one in documents)
    assert all("demo-secret" not in str(one.request) for one in documents)


def test_the_estimate_follows_the_link_and_is_what_azure_knows(serve: Serve) -> None:
    documents = usage(sample(serve, is_final=False))
    assert [one.name for one in documents] == ["query.page1.json", "query.page2.json"]
    result = AZURE.to_estimate(documents, account=ACCOUNT, period=OCTOBER)
    assert result.totals.source_total == Decimal(TRUTH["report_total_draft"])
    assert result.findings == ()


def test_a_pull_in_the_middle_of_the_month_has_only_days_up_to_it(serve: Serve) -> None:
    to = sample(serve, is_final=False)
    found = AZURE.fetch_cost(to, through=date(2026, 10, 14), **ASKED)
    charges = AZURE.to_focus(found, account=ACCOUNT, period=OCTOBER).charges
    days = {instant.date() for instant in charges["charge_period_start"].to_pylist()}
    assert (max(days), len(days)) == (date(2026, 10, 14), 14)


def test_a_throttled_query_waits_for_the_longest_limit(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(azure_query, "_sleep", waits.append)
    bodies: list[bytes] = []
    address: list[str] = []

    def respond(method: str, path: str, query: Any, body: bytes, headers: Any) -> Answer:
        bodies.append(body)
        if len(bodies) in {1, 3}:
            limit = "x-ms-ratelimit-microsoft.costmanagement-{}-retry-after"
            return 429, b"{}", {limit.format("qpu"): "7", limit.format("tenant"): "41"}
        link = None if "$skiptoken" in query else f"{address[0]}{path}?$skiptoken=2"
        return 200, page([[0.1, 20261001, "Storage", "s", "USD"]], link), {}

    address.append(serve(respond))
    documents = usage(connection(address[0]))
    assert waits == [41, 41]
    assert len(documents) == 2
    assert [json.loads(body) for body in bodies] == [json.loads(bodies[0])] * 4
    result = AZURE.to_estimate(documents, account=ACCOUNT, period=OCTOBER)
    assert result.totals.source_total == Decimal("0.2")


def test_a_query_that_stays_throttled_gives_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(azure_query, "_sleep", waits.append)
    limit = {"x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "250"}
    endpoint = serve(lambda *_: (429, b"{}", limit))
    with pytest.raises(SourceUnreachableError, match="asked to wait 250 s more"):
        usage(connection(endpoint))
    assert waits == [250, 250]


def test_a_query_without_content_is_no_document(serve: Serve) -> None:
    assert usage(connection(serve(lambda *_: (204, b"", {})))) == ()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://evil.example/query", "leads to 'evil.example'"),
        ("{self}", "never ends"),
    ],
)
def test_a_next_link_to_elsewhere_or_back_is_refused(serve: Serve, link: str, words: str) -> None:
    address: list[str] = []

    def respond(*_: Any) -> Answer:
        return 200, page([], link.replace("{self}", f"{address[0]}/again")), {}

    address.append(serve(respond))
    with pytest.raises(SourceAnswerError, match=words):
        usage(connection(address[0]))


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, SourceRefusedError), (403, SourceRefusedError), (400, SourceAnswerError)],
)
def test_failures_are_told_apart(serve: Serve, status: int, error: type[SourceError]) -> None:
    to = connection(serve(lambda *_: (status, b'{"error": {"code": "No"}}', {})))
    for fetch in (usage, cost, lambda one: AZURE.fetch_documents(one, **ASKED)):
        with pytest.raises(error, match=r"azure at 127\.0\.0\.1") as caught:
            fetch(to)
        assert "demo-secret" not in str(caught.value)


def test_azure_that_is_down_is_worth_a_retry() -> None:
    with pytest.raises(SourceUnreachableError, match=r"network and .*\(tieout_azure, unless"):
        usage(connection("http://127.0.0.1:9"))


def report_of(serve: Serve, results: list[Answer], *, blob: bytes = b"") -> ProviderConnection:
    """A details report whose operation gives these answers one after the other."""
    address: list[str] = []

    def respond(method: str, path: str, query: Any, body: bytes, headers: Any) -> Answer:
        if path.startswith("/devstoreaccount1/"):
            span = f"bytes 0-{len(blob) - 1}/{len(blob)}"
            return 206, blob, {"Content-Range": span}
        if method == "POST":
            return 202, b"", {"Location": f"{address[0]}/result", "Retry-After": "0"}
        status, content, more = results.pop(0)
        return status, content.replace(b"{self}", address[0].encode()), more

    address.append(serve(respond))
    return connection(address[0], cost_views="actual")


def finished(link: str, byte_count: int) -> Answer:
    manifest = {"blobCount": 1, "blobs": [{"blobLink": link, "byteCount": byte_count}]}
    return 200, json.dumps({"status": "Completed", "manifest": manifest}).encode(), {}


LINK = "{self}/devstoreaccount1/reports/part_0.csv?sig=secret"


def test_a_report_is_polled_until_it_is_there(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure_delivery, "POLL_S", 0)
    waiting: Answer = (202, b"", {"Retry-After": "0"})
    to = report_of(serve, [waiting, waiting, finished(LINK, 3)], blob=b"a,b")
    documents = cost(to)
    assert documents[-1].content == b"a,b"
    assert documents[-1].name == "devstoreaccount1/reports/part_0.csv"
    assert b"sig=secret" not in b"".join(one.content for one in documents)


@pytest.mark.parametrize("nothing", [(200, b'{"status": "NoDataFound"}', {}), (204, b"", {})])
def test_a_report_without_data_is_an_empty_month(serve: Serve, nothing: Answer) -> None:
    documents = cost(report_of(serve, [nothing]))
    result = AZURE.to_focus(documents, account=ACCOUNT, period=OCTOBER)
    assert (result.totals.rows_in, result.findings) == (0, ())


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((200, b'{"status": "Failed"}', {}), SourceAnswerError, "status is 'Failed'"),
        ((200, b"<html>", {}), SourceError, "azure|JSON"),
        (finished("https://evil.example/x.csv?sig=1", 3), SettingError, "no Azure Blob Storage"),
        (finished("https://169.254.169.254/x.csv", 3), SettingError, "no Azure Blob Storage"),
        (finished("{self}/x.csv", 3), SourceAnswerError, "names no container and blob"),
        (finished(LINK, 4), SourceAnswerError, "has 3 bytes: expected 4"),
        ((302, b"", {"Location": "https://evil.example/"}), SourceError, "azure"),
    ],
)
def test_an_odd_report_is_refused(
    serve: Serve, answer: Answer, error: type[SourceError], words: str
) -> None:
    with pytest.raises(error, match=words):
        cost(report_of(serve, [answer], blob=b"a,b"))


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"report": "sheet"}, "expected export or details"),
        ({"cost_views": "amortized"}, "expected both or actual"),
        ({"agreement": "csp"}, "expected one of mca, ea, mosp"),
        ({"billing_account": "../../subscriptions"}, "no identifier of Azure billing"),
        ({"report": "export"}, "no 'blob_endpoint'"),
        ({"report": "export", "blob_endpoint": "https://evil.example"}, "no Azure Blob Storage"),
        (
            {
                "report": "export",
                "blob_endpoint": "https://nl.blob.core.windows.net",
                "blob_account_key": "a2V5",
            },
            "remove the key",
        ),
    ],
)
def test_a_connection_that_cannot_work_is_refused(extra: dict[str, str], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        cost(connection("https://management.azure.com", **extra))


def test_only_azure_itself_is_an_endpoint() -> None:
    with pytest.raises(SettingError, match="no Azure Resource Manager"):
        usage(connection("https://management.azure.com.evil.example"))
    with pytest.raises(SettingError, match="expected one of SubscriptionId"):
        usage(connection("https://management.azure.com", estimate_group="TagKey"))
