"""Reconcile an account that is billed afterwards: estimate, report (draft, final) and invoice."""

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.finding import Finding
from tieout.core.money import format_units
from tieout.focus.document import BillingDocument
from tieout.reconciliation.bridge import Bridge, BridgeLine
from tieout.reconciliation.compare import total_units
from tieout.reconciliation.estimate import estimate_bridge
from tieout.reconciliation.findings import one_sided, unexplained
from tieout.reconciliation.invoice_gaps import InvoiceGaps, invoice_gaps
from tieout.reconciliation.invoice_lines import LineMatch, match_lines
from tieout.reconciliation.restatement import restatement_bridge

_DEFAULT_CURRENCY = "USD"


def reconcile_arrears(
    *,
    provider: str,
    account: str,
    estimate: pa.Table | None,
    draft: pa.Table,
    final: pa.Table,
    invoice: BillingDocument | None,
) -> tuple[tuple[Bridge, ...], tuple[Finding, ...]]:
    """Bridges estimate → report (when there is an estimate), draft → final, report → invoice.

    Tables are CHARGE_SCHEMA; `final` is the provider's report without invoice-only charges. What
    no cause explains is a blocking finding; a missing invoice a warning.
    """
    currency = currency_of(final)
    bridges = report_bridges(
        provider=provider, account=account, estimate=estimate, draft=draft, final=final
    )
    findings = one_sided(bridges)
    if invoice is None:
        return bridges, (*findings, _missing(provider, account, final=final, currency=currency))
    if invoice.currency != currency:
        return bridges, (*findings, _other_currency(invoice, currency=currency))
    match = match_lines(final, invoice)
    last = _invoice_bridge(provider, account, final=final, invoice=invoice, match=match)
    return (*bridges, last), (*findings, *match.findings, *unexplained(last))


def report_bridges(
    *,
    provider: str,
    account: str,
    estimate: pa.Table | None,
    draft: pa.Table,
    final: pa.Table,
) -> tuple[Bridge, ...]:
    """The bridges that need no billing document; arrears and prepaid accounts share them."""
    currency = currency_of(final)
    restated = restatement_bridge(
        provider=provider, account=account, draft=draft, final=final, currency=currency
    )
    if estimate is None:
        return (restated,)
    estimated = estimate_bridge(
        provider=provider, account=account, estimate=estimate, report=final, currency=currency
    )
    return estimated, restated


def currency_of(charges: pa.Table) -> str:
    """The billing currency; USD for an account without charges."""
    return pc.min(charges["billing_currency"]).as_py() or _DEFAULT_CURRENCY


def _invoice_bridge(
    provider: str, account: str, *, final: pa.Table, invoice: BillingDocument, match: LineMatch
) -> Bridge:
    gaps = invoice_gaps(final, invoice)
    causes = (
        ("credit", gaps.credit_units, f"Credit printed on invoice {invoice.number}."),
        ("tax", gaps.tax_units, f"Tax of invoice {invoice.number}, not in the report."),
        ("rounding", gaps.rounding_units, _rounding_cause(invoice, gaps=gaps, match=match)),
    )
    return Bridge(
        provider=provider,
        billing_account_id=account,
        section="report_to_invoice",
        currency=invoice.currency,
        start_label="Provider report (final)",
        start_units=total_units(final),
        end_label=f"Invoice {invoice.number}",
        end_units=invoice.total_units,
        lines=tuple(
            BridgeLine(
                section="report_to_invoice",
                component=component,
                cause=cause,
                amount_units=units,
                evidence=(invoice.number, invoice.document),
            )
            for component, units, cause in causes
            if units
        ),
        unexplained_units=_left_over(final, invoice, gaps=gaps),
    )


def _left_over(final: pa.Table, invoice: BillingDocument, *, gaps: InvoiceGaps) -> int:
    named = gaps.credit_units + gaps.tax_units + gaps.rounding_units
    return invoice.total_units - total_units(final) - named


def _rounding_cause(invoice: BillingDocument, *, gaps: InvoiceGaps, match: LineMatch) -> str:
    bound = format_units(gaps.bound_units)
    compared = (
        f" {match.agreeing} of {match.compared} line descriptions agree within half a minor unit."
        if match.compared
        else ""
    )
    return (
        f"Rounding of {len(invoice.lines)} printed lines, at most {bound} {invoice.currency}."
        f"{compared}"
    )


def _missing(provider: str, account: str, *, final: pa.Table, currency: str) -> Finding:
    units = total_units(final)
    return Finding(
        kind="missing_invoice",
        severity="warning",
        subject=f"{provider}/{account}",
        message=(
            f"Expected an invoice for {format_units(units)} {currency} of {provider}/{account}, "
            "found none: fetch it or enter it before the close."
        ),
        amount_units=units,
        currency=currency,
    )


def _other_currency(invoice: BillingDocument, *, currency: str) -> Finding:
    return Finding(
        kind="currency_mismatch",
        severity="blocking",
        subject=invoice.number,
        message=(
            f"Expected invoice {invoice.number} in {currency} as in the report, found "
            f"{invoice.currency}: agree the billing currency with the provider."
        ),
        amount_units=invoice.total_units,
        currency=invoice.currency,
        source_document=invoice.document,
    )
