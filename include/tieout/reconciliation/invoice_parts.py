"""Which billing documents belong to a month, and which rows each of several invoices bills.

One account may get several invoices a month: one for each issuing entity, one for the marketplace,
credit notes. Owns the choice of documents and the split of rows; compares no amounts.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.finding import Finding
from tieout.core.period import Period
from tieout.focus.document import BillingDocument

# A document that prints no service dates and comes in the first half of a month bills the month
# before: providers issue between the 1st and the 12th.
LAST_DAY_FOR_MONTH_BEFORE = 15


def of_month(documents: Iterable[BillingDocument], month: Period) -> tuple[BillingDocument, ...]:
    """The documents of a month, by date of issue and number.

    Receipts belong to the month in which they were paid, invoices and credit notes to the month of
    their last service day; a credit note without service dates to the month of the invoice that it
    corrects.
    """
    found = list(documents)
    invoices = {
        document.number
        for document in found
        if document.kind == "invoice" and _billed_in(document) == month
    }
    own = [document for document in found if _belongs(document, month, invoices)]
    return tuple(sorted(own, key=lambda document: (document.issued_on, document.number)))


def distinct(
    documents: Sequence[BillingDocument],
) -> tuple[tuple[BillingDocument, ...], tuple[Finding, ...]]:
    """Each document once by seller and number, and a blocking finding for each repetition."""
    kept: dict[tuple[str, str], BillingDocument] = {}
    ordered = sorted(documents, key=lambda document: (document.issued_on, document.number))
    repeated = [
        _repeated(document)
        for document in ordered
        if kept.setdefault((document.seller, document.number), document) is not document
    ]
    return tuple(kept.values()), tuple(repeated)


def by_invoice(
    rows: pa.Table, invoices: Sequence[BillingDocument]
) -> tuple[tuple[BillingDocument, pa.Table], ...]:
    """Each document with the rows that it bills, in the order of `invoices`.

    `rows` is a table with the column `invoice_id`. A row goes to the document of its invoice id;
    rows without one, or with one that no document bears, go to the largest document, so that every
    row is billed exactly once.
    """
    if len(invoices) < 2:  # noqa: PLR2004  nothing to split
        return tuple((invoice, rows) for invoice in invoices)
    named = pc.is_in(rows["invoice_id"], value_set=pa.array([one.number for one in invoices]))
    rest = rows.filter(pc.invert(named))
    main = max(invoices, key=lambda one: (abs(one.total_units), one.number))
    return tuple(
        (one, pa.concat_tables([own, rest]) if one is main else own)
        for one in invoices
        for own in [rows.filter(pc.equal(rows["invoice_id"], one.number))]
    )


def missing_invoices(rows: pa.Table, invoices: Sequence[BillingDocument]) -> tuple[Finding, ...]:
    """A blocking finding for each invoice id in the report of which no document has arrived.

    A small one would otherwise pass for rounding of the invoices that did arrive.
    """
    known = {one.number for one in invoices}
    ids = sorted({one for one in rows["invoice_id"].unique().to_pylist() if one} - known)
    return tuple(
        Finding(
            kind="invoice_not_arrived",
            severity="blocking",
            subject=number,
            message=(
                f"The report has charges of invoice {number}, of which no document has arrived: "
                "expected it beside "
                f"{', '.join(sorted(known)) or 'nothing'}; fetch it or enter it."
            ),
        )
        for number in ids
    )


def _billed_in(document: BillingDocument) -> Period:
    served = document.service_end or document.service_start
    if served is not None:
        return Period(served.year, served.month)
    issued = Period(document.issued_on.year, document.issued_on.month)
    return issued.previous() if document.issued_on.day <= LAST_DAY_FOR_MONTH_BEFORE else issued


def _belongs(document: BillingDocument, month: Period, invoices: set[str]) -> bool:
    if document.kind == "receipt":
        return month.contains(document.issued_on)
    is_undated = document.service_end is None and document.service_start is None
    if document.kind == "credit_note" and is_undated and document.corrects is not None:
        return document.corrects in invoices
    return _billed_in(document) == month


def _repeated(document: BillingDocument) -> Finding:
    return Finding(
        kind="duplicate_document",
        severity="blocking",
        subject=document.number,
        message=(
            f"Expected {document.kind} {document.number} of {document.seller} once, found it again "
            "with other bytes or in another delivery: keep one and withdraw the other."
        ),
        amount_units=document.total_units,
        currency=document.currency,
        source_document=document.document,
    )
