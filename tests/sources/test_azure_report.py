"""Azure's cost files: dialects, the merge of both views, and files that are something else."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tieout.core.errors import DocumentUnreadableError, SourceAnswerError, SourceError
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources.azure_columns import day, number, plain_header, tags_of
from tieout.sources.azure_manifest import ListedFile, delivery_document, listed_files
from tieout.sources.azure_tables import pricing_unit
from tieout.sources.base import Normalised, RawDocument, load_provider

OCTOBER = Period(2026, 10)
NOW = datetime(2026, 11, 3, tzinfo=UTC)
PROFILE = "N7XK-WQ2M-BG7-PGB"
ROW = {
    "BillingAccountId": "owner",
    "BillingProfileId": PROFILE,
    "SubscriptionId": "S1",
    "Date": "10/05/2026",
    "MeterCategory": "Storage",
    "MeterName": "Hot LRS",
    "CostInBillingCurrency": "1.25",
    "BillingCurrency": "USD",
    "ChargeType": "Usage",
    "PricingModel": "OnDemand",
    "BillingPeriodStartDate": "2026-10-01",
    "Tags": "",
    "InvoiceId": "",
    "BenefitId": "",
    "Quantity": "2",
    "UnitOfMeasure": "100 Hours",
}
RESERVATION = "/providers/Microsoft.Capacity/reservationOrders/o/reservations/r"
PLAN = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/o/savingsPlans/s"


def table(*rows: Mapping[str, str], delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(ROW), delimiter=delimiter)
    writer.writeheader()
    writer.writerows({**ROW, **row} for row in rows)
    return text.getvalue().encode()


def delivery(
    views: Mapping[str, Sequence[bytes]], *, rows: int | None = None, settled: bool = False
) -> list[RawDocument]:
    listed = {
        view: [
            (ListedFile(name=f"{view}{at}.csv", byte_count=None, row_count=rows), content)
            for at, content in enumerate(files)
        ]
        for view, files in views.items()
    }
    files = [
        RawDocument(name=one.name, kind="data", content=content, media_type="", request={})
        for found in listed.values()
        for one, content in found
    ]
    return [delivery_document(listed, settled=settled, now=NOW), *files]


def read(views: Mapping[str, Sequence[bytes]], **more: Any) -> Normalised:
    documents = delivery(views, **more)
    return load_provider("azure").to_focus(documents, account=PROFILE, period=OCTOBER)


def one(**changes: str) -> dict[str, Any]:
    result = read({"actual": [table(changes)]})
    assert result.findings == ()
    (found,) = result.charges.to_pylist()
    return dict(found)


def refused(**changes: str) -> str:
    result = read({"actual": [table(changes)]})
    assert (result.totals.rows_bad, result.totals.rows_out) == (1, 0)
    (finding,) = result.findings
    return finding.message


COMMITTED = {"PricingModel": "Reservation", "BenefitId": RESERVATION}
PURCHASE = {**COMMITTED, "ChargeType": "Purchase", "CostInBillingCurrency": "310"}


def test_actual_and_amortised_are_one_bill() -> None:
    usage = {"CostInBillingCurrency": "4"}
    covered = {**COMMITTED, "CostInBillingCurrency": "9"}
    unused = {**COMMITTED, "CostInBillingCurrency": "1", "ChargeType": "UnusedReservation"}
    actual = table(usage, {**covered, "CostInBillingCurrency": "0"}, PURCHASE)
    result = read({"actual": [actual], "amortized": [table(usage, covered, unused)]})
    assert result.findings == ()
    rows = result.charges.to_pylist()
    shown = [
        (
            str(row["billed_cost"].normalize()),
            str(row["effective_cost"].normalize()),
            row["charge_category"],
            row["commitment_discount_status"],
        )
        for row in rows
    ]
    assert sorted(shown) == [
        ("0", "1", "Usage", "Unused"),
        ("0", "9", "Usage", "Used"),
        ("3.1E+2", "0", "Purchase", None),
        ("4", "4", "Usage", None),
    ]
    assert {row["commitment_discount_category"] for row in rows} == {None, "Usage"}


def test_views_that_bill_differently_are_reported() -> None:
    result = read({"actual": [table({}, {})], "amortized": [table({})]})
    (finding,) = result.findings
    assert (finding.kind, finding.amount_units) == ("azure_views_differ", to_units("1.25"))


def test_views_of_equal_bytes_are_read_once() -> None:
    same = table({}, PURCHASE)
    result = read({"actual": [same], "amortized": [same]})
    assert result.totals.source_total == Decimal("311.25")
    assert result.findings == ()


def test_commitments_without_the_amortised_view_are_reported() -> None:
    result = read({"actual": [table(PURCHASE)]})
    assert [finding.kind for finding in result.findings] == ["commitment_not_amortised"]
    assert result.charges["effective_cost"].to_pylist() == [Decimal(310)]


@pytest.mark.parametrize(
    ("kind", "category", "charge_class"),
    [
        ("Usage", "Usage", None),
        ("Purchase", "Purchase", None),
        ("Tax", "Tax", None),
        ("Credit", "Credit", None),
        ("Refund", "Purchase", "Correction"),
        ("RoundingAdjustment", "Adjustment", None),
    ],
)
def test_charge_types_become_categories(kind: str, category: str, charge_class: str | None) -> None:
    found = one(ChargeType=kind, CostInBillingCurrency="-0.004")
    assert (found["charge_category"], found["charge_class"]) == (category, charge_class)
    assert found["billed_cost"] == Decimal("-0.004")


def test_an_unknown_charge_type_is_loaded_and_reported() -> None:
    result = read({"actual": [table({"ChargeType": "Gift"})]})
    assert result.charges["charge_category"].to_pylist() == ["Adjustment"]
    assert [finding.kind for finding in result.findings] == ["unknown_charge_type"]


def test_a_savings_plan_is_a_spend_commitment() -> None:
    actual = table({**PURCHASE, "BenefitId": PLAN, "PricingModel": "SavingsPlan"})
    (row,) = read({"actual": [actual], "amortized": [table()]}).charges.to_pylist()
    assert row["commitment_discount_category"] == "Spend"
    assert (row["commitment_discount_id"], row["effective_cost"]) == (PLAN, Decimal(0))


def test_provisioned_throughput_has_a_tier_and_no_tokens() -> None:
    found = one(MeterCategory="Foundry Models", MeterName="Provisioned Managed Global Unit")
    assert (found["x_service_tier"], found["x_token_kind"]) == ("provisioned", None)
    assert found["service_category"] == "AI and Machine Learning"


def test_a_model_that_the_tables_do_not_know_is_loaded_and_reported() -> None:
    rows = [{"MeterCategory": "Foundry Models", "MeterName": "zeta 9 Inp glbl Tokens"}] * 2
    result = read({"actual": [table(*rows)]})
    assert result.totals.rows_out == 2
    (finding,) = result.findings
    assert (finding.kind, finding.amount_units) == ("unmapped_meter", to_units("2.50"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CostInBillingCurrency": "1,25"}, "with a decimal comma"),
        ({"CostInBillingCurrency": "1.234,56"}, "with a decimal comma"),
        ({"CostInBillingCurrency": "NULL"}, "decimal number"),
        ({"CostInBillingCurrency": "1,234.50"}, "decimal number"),
        ({"Date": "31/10/2026"}, "month first"),
        ({"Date": "NULL"}, "expected a day"),
        ({"BillingPeriodStartDate": "09/01/2026"}, "billed in 2026-09: expected 2026-10"),
        ({"BillingProfileId": "OTHER"}, "belongs to 'other / owner'"),
        ({"BillingProfileId": "", "BillingAccountId": ""}, "belongs to 's1'"),
        ({"Quantity": "a few"}, "decimal number"),
    ],
)
def test_a_bad_row_says_what_is_wrong(changes: dict[str, str], words: str) -> None:
    assert words in refused(**changes)


def test_words_for_nothing_are_nothing() -> None:
    found = one(InvoiceId="NULL", Quantity="null", Tags="NULL", BenefitId="(null)")
    assert (found["invoice_id"], found["consumed_quantity"], found["tags"]) == (None, None, "{}")


@pytest.mark.parametrize(
    ("text", "tags", "received"),
    [
        ('{"app": "a", "n": 3, "empty": null}', '{"app":"a","n":"3"}', None),
        ('"app": "a","env": "prod"', '{"app":"a","env":"prod"}', '"app": "a","env": "prod"'),
    ],
)
def test_tags_come_with_and_without_braces(text: str, tags: str, received: str | None) -> None:
    found = one(Tags=text)
    assert (found["tags"], found["source_tags"]) == (tags, received)


def test_tags_that_cannot_be_read_do_not_cost_the_charge() -> None:
    result = read({"actual": [table({"Tags": "app=a"}, {"Tags": '"a": 1,"a": 2'})]})
    assert result.totals.rows_out == 2
    assert [finding.kind for finding in result.findings] == ["unreadable_tags"]
    assert result.charges["source_tags"].to_pylist()[0] == "app=a"
    assert tags_of('"a": [1]') == (("a", "[1]"),)


def test_units_of_measure_name_their_block() -> None:
    found = one()
    assert (found["pricing_quantity"], found["pricing_unit"]) == (Decimal("0.02"), "Hours")
    assert (found["consumed_quantity"], found["consumed_unit"]) == (Decimal(2), "100 Hours")
    assert pricing_unit("7 Parsecs") is None
    assert one(UnitOfMeasure="7 Parsecs")["pricing_quantity"] is None


def test_headers_are_found_in_any_case_and_language() -> None:
    header = ["Kategorie der Verbrauchseinheit (MeterCategory)", "costInBillingCurrency", " Tags "]
    assert plain_header(header) == ("metercategory", "costinbillingcurrency", "tags")
    localised = table({}).replace(b"MeterCategory", b"Messkategorie (MeterCategory)")
    assert read({"actual": [b"\xef\xbb\xbf" + localised]}).totals.rows_out == 1


def test_gzip_and_parquet_give_the_same_charges() -> None:
    plain = table({}, {"CostInBillingCurrency": "2.5"})
    rows = list(csv.DictReader(io.StringIO(plain.decode())))
    arrow = pa.Table.from_pylist(
        [{**row, "CostInBillingCurrency": Decimal(row["CostInBillingCurrency"])} for row in rows]
    )
    stream = io.BytesIO()
    pq.write_table(arrow, stream, compression="snappy")
    hidden = ["line_id", "source_document"]
    charges = [
        read({"actual": [content]}).charges.drop_columns(hidden)
        for content in (plain, gzip.compress(plain), stream.getvalue())
    ]
    assert charges[0] == charges[1] == charges[2]


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (gzip.compress(table({}), mtime=0)[:-9], DocumentUnreadableError, "truncated gzip"),
        (b"PAR1 and no more", DocumentUnreadableError, "not a whole Parquet file"),
        (table({}) + b"one,two\r\n", DocumentUnreadableError, "has 2 cells"),
        (table({}) + b"\xff\xfe", DocumentUnreadableError, "not UTF-8"),
        (table({}, delimiter=";"), SourceAnswerError, "comma-separated"),
        (table({}).replace(b"Tags", b"Date"), SourceAnswerError, "column date twice"),
        (b"", SourceAnswerError, "has no column"),
    ],
)
def test_a_file_that_is_no_cost_file_is_refused(
    content: bytes, error: type[SourceError], words: str
) -> None:
    with pytest.raises(error, match=words):
        read({"actual": [content]})


def test_rows_are_counted_against_the_manifest() -> None:
    assert read({"actual": [table({}, {})]}, rows=2).totals.rows_out == 2
    with pytest.raises(SourceAnswerError, match="has 2 rows: expected 3"):
        read({"actual": [table({}, {})]}, rows=3)


def test_a_month_is_complete_once_it_is_invoiced_or_settled() -> None:
    billed, open_row = {"InvoiceId": "G1"}, {"InvoiceId": ""}
    assert read({"actual": [table(billed)]}).complete_through == date(2026, 10, 31)
    assert read({"actual": [table(billed, open_row)]}).complete_through == date(2026, 10, 5)
    assert read({"actual": [table(open_row)]}, settled=True).complete_through == date(2026, 10, 31)
    assert read({"actual": []}).complete_through is None


def test_a_delivery_without_its_files_is_refused() -> None:
    documents = delivery({"actual": [table({})]})
    azure = load_provider("azure")
    for kept, words in ((documents[:1], "a file that is missing"), (documents[1:], "has 0 files")):
        with pytest.raises(SourceAnswerError, match=words):
            azure.to_focus(kept, account=PROFILE, period=OCTOBER)


def test_equal_deliveries_are_equal_bytes() -> None:
    later = datetime(2026, 11, 4, tzinfo=UTC)
    views = {"actual": [(ListedFile(name="a", byte_count=1, row_count=None), b"x")]}
    first, second = (delivery_document(views, settled=False, now=at) for at in (NOW, later))
    assert first.content == second.content


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"runInfo": {}, "blobs": [{"blobName": "a"}, {"blobName": "a"}]}, "listed twice"),
        ({"runInfo": {}, "blobCount": 2, "blobs": [{"blobName": "a"}]}, "blobCount is 2"),
        (
            {"runInfo": {}, "byteCount": 9, "blobs": [{"blobName": "a", "byteCount": 8}]},
            "byteCount is 9",
        ),
        ({"runInfo": {}, "blobs": [{"blobName": "a", "byteCount": -1}]}, "is no count"),
        ({"runInfo": {}, "blobs": [{"blobName": "a", "byteCount": 10**12}]}, "lists 1,000,000"),
        ({"runInfo": {}}, "neither an export's manifest"),
        ({"status": "InProgress"}, "status is 'InProgress'"),
        ([], "neither an export's manifest"),
    ],
)
def test_an_odd_manifest_is_refused(manifest: Any, words: str) -> None:
    with pytest.raises(SourceAnswerError, match=words):
        listed_files(json.dumps(manifest).encode(), name="manifest.json")


def test_numbers_and_days_are_read_exactly() -> None:
    assert number("6.1E-05", column="cost") == Decimal("0.000061")
    assert number("0.0000000191107392311096200000", column="cost") < Decimal("0.00000002")
    for text in ("2026-10-05", "2026-10-05T00:00:00Z", "10/05/2026", "10/5/2026 0:00:00"):
        assert day(text, column="date") == date(2026, 10, 5)


def query(rows: list[Any], columns: list[Any] | None = None) -> Normalised:
    names = ("Cost", "UsageDate", "ServiceName", "ResourceGroup", "Currency")
    found = [{"name": name} for name in names] if columns is None else columns
    content = json.dumps({"properties": {"columns": found, "rows": rows}}).encode()
    request = {"start": "2026-10-01", "end": "2026-10-14"}
    document = RawDocument(
        name="q", kind="estimate", content=content, media_type="", request=request
    )
    return load_provider("azure").to_estimate([document], account=PROFILE, period=OCTOBER)


def test_the_query_is_read_by_its_columns() -> None:
    result = query([[0.1, 20261003, "Azure OpenAI", "RG", "EUR"]])
    (row,) = result.charges.to_pylist()
    assert (row["billed_cost"], row["billing_currency"]) == (Decimal("0.1"), "EUR")
    assert (row["service_category"], row["resource_name"]) == ("AI and Machine Learning", "RG")
    assert row["charge_period_start"] == datetime(2026, 10, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([1, 20261015, "S", "", "USD"], "expected a day from 2026-10-01 to 2026-10-14"),
        ([1, "2026-10-03", "S", "", "USD"], "expected a whole number"),
        ([1, 20261332, "S", "", "USD"], "expected a whole number"),
        ([None, 20261003, "S", "", "USD"], "expected a number"),
        ([True, 20261003, "S", "", "USD"], "expected a number"),
    ],
)
def test_an_odd_row_of_the_query_is_a_finding(row: list[Any], words: str) -> None:
    result = query([row])
    assert result.totals.rows_bad == 1
    assert words in result.findings[0].message


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [([[1]], None, "does not have 5 cells"), ([], ["Cost"], "column without a name")],
)
def test_an_odd_page_of_the_query_is_refused(
    rows: list[Any], columns: list[Any] | None, words: str
) -> None:
    with pytest.raises(SourceAnswerError, match=words):
        query(rows, columns)
