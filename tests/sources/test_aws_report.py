import gzip
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime

import pytest

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import DocumentUnreadableError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources.aws_report import REQUIRED_COLUMNS
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
