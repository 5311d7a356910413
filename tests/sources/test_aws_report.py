import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import DocumentUnreadableError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources.aws_columns import layout_of, plain_name
from tieout.sources.aws_report import REQUIRED_COLUMNS, read_report
from tieout.sources.aws_services import SERVICE_CATEGORIES, service_category
from tieout.sources.base import Normalised, RawDocument, load_provider
from tieout.sources.providers import aws

MakeDocument = Callable[..., RawDocument]

GOOD = {
    "bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z",
    "bill/InvoiceId": "",
    "bill/PayerAccountId": "1",
    "lineItem/CurrencyCode": "USD",
    "lineItem/LineItemType": "Usage",
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UnblendedCost": "1.5",
    "lineItem/UsageAccountId": "",
    "lineItem/UsageEndDate": "2026-10-02T00:00:00Z",
    "lineItem/UsageStartDate": "2026-10-01T00:00:00Z",
}


@pytest.fixture
def load(document: MakeDocument) -> Callable[[str | bytes], Normalised]:
    def run(text: str | bytes) -> Normalised:
        content = text.encode() if isinstance(text, str) else text
        documents = [
            document("manifest", '{"reportKeys": ["a.csv.gz"]}'),
            document("data", gzip.compress(content), name="a.csv.gz"),
        ]
        return load_provider("aws").to_focus(documents, account="1", period=Period(2026, 10))

    return run


def report(*rows: Mapping[str, str]) -> str:
    lines = [REQUIRED_COLUMNS, *(tuple(row.values()) for row in rows)]
    return "".join(",".join(line) + "\n" for line in lines)


Load = Callable[[str | bytes], Normalised]


def test_a_plain_row_is_a_charge(load: Load) -> None:
    result = load(report(GOOD))
    (charge,) = result.charges.to_pylist()
    assert charge["service_name"] == "AmazonEC2"
    assert charge["invoice_id"] is None
    assert charge["sub_account_id"] is None
    assert charge["tags"] == "{}"


def test_a_byte_order_mark_is_no_part_of_the_first_column(load: Load) -> None:
    assert load(b"\xef\xbb\xbf" + report(GOOD).encode()).totals.rows_out == 1


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", SourceAnswerError, "has no column bill/BillingPeriodStartDate"),
        ("identity_line_item_id,line_item_unblended_cost\n", SourceAnswerError, "slash column"),
        (report(GOOD) + "one,cell,short\n", DocumentUnreadableError, "Row 2 of a.csv.gz has 3"),
        (report(GOOD) + '"open quote', DocumentUnreadableError, "not a CSV file"),
        (b"\xff\xfe\x00", DocumentUnreadableError, "not UTF-8"),
    ],
)
def test_a_damaged_report_is_refused_whole(
    load: Load, text: str | bytes, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        load(text)


def test_covered_usage_without_its_negation_is_reported_with_the_amount(load: Load) -> None:
    result = load(report({**GOOD, "lineItem/LineItemType": "SavingsPlanCoveredUsage"}))
    (finding,) = result.findings
    assert finding.kind == "savings_plan_gap"
    assert finding.amount_units == 15 * 10**11
    assert result.totals.loaded_units == 0


def test_a_date_that_is_none_is_a_bad_row(load: Load) -> None:
    result = load(report(GOOD, {**GOOD, "lineItem/UsageStartDate": "soon"}))
    (finding,) = result.findings
    assert finding.amount_units == 15 * 10**11
    assert "UsageStartDate is 'soon'" in finding.message


def test_a_report_without_a_manifest_is_refused(document: MakeDocument) -> None:
    data = document("data", gzip.compress(report(GOOD).encode()), name="a.csv.gz")
    with pytest.raises(SourceAnswerError, match="has no manifest"):
        load_provider("aws").to_focus([data], account="1", period=Period(2026, 10))


def test_a_listed_file_that_was_not_kept_is_refused(document: MakeDocument) -> None:
    manifest = document("manifest", '{"reportKeys": ["a.csv.gz"]}')
    with pytest.raises(SourceAnswerError, match=r"lists a\.csv\.gz, which is missing"):
        load_provider("aws").to_focus([manifest], account="1", period=Period(2026, 10))


def test_odd_account_lists_name_nobody(document: MakeDocument) -> None:
    documents = [
        document("manifest", '{"reportKeys": ["a.csv.gz"]}'),
        document("data", gzip.compress(report(GOOD).encode()), name="a.csv.gz"),
        document("names", '{"Accounts": [3]}'),
        document("names", '{"Accounts": 3}'),
        document("names", "[]"),
    ]
    result = load_provider("aws").to_focus(documents, account="1", period=Period(2026, 10))
    assert result.charges["billing_account_name"].to_pylist() == [None]


def test_service_categories_are_known_ones_and_unknown_products_are_other() -> None:
    assert service_category("AmazonRDS", "Amazon Relational Database Service") == "Databases"
    assert service_category("5hnnev4d", "Something") == "Other"
    assert "Claude" not in SERVICE_CATEGORIES


def test_aws_has_no_meter_of_its_own() -> None:
    found = load_provider("aws").fetch_usage(
        ProviderConnection(name="tieout_aws"),
        account="1",
        period=Period(2026, 10),
        through=date(2026, 10, 31),
        now=datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert found == ()


def test_without_an_endpoint_the_client_goes_to_aws_itself() -> None:
    connection = ProviderConnection(name="tieout_aws", login="a", secret=Secret("b"))
    with closing(aws._client(connection, "s3", None)) as client:
        assert client.meta.endpoint_url.endswith(".amazonaws.com")
        assert client.meta.config.retries["total_max_attempts"] == 9  # one try, eight retries


NEW = {
    "bill_billing_period_start_date": "2026-10-01T00:00:00.000Z",
    "bill_invoice_id": "",
    "bill_payer_account_id": "1",
    "line_item_currency_code": "USD",
    "line_item_line_item_description": "input tokens",
    "line_item_line_item_type": "Usage",
    "line_item_product_code": "AmazonBedrock",
    "line_item_unblended_cost": "1.5",
    "line_item_usage_account_id": "2",
    "line_item_usage_account_name": "research",
    "line_item_usage_amount": "3",
    "line_item_usage_start_date": "2026-10-05 00:00:00",
    "line_item_usage_end_date": "2026-10-06 00:00:00",
    "line_item_usage_type": "EUC1-NovaPro-input-tokens",
    "pricing_term": "OnDemand",
    "product": '{"product_name": "Amazon Bedrock", "region": "eu-central-1"}',
    "resource_tags": '{"user_app": "search", "aws_created_by": "IAM:alice"}',
    "reservation_reservation_a_r_n": "",
    "reservation_effective_cost": "",
    "reservation_unused_recurring_fee": "",
    "savings_plan_savings_plan_a_r_n": "",
    "savings_plan_total_commitment_to_date": "",
    "savings_plan_used_commitment": "",
}


def cur_2(*rows: Mapping[str, str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(NEW), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**NEW, **row} for row in rows)
    return out.getvalue()


def cur_2_parquet(*rows: Mapping[str, str]) -> bytes:
    """The same rows as Athena's kind of file: doubles, timestamps and maps."""
    columns: dict[str, pa.Array] = {}
    for name in NEW:
        texts = [{**NEW, **row}[name] or None for row in rows]
        if name in {"product", "resource_tags"}:
            maps = [list(json.loads(text).items()) if text else None for text in texts]
            columns[name] = pa.array(maps, pa.map_(pa.string(), pa.string()))
        elif name.endswith(("start_date", "end_date")):
            instants = [datetime.fromisoformat(text).replace(tzinfo=None) for text in texts if text]
            columns[name] = pa.array(instants, pa.timestamp("ms"))
        elif name.endswith(("_cost", "_amount", "_fee", "_to_date", "_commitment")):
            columns[name] = pa.array([text and float(text) for text in texts], pa.float64())
        else:
            columns[name] = pa.array(texts, pa.string())
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.fixture
def load_new(document: MakeDocument) -> Callable[..., Normalised]:
    def run(content: str | bytes, name: str = "b/a.csv.gz", listed: str = "") -> Normalised:
        packed = gzip.compress(content.encode()) if isinstance(content, str) else content
        files = listed or f'["s3://bucket/{name}"]'
        documents = [
            document("manifest", f'{{"dataFiles": {files}}}'),
            document("data", packed, name=name),
        ]
        return read_report(documents, account="1", period=Period(2026, 10))

    return run


def test_cur_2_as_csv_and_as_parquet_gives_the_same_charges(
    load_new: Callable[..., Normalised],
) -> None:
    bare = {"line_item_unblended_cost": "0.0000004", "resource_tags": "", "product": ""}
    rows: tuple[Mapping[str, str], ...] = ({}, bare)
    text = load_new(cur_2(*rows)).charges
    table = load_new(cur_2_parquet(*rows), name="b/a.snappy.parquet").charges
    hidden = ["line_id", "source_document"]
    assert text.drop(hidden).to_pylist() == table.drop(hidden).to_pylist()
    first, second = text.to_pylist()
    assert first["sub_account_name"] == "research"
    assert first["service_name"] == "Amazon Bedrock"
    assert first["region_id"] == "eu-central-1"
    assert first["tags"] == '{"app":"search","aws_created_by":"IAM:alice"}'
    assert (first["x_model_developer"], first["x_model"]) == ("Amazon", "nova-pro")
    assert first["x_token_kind"] == "input"
    assert first["service_category"] == "AI and Machine Learning"
    assert first["charge_period_start"] == datetime(2026, 10, 5, tzinfo=UTC)
    assert second["tags"] == "{}"
    assert second["service_name"] == "AmazonBedrock"


def test_fees_keep_what_they_left_unused_and_name_their_commitment(
    load_new: Callable[..., Normalised],
) -> None:
    plan, reserved = "arn:plan", "arn:ri"
    result = load_new(
        cur_2(
            {
                "line_item_line_item_type": "SavingsPlanRecurringFee",
                "savings_plan_savings_plan_a_r_n": plan,
                "savings_plan_total_commitment_to_date": "0.3000000000000000000000000001",
                "savings_plan_used_commitment": "0.1",
            },
            {
                "line_item_line_item_type": "RIFee",
                "reservation_reservation_a_r_n": reserved,
                "reservation_unused_recurring_fee": "0.25",
            },
            {
                "line_item_line_item_type": "DiscountedUsage",
                "reservation_reservation_a_r_n": reserved,
                "reservation_effective_cost": "0.75",
                "line_item_unblended_cost": "0",
            },
            {"line_item_line_item_type": "Fee", "reservation_reservation_a_r_n": reserved},
            {"line_item_line_item_type": "Fee"},
            {"pricing_term": "Spot"},
        )
    )
    rows = result.charges.to_pylist()
    assert [str(row["effective_cost"].normalize()) for row in rows] == [
        "0.2", "0.25", "0.75", "0", "1.5", "1.5",
    ]  # fmt: skip
    assert [row["commitment_discount_category"] for row in rows] == [
        "Spend", "Usage", "Usage", "Usage", None, None,
    ]  # fmt: skip
    assert [row["pricing_category"] for row in rows] == [
        "Standard", "Standard", "Committed", "Standard", "Standard", "Dynamic",
    ]  # fmt: skip
    assert [row["charge_frequency"] for row in rows][:3] == [
        "Recurring", "Recurring", "Usage-Based",
    ]  # fmt: skip
    assert rows[2]["commitment_discount_status"] == "Used"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"line_item_line_item_type": "DiscountedUsage", "reservation_effective_cost": "n/a"},
         "effective_cost: Expected a decimal number such as 12.5, found 'n/a'"),
        ({"line_item_line_item_type": "SavingsPlanRecurringFee",
          "savings_plan_used_commitment": "all"}, "found 'all'"),
        ({"line_item_unblended_cost": "1,5"}, "Expected a decimal point"),
        ({"line_item_unblended_cost": ""}, "found ''"),
        ({"line_item_usage_amount": "many"}, "consumed_quantity"),
        ({"bill_payer_account_id": "9"}, "The payer is '9': expected 1"),
        ({"bill_billing_period_start_date": "2026-09-01T00:00:00Z"}, "billed in 2026-09"),
        ({"line_item_usage_end_date": "NULL"}, "line_item_usage_end_date is 'NULL'"),
        ({"line_item_currency_code": "(null)"}, "billing_currency is empty"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_is_left_out_with_its_reason(
    load_new: Callable[..., Normalised], row: Mapping[str, str], words: str
) -> None:
    result = load_new(cur_2({}, row, {}))
    (finding,) = result.findings
    assert words in finding.message
    assert finding.source_row == 2
    assert result.totals.rows_out == 2
    assert [one["source_row"] for one in result.charges.to_pylist()] == [1, 3]


def test_words_in_the_columns_of_another_line_type_do_not_matter(
    load_new: Callable[..., Normalised],
) -> None:
    result = load_new(cur_2({"reservation_effective_cost": "None"}))
    assert result.totals.rows_bad == 0


def test_ai_spend_without_a_known_model_is_loaded_and_reported(
    load_new: Callable[..., Normalised],
) -> None:
    unknown = {"line_item_usage_type": "EUC1-Zeppelin9-input-tokens"}
    result = load_new(cur_2(unknown, {**unknown, "line_item_unblended_cost": "2"}))
    (finding,) = result.findings
    assert finding.kind == "unmapped_meter"
    assert finding.amount_units == 35 * 10**11
    assert result.charges["x_model"].to_pylist() == [None, None]


def test_an_unknown_line_type_is_an_adjustment_and_reported_once(
    load_new: Callable[..., Normalised],
) -> None:
    odd = {"line_item_line_item_type": "Surprise"}
    result = load_new(cur_2({}, odd, odd))
    (finding,) = result.findings
    assert (finding.kind, finding.source_row) == ("unknown_line_item_type", 2)
    assert result.charges["charge_category"].to_pylist()[1:] == ["Adjustment", "Adjustment"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{}], date(2026, 10, 5)),
        ([{"line_item_usage_end_date": "2026-10-05T08:00:00Z"}], date(2026, 10, 4)),
        ([{"line_item_usage_end_date": "2026-11-01T00:00:00Z"}], None),  # a row a month
        ([{"line_item_line_item_type": "Tax"}], None),
        ([{"bill_invoice_id": "I-1"}], date(2026, 10, 31)),
        ([{"bill_invoice_id": "I-1"}, {}], date(2026, 10, 5)),
        ([{"line_item_usage_start_date": "2026-09-30T00:00:00Z",
           "line_item_usage_end_date": "2026-10-01T00:00:00Z"}], None),
    ],
)  # fmt: skip
def test_the_report_vouches_for_the_days_before_its_newest_usage(
    load_new: Callable[..., Normalised], rows: list[Mapping[str, str]], expected: date | None
) -> None:
    assert load_new(cur_2(*rows)).complete_through == expected


def test_a_file_that_the_manifest_lists_twice_is_refused(
    load_new: Callable[..., Normalised],
) -> None:
    with pytest.raises(SourceAnswerError, match="twice"):
        load_new(cur_2({}), listed='["s3://bucket/b/a.csv.gz", "s3://bucket/b/a.csv.gz"]')


def test_two_listed_files_of_one_content_are_refused(document: MakeDocument) -> None:
    packed = gzip.compress(cur_2({}).encode())
    documents = [
        document("manifest", '{"dataFiles": ["a.gz", "b.gz"]}'),
        document("data", packed, name="a.gz"),
        document("data", packed, name="b.gz"),
    ]
    with pytest.raises(SourceAnswerError, match="is there twice"):
        read_report(documents, account="1", period=Period(2026, 10))


def test_legacy_tags_have_columns_and_aws_has_its_own() -> None:
    header = (*REQUIRED_COLUMNS, "resourceTags/user:app", "resourceTags/aws:by", "resourceTags/app")
    layout = layout_of(header, name="a")
    assert layout.is_legacy
    assert layout.tags == {
        "app": "resourceTags/user:app",
        "aws:by": "resourceTags/aws:by",
        "resourceTags/app": "resourceTags/app",
    }
    columns = tuple(plain_name(column) for column in REQUIRED_COLUMNS)
    newer = layout_of((*columns, "resource_tags_user_app"), name="a")
    assert newer.tags == {"app": "resource_tags_user_app"}
    assert not newer.is_legacy


def test_a_row_of_the_legacy_report_needs_a_zone(load: Load) -> None:
    (finding,) = load(report({**GOOD, "lineItem/UsageStartDate": "2026-10-01 00:00:00"})).findings
    assert "expected an instant with its zone" in finding.message
