"""Reconcile an account that buys credit first: its documents bill purchases, never usage.

Owns the credit roll-forward: opening + bought + granted - used - expired = closing. A commitment
rolls forward the same way; what it buys is billed by invoices instead of receipts.
"""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from tieout.core.finding import Finding
from tieout.core.money import SCALE, format_units, minor_digits
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.arrears import currency_of, report_bridges
from tieout.reconciliation.bridge import Bridge, BridgeLine, Section
from tieout.reconciliation.findings import one_sided, unexplained
from tieout.reconciliation.invoice_parts import distinct

CreditEventKind = Literal["granted", "expired"]
_SECTION: Section = "credit_rollforward"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditEvent:
    """Credit that the provider granted for nothing, or that expired unused; units are positive."""

    kind: CreditEventKind
    amount_units: int
    evidence: str

    @property
    def signed_units(self) -> int:
        """What it adds to the balance: negative for expired credit."""
        return self.amount_units if self.kind == "granted" else -self.amount_units


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditMonth:
    """The credit account of one month, in units: what it began with, bought, was given and lost.

    `purchases` are the receipts (of a commitment: the invoices) of the period, `others` what else
    arrived, `events` what people read in the provider's statement; `stated_closing_units` is the
    balance that the provider shows, None when nobody has read it.
    """

    purchases: tuple[BillingDocument, ...]
    opening_units: int
    others: tuple[BillingDocument, ...] = ()
    events: tuple[CreditEvent, ...] = ()
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
    states, else at the computed one; a stated balance within half a minor unit of the computed one
    is its rounding and agrees. Without a stated balance nothing would show a missing receipt: that
    is a warning, and credit drawn below zero blocks. A document delivered twice (same seller and
    number) counts once and blocks; so does a bill or credit note that no purchase carries, because
    it is not booked. A receipt of a commitment only says that its invoice was paid.
    """
    bridges = report_bridges(
        provider=provider, account=account, estimate=estimate, draft=draft, final=final
    )
    receipts, repeated = distinct(credit.purchases)
    lines = [_purchase(receipt) for receipt in receipts]
    lines += [_usage(final)]
    lines += [_event(event, currency=currency_of(final)) for event in credit.events]
    kept = tuple(line for line in lines if line.amount_units)
    computed = credit.opening_units + sum(line.amount_units for line in kept)
    currency = currency_of(final)
    closing = stated_or_computed(computed, credit.stated_closing_units, currency=currency)
    balance = Bridge(
        provider=provider,
        billing_account_id=account,
        section=_SECTION,
        currency=currency,
        start_label="Opening credit",
        start_units=credit.opening_units,
        end_label="Closing credit",
        end_units=closing,
        lines=kept,
        unexplained_units=closing - computed,
    )
    doubts = _doubts(balance, is_stated=credit.stated_closing_units is not None)
    found = (*one_sided(bridges), *repeated, *unexplained(balance), *doubts)
    return (*bridges, balance), (*found, *_not_counted(credit))


def purchased_units(receipt: BillingDocument) -> int:
    """Credit that a receipt bought: its total without tax."""
    return receipt.total_units - receipt.tax_units


def stated_or_computed(computed: int, stated: int | None, *, currency: str) -> int:
    """The balance that the provider shows; the computed one without it or within its rounding."""
    half_minor: int = 10 ** (SCALE - minor_digits(currency)) // 2
    return computed if stated is None or abs(stated - computed) <= half_minor else stated


def _doubts(balance: Bridge, *, is_stated: bool) -> tuple[Finding, ...]:
    account = f"{balance.provider}/{balance.billing_account_id}"
    shown = f"{format_units(balance.end_units)} {balance.currency}"
    if balance.end_units < 0:
        return (
            Finding(
                kind="credit_below_zero",
                severity="blocking",
                subject=account,
                message=(
                    f"The credit of {account} closes at {shown}: expected none below zero, because "
                    "usage cannot draw what was not bought; a receipt or the opening is missing."
                ),
                amount_units=balance.end_units,
                currency=balance.currency,
            ),
        )
    if is_stated:
        return ()
    return (
        Finding(
            kind="balance_not_stated",
            severity="warning",
            subject=account,
            message=(
                f"The credit of {account} closes at {shown} as computed: expected the balance that "
                "the provider shows beside it; read it and add it to `balances` in the register."
            ),
            amount_units=balance.end_units,
            currency=balance.currency,
        ),
    )


def _not_counted(credit: CreditMonth) -> tuple[Finding, ...]:
    known = {one.number for one in credit.purchases}
    return tuple(
        Finding(
            kind="document_not_counted",
            severity="blocking",
            subject=one.number,
            message=(
                f"{one.kind.replace('_', ' ').capitalize()} {one.number} of {one.seller} over "
                f"{format_units(one.total_units)} {one.currency} buys no credit and bills no usage "
                "of this account: expected the document of a purchase; register the account that "
                "it bills, or correct the mode of this one."
            ),
            amount_units=one.total_units,
            currency=one.currency,
            source_document=one.document,
        )
        for one in credit.others
        if one.kind != "receipt" and one.number not in known
    )


def _purchase(receipt: BillingDocument) -> BridgeLine:
    return BridgeLine(
        section=_SECTION,
        component="purchase",
        cause=f"Credit bought on {receipt.issued_on.isoformat()}, {receipt.kind} {receipt.number}.",
        amount_units=purchased_units(receipt),
        evidence=(receipt.number, receipt.document),
    )


def _usage(final: pa.Table) -> BridgeLine:
    documents = tuple(sorted(final["source_document"].unique().to_pylist()))
    return BridgeLine(
        section=_SECTION,
        component="usage",
        cause=f"Credit drawn by {final.num_rows} charges of the final report.",
        amount_units=-total_units(final),
        evidence=documents[:5],
    )


def _event(event: CreditEvent, *, currency: str) -> BridgeLine:
    amount = f"Credit of {format_units(event.amount_units)} {currency}"
    ends = {"granted": "granted by the provider", "expired": "expired unused"}
    return BridgeLine(
        section=_SECTION,
        component="grant" if event.kind == "granted" else "expiry",
        cause=f"{amount} {ends[event.kind]}.",
        amount_units=event.signed_units,
        evidence=(event.evidence,),
    )
