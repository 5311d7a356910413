"""List prices from the Cloud Catalog: Google's client against a loopback peer with sample pages."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.sources.quiet_handler import QuietHandler

from tieout.config import ProviderConnection
from tieout.core.errors import SourceAnswerError, SourceRefusedError
from tieout.core.money import to_units
from tieout.sources.base import RawDocument
from tieout.sources.gcp_prices import PriceTier, fetch_prices, list_price_findings, list_prices
from tieout.sources.rows import SourceRow

NOW = datetime(2026, 11, 3, tzinfo=UTC)
COMPUTE = "6F81-5844-456A"
A2_CORE, A2_RAM, TIERED = "2922-40C5-B19F", "2390-DCAF-DA38", "0000-1111-2222"

Start = Callable[..., ProviderConnection]


def sku(key: str, description: str, unit: str, *rates: tuple[int, str, int]) -> dict[str, Any]:
    """A SKU as the catalog writes it; the first two are in Google's published sample."""
    tiers = [
        {
            "startUsageAmount": start,
            "unitPrice": {"currencyCode": "USD", "units": units, "nanos": nanos},
        }
        for start, units, nanos in rates
    ]
    expression = {
        "usageUnit": "h",
        "displayQuantity": 1,
        "tieredRates": tiers,
        "usageUnitDescription": unit,
        "baseUnitConversionFactor": 3600,
    }
    info = {"summary": "", "pricingExpression": expression, "currencyConversionRate": 1}
    return {
        "name": f"services/{COMPUTE}/skus/{key}",
        "skuId": key,
        "description": description,
        "serviceRegions": ["us-central1"],
        "pricingInfo": [info],
    }


SKUS = [
    sku(A2_CORE, "A2 Instance Core running in Americas", "hour", (0, "0", 31_611_000)),
    sku(A2_RAM, "A2 Instance Ram running in Americas", "gibibyte hour", (0, "0", 4_237_000)),
    sku(TIERED, "Egress", "gibibyte", (0, "0", 0), (1, "1", 120_000_000)),
]


@pytest.fixture
def catalog() -> Iterator[Start]:
    """Starts a catalog of one SKU a page; the last page may point back to the first."""
    servers: list[ThreadingHTTPServer] = []

    def start(*, status: int = 200, is_endless: bool = False) -> ProviderConnection:
        class Handler(QuietHandler):
            def answer(self) -> None:
                parts = urlsplit(self.path)
                assert parts.path == f"/v1/services/{COMPUTE}/skus"
                place = int(parse_qs(parts.query).get("pageToken", ["0"])[0])
                page: dict[str, Any] = {"skus": SKUS[place : place + 1]}
                if place + 1 < len(SKUS) or is_endless:
                    page["nextPageToken"] = str((place + 1) % len(SKUS))
                content = json.dumps(page if status == 200 else {"error": {"code": status}})
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content.encode())

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        return ProviderConnection(name="tieout_gcp", extra={"catalog_endpoint_url": url})

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def usage(key: str, cost: str, quantity: str, unit: str = "hour", **more: Any) -> Any:
    values = {
        "sku": {"id": key},
        "currency": "USD",
        "cost_at_list": cost,
        "usage": {"amount_in_pricing_units": quantity, "pricing_unit": unit},
        **more,
    }
    return SourceRow(document="d" * 64, number=1, values=values)


def test_all_pages_are_read_and_prices_are_exact(catalog: Start) -> None:
    (document,) = fetch_prices(catalog(), COMPUTE, NOW)
    prices = list_prices([document])
    assert prices[A2_CORE].tiers == (PriceTier(start=Decimal(0), unit_price=Decimal("0.031611")),)
    assert prices[A2_RAM].unit == "gibibyte hour"
    assert [tier.unit_price for tier in prices[TIERED].tiers] == [Decimal(0), Decimal("1.12")]
    assert document.kind == "prices"


def test_only_the_wanted_skus_are_kept_and_the_bytes_are_stable(catalog: Start) -> None:
    connection = catalog()
    first, second = (fetch_prices(connection, COMPUTE, NOW, sku_ids={A2_CORE})[0] for _ in range(2))
    assert list(list_prices([first])) == [A2_CORE]
    assert first.sha256 == second.sha256


def test_the_catalog_s_own_page_reads_like_ours(document: Callable[..., RawDocument]) -> None:
    page = document("prices", json.dumps({"skus": SKUS}))
    assert list_prices([page, document("cost", "{}")])[A2_CORE].currency == "USD"


def test_a_list_cost_that_is_not_price_times_quantity_is_reported(catalog: Start) -> None:
    prices = list_prices(fetch_prices(catalog(), COMPUTE, NOW))
    right = [usage(A2_CORE, "0.758664", "24"), usage(A2_CORE, "0.379332", "12")]
    assert list_price_findings(right, prices) == ()
    (finding,) = list_price_findings([*right, usage(A2_CORE, "0.5", "12")], prices)
    assert finding.kind == "list_price_gap"
    assert finding.amount_units == to_units("0.120668")
    assert A2_CORE in finding.subject


@pytest.mark.parametrize(
    "row",
    [
        usage(TIERED, "99", "1", "gibibyte"),
        usage(A2_CORE, "99", "1", "gibibyte hour"),
        usage(A2_CORE, "99", "1", currency="EUR"),
        usage(A2_CORE, "99", "1", cost_type="adjustment"),
        usage("unknown", "99", "1"),
        usage(A2_CORE, "no number", "1"),
    ],
)
def test_what_cannot_be_compared_is_left_alone(catalog: Start, row: Any) -> None:
    assert list_price_findings([row], list_prices(fetch_prices(catalog(), COMPUTE, NOW))) == ()


def test_pages_without_an_end_are_refused(catalog: Start) -> None:
    with pytest.raises(SourceAnswerError, match="never ends"):
        fetch_prices(catalog(is_endless=True), COMPUTE, NOW)


def test_a_refusal_is_told_in_one_sentence(catalog: Start) -> None:
    with pytest.raises(SourceRefusedError, match="HTTP 403"):
        fetch_prices(catalog(status=403), COMPUTE, NOW)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"skus": [{}]}', '{"skus": [{"pricingInfo": []}]}']
)
def test_a_page_of_another_form_is_refused(
    content: str, document: Callable[..., RawDocument]
) -> None:
    with pytest.raises(SourceAnswerError, match="no page of Google's price catalog"):
        list_prices([document("prices", content)])
