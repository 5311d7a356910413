"""Reconcile an account that is billed afterwards: estimate, report (draft, final) and invoices."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.finding import Finding
from tieout.core.money import format_units
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.bridge import Bridge, BridgeLine
from tieout.reconciliation.estimate import estimate_bridge
from tieout.reconciliation.findings import one_sided, unexplained
from tieout.reconciliation.invoice_gaps import InvoiceGaps, invoice_gaps
from tieout.reconciliation.invoice_lines import LineMatch, match_lines
from tieout.reconciliation.invoice_parts import by_invoice, distinct, missing_invoices
from tieout.reconciliation.preliminary import preliminary_bridge
from tieout.reconciliation.restatement import restatement_bridge

_DEFAULT_CURRENCY = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matched:
    """One document with the report's rows that it bills."""

    invoice: BillingDocument
    rows: pa.Table
    match: LineMatch


def bills(rows: pa.Table) -> bool:
    """Whether a report (CHARGE_SCHEMA) bills anything, so that an invoice has to arrive.

    Usage and a credit that cancel each other are billed: their invoice says whether they really do.
    """
    return rows["invoice_id"].null_count < rows.num_rows or any(rows["billed_cost"].to_pylist())


def reconcile_arrears(
    *,
    provider: str,
    account: str,
    estimate: pa.Table | None,
    draft: pa.Table,
    final: pa.Table,
    invoices: Sequence[BillingDocument],
) -> tuple[tuple[Bridge, ...], tuple[Finding, ...]]:
    """Bridges estimate → report (when there is an estimate), draft → final, report → invoices.

    Tables are CHARGE_SCHEMA; `final` is the provider's report without invoice-only charges;
    `invoices` are the month's invoices and credit notes. What no cause explains is a blocking
    finding, as is a document that came twice. A missing invoice makes no difference, so its finding
    alone blocks nothing; the month stays open all the same: `settle` and check C09 demand it.
    """
    currency = currency_of(final)
    bridges = report_bridges(
        provider=provider, account=account, estimate=estimate, draft=draft, final=final
    )
    findings = one_sided(bridges)
    documents, repeated = distinct(invoices)
    findings = (*findings, *repeated)
    if not documents and not bills(final):
        return bridges, findings
    if not documents:
        return bridges, (*findings, _missing(provider, account, final=final, currency=currency))
    if foreign := [one for one in documents if one.currency != currency]:
        return bridges, (*findings, *(_other_currency(one, currency=currency) for one in foreign))
    matched = [
        _Matched(invoice=invoice, rows=rows, match=match_lines(rows, invoice))
        for invoice, rows in by_invoice(final, documents)
    ]
    last = _invoice_bridge(provider, account, final=final, matched=matched)
    unmatched = [finding for one in matched for finding in one.match.findings]
    return (*bridges, last), (
        *findings,
        *missing_invoices(final, documents),
        *unmatched,
        *unexplained(last),
    )


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
    to_report = estimate_bridge if is_metered(estimate) else preliminary_bridge
    estimated = to_report(
        provider=provider, account=account, estimate=estimate, report=final, currency=currency
    )
    return estimated, restated


def is_metered(estimate: pa.Table) -> bool:
    """Whether an own estimate (CHARGE_SCHEMA) prices metered tokens, not a provider's preview."""
    return bool(estimate["x_token_kind"].null_count < estimate.num_rows)


def currency_of(charges: pa.Table) -> str:
    """The billing currency; USD for an account without charges."""
    return pc.min(charges["billing_currency"]).as_py() or _DEFAULT_CURRENCY


def _invoice_bridge(
    provider: str, account: str, *, final: pa.Table, matched: Sequence[_Matched]
) -> Bridge:
    """From the report to what all invoices of the month add up to; each cause names its invoice."""
    numbers = ", ".join(one.invoice.number for one in matched)
    lines = [line for one in matched for line in _lines(one)]
    start = total_units(final)
    end = sum(one.invoice.total_units for one in matched)
    return Bridge(
        provider=provider,
        billing_account_id=account,
        section="report_to_invoice",
        currency=matched[0].invoice.currency,
        start_label="Provider report (final)",
        start_units=start,
        end_label=f"Invoice {numbers}",
        end_units=end,
        lines=tuple(lines),
        unexplained_units=end - start - sum(line.amount_units for line in lines),
    )


def _lines(matched: _Matched) -> list[BridgeLine]:
    invoice = matched.invoice
    gaps = invoice_gaps(matched.rows, invoice)
    causes = (
        ("credit", gaps.credit_units, f"Credit printed on invoice {invoice.number}."),
        ("tax", gaps.tax_units, f"Tax of invoice {invoice.number}, not in the report."),
        ("rounding", gaps.rounding_units, _rounding_cause(invoice, gaps=gaps, match=matched.match)),
    )
    return [
        BridgeLine(
            section="report_to_invoice",
            component=component,
            cause=cause,
            amount_units=units,
            evidence=(invoice.number, invoice.document),
        )
        for component, units, cause in causes
        if units
    ]


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
