"""Google's client against the stand-in: the sample month to the unit, and answers gone wrong."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from demo.standin_bigquery import ACCOUNT, answer, connection_extra
from demo.story import OCTOBER as OCTOBER_BILLS
from tests.sources.quiet_handler import QuietHandler

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import (
    NotReadyError,
    SettingError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.reconciliation.invoice_lines import match_lines
from tieout.sources import gcp_client
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.invoices import gcp_cost_table
from tieout.sources.providers import gcp

OCTOBER = Period(2026, 10)
LAST = date(2026, 10, 31)
BILLS = Path("sample") / "bills" / "gcp"
TRUTH: dict[str, Any] = json.loads((BILLS / "truth.json").read_text())

Answer = tuple[int, bytes]
Change = Callable[[str, Answer], Answer]
Connect = Callable[..., ProviderConnection]


def unchanged(_: str, found: Answer) -> Answer:
    return found


@pytest.fixture
def standin() -> Iterator[Connect]:
    """A loopback server in the state that `is_final` says; gives the connection to it.

    `change` sees each path and answer and may give another answer.
    """
    servers: list[ThreadingHTTPServer] = []

    def start(
        *, is_final: bool = True, change: Change = unchanged, **extra: str
    ) -> ProviderConnection:
        as_of = OCTOBER_BILLS.final_on if is_final else OCTOBER_BILLS.draft_on

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                found = answer(self.command, parts.path, parse_qs(parts.query), body, as_of=as_of)
                status, content = change(parts.path, found or (404, b"{}"))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        return ProviderConnection(
            name="tieout_gcp",
            endpoint=endpoint,
            secret=Secret("demo"),
            extra={
                **connection_extra(endpoint),
                "catalog_endpoint_url": endpoint,
                **extra,
            },
        )

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def pull(connection: ProviderConnection, *, day: int) -> tuple[RawDocument, ...]:
    now = datetime(2026, 11, day, 6, tzinfo=UTC)
    return gcp.fetch_cost(connection, account=ACCOUNT, period=OCTOBER, through=LAST, now=now)


def charges(connection: ProviderConnection, *, day: int) -> Normalised:
    return gcp.to_focus(pull(connection, day=day), account=ACCOUNT, period=OCTOBER)


def billed(result: Normalised) -> int:
    return sum(to_units(one) for one in result.charges["billed_cost"].to_pylist())


def test_the_final_month_is_the_truth_to_the_unit(standin: Connect) -> None:
    result = charges(standin(is_final=True), day=3)
    assert billed(result) == to_units(TRUTH["report_total_final"])
    assert result.totals.source_total == Decimal(TRUTH["report_total_final"])
    assert result.findings == ()
    assert result.complete_through == LAST


def test_the_draft_lacks_the_rows_that_google_writes_later(standin: Connect) -> None:
    result = charges(standin(is_final=False), day=1)
    assert billed(result) == to_units(TRUTH["report_total_draft"])
    assert result.complete_through == date(2026, 10, 31)  # written 6 hours after its end


def test_two_pulls_of_the_same_state_are_the_same_bytes(standin: Connect) -> None:
    connection = standin(is_final=True)
    first, second = pull(connection, day=3), pull(connection, day=4)
    assert [one.sha256 for one in first] == [one.sha256 for one in second]


def test_credits_that_are_money_given_are_charges_of_their_own(standin: Connect) -> None:
    rows = charges(standin(is_final=True), day=3).charges.to_pylist()
    given = [row for row in rows if row["charge_category"] == "Credit"]
    assert sum(row["billed_cost"] for row in given) == Decimal(TRUTH["credits_shown"])
    assert {json.loads(row["tags"])["credit:type"] for row in given} == {"PROMOTION", "FREE_TIER"}
    assert len({row["line_id"] for row in rows}) == len(rows)


def test_a_commitment_brings_its_own_row_to_zero(standin: Connect) -> None:
    rows = charges(standin(is_final=True), day=3).charges.to_pylist()
    covered = [row for row in rows if row["commitment_discount_status"] == "Used"]
    assert len(covered) == 31
    assert {row["billed_cost"] for row in covered} == {Decimal(0)}
    assert {row["pricing_category"] for row in covered} == {"Committed"}


def test_gemini_rows_name_model_token_kind_and_initiative(standin: Connect) -> None:
    rows = charges(standin(is_final=True), day=3).charges.to_pylist()
    kinds = {
        (row["x_model"], row["x_token_kind"], json.loads(row["tags"])["app"])
        for row in rows
        if row["service_name"] == "Vertex AI"
    }
    assert kinds == {
        ("gemini-2.5-flash", "input", "support-assistant"),
        ("gemini-2.5-flash", "cached_input", "support-assistant"),
        ("gemini-2.5-flash", "output", "support-assistant"),
        ("gemini-3-flash", "input", "search-ranking"),
        ("gemini-3-flash", "output", "search-ranking"),
    }


def test_the_invoice_is_the_rows_of_its_month_line_by_line(standin: Connect) -> None:
    final = charges(standin(is_final=True), day=3).charges
    content = (BILLS / "cost-table-2026-10.csv").read_bytes()
    (invoice,) = gcp_cost_table.read(content, document_sha256="ab" * 32)
    assert invoice.number == TRUTH["invoice_number"]
    assert invoice.total_units == to_units(TRUTH["invoice_total"])
    assert invoice.bill_to == ACCOUNT
    assert (invoice.service_start, invoice.service_end) == (OCTOBER.start_on, LAST)
    matched = match_lines(final, invoice)
    assert matched.findings == ()
    assert matched.compared == matched.agreeing > 10


def test_a_month_that_the_export_does_not_have_is_not_ready(standin: Connect) -> None:
    now = datetime(2026, 9, 2, tzinfo=UTC)
    with pytest.raises(NotReadyError, match="no row of invoice month 2026-08"):
        gcp.fetch_cost(
            standin(is_final=True),
            account=ACCOUNT,
            period=Period(2026, 8),
            through=date(2026, 8, 31),
            now=now,
        )


def failing(status: int, reason: str, *, at: str) -> Change:
    error = {"code": status, "message": reason, "errors": [{"reason": reason}]}
    content = json.dumps({"error": error}).encode()
    return lambda path, found: (status, content) if at in path else found


def paged(**changed: Any) -> Change:
    """Every page of rows says something else than it should."""

    def change(path: str, found: Answer) -> Answer:
        page = json.loads(found[1])
        if "/queries/" not in path or "pageToken" not in page:
            return found
        return 200, json.dumps({**page, **changed}).encode()

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (failing(401, "authError", at="/tables/"), SourceRefusedError, "refused the key"),
        (failing(403, "accessDenied", at="/jobs"), SourceRefusedError, "docs/reference"),
        (failing(403, "rateLimitExceeded", at="/jobs"), SourceUnreachableError, "RetryError"),
        (failing(429, "rateLimitExceeded", at="/queries/"), SourceUnreachableError, "not answer"),
        (failing(503, "backendError", at="/tables/"), SourceUnreachableError, "not answer"),
        (failing(404, "notFound", at="/tables/"), SourceAnswerError, "There is no nordlicht"),
        (failing(400, "Query exceeded limit for bytes billed", at="/queries/"), SettingError,
         "larger than maximum_bytes_billed"),
        (lambda _, __: (200, b"<html>"), SourceAnswerError, "another form"),
        (lambda _, __: (200, b"{}"), SourceAnswerError, "another form"),
        (lambda _, __: (302, b"{}"), SourceAnswerError, "TooManyRedirects"),
        (paged(pageToken="250"), SourceAnswerError, "never end"),
        (paged(totalRows="606", pageToken=None), SourceAnswerError, "expected the 606 that it"),
        (paged(totalRows="250", pageToken=None), SourceAnswerError, "at least the 603"),
    ],
)  # fmt: skip
def test_an_answer_gone_wrong_stops_the_pull_in_one_sentence(
    standin: Connect,
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setattr(gcp_client, "_NAMED_ENDPOINT_DEADLINE_S", 1)
    with pytest.raises(error, match=message) as raised:
        pull(standin(change=change), day=3)
    assert "demo" not in str(raised.value)


def test_a_throttle_is_waited_out(standin: Connect) -> None:
    refusals = iter([(429, b'{"error": {"errors": [{"reason": "rateLimitExceeded"}]}}')])
    connection = standin(change=lambda _, found: next(refusals, found))
    assert billed(gcp.to_focus(pull(connection, day=3), account=ACCOUNT, period=OCTOBER)) == (
        to_units(TRUTH["report_total_final"])
    )


def test_list_prices_of_the_catalog_are_compared_if_asked_for(standin: Connect) -> None:
    def price(key: str, unit: str, cents: int) -> dict[str, Any]:
        unit_price = {"currencyCode": "USD", "units": "0", "nanos": cents * 10_000_000}
        rate = {"startUsageAmount": 0, "unitPrice": unit_price}
        expression = {"usageUnitDescription": unit, "tieredRates": [rate]}
        info = [{"pricingExpression": expression}]
        return {"skuId": key, "description": key, "pricingInfo": info}

    def catalog(path: str, found: Answer) -> Answer:
        if not path.startswith("/v1/services/"):
            return found
        skus = [
            price("E5F0-6A5D-7BAD", "gibibyte month", 2),
            price("1DF7-3A20-86C0", "tebibyte", 9),
        ]
        return 200, json.dumps({"skus": skus}).encode()

    documents = pull(standin(change=catalog, prices="catalog"), day=3)
    assert [one.name for one in documents if one.kind == "prices"] == [
        f"catalog.{key}.json"
        for key in ("24E6-581D-38E5", "6F81-5844-456A", "95FF-2EF5-5EA1", "C7E2-9256-1C43")
    ]
    result = gcp.to_focus(documents, account=ACCOUNT, period=OCTOBER)
    assert [(one.kind, one.subject) for one in result.findings] == [
        ("list_price_gap", "gcp SKU 1DF7-3A20-86C0")
    ]


def test_the_record_of_a_pull_shows_the_question_and_no_secret(standin: Connect) -> None:
    documents = pull(standin(), day=3)
    for document in documents:
        assert "FROM `nordlicht-billing.billing.gcp_billing" in document.request["sql"]
        assert document.request["location"] == "EU"
        assert "demo" not in json.dumps(dict(document.request))
    assert [one.kind for one in documents] == ["manifest", "cost"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"export": "daily"}, "expected one of standard, detailed, focus"),
        ({"dataset": "a`b"}, "The dataset of tieout_gcp"),
        ({"table": "t; DROP TABLE x"}, "The table of tieout_gcp"),
        ({"project": "P"}, "The project of tieout_gcp"),
        ({"maximum_bytes_billed": "0"}, "maximum_bytes_billed"),
    ],
)
def test_a_setting_of_another_form_is_refused_before_anything_is_asked(
    standin: Connect, extra: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        pull(standin(**extra), day=3)


def real(endpoint: str | None, password: str) -> ProviderConnection:
    extra = {"project": "nordlicht-billing", "dataset": "billing"}
    return ProviderConnection(
        name="tieout_gcp", endpoint=endpoint, secret=Secret(password), extra=extra
    )


@pytest.mark.parametrize(
    ("endpoint", "password", "message"),
    [
        ("https://bigquery.example.com", "", "is not Google's"),
        ("https://googleapis.com.example.com", "", "is not Google's"),
        ("http://bigquery.googleapis.com", "", "plain http"),
        (None, "/var/keys/gcp.json", "not the JSON of a service account"),
        (None, '{"type": "external_account", "token_url": "https://x"}', "service account"),
        (None, '{"type": "service_account", "token_uri": "https://x.example/"}', "token_uri"),
        (None, '{"type": "service_account", "token_uri": "https://oauth2.googleapis.com/token"}',
         "not whole"),
    ],
)  # fmt: skip
def test_credentials_go_to_google_or_nowhere(
    endpoint: str | None, password: str, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        pull(real(endpoint, password), day=3)


def test_a_machine_without_credentials_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with pytest.raises(SourceError, match="has no Google credentials"):
        pull(real(None, ""), day=3)


def test_documents_come_from_the_drop_folder_and_name_their_format(
    tmp_path: Path, standin: Connect
) -> None:
    now = datetime(2026, 11, 3, tzinfo=UTC)
    asked: dict[str, Any] = {"account": ACCOUNT, "period": OCTOBER, "now": now}
    assert gcp.fetch_documents(standin(), **asked) == ()
    (tmp_path / "table.csv").write_bytes((BILLS / "cost-table-2026-10.csv").read_bytes())
    (found,) = gcp.fetch_documents(standin(documents_url=tmp_path.as_uri()), **asked)
    assert found.request["format"] == "gcp_cost_table"
