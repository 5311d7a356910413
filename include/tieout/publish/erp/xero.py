"""Xero: import of manual journals, one line a row, one signed amount.

Owns the columns and their order; source: Xero's help on importing manual journals. Xero makes one
journal of all rows with the same narration and date, so the narration begins with our document
number. Journals are in the organisation's base currency and arrive as drafts.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tieout.core.errors import UsageError
from tieout.core.money import minor_digits
from tieout.publish.erp_documents import Document, FileLine, dated, day_from, posting
from tieout.publish.erp_layout import Cell, Column, Layout, Sheet, csv_bytes, csv_rows

NAME = "xero"
FILE_SUFFIX = ".csv"
LAYOUT = Layout(
    title="Xero",
    blocks=(
        (
            Column(names=("*Narration",), required=True, free=True, once=True, most=500),
            Column(names=("*Date",), required=True, once=True),
            Column(names=("Description",), free=True, most=4000),
            Column(names=("*AccountCode",), required=True, most=10),
            Column(names=("*TaxRate",), required=True),
            Column(names=("*Amount",), required=True),
            Column(names=("TrackingName1",), once=True),
            Column(names=("TrackingOption1",), most=100),
            Column(names=("TrackingName2",), once=True),
            Column(names=("TrackingOption2",), most=100),
        ),
    ),
    settings={"base_currency": None, "tax_rate": None},
    number_length=60,
    most_lines=300,
)
_STYLE = "DD/MM/YYYY"


def write(documents: Sequence[Document], sheet: Sheet) -> bytes:
    """One CSV file with its header.

    Raises:
        UsageError: an entry is in another currency than the organisation's.
    """
    return csv_bytes([sheet.labels(), *(row for one in documents for row in _rows(one, sheet))])


def read_back(content: bytes, sheet: Sheet) -> list[FileLine]:
    """The lines of the file; the rows of one narration are one document."""
    currency = sheet.settings["base_currency"]
    return [_line(sheet.values(row), currency) for row in csv_rows(content)[1:]]


def _rows(document: Document, sheet: Sheet) -> Iterator[list[str]]:
    entry, base = document.entry, sheet.settings["base_currency"]
    if entry.currency != base:
        raise UsageError(
            f"Entry {document.document_no} is in {entry.currency}; Xero's manual journals are in "
            f"the organisation's {base}: post it by hand."
        )
    for line in document.lines:
        values: dict[str, Cell] = {
            "*Narration": f"{document.number} {entry.description}",
            "*Date": dated(entry.posting_on, _STYLE),
            "Description": line.memo,
            "*AccountCode": sheet.target.account(line.account),
            "*TaxRate": sheet.settings["tax_rate"],
            "*Amount": Decimal(line.amount_minor).scaleb(-minor_digits(base)),
        }
        yield sheet.cells(values, line)


def _line(values: dict[str, str], currency: str) -> FileLine:
    number, day = values["*Narration"].partition(" ")[0], day_from(values["*Date"], _STYLE)
    account, amount = values["*AccountCode"], values["*Amount"]
    return posting(number, day, account, amount=amount, currency=currency)
