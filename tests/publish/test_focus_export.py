"""FOCUS files: every amount arrives, nothing runs in a spreadsheet, and the validator agrees."""

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from demo.standins import ACCOUNTS, StandIns
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators import FocusValidator
from tests.reconciliation.charge_rows import charge, charges, document, tokens

from tieout.config import connection_from_environment
from tieout.core.errors import IntegrityError, UsageError
from tieout.core.money import to_decimal, to_units
from tieout.core.period import Period
from tieout.focus.columns import CHARGE_CATEGORIES, CHARGE_SCHEMA, with_attr_ids
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.publish.focus_cost_and_usage import FOCUS_COLUMNS, cost_and_usage
from tieout.publish.focus_export import METADATA, focus_csv, focus_files
from tieout.publish.focus_invoice_detail import InvoiceFacts
from tieout.sources.base import load_invoice_format, load_provider

SOAK = os.environ.get("TIEOUT_SOAK") == "1"  # make soak: files of one provider as well
OCTOBER = Period(2026, 10)
NOW = datetime(2026, 11, 4, 6, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "focus.md"
# rules of the validator that a file breaks for a reason that docs/reference/focus.md gives
ENCODED_WRONGLY = {"CapacityReservationStatus-C-004-C", "CommitmentDiscountStatus-C-004-C"}
LEGAL_NAME = {"BilledCost-C-005-C"}
INVOICED, NOT_INVOICED = {"InvoiceId-C-004-C"}, {"InvoiceId-C-005-C"}
EXPLAINED = {
    "aws": ENCODED_WRONGLY | LEGAL_NAME | INVOICED,
    "anthropic": ENCODED_WRONGLY | NOT_INVOICED,
}
EXPLAINED["all"] = EXPLAINED["aws"] | EXPLAINED["anthropic"] | {"ConsumedUnit-C-003-O"}
# OWASP, "CSV Injection", with the full-width forms that spreadsheets take for the same
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def export(table: pa.Table, *documents: InvoiceFacts, **extra: Any) -> dict[str, bytes]:
    wanted: dict[str, Any] = {"period": OCTOBER, "closed": True, "generated_at": NOW, **extra}
    return focus_files(table, documents, **wanted)


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def exported(**fields: Any) -> dict[str, Any]:
    """The row of one charge of 2.50 with these fields, without its empty columns."""
    table = cost_and_usage(charges(charge(1, "2.50", **fields)), period=OCTOBER)
    (row,) = table.to_pylist()
    return {name: value for name, value in row.items() if value is not None}


def facts(*lines: tuple[str, str], **fields: Any) -> InvoiceFacts:
    paper = document(lines, **fields)
    return InvoiceFacts(
        document=paper, provider="openai", billing_account_id="org-1", received_at=NOW
    )


amounts = st.integers(-(10**24), 10**24) | st.integers(-1000, 1000)
decimals = amounts.map(to_decimal)
charge_fields = st.fixed_dictionaries(
    {
        "billed_cost": decimals,
        "effective_cost": decimals,
        "charge_category": st.sampled_from(CHARGE_CATEGORIES),
        "invoice_id": st.sampled_from([None, "INV-1", "-2", "=INV"]),
        "billing_currency": st.sampled_from(["USD", "EUR"]),
        "consumed_quantity": st.none() | decimals,
        "sub_account_id": st.none() | st.text(max_size=3),
        "charge_description": st.none() | st.text(max_size=8),
        "sku_meter": st.none() | st.text(max_size=5),
        "x_model": st.none() | st.text(max_size=5),
    }
)


@given(made=st.lists(charge_fields, max_size=12), cut=st.integers(0, 12))
def test_every_billed_unit_arrives_under_its_invoice_and_currency(
    made: list[dict[str, Any]], cut: int
) -> None:
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fields in made:
        expected[fields["billing_currency"], fields["invoice_id"] or ""] += fields["billed_cost"]
    table = charges(*(charge(1, 0, **fields) for fields in made))
    files = export(pa.concat_tables([table.slice(0, cut), table.slice(cut)]))

    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows_of(files["cost_and_usage.csv"]):
        invoice = row["InvoiceId"].removeprefix("'")
        found[row["BillingCurrency"], invoice] += Decimal(row["BilledCost"])
    assert found == expected
    parquet = pq.read_table(io.BytesIO(files["cost_and_usage.parquet"]))
    assert parquet["BilledCost"].to_pylist() == table["billed_cost"].to_pylist()
    assert parquet["EffectiveCost"].to_pylist() == table["effective_cost"].to_pylist()
    told = json.loads(files[METADATA])["Datasets"][0]["BilledCost"]
    assert {
        (currency, invoice): Decimal(amount)
        for currency, sums in told.items()
        for invoice, amount in sums["ByInvoiceId"].items()
    } == expected


@given(made=st.lists(charge_fields, min_size=1, max_size=6))
def test_what_focus_forbids_to_be_empty_is_not_and_what_must_be_empty_is(
    made: list[dict[str, Any]],
) -> None:
    table = charges(*(charge(1, 0, **fields) for fields in made))
    for row in cost_and_usage(table, period=OCTOBER).to_pylist():
        for name in ("ListCost", "ContractedCost", "ChargeFrequency", "PublisherName"):
            assert row[name] is not None
        for kind in ("Consumed", "Pricing"):
            assert (row[f"{kind}Quantity"] is None) == (row[f"{kind}Unit"] is None)
        assert (row["SubAccountId"] is None) == (row["SubAccountType"] is None)
        assert (row["SubAccountId"] is None) == (row["SubAccountName"] is None)
        if row["ChargeCategory"] != "Usage":
            assert row["ConsumedQuantity"] is None
            assert row["ChargeFrequency"] != "Usage-Based"
        if row["ChargeCategory"] == "Tax":
            for name in ("SkuId", "SkuMeter", "SkuPriceId", "PricingQuantity", "PricingCategory"):
                assert row[name] is None


def test_the_columns_are_always_the_same() -> None:
    empty = charges()
    names = cost_and_usage(empty, period=OCTOBER).column_names
    assert names == cost_and_usage(charges(tokens(1, "1")), period=OCTOBER).column_names
    assert tuple(names[: len(FOCUS_COLUMNS)]) == FOCUS_COLUMNS
    assert all(name.startswith("x_") for name in names[len(FOCUS_COLUMNS) :])
    assert rows_of(export(empty)["cost_and_usage.csv"]) == []


def test_a_value_of_the_source_is_kept_and_not_called_derived() -> None:
    given_fields = {
        "publisher_name": "Meta",
        "service_subcategory": "AI Platforms",
        "list_cost": Decimal(4),
        "contracted_cost": Decimal(3),
        "charge_frequency": "Recurring",
        "pricing_category": "Dynamic",
        "pricing_quantity": Decimal(7),
        "pricing_unit": "1000 tokens",
        "sku_id": "sku-1",
        "sku_price_id": "price-1",
        "pricing_currency": "EUR",
        "sub_account_id": "p-1",
        "sub_account_name": "Search",
        "sub_account_type": "Project",
    }
    row = exported(**given_fields)
    shown = {name.title().replace("_", ""): value for name, value in given_fields.items()}
    assert {name: row[name] for name in shown} == shown
    assert not set(shown) & set(row["x_DerivedColumns"].split(","))
    assert "PricingCurrencyEffectiveCost" not in row  # nobody told the amount in euro


def test_what_is_derived_says_so() -> None:
    row = exported(x_model="gpt-6-sol", sku_meter="output", x_service_tier="batch")
    assert (row["SkuId"], row["SkuPriceId"]) == ("gpt-6-sol output", "gpt-6-sol output/batch")
    assert (row["ListCost"], row["ServiceSubcategory"]) == (Decimal("2.5"), "Generative AI")
    derived = set(row["x_DerivedColumns"].split(","))
    assert {"SkuId", "SkuPriceId", "ListCost", "ContractedCost", "ServiceSubcategory"} <= derived
    assert not {"BilledCost", "EffectiveCost", "SkuMeter", "InvoiceId"} & derived


def test_usage_that_a_commitment_paid_is_worth_its_effective_cost() -> None:
    row = exported(
        billed_cost=Decimal(0), effective_cost=Decimal("1.75"), commitment_discount_id="sp-1"
    )
    assert (row["BilledCost"], row["ContractedCost"]) == (Decimal(0), Decimal("1.75"))
    assert row["PricingCategory"] == "Committed"


def test_units_get_the_spelling_of_focus_and_unused_commitments_no_consumption() -> None:
    row = exported(consumed_quantity=Decimal(24), consumed_unit="Hrs")
    assert (row["ConsumedUnit"], row["PricingUnit"]) == ("Hours", "Hours")
    assert {"ConsumedUnit", "PricingUnit"} <= set(row["x_DerivedColumns"].split(","))
    assert exported(consumed_quantity=Decimal(3))["ConsumedUnit"] == "Units"
    unused = exported(consumed_quantity=Decimal(3), commitment_discount_status="Unused")
    assert "ConsumedQuantity" not in unused
    assert unused["PricingQuantity"] == Decimal(3)


def test_tags_are_those_of_the_source_and_ours_stand_beside_them() -> None:
    row = exported(tags='{"team":"a"}', source_tags='{"Team ":"a"}')
    assert (row["Tags"], row["x_TagsNormalized"]) == ('{"Team ":"a"}', '{"team":"a"}')
    assert "x_TagsNormalized" not in exported(tags='{"team":"a"}')


def test_dimensions_stand_on_the_charges_they_classify() -> None:
    table = charges(charge(1, "1", sku_meter="a"), charge(1, "2", sku_meter="b"), charge(2, "3"))
    (known, other, _) = table["attr_id"].to_pylist()
    values = {name: [f"{name}-b", f"{name}-a"] for name in DIMENSIONS}
    dimensions = pa.table({"attr_id": [other, known], **values})
    shown = cost_and_usage(table, period=OCTOBER, dimensions=dimensions)
    assert shown["x_Initiative"].to_pylist() == ["initiative-a", "initiative-b", None]
    assert shown["x_PlCategory"].to_pylist() == ["pl_category-a", "pl_category-b", None]
    assert shown["BilledCost"].to_pylist() == table["billed_cost"].to_pylist()
    doubled = pa.concat_tables([dimensions, dimensions])
    with pytest.raises(IntegrityError, match="attr_id twice"):
        cost_and_usage(table, period=OCTOBER, dimensions=doubled)


def test_charges_of_another_period_and_times_without_a_zone_are_refused() -> None:
    november = charges(charge(1, "1", billing_period_start=date(2026, 11, 1)))
    with pytest.raises(IntegrityError, match="2026-10 only"):
        export(november)
    with pytest.raises(UsageError, match="no zone"):
        export(charges(), generated_at=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", ["", " ", "   "])
def test_text_that_a_spreadsheet_would_run_is_shown_as_text(start: str, before: str) -> None:
    text = f"{before}{start}HYPERLINK(1)"
    files = export(charges(charge(1, "-1", charge_description=text)), facts((text, "-1")))
    (row,) = rows_of(files["cost_and_usage.csv"])
    assert (row["ChargeDescription"], row["BilledCost"]) == (f"'{text}", "-1")
    (line,) = rows_of(files["invoice_detail.csv"])
    assert (line["InvoiceDetailDescription"], line["BilledCost"]) == (f"'{text}", "-1")
    parquet = pq.read_table(io.BytesIO(files["cost_and_usage.parquet"]))
    assert parquet["ChargeDescription"].to_pylist() == [text]


@pytest.mark.parametrize("text", ['say "=1"', "a=b", "2026-10", "a\n=1", "a,b", " x"])
def test_other_text_is_left_alone(text: str) -> None:
    (row,) = rows_of(export(charges(charge(1, "1", charge_description=text)))["cost_and_usage.csv"])
    assert row["ChargeDescription"] == text


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (0, "0"),
        (1, "0.000000000001"),
        (-1, "-0.000000000001"),
        (10**15, "1000"),
        (10, "0.00000000001"),
    ],
)
def test_amounts_are_plain_decimals(units: int, text: str) -> None:
    table = pa.table({"one": pa.array([to_decimal(units), None], pa.decimal128(28, 12))})
    assert focus_csv(table) == f'"one"\r\n"{text}"\r\n\r\n'.encode()


def test_an_invoice_adds_up_to_its_total_and_joins_the_charges() -> None:
    gap = facts(("tokens", "10"), number="INV-2", total_units=to_units("10.01"))
    files = export(
        charges(
            charge(1, "9", invoice_id="INV-1", invoice_issuer_name="OpenAI Ireland"),
            charge(1, "9", invoice_id="INV-1", invoice_issuer_name="OpenAI Ireland"),
            charge(2, "1"),
        ),
        facts(
            ("tokens", "20"), ("rebate", "-2"), credit="-5", tax="2.47", due_on=date(2026, 12, 1)
        ),
        gap,
    )
    found = rows_of(files["invoice_detail.csv"])
    assert [
        (row["InvoiceDetailId"], row["ChargeCategory"], row["BilledCost"], row["x_SourceRow"])
        for row in found
    ] == [
        ("INV-1/1", "Usage", "20", "1"),
        ("INV-1/2", "Credit", "-2", "2"),
        ("INV-1/credit", "Credit", "-5", ""),
        ("INV-1/tax", "Tax", "2.47", ""),
        ("INV-2/1", "Usage", "10", "1"),
        ("INV-2/difference", "Adjustment", "0.01", ""),
    ]
    # the other invoice is on no charge, and the account's charges name two issuers
    assert [row["InvoiceIssuerName"] for row in found] == ["OpenAI Ireland"] * 4 + ["OpenAI"] * 2
    assert {row["PaymentDueDate"] for row in found} == {"2026-12-01T00:00:00Z", ""}
    totals = json.loads(files[METADATA])["Datasets"][2]["BilledCost"]["USD"]["ByInvoiceId"]
    assert totals == {"INV-1": "15.47", "INV-2": "10.01"}


def test_receipts_buy_and_credit_notes_name_what_they_correct() -> None:
    files = export(
        charges(charge(1, "1", charge_category="Purchase")),
        facts(("credits", "100"), kind="receipt", number="R-1"),
        facts(("too much", "-3"), kind="credit_note", number="C-1", corrects="INV-1"),
        facts(("seats", "40"), number="S-1"),
    )
    assert [
        (row["InvoiceId"], row["ChargeCategory"], row["ReferenceInvoiceId"])
        for row in rows_of(files["invoice_detail.csv"])
    ] == [("C-1", "Credit", "INV-1"), ("R-1", "Purchase", ""), ("S-1", "Purchase", "")]


@pytest.mark.parametrize(("closed", "status"), [(True, "Closed"), (False, "Open")])
def test_every_issuer_has_its_billing_period(closed: bool, status: str) -> None:
    table = charges(charge(1, "1", invoice_issuer_name="AWS", provider="aws"))
    zone = datetime(2026, 11, 4, 8, tzinfo=UTC) + timedelta(microseconds=5)
    files = export(table, facts(("x", "1"), seller="Lab"), closed=closed, generated_at=zone)
    common = {
        "BillingPeriodCreated": "2026-10-01T00:00:00Z",
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "BillingPeriodEnd": "2026-11-01T00:00:00Z",
        "BillingPeriodLastUpdated": "2026-11-04T08:00:00Z",
        "BillingPeriodStatus": status,
    }
    assert rows_of(files["billing_period.csv"]) == [
        {**common, "InvoiceIssuerName": "AWS"},
        {**common, "InvoiceIssuerName": "Lab"},
    ]
    assert json.loads(files[METADATA])["CreationDate"] == "2026-11-04T08:00:00Z"


def test_the_same_month_gives_the_same_bytes() -> None:
    table, paper = charges(tokens(1, "1"), charge(2, "2")), facts(("x", "3"))
    assert export(table, paper) == export(table, paper)


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Charges and documents of the sample company's month, read through the real plug-ins."""
    standins = StandIns(tmp_path_factory.mktemp("standins"), as_of=date(2026, 11, 3))
    standins.start()
    connections = standins.connection_environment()
    found: dict[str, Any] = {"documents": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIEOUT_ALLOW_LOOPBACK", "1")
        for name, account in ACCOUNTS.items():
            connection = connection_from_environment(name, connections)
            wanted: dict[str, Any] = {"account": account, "period": OCTOBER, "now": NOW}
            provider = load_provider(name)
            cost = provider.fetch_cost(connection, through=OCTOBER.last_on, **wanted)
            result = provider.to_focus(cost, account=account, period=OCTOBER)
            found[name] = with_attr_ids(result.charges)
            for raw in provider.fetch_documents(connection, **wanted):
                read = load_invoice_format(raw.request["format"]).read
                found["documents"] += [
                    InvoiceFacts(
                        document=paper,
                        provider=name,
                        billing_account_id=account,
                        received_at=NOW,
                    )
                    for paper in read(raw.content, document_sha256=raw.sha256)
                ]
    found["all"] = pa.concat_tables([found[name] for name in ACCOUNTS])
    yield found
    standins.stop()


# in CSV the validator takes the account ids of a file of AWS only, which are digits, for numbers
@pytest.mark.parametrize(
    ("which", "suffix"),
    [("all", "csv"), *([("aws", "parquet"), ("anthropic", "csv")] if SOAK else [])],
)
def test_the_validator_finds_only_what_the_reference_page_explains(
    focus_validator: FocusValidator,
    october: dict[str, Any],
    tmp_path: Path,
    which: str,
    suffix: str,
) -> None:
    file = tmp_path / f"cost_and_usage.{suffix}"
    file.write_bytes(export(october[which])[file.name])
    verdict = focus_validator(file)
    assert verdict.checked > 350
    broken = {rule.rule for rule in verdict.failed if "child rules" not in rule.message}
    assert broken == EXPLAINED[which]
    text = PAGE.read_text()
    assert [rule for rule in sorted(broken) if f"`{rule}`" not in text] == []


def test_the_sample_month_arrives_in_full(october: dict[str, Any]) -> None:
    files = export(october["all"], *october["documents"])
    found = rows_of(files["cost_and_usage.csv"])
    assert len(found) == october["all"].num_rows
    total = pc.sum(october["all"]["billed_cost"]).as_py()
    assert sum(Decimal(row["BilledCost"]) for row in found) == total
    invoices = json.loads(files[METADATA])["Datasets"][2]["BilledCost"]["USD"]["ByInvoiceId"]
    assert {number: to_units(total) for number, total in invoices.items()} == {
        one.document.number: one.document.total_units for one in october["documents"]
    }


def test_the_reference_page_names_every_column_and_only_charges_that_exist() -> None:
    text = PAGE.read_text()
    table = cost_and_usage(charges(), period=OCTOBER)
    assert [name for name in table.column_names if f"`{name}`" not in text] == []
    assert [name for name in CHARGE_SCHEMA.names if f"`{name}`" not in text] == []
