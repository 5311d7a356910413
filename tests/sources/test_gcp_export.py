"""What a row of Google's export means, row by row, without any network."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import SourceAnswerError
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.gcp_lines import canonical
from tieout.sources.providers import gcp

ACCOUNT = "010101-F0FFF0-61C528"
OCTOBER = Period(2026, 10)
Row = dict[str, Any]


def row(**more: Any) -> Row:
    return {
        "billing_account_id": ACCOUNT,
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "CF4E-A0C7-E3BF", "description": "Instance Core"},
        "usage_start_time": "2026-10-07T00:00:00Z",
        "usage_end_time": "2026-10-07T01:00:00Z",
        "cost": "1",
        "currency": "USD",
        "invoice": {"month": "202610"},
        **more,
    }


def read(*rows: Row, **request: str) -> Normalised:
    content = "".join(f"{json.dumps(one)}\n" for one in rows).encode()
    document = RawDocument(
        name="export.jsonl", kind="cost", content=content, media_type="", request=request
    )
    return gcp.to_focus([document], account=ACCOUNT, period=OCTOBER)


def charge(**more: Any) -> Row:
    (found,) = read(row(**more)).charges.to_pylist()
    return dict(found)


def gift(amount: str, kind: str | None = "PROMOTION", **more: str) -> Row:
    return {"name": "Gift", "id": "gift", "amount": amount, "type": kind, **more}


def test_labels_keep_their_own_keys_and_other_origins_a_prefix() -> None:
    found = charge(
        labels=[{"key": "app", "value": "search"}, {"key": "team", "value": ""}],
        project={"id": "p", "labels": [{"key": "app", "value": "from project"}]},
        system_labels=[{"key": "compute.googleapis.com/cores", "value": "4"}],
        tags=[{"key": "environment", "value": "prod", "inherited": True, "namespace": "org"}],
    )
    assert json.loads(found["tags"]) == {
        "app": "search",
        "project:app": "from project",
        "system:compute.googleapis.com/cores": "4",
        "tag:environment": "prod",
    }
    sources = json.loads(found["source_tags"])
    assert sources["tags"] == [
        {"key": "environment", "value": "prod", "inherited": True, "namespace": "org"}
    ]


def test_byte_seconds_beyond_the_column_are_shown_in_pricing_units() -> None:
    usage = {
        "amount": "1.2e+18",
        "unit": "byte-seconds",
        "amount_in_pricing_units": "417.2",
        "pricing_unit": "gibibyte month",
    }
    found = charge(usage=usage)
    assert (found["consumed_quantity"], found["consumed_unit"]) == (
        Decimal("417.2"),
        "gibibyte month",
    )
    assert found["pricing_quantity"] == Decimal("417.2")


def test_a_partner_is_the_publisher_and_google_the_issuer() -> None:
    found = charge(
        invoice={"month": "202610", "publisher_type": "PARTNER"}, seller_name="Example Software"
    )
    assert (found["publisher_name"], found["invoice_issuer_name"]) == (
        "Example Software",
        "Google Cloud",
    )
    assert charge()["publisher_name"] == "Google"


@pytest.mark.parametrize(
    "kind", ["FREE_TIER", "PROMOTION", "SUBSCRIPTION_BENEFIT", "NEW_KIND", None]
)
def test_every_credit_that_is_no_discount_is_shown(kind: str | None) -> None:
    usage, given_ = read(row(credits=[gift("-0.4", kind)])).charges.to_pylist()
    assert (usage["billed_cost"], given_["billed_cost"]) == (Decimal(1), Decimal("-0.4"))
    assert (usage["charge_category"], given_["charge_category"]) == ("Usage", "Credit")
    expected = f"Instance Core ({kind})" if kind else "Instance Core"
    assert given_["charge_description"] == expected
    assert usage["line_id"] != given_["line_id"]
    assert (usage["source_row"], given_["source_row"]) == (1, 1)


@pytest.mark.parametrize("kind", ["DISCOUNT", "SUSTAINED_USAGE_DISCOUNT", "FEE_UTILIZATION_OFFSET"])
def test_a_discount_is_part_of_its_row_s_price(kind: str) -> None:
    found = charge(credits=[gift("-0.4", kind)])
    assert found["billed_cost"] == Decimal("0.6")
    assert found["contracted_cost"] == Decimal(1)


@given(
    st.lists(
        st.tuples(
            st.decimals(-1000, 1000, places=6),
            st.lists(
                st.tuples(
                    st.decimals(-100, 0, places=6), st.sampled_from(["PROMOTION", "DISCOUNT"])
                ),
                max_size=3,
            ),
        ),
        max_size=5,
    )
)
def test_charges_add_up_to_cost_and_all_credits(
    made: list[tuple[Decimal, list[tuple[Decimal, str]]]],
) -> None:
    rows = [
        row(cost=str(cost), credits=[gift(str(amount), kind) for amount, kind in given_])
        for cost, given_ in made
    ]
    expected = sum((cost + sum((one for one, _ in given_), Decimal(0)) for cost, given_ in made),
                   Decimal(0))  # fmt: skip
    result = read(*rows)
    billed = sum(to_units(one) for one in result.charges["billed_cost"].to_pylist())
    assert billed == to_units(f"{expected:f}")
    assert result.totals.source_total == expected


def test_an_unknown_cost_type_is_loaded_whole_and_reported() -> None:
    result = read(row(cost_type="surcharge"))
    (found,) = result.charges.to_pylist()
    assert (found["charge_category"], found["billed_cost"]) == ("Adjustment", Decimal(1))
    (finding,) = result.findings
    assert (finding.kind, finding.source_row) == ("unknown_line_item_type", 1)


def test_a_model_that_the_tables_do_not_know_is_ai_spend_and_reported() -> None:
    sku = {"id": "FFFF-0000-1111", "description": "Gemini Nimbus Text Output - Predictions"}
    vertex = {"id": "C7E2-9256-1C43", "description": "Vertex AI"}
    result = read(row(service=vertex, sku=sku, cost="3"), row(service=vertex, sku=sku, cost="4"))
    shown = result.charges.to_pylist()
    assert {one["service_category"] for one in shown} == {"AI and Machine Learning"}
    assert {one["x_token_kind"] for one in shown} == {"output"}
    (finding,) = result.findings
    assert (finding.kind, finding.amount_units) == ("unmapped_meter", to_units("7"))


def test_machines_of_the_ai_service_are_no_tokens() -> None:
    sku = {"id": "FFFF-0000-2222", "description": "Training machine core in Americas"}
    vertex = {"id": "C7E2-9256-1C43", "description": "Vertex AI"}
    found = charge(service=vertex, sku=sku)
    assert (found["service_category"], found["x_model"]) == ("AI and Machine Learning", None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"cost": "NaN"}, "decimal number"),
        ({"cost": None}, "decimal number"),
        ({"credits": [gift("a lot")]}, "decimal number"),
        ({"credits": "none"}, "no list of records"),
        ({"invoice": {"month": "202611"}}, "invoice month '202611'"),
        ({"billing_account_id": None}, "billing account is ''"),
        ({"usage_start_time": "2026-10-07 00:00"}, "instant with its zone"),
        ({"usage_end_time": None}, "instant with its zone"),
        ({"labels": {"app": "search"}}, "no list of records"),
    ],
)
def test_a_bad_row_becomes_a_finding_with_its_place(more: Row, message: str) -> None:
    result = read(row(), row(**more))
    assert result.totals.rows_bad == 1
    assert result.charges.num_rows == 1
    (finding,) = result.findings
    assert (finding.kind, finding.source_row) == ("bad_row", 2)
    assert message in finding.message


@pytest.mark.parametrize("line", ["[1]", "{", "", '{"cost": 1, "cost": 2}', '{"cost": NaN}'])
def test_a_line_that_is_no_row_stops_the_reading(
    line: str, document: Callable[..., RawDocument]
) -> None:
    broken = document("cost", f"{json.dumps(row())}\n{line}\n", "export.jsonl")
    with pytest.raises(SourceAnswerError, match=r"Line 2 of export.jsonl"):
        gcp.to_focus([broken], account=ACCOUNT, period=OCTOBER)


def test_a_watermark_without_a_day_vouches_for_nothing(
    document: Callable[..., RawDocument],
) -> None:
    cost = document("cost", json.dumps(row()))
    for mark, expected in (("{}", None), ('{"complete_through":null}', None)):
        marked = [document("manifest", mark), cost]
        result = gcp.to_focus(marked, account=ACCOUNT, period=OCTOBER)
        assert result.complete_through is expected
    broken = [document("manifest", '{"complete_through":"soon"}'), cost]
    with pytest.raises(SourceAnswerError, match="expected a day"):
        gcp.to_focus(broken, account=ACCOUNT, period=OCTOBER)


def test_canonical_text_does_not_know_everything() -> None:
    assert canonical({"b": [Decimal("1E+2"), 1e22], "a": None}) == '{"a":null,"b":["100","1e+22"]}'
    with pytest.raises(TypeError, match="no text for a bytes"):
        canonical({"a": b"x"})


def focus_row(**more: Any) -> Row:
    return {
        "BillingAccountId": f"billingAccounts/{ACCOUNT}",
        "BillingPeriodStart": "2026-10-01",
        "ChargePeriodStart": "2026-10-07T00:00:00",
        "ChargePeriodEnd": "2026-10-08T00:00:00Z",
        "BilledCost": "2",
        "BillingCurrency": "USD",
        **more,
    }


@pytest.mark.parametrize("tags", [[{"key": "app", "value": "x"}], {"app": "x"}, '{"app": "x"}'])
def test_focus_tags_are_read_in_each_of_their_forms(tags: object) -> None:
    (found,) = read(focus_row(Tags=tags), export="focus").charges.to_pylist()
    assert found["tags"] == '{"app":"x"}'


def test_a_focus_row_without_much_is_still_a_charge() -> None:
    more = {"ProviderName": "Google", "ChargeCategory": "New", "SkuPriceDetails": {"a": "b"}}
    (found,) = read(focus_row(**more), export="focus").charges.to_pylist()
    assert found["billing_account_id"] == ACCOUNT
    assert found["effective_cost"] == Decimal(2)
    assert found["charge_category"] == "Adjustment"
    assert found["service_category"] == "Other"
    assert found["service_provider_name"] == "Google"
    assert found["sku_price_details"] == '{"a":"b"}'


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"BilledCost": ""}, "decimal number"),
        ({"BillingAccountId": "x"}, "billing account is 'x'"),
        ({"BillingPeriodStart": "2026-11-01"}, "expected 2026-10"),
        ({"ChargePeriodEnd": None}, "Column ChargePeriodEnd"),
        ({"Tags": "{"}, "Tags is not the JSON"),
    ],
)
def test_a_bad_focus_row_becomes_a_finding(more: Row, message: str) -> None:
    result = read(focus_row(), focus_row(**more), export="focus")
    assert result.totals.rows_bad == 1
    assert message in result.findings[0].message
