"""An invoice of October 2026 as AWS's invoicing API describes it."""

from datetime import UTC, datetime
from decimal import Decimal


def summary_of(
    number: str, total: Decimal, issuer: str, entity: str, *, payer: str
) -> dict[str, object]:
    """One invoice as the invoicing API describes it."""
    zero = {"TotalAmount": "0.00", "Breakdown": []}
    amount = {
        "TotalAmount": str(total),
        "TotalAmountBeforeTax": str(total),
        "CurrencyCode": "USD",
        "AmountBreakdown": {
            "SubTotalAmount": str(total),
            "Discounts": zero,
            "Taxes": zero,
            "Fees": zero,
        },
    }
    return {
        "AccountId": payer,
        "InvoiceId": number,
        "IssuedDate": int(datetime(2026, 11, 3, 4, 0, tzinfo=UTC).timestamp()),
        "DueDate": int(datetime(2026, 12, 3, 4, 0, tzinfo=UTC).timestamp()),
        "Entity": {"InvoicingEntity": issuer, "BillingEntity": entity},
        "BillingPeriod": {"Month": 10, "Year": 2026},
        "InvoiceType": "INVOICE",
        "BillType": "ANNIVERSARY",
        "InvoiceFrequency": "RECURRING",
        "ReceiverRole": "BUYER",
        "BaseCurrencyAmount": amount,
        "TaxCurrencyAmount": amount,
        "PaymentCurrencyAmount": amount,
    }
