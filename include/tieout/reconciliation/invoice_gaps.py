"""What an invoice has beyond the report: credit, tax, rounding, and the rest unexplained.

Owns the arithmetic that the bridge and the invoice-only charges share, so that they cannot differ.
"""

from dataclasses import dataclass

import pyarrow as pa

from tieout.core.money import SCALE, minor_digits
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.compare import of_category


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceGaps:
    """Units that turn the report into the invoice; their sum is invoice total - report total.

    `bound_units` is how much per-line rounding can amount to: half a minor unit for each printed
    line and one more for the total. A gap beyond it is not rounding and stays unexplained.
    """

    credit_units: int
    tax_units: int
    rounding_units: int
    unexplained_units: int
    bound_units: int


def invoice_gaps(final: pa.Table, invoice: BillingDocument) -> InvoiceGaps:
    """Compare a provider's final report (CHARGE_SCHEMA, no invoice-only charges) with its invoice.

    A report that already carries its credits (AWS) may be invoiced net of them: then only the net
    figures are compared and no second credit is made.
    """
    bound = rounding_bound(invoice)
    credit = total_units(of_category(final, "Credit"))
    tax = total_units(of_category(final, "Tax"))
    usage_gap = invoice.subtotal_units - (total_units(final) - credit - tax)
    credit_gap = invoice.credit_units - credit
    if credit and abs(usage_gap + credit_gap) <= bound:
        usage_gap, credit_gap = usage_gap + credit_gap, 0
    is_rounding = abs(usage_gap) <= bound
    return InvoiceGaps(
        credit_units=credit_gap,
        tax_units=invoice.tax_units - tax,
        rounding_units=usage_gap if is_rounding else 0,
        unexplained_units=0 if is_rounding else usage_gap,
        bound_units=bound,
    )


def rounding_bound(invoice: BillingDocument) -> int:
    """Half a minor unit for each line and for the total, in units of 1e-12."""
    minor_unit: int = 10 ** (SCALE - minor_digits(invoice.currency))
    return minor_unit * (len(invoice.lines) + 1) // 2
