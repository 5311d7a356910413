"""One account's month from its first figure to its last as a variance bridge, in minor units.

Owns which figures stand at the ends: AI begins at the own estimate of its tokens, everything else
at the draft; what is invoiced ends at its invoices, credit that is drawn at the final report.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.period import Period
from tieout.focus.columns import with_attr_ids
from tieout.focus.document import BillingDocument
from tieout.reconciliation.arrears import currency_of, is_metered
from tieout.reconciliation.bridge import Bridge
from tieout.reconciliation.invoice_charges import invoice_only_charges
from tieout.reconciliation.invoice_parts import by_invoice
from tieout.reconciliation.variance import Exchange, variance, variance_bridge
from tieout.reconciliation.variance_figures import variance_figures


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """An account's month as `account_variance` is given it."""

    provider: str
    account: str
    period: Period
    estimate: pa.Table | None
    draft: pa.Table
    final: pa.Table
    invoices: Sequence[BillingDocument]


def account_variance(
    *,
    provider: str,
    account: str,
    period: Period,
    estimate: pa.Table | None,
    draft: pa.Table,
    final: pa.Table,
    invoices: Sequence[BillingDocument],
) -> Bridge:
    """Price, volume, mix and the rest, adding up to last minus first figure to the minor unit.

    Tables are CHARGE_SCHEMA. `invoices` are the documents that bill the report, each once; none of
    a prepaid account, or before they have come. Documents in another currency than the report's are
    left out: reconciliation blocks the month for them.
    """
    return bridge_of(
        AccountFigures(
            provider=provider,
            account=account,
            period=period,
            estimate=estimate,
            draft=draft,
            final=final,
            invoices=invoices,
        )
    )


def bridge_of(found: AccountFigures, exchange: Exchange | None = None) -> Bridge:
    """As `account_variance`; with `exchange` in the books' currency.

    Every component stands at the accrual's rate, and what the rate changed is a line of its own.
    """
    provider, account, period = found.provider, found.account, found.period
    estimate, draft, final, invoices = found.estimate, found.draft, found.final, found.invoices
    currency = currency_of(final)
    billing = [one for one in invoices if one.currency == currency]
    is_own = estimate is not None and is_metered(estimate)
    first = estimate if estimate is not None and is_own else draft
    figures = variance_figures(
        first,
        _billed(provider, account, period=period, final=final, invoices=billing),
        period=period,
        invoices=billing,
    )
    numbers = ", ".join(one.number for one in billing)
    return variance_bridge(
        variance(
            figures,
            exchange or Exchange(transaction_currency=currency, functional_currency=currency),
        ),
        provider=provider,
        account=account,
        labels=(
            "Own estimate" if is_own else "Provider report (draft)",
            f"Invoice {numbers}" if billing else "Provider report (final)",
        ),
        documents=[one.number for one in billing] or _sources(final),
    )


def _billed(
    provider: str,
    account: str,
    *,
    period: Period,
    final: pa.Table,
    invoices: Sequence[BillingDocument],
) -> pa.Table:
    """The report with the credit and tax that only the invoices print, without their rounding."""
    made = [
        invoice_only_charges(
            provider=provider, account=account, period=period, final=rows, invoice=invoice
        )
        for invoice, rows in by_invoice(final, invoices)
    ]
    printed = [
        with_attr_ids(one.filter(pc.not_equal(one["charge_category"], "Adjustment")))
        for one in made
    ]
    return pa.concat_tables([final, *(one.select(final.column_names) for one in printed)])


def _sources(charges: pa.Table) -> list[str]:
    return sorted(charges["source_document"].unique().to_pylist())
