"""Bedrock in the AWS bill of the sample company: invented rows in the form of real ones.

One model of AWS's own (product code AmazonBedrock, unit 1K tokens) and one that is sold through the
Marketplace (its own product, unit Units of a million tokens, another invoice). Prices are the
published ones of October 2026; quantities are invented.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

BEDROCK, MARKETPLACE = "AmazonBedrock", "3b1k7nordlichtsample"
MARKETPLACE_INVOICE = "EUINDE26-2210457"
MARKETPLACE_ISSUER = "Amazon Web Services EMEA SARL (Marketplace)"
_CLAUDE = "Claude Haiku 4.5 (Amazon Bedrock Edition)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One kind of token of one model: price for one unit, units on a usual day."""

    product: str
    name: str
    usage_type: str
    description: str
    unit: str
    price: Decimal
    quantity: Decimal
    app: str


def _nova(kind: str, text: str, price: str, quantity: int) -> Meter:
    return Meter(
        product=BEDROCK,
        name="Amazon Bedrock",
        usage_type=f"EUC1-NovaPro-{kind}",
        description=f"${price} per 1K tokens for Nova Pro {text} in EU (Frankfurt)",
        unit="1K tokens",
        price=Decimal(price),
        quantity=Decimal(quantity),
        app="search-ranking",
    )


def _claude(kind: str, text: str, price: str, quantity: str) -> Meter:
    return Meter(
        product=MARKETPLACE,
        name=_CLAUDE,
        usage_type=f"EUC1-MP:EUC1_{kind}-Units",
        description=f"AWS Marketplace software usage|eu-central-1|Million {text} Tokens",
        unit="Units",
        price=Decimal(price),
        quantity=Decimal(quantity),
        app="support-assistant",
    )


METERS = (
    _nova("input-tokens", "input tokens", "0.0008", 6000),
    _nova("output-tokens", "output tokens", "0.0032", 1000),
    _nova("cache-read-input-token-count", "cache read input tokens", "0.0002", 4000),
    _claude("InputTokenCount", "Input", "1.00", "3"),
    _claude("OutputTokenCount", "Response", "5.00", "0.9"),
    _claude("CacheReadInputTokenCount", "Cache Read Input", "0.10", "6"),
    _claude("CacheWriteInputTokenCount", "Cache Write Input", "1.25", "0.8"),
)


def cells(meter: Meter, template: dict[str, str]) -> dict[str, str]:
    """The template of another product turned into this meter's: nothing of the product is left."""
    blank = {name: "" for name in template if name.startswith(("product/", "pricing/"))}
    sold = meter.product == MARKETPLACE
    return {
        **template,
        **blank,
        "bill/BillingEntity": "AWS Marketplace" if sold else template["bill/BillingEntity"],
        "bill/InvoicingEntity": (
            MARKETPLACE_ISSUER if sold else template.get("bill/InvoicingEntity", "")
        ),
        "lineItem/ProductCode": meter.product,
        "lineItem/UsageType": meter.usage_type,
        "lineItem/Operation": "Usage" if sold else "InvokeModelInference",
        "lineItem/LineItemDescription": meter.description,
        "lineItem/UnblendedRate": str(meter.price),
        "product/ProductName": meter.name,
        "product/region": "eu-central-1",
        "product/sku": meter.usage_type.upper().replace("-", "")[:16],
        "pricing/unit": meter.unit,
        "pricing/term": "OnDemand",
    }


def profiles(account: str) -> Iterator[tuple[Meter, str]]:
    """Each meter with the inference profile that was called; its tags reach the bill."""
    for meter in METERS:
        profile = f"{meter.app}-{'claude' if meter.product == MARKETPLACE else 'nova'}"
        arn = f"arn:aws:bedrock:eu-central-1:{account}:application-inference-profile/{profile}"
        yield meter, arn
