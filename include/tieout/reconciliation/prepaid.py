"""Reconcile an account that buys credit first: its documents bill purchases, never usage.

Owns the credit roll-forward: opening + purchases - usage - expired = closing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tieout.core.finding import Finding
from tieout.core.money import format_units
from tieout.focus.document import BillingDocument
from tieout.reconciliation.arrears import currency_of, report_bridges
from tieout.reconciliation.bridge import Bridge, BridgeLine, Section
from tieout.reconciliation.compare import total_units
from tieout.reconciliation.findings import one_sided, unexplained

_SECTION: Section = "credit_rollforward"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditMonth:
    """The credit account of one month, in units: what it began with, bought and lost.

    `purchases` are the receipts of the period; `stated_closing_units` is the balance that the
    provider shows, None when nobody has read it.
    """

    purchases: tuple[BillingDocument, ...]
    opening_units: int
    expired_units: int = 0
    stated_closing_units: int | None = None


def reconcile_prepaid(
    *,
    provider: str,
    account: str,
    estimate: pa.Table | None,
    draft: pa.Table,
    final: pa.Table,
    credit: CreditMonth,
) -> tuple[tuple[Bridge, ...], tuple[Finding, ...]]:
    """Bridges estimate → report, draft → final, and the credit roll-forward.

    A purchase adds its total without tax. The roll-forward ends at the balance that the provider
    states, else at the computed one. A document delivered twice (same seller and number) counts
    once and is a blocking finding.
    """
    bridges = report_bridges(
        provider=provider, account=account, estimate=estimate, draft=draft, final=final
    )
    receipts, repeated = _distinct(credit.purchases)
    lines = [_purchase(receipt) for receipt in receipts]
    lines += _uses(final, expired_units=credit.expired_units, currency=currency_of(final))
    kept = tuple(line for line in lines if line.amount_units)
    computed = credit.opening_units + sum(line.amount_units for line in kept)
    stated = credit.stated_closing_units
    closing = computed if stated is None else stated
    balance = Bridge(
        provider=provider,
        billing_account_id=account,
        section=_SECTION,
        currency=currency_of(final),
        start_label="Opening credit",
        start_units=credit.opening_units,
        end_label="Closing credit",
        end_units=closing,
        lines=kept,
        unexplained_units=closing - computed,
    )
    return (*bridges, balance), (*one_sided(bridges), *repeated, *unexplained(balance))


def purchased_units(receipt: BillingDocument) -> int:
    """Credit that a receipt bought: its total without tax."""
    return receipt.total_units - receipt.tax_units


def _distinct(
    purchases: Sequence[BillingDocument],
) -> tuple[list[BillingDocument], list[Finding]]:
    kept: dict[tuple[str, str], BillingDocument] = {}
    ordered = sorted(purchases, key=lambda each: (each.issued_on, each.number))
    repeated = [
        _repeated(receipt)
        for receipt in ordered
        if kept.setdefault((receipt.seller, receipt.number), receipt) is not receipt
    ]
    return list(kept.values()), repeated


def _purchase(receipt: BillingDocument) -> BridgeLine:
    return BridgeLine(
        section=_SECTION,
        component="purchase",
        cause=f"Credit bought on {receipt.issued_on.isoformat()}, receipt {receipt.number}.",
        amount_units=purchased_units(receipt),
        evidence=(receipt.number, receipt.document),
    )


def _uses(final: pa.Table, *, expired_units: int, currency: str) -> list[BridgeLine]:
    documents = tuple(sorted(final["source_document"].unique().to_pylist()))
    expired = f"Credit of {format_units(expired_units)} {currency} expired unused."
    return [
        BridgeLine(
            section=_SECTION,
            component="usage",
            cause=f"Credit drawn by {final.num_rows} charges of the final report.",
            amount_units=-total_units(final),
            evidence=documents[:5],
        ),
        BridgeLine(
            section=_SECTION,
            component="expiry",
            cause=expired,
            amount_units=-expired_units,
            evidence=(),
        ),
    ]


def _repeated(receipt: BillingDocument) -> Finding:
    return Finding(
        kind="duplicate_document",
        severity="blocking",
        subject=receipt.number,
        message=(
            f"Expected receipt {receipt.number} of {receipt.seller} once, found it again with "
            "other bytes or in another delivery: keep one and withdraw the other."
        ),
        amount_units=receipt.total_units,
        currency=receipt.currency,
        source_document=receipt.document,
    )
