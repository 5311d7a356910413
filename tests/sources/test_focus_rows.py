"""FOCUS files of all versions and spellings, whole and broken."""

import csv
import gzip
import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tieout.core.errors import DocumentUnreadableError, SettingError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.focus_columns import FocusMapping, mapping_text, parse_mapping
from tieout.sources.focus_rows import focus_instant, read_focus

OCTOBER = Period(2026, 10)
GOOD = {
    "BilledCost": "1.5",
    "EffectiveCost": "1.25",
    "ListCost": "2",
    "BillingAccountId": "a-1",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "ChargeDescription": "hours",
    "ChargePeriodStart": "2026-10-05T00:00:00Z",
    "ChargePeriodEnd": "2026-10-06T00:00:00Z",
    "ConsumedQuantity": "3",
    "InvoiceId": "",
    "ServiceCategory": "Compute",
    "ServiceName": "Machines",
    "ServiceProviderName": "Acme",
    "SkuMeter": "Hours",
    "SkuPriceDetails": "",
    "Tags": '{"app":"search"}',
}
Row = Mapping[str, str]


def focus_csv(*rows: Row, columns: tuple[str, ...] = tuple(GOOD)) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({**GOOD, **row} for row in rows)
    return out.getvalue().encode()


def focus_parquet(*rows: Row, money: pa.DataType, lower: bool = False) -> bytes:
    columns: dict[str, pa.Array] = {}
    for name in GOOD:
        texts = [{**GOOD, **row}[name] or None for row in rows]
        if name.endswith(("Cost", "Quantity")):
            values: list[Any] = [text and Decimal(text) for text in texts]
            if pa.types.is_floating(money):
                values = [value and float(value) for value in values]
            column = pa.array(values, money)
        elif name.endswith(("Start", "End")):
            instants = [datetime.fromisoformat(text).replace(tzinfo=None) for text in texts if text]
            column = pa.array(instants, pa.timestamp("ms"))
        elif name == "Tags":
            maps = [list(json.loads(text).items()) if text else None for text in texts]
            column = pa.array(maps, pa.map_(pa.string(), pa.string()))
        else:
            column = pa.array(texts, pa.string())
        columns[name.lower() if lower else name] = column
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def file(content: bytes, name: str = "a.csv") -> RawDocument:
    return RawDocument(name=name, kind="data", content=content, media_type="", request={})


def read(
    *contents: bytes, mapping: FocusMapping | None = None, provider: str = "focus_file"
) -> Normalised:
    files = [file(content, f"{number}.csv") for number, content in enumerate(contents)]
    return read_focus(files, provider=provider, account="a-1", period=OCTOBER, mapping=mapping)


def test_csv_gzip_and_parquet_of_any_number_type_give_the_same_charges() -> None:
    rows: tuple[Row, ...] = (
        {},
        {"BilledCost": "0.0000004", "EffectiveCost": "-0.1", "Tags": "", "ListCost": ""},
    )
    expected = read(focus_csv(*rows)).charges.drop(["line_id", "source_document"]).to_pylist()
    for content in (
        gzip.compress(focus_csv(*rows)),
        b"\xef\xbb\xbf" + focus_csv(*rows),
        focus_parquet(*rows, money=pa.float64()),
        focus_parquet(*rows, money=pa.decimal128(38, 18)),
        focus_parquet(*rows, money=pa.float64(), lower=True),
    ):
        charges = read(content).charges.drop(["line_id", "source_document"])
        assert charges.to_pylist() == expected
    assert expected[0]["billed_cost"] == Decimal("1.5")
    assert expected[0]["tags"] == '{"app":"search"}'
    assert expected[0]["provider"] == "focus_file"
    assert expected[1]["list_cost"] is None


def test_older_files_name_the_provider_only() -> None:
    columns = tuple(name for name in GOOD if name != "ServiceProviderName")
    content = focus_csv({"ProviderName": "Oracle"}, columns=(*columns, "ProviderName"))
    (row,) = read(content).charges.to_pylist()
    assert row["service_provider_name"] == row["invoice_issuer_name"] == "Oracle"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"BilledCost": "12,50"}, "Expected a decimal point, found a comma in '12,50'"),
        ({"BilledCost": "$10,000.00 "}, "Expected a decimal number such as 12.5"),
        ({"BilledCost": "=1+1"}, "found '=1+1'"),
        ({"EffectiveCost": "NULL"}, "effective_cost is empty"),
        ({"ConsumedQuantity": "many"}, "consumed_quantity: Expected"),
        ({"BillingAccountId": "b-2"}, "The billing account is 'b-2': expected a-1"),
        ({"BillingPeriodStart": "2026-09-01"}, "billed in 2026-09: expected 2026-10"),
        ({"BillingPeriodStart": ""}, "BillingPeriodStart is ''"),
        ({"ChargePeriodEnd": "2026-10-05T30:00:00Z"}, "ChargePeriodEnd is '2026-10-05T30"),
        ({"ChargeCategory": "Use"}, "ChargeCategory is 'Use': expected Usage, Purchase"),
        ({"ChargeClass": "Wrong"}, "ChargeClass is 'Wrong': expected Correction"),
        ({"ServiceName": "(null)"}, "service_name is empty"),
    ],
)
def test_a_row_that_cannot_be_read_is_left_out_with_its_reason(row: Row, words: str) -> None:
    result = read(focus_csv({}, row, {"ChargeClass": "Correction"}))
    (finding,) = result.findings
    assert words in finding.message
    assert finding.message.startswith("Row 2 of the focus_file report was left out.")
    assert result.charges["charge_class"].to_pylist() == [None, "Correction"]


def test_text_that_looks_like_a_formula_stays_text() -> None:
    (row,) = read(focus_csv({"ChargeDescription": "=cmd()"})).charges.to_pylist()
    assert row["charge_description"] == "=cmd()"


def test_tags_without_braces_are_read_and_kept() -> None:
    text = '"app":"search","n":3'
    (row,) = read(focus_csv({"Tags": text})).charges.to_pylist()
    assert (row["tags"], row["source_tags"]) == ('{"app":"search","n":"3"}', text)


def test_tags_that_are_none_are_reported_once_and_the_rows_loaded() -> None:
    result = read(focus_csv({}, {"Tags": "app=search"}), focus_csv({"Tags": "x"}))
    (finding,) = result.findings
    assert (finding.kind, finding.source_row) == ("unreadable_tags", 2)
    assert "Tags of 2 rows" in finding.message
    assert result.charges["source_tags"].to_pylist() == [None, "app=search", "x"]


def test_a_service_category_that_focus_does_not_have_is_other_and_reported() -> None:
    result = read(focus_csv({"ServiceCategory": "databases"}, {"ServiceCategory": "Cloud"}))
    assert result.charges["service_category"].to_pylist() == ["Databases", "Other"]
    (finding,) = result.findings
    assert (finding.kind, finding.source_row) == ("unknown_service_category", 2)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Betrag,Konto\n1,2\n", "has no column BilledCost, BillingAccountId"),
        ("BilledCost;BillingAccountId\n1;2\n", "with commas between cells, found BilledCost;Bill"),
        ("Billed_Cost,billedcost\n1,2\n", "has 'Billed_Cost' and 'billedcost': expected one"),
        ("", "found nothing"),
    ],
)
def test_headers_that_are_not_focus_are_refused(header: str, words: str) -> None:
    with pytest.raises(SourceAnswerError, match=words):
        read(header.encode())


def test_a_row_with_too_few_cells_is_refused_whole() -> None:
    with pytest.raises(DocumentUnreadableError, match=r"Row 2 of 0\.csv has 1 cells"):
        read(focus_csv({}) + b"1.5\n")


def test_the_same_file_twice_is_refused() -> None:
    with pytest.raises(SourceAnswerError, match="is there twice"):
        read(focus_csv({}), focus_csv({}))


def test_a_mapping_gives_names_and_constants() -> None:
    columns = tuple(name for name in GOOD if name not in {"BilledCost", "BillingCurrency"})
    content = focus_csv({"Betrag": "7"}, columns=(*columns, "Betrag"))
    mapping = parse_mapping(
        '{"columns": {"Betrag": "BilledCost"}, "constants": {"BillingCurrency": "CHF"}}', where="m"
    )
    (row,) = read(content, mapping=mapping).charges.to_pylist()
    assert (row["billed_cost"], row["billing_currency"]) == (7, "CHF")
    assert parse_mapping(mapping_text(mapping), where="m") == mapping


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "expected an object with columns and constants"),
        ("{", "is no mapping"),
        ('{"rows": {}}', "and nothing else"),
        ('{"columns": {"a": "Cost"}}', "does not know 'Cost'"),
        ('{"columns": {"a": "Tags", "b": "Tags"}}', "gives 'Tags' twice"),
        ('{"columns": {"a": "Tags"}, "constants": {"Tags": "x"}}', "gives 'Tags' twice"),
        ('{"constants": {"Tags": 3}}', "expected names as text"),
        ('{"constants": ["Tags"]}', "expected names as text"),
    ],
)
def test_a_mapping_is_read_strictly(text: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        parse_mapping(text, where="mapping of tieout_acme")


DETAILS = {"ModelDeveloper": "Solora AI", "ModelId": "atlas-5", "TokenDirection": "Input"}


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, "input"),
        ({"TokenCacheAction": "Uncached"}, "input"),
        ({"TokenCacheAction": "Read"}, "cached_input"),
        ({"TokenCacheAction": "Write"}, "cache_write"),
        ({"TokenDirection": "Output"}, "output"),
        ({"TokenDirection": "Sideways"}, None),
    ],
)
def test_price_details_name_model_and_kind_of_token(more: Row, kind: str | None) -> None:
    details = json.dumps({**DETAILS, **more})
    (row,) = read(focus_csv({"SkuPriceDetails": details})).charges.to_pylist()
    assert (row["x_model_developer"], row["x_model"]) == ("Solora AI", "atlas-5")
    assert row["x_token_kind"] == kind


@pytest.mark.parametrize("details", ["[1]", "{", '{"ModelId": 3}'])
def test_price_details_of_another_form_say_nothing(details: str) -> None:
    (row,) = read(focus_csv({"SkuPriceDetails": details})).charges.to_pylist()
    assert row["x_model"] is None
    assert row["sku_price_details"] == details


def test_a_clouds_meters_are_recognised() -> None:
    meter = {
        "ServiceName": "Amazon Bedrock",
        "x_ServiceCode": "AmazonBedrock",
        "x_UsageType": "EUC1-NovaPro-output-tokens",
    }
    columns = (*GOOD, "x_ServiceCode", "x_UsageType")
    unknown = {**meter, "x_UsageType": "EUC1-Zeppelin9-output-tokens"}
    named = {**unknown, "SkuPriceDetails": json.dumps(DETAILS)}
    plain = {"x_ServiceCode": "AmazonEC2", "x_UsageType": "BoxUsage:c5.large"}
    result = read(focus_csv(meter, unknown, named, plain, columns=columns), provider="aws")
    rows = result.charges.to_pylist()
    assert [row["x_model"] for row in rows] == ["nova-pro", None, "atlas-5", None]
    assert [row["service_category"] for row in rows] == [
        *["AI and Machine Learning"] * 3,
        "Compute",
    ]
    assert [(one.kind, one.source_row) for one in result.findings] == [("unmapped_meter", 2)]


@pytest.mark.parametrize(
    ("rows", "provider", "expected"),
    [
        ([{}], "focus_file", date(2026, 10, 5)),
        ([{"InvoiceId": "i"}], "focus_file", date(2026, 10, 5)),
        ([{"InvoiceId": "i"}], "aws", date(2026, 10, 31)),
        ([{"ChargePeriodStart": "10/1/26", "ChargePeriodEnd": "11/1/26"}], "focus_file", None),
        ([{"ChargeCategory": "Purchase"}], "focus_file", None),
    ],
)
def test_a_file_vouches_for_the_days_before_its_newest_usage(
    rows: list[Row], provider: str, expected: date | None
) -> None:
    assert read(focus_csv(*rows), provider=provider).complete_through == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-01T00:00:00Z", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01 00:00:00", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01 00:00:00 UTC", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01T02:00:00+02:00", datetime(2026, 10, 1, tzinfo=UTC)),
        ("5/1/25", datetime(2025, 5, 1, tzinfo=UTC)),
        ("12/31/2025", datetime(2025, 12, 31, tzinfo=UTC)),
        ("31/12/2025", None),
        ("soon", None),
    ],
)
def test_instants_are_read_as_focus_files_write_them(text: str, expected: datetime | None) -> None:
    assert focus_instant(text) == expected


def test_no_files_are_no_charges() -> None:
    result = read()
    assert result.charges.num_rows == 0
    assert result.complete_through is None
