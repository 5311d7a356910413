"""AI spend in cloud bills, on meter texts as the clouds write them (price lists, catalogues)."""

import csv
from datetime import date
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tieout.core.money import to_units
from tieout.focus.usage import SERVICE_TIERS, TOKEN_KINDS
from tieout.sources.ai_meters import AiMeter, Cloud, meter_rows, recognise, unmapped_findings

ON = date(2026, 10, 15)
CLOUDS: tuple[Cloud, ...] = ("aws", "gcp", "azure")
SAME_SERVICE = {
    "Vertex AI": ("Vertex AI", "C7E2-9256-1C43", "Gemini Enterprise Agent Platform"),
    "Foundry Models": ("Foundry Models", "Cognitive Services", "Azure AI Services"),
}


def cases() -> list[Any]:
    with (Path(__file__).parent / "ai_meters.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [pytest.param(row, id=f"{row['service']}: {row['meter']}") for row in rows]


def said(row: dict[str, str]) -> AiMeter:
    return AiMeter(
        developer=row["developer"] or None,
        model=row["model"] or None,
        token_kind=row["token_kind"] or None,
        service_tier=row["service_tier"] or None,
    )


@pytest.mark.parametrize("row", cases())
def test_a_billed_meter_says_developer_model_kind_and_tier(row: dict[str, str]) -> None:
    cloud = cast("Cloud", row["cloud"])
    for service in SAME_SERVICE.get(row["service"], (row["service"],)):
        found = recognise(
            cloud,
            service=service,
            meter=row["meter"],
            description=row["description"] or None,
            on=ON,
        )
        assert found == said(row)


def test_an_opaque_marketplace_product_is_ai_by_its_usage_type() -> None:
    meter = "USE1-MP:USE1_InputTokenCount-Units"
    found = recognise("aws", service="8lmnbzk7opaque", meter=meter, on=ON)
    assert found is not None
    assert (found.model, found.token_kind) == (None, "input")


def test_product_attributes_win_over_the_usage_type() -> None:
    known = recognise(
        "aws",
        service="AmazonBedrock",
        meter="USE1-NovaPro-input-tokens",
        attributes={
            "product/provider": "Moonshot AI",
            "product/model": "Kimi K3",
            "product/inferenceType": "Output tokens global priority",
        },
        on=ON,
    )
    assert known == AiMeter(
        developer="Moonshot AI", model="kimi-k3", token_kind="output", service_tier="priority"
    )


def test_an_attribute_that_the_table_does_not_know_is_taken_as_written() -> None:
    found = recognise(
        "aws",
        service="AmazonBedrock",
        meter="USE1-zeta9-cache-read-input-token-count-flex",
        attributes={"provider": "NewLab", "model": "Zeta 9 Ultra", "inference_type": ""},
        on=ON,
    )
    assert found == AiMeter(
        developer="NewLab", model="zeta-9-ultra", token_kind="cached_input", service_tier="flex"
    )


def test_a_known_sku_id_holds_whatever_the_names_become() -> None:
    found = recognise("gcp", service="Renamed", meter="Renamed text", sku="911A-8880-A243", on=ON)
    assert found == AiMeter(
        developer="Google", model="gemini-2.5-flash", token_kind="output", service_tier="standard"
    )


def test_the_gemini_api_is_a_service_of_its_own() -> None:
    meter = "Generate content input token count gemini 3.5 flash text"
    for service in ("AEFD-7695-64FA", "Gemini API"):
        found = recognise("gcp", service=service, meter=meter, on=ON)
        assert found is not None
        assert found.model == "gemini-3.5-flash"


@pytest.mark.parametrize(
    ("cloud", "service", "description", "meter"),
    [
        ("aws", "AmazonEC2", None, "USE1-BoxUsage:m5.large"),
        ("aws", "AWSLambda", None, "USE1-Request"),
        ("gcp", "Cloud Storage", None, "Standard Storage US Multi-region"),
        ("gcp", "Vertex AI", None, "Vertex AI: Training N1 Predefined Instance Core in Americas"),
        ("azure", "Virtual Machines", "Dv3 Series", "D2 v3"),
        ("azure", "Cognitive Services", "Speech", "Speech To Text Batch Hour"),
    ],
)
def test_other_spend_is_not_ai_spend(
    cloud: Cloud, service: str, description: str | None, meter: str
) -> None:
    assert recognise(cloud, service=service, description=description, meter=meter, on=ON) is None


def test_a_name_holds_only_from_its_day() -> None:
    def on(day: date) -> AiMeter | None:
        return recognise(
            "azure",
            service="Foundry Models",
            description="Azure OpenAI GPT6",
            meter="6-sol ShortCo Inp Std Gl 1M Tokens",
            on=day,
        )

    before, after = on(date(2026, 8, 31)), on(date(2026, 9, 1))
    assert before is not None
    assert after is not None
    assert (before.model, after.model) == (None, "gpt-6-sol")


def test_claude_consumption_units_are_ai_spend_without_a_model() -> None:
    found = recognise(
        "azure", service="SaaS", description="Claude", meter="Claude Consumption Units", on=ON
    )
    assert found == AiMeter(developer=None, model=None, token_kind=None, service_tier=None)


def test_unmapped_meters_are_reported_once_with_their_sum() -> None:
    rows = [
        ("USE1-New9-input-tokens", "", to_units("1.25"), "aa", 7),
        ("USE1-New9-input-tokens", "", to_units("2.50"), "bb", 1),
        ("USE1-Other-output-tokens", "SKU1", to_units("-10"), "aa", 9),
        ("USE1-Guardrail-TextUnits", "", to_units("99"), "aa", 2),
    ]
    other, new = unmapped_findings("aws", rows, currency="EUR")
    assert (other.amount_units, new.amount_units) == (to_units("-10"), to_units("3.75"))
    assert (new.kind, new.severity, new.currency) == ("unmapped_meter", "warning", "EUR")
    assert (new.source_document, new.source_row) == ("aa", 7)
    assert "3.75 EUR" in new.message
    assert "SKU1" in other.message


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_row_of_a_table_says_where_it_is_from_and_can_be_read(cloud: Cloud) -> None:
    rows = meter_rows(cloud)
    assert len({(row.kind, row.pattern, row.valid_from) for row in rows}) == len(rows)
    for row in rows:
        assert row.source
        assert row.kind in {"spend", "name", "sku", "no_model"}
        assert row.kind == "sku" or pc.match_substring_regex(pa.scalar(""), row.pattern) is not None
        assert (row.model is not None) == (row.kind in {"name", "sku"})
        assert row.model is None or row.developer is not None
        assert row.token_kind in {None, *TOKEN_KINDS}
        assert row.service_tier in {None, "provisioned", *SERVICE_TIERS}
        assert not (row.valid_from and row.valid_to) or row.valid_from <= row.valid_to
