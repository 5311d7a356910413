"""The plug-in and Google's client against a BigQuery emulator: SQL, nesting, paging, schema."""

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from tests.emulators import BigQueryEmulator

from tieout.config import ProviderConnection
from tieout.core.errors import NotReadyError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources import gcp_query
from tieout.sources.base import Normalised
from tieout.sources.providers import gcp

ACCOUNT = "010101-F0FFF0-61C528"
OCTOBER = Period(2026, 10)
LAST = date(2026, 10, 31)
NOW = datetime(2026, 11, 3, 6, tzinfo=UTC)
_numbers = itertools.count(1)

Field = bigquery.SchemaField
Row = dict[str, Any]
Made = Callable[..., ProviderConnection]


def texts(*names: str) -> list[Field]:
    return [Field(name, "STRING") for name in names]


SCHEMA = [
    Field("billing_account_id", "STRING"),
    Field("service", "RECORD", fields=texts("id", "description")),
    Field("sku", "RECORD", fields=texts("id", "description")),
    Field("usage_start_time", "TIMESTAMP"),
    Field("usage_end_time", "TIMESTAMP"),
    Field(
        "project",
        "RECORD",
        fields=[
            *texts("id", "name"),
            Field("labels", "RECORD", "REPEATED", fields=texts("key", "value")),
        ],
    ),
    Field("labels", "RECORD", "REPEATED", fields=texts("key", "value")),
    Field("cost", "FLOAT"),
    Field("currency", "STRING"),
    Field(
        "credits",
        "RECORD",
        "REPEATED",
        fields=[*texts("name", "id", "type"), Field("amount", "FLOAT")],
    ),
    Field("invoice", "RECORD", fields=texts("month", "publisher_type")),
    Field("cost_type", "STRING"),
    Field("cost_at_list", "NUMERIC"),
    Field("export_time", "TIMESTAMP"),
]


def row(cost: float, **more: Any) -> Row:
    return {
        "billing_account_id": ACCOUNT,
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "CF4E-A0C7-E3BF", "description": "Instance Core running in Americas"},
        "usage_start_time": "2026-10-07T00:00:00Z",
        "usage_end_time": "2026-10-07T01:00:00Z",
        "project": {"id": "web-1", "name": "web", "labels": [{"key": "team", "value": "web"}]},
        "labels": [],
        "cost": cost,
        "currency": "USD",
        "credits": [],
        "invoice": {"month": "202610", "publisher_type": "GOOGLE"},
        "cost_type": "regular",
        "cost_at_list": "1.25",
        "export_time": "2026-10-08T05:00:00Z",
        **more,
    }


@pytest.fixture
def made(bigquery_emulator: BigQueryEmulator) -> Made:
    """Makes a dataset with one table of the rows; gives a connection to it."""
    client = bigquery.Client(
        project=bigquery_emulator.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]  # google-auth has no types here
        client_options={"api_endpoint": bigquery_emulator.rest_url},
    )

    def make(
        rows: Sequence[Row],
        *,
        table: str = "gcp_billing_export_v1_010101_F0FFF0_61C528",
        schema: Sequence[Field] = SCHEMA,
        is_partitioned: bool = False,
        **extra: str,
    ) -> ProviderConnection:
        dataset = f"billing_{next(_numbers)}"
        client.create_dataset(dataset)
        path = f"{bigquery_emulator.project}.{dataset}.{table}"
        created = bigquery.Table(path, schema=list(schema))
        if is_partitioned:
            created.time_partitioning = bigquery.TimePartitioning()
        client.create_table(created)
        if rows:
            assert client.insert_rows_json(path, list(rows)) == []
        return ProviderConnection(
            name="tieout_gcp",
            endpoint=bigquery_emulator.rest_url,
            extra={"project": bigquery_emulator.project, "dataset": dataset, **extra},
        )

    return make


def charges(connection: ProviderConnection, *, account: str = ACCOUNT) -> Normalised:
    documents = gcp.fetch_cost(connection, account=account, period=OCTOBER, through=LAST, now=NOW)
    return gcp.to_focus(documents, account=account, period=OCTOBER)


def test_two_credits_on_a_row_count_once_each(made: Made) -> None:
    given = [
        {"name": "CUD", "id": "cud", "type": "COMMITTED_USAGE_DISCOUNT", "amount": -0.4},
        {"name": "Gift", "id": "gift", "type": "PROMOTION", "amount": -0.25},
    ]
    result = charges(made([row(1.25, credits=given)]))
    shown = result.charges.select(["charge_category", "billed_cost", "list_cost"]).to_pylist()
    assert [tuple(one.values()) for one in shown] == [
        ("Usage", Decimal("0.85"), Decimal("1.25")),
        ("Credit", Decimal("-0.25"), None),
    ]
    assert result.totals.source_total == Decimal("0.60")
    assert result.totals.rows_in == 2


def test_a_row_belongs_to_the_month_of_its_invoice_not_of_its_usage(made: Made) -> None:
    late = {"usage_start_time": "2026-10-31T23:00:00Z", "usage_end_time": "2026-11-01T00:00:00Z"}
    early = {"usage_start_time": "2026-09-30T23:00:00Z", "usage_end_time": "2026-10-01T00:00:00Z"}
    rows = [row(1, **early), row(2, **late, invoice={"month": "202611"}), row(4, **late)]
    result = charges(made(rows))
    assert result.charges["billed_cost"].to_pylist() == [Decimal(1), Decimal(4)]
    starts = [one.date() for one in result.charges["charge_period_start"].to_pylist()]
    assert starts == [date(2026, 9, 30), LAST]


def test_tax_rounding_and_late_adjustments_keep_their_kind(made: Made) -> None:
    before = {"usage_start_time": "2026-09-12T00:00:00Z", "usage_end_time": "2026-09-13T00:00:00Z"}
    rows = [
        row(19, cost_type="tax", project=None),
        row(-0.003, cost_type="rounding_error", project=None),
        row(-5, cost_type="adjustment", **before),
        row(-1, cost_type="adjustment"),
    ]
    found = charges(made(rows)).charges.sort_by("billed_cost").to_pylist()
    assert [(one["charge_category"], one["charge_class"]) for one in found] == [
        ("Adjustment", "Correction"),
        ("Adjustment", None),
        ("Adjustment", None),
        ("Tax", None),
    ]
    assert found[-1]["sub_account_id"] is None


def test_floats_come_as_their_shortest_text(made: Made) -> None:
    connection = made([row(0.1 + 0.2), row(1e-07)])
    _, document = gcp.fetch_cost(connection, account=ACCOUNT, period=OCTOBER, through=LAST, now=NOW)
    assert b'"cost":"0.30000000000000004"' in document.content
    assert b'"cost":"1e-07"' in document.content
    assert b'"cost_at_list":"1.25' in document.content
    assert b'"usage_start_time":"2026-10-07T00:00:00Z"' in document.content


def test_a_table_may_lack_what_google_added_later(made: Made) -> None:
    older = [field for field in SCHEMA if field.name not in {"cost_at_list", "cost_type"}]
    old_row = {
        name: one for name, one in row(2).items() if name not in {"cost_at_list", "cost_type"}
    }
    (charge,) = charges(made([old_row], schema=older)).charges.to_pylist()
    assert charge["list_cost"] is None
    assert charge["charge_category"] == "Usage"


def test_a_table_that_lacks_the_cost_is_refused(made: Made) -> None:
    without = [field for field in SCHEMA if field.name != "cost"]
    with pytest.raises(SourceAnswerError, match="has no column cost"):
        charges(made([], schema=without))


def test_an_unknown_table_is_named(made: Made) -> None:
    with pytest.raises(SourceAnswerError, match=r"There is no .*gcp_billing_export_v1_010101"):
        charges(made([row(1)], table="another_table"))


def test_a_month_without_rows_is_not_ready(made: Made) -> None:
    with pytest.raises(NotReadyError, match="no row of invoice month 2026-10"):
        charges(made([row(1, invoice={"month": "202609"})]))


def test_rows_of_another_account_become_findings(made: Made) -> None:
    result = charges(made([row(1), row(2, billing_account_id="000000-AAAAAA-000000")]))
    assert result.totals.rows_bad == 1
    assert "expected 010101-F0FFF0-61C528" in result.findings[0].message


def test_the_watermark_vouches_for_quiet_days_once_the_export_has_moved_on(made: Made) -> None:
    rows = [row(1), row(1, export_time="2026-10-20T01:00:00Z")]
    assert charges(made(rows)).complete_through == date(2026, 10, 18)
    november = row(1, invoice={"month": "202611"}, export_time="2026-11-02T00:00:00Z")
    assert charges(made([*rows, november])).complete_through == LAST


def test_many_pages_are_read_to_the_end(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcp_query, "PAGE_ROWS", 7)
    result = charges(made([row(one) for one in range(1, 51)]))
    assert result.totals.source_total == Decimal(50 * 51 // 2)


def test_a_partitioned_export_is_read_from_the_month_before_on(made: Made) -> None:
    connection = made([row(3)], is_partitioned=True)
    watermark, document = gcp.fetch_cost(
        connection, account=ACCOUNT, period=OCTOBER, through=LAST, now=NOW
    )
    assert "(_PARTITIONTIME >= TIMESTAMP(@since)" in watermark.request["sql"]
    assert '"2026-09-01"' in document.request["parameters"]
    assert document.content.count(b"\n") == 1


def test_a_focus_export_keeps_its_own_amounts(made: Made) -> None:
    schema = [
        *texts("BillingAccountId", "BillingCurrency", "ChargeCategory", "ServiceName", "SkuId"),
        *texts("ServiceCategory", "SubAccountId", "ChargeDescription", "InvoiceIssuerName"),
        Field("BillingPeriodStart", "TIMESTAMP"),
        Field("ChargePeriodStart", "TIMESTAMP"),
        Field("ChargePeriodEnd", "TIMESTAMP"),
        Field("BilledCost", "NUMERIC"),
        Field("EffectiveCost", "NUMERIC"),
        Field("ListCost", "NUMERIC"),
        Field("Tags", "RECORD", "REPEATED", fields=texts("key", "value")),
        Field("x_ExportTime", "TIMESTAMP"),
    ]
    focus = {
        "BillingAccountId": ACCOUNT,
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ServiceName": "Vertex AI",
        "ServiceCategory": "AI and Machine Learning",
        "SkuId": "A253-E8A3-DE5C",
        "SubAccountId": "web-1",
        "ChargeDescription": "Gemini 2.5 Flash GA Text Output - Predictions",
        "InvoiceIssuerName": "Google Cloud",
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "ChargePeriodStart": "2026-10-07T00:00:00Z",
        "ChargePeriodEnd": "2026-10-08T00:00:00Z",
        "BilledCost": "1.10",
        "EffectiveCost": "1.20",
        "ListCost": "1.30",
        "Tags": [{"key": "app", "value": "search"}],
        "x_ExportTime": "2026-11-02T05:00:00Z",
    }
    other = {**focus, "BillingPeriodStart": "2026-11-01T00:00:00Z"}
    connection = made(
        [focus, other],
        table="gcp_billing_export_focus_010101_F0FFF0_61C528",
        schema=schema,
        export="focus",
    )
    result = charges(connection)
    (charge,) = result.charges.to_pylist()
    assert (charge["billed_cost"], charge["effective_cost"]) == (Decimal("1.10"), Decimal("1.20"))
    assert (charge["x_model"], charge["x_token_kind"]) == ("gemini-2.5-flash", "output")
    assert charge["tags"] == '{"app":"search"}'
    assert result.complete_through == LAST
