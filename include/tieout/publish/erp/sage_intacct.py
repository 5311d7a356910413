"""Sage Intacct: CSV import of GL journal entries. The heading stands on an entry's first row only.

Owns the columns and their order; source: Intacct's import guide. One entry out of balance makes
Intacct refuse the whole file. Entries arrive as drafts unless the tenant says otherwise.
"""

from collections.abc import Iterator, Sequence

from tieout.publish.erp_documents import Document, FileLine, Places, dated, line_from, sides
from tieout.publish.erp_layout import Cell, Column, Layout, Sheet, csv_bytes, csv_rows

NAME = "sage_intacct"
FILE_SUFFIX = ".csv"
_HEADING = (
    Column(names=("DONOTIMPORT",), once=True),
    Column(names=("JOURNAL",), required=True, once=True),
    Column(names=("DATE",), required=True, once=True),
    Column(names=("REVERSEDATE",), once=True),
    Column(names=("DESCRIPTION",), required=True, free=True, most=30, once=True),
    Column(names=("REFERENCE_NO",), required=True, once=True),
)
_TAIL = (
    "ALLOCATION_ID",
    "GLENTRY_PROJECTID",
    "GLENTRY_CUSTOMERID",
    "GLENTRY_VENDORID",
    "GLENTRY_EMPLOYEEID",
    "GLENTRY_ITEMID",
    "GLENTRY_CLASSID",
)
LAYOUT = Layout(
    title="Sage Intacct",
    blocks=(
        (
            *_HEADING,
            Column(names=("LINE_NO",), required=True),
            Column(names=("ACCT_NO",), required=True, most=24),
            Column(names=("LOCATION_ID",)),
            Column(names=("DEPT_ID",)),
            Column(names=("DOCUMENT",)),
            Column(names=("MEMO",), free=True, most=1000),
            Column(names=("DEBIT",), required=True),
            Column(names=("CREDIT",), required=True),
            Column(names=("SOURCEENTITY",), once=True),
            Column(names=("CURRENCY",), required=True),
            Column(names=("EXCH_RATE_DATE",)),
            Column(names=("EXCH_RATE_TYPE_ID",)),
            Column(names=("EXCHANGE_RATE",)),
            Column(names=("STATE",), once=True),
            *(Column(names=(name,)) for name in _TAIL),
        ),
    ),
    settings={
        "journal": None,
        "location_id": "",
        "state": "Draft",
        "date_format": "MM/DD/YYYY",
    },
    number_length=20,
)
_PLACES = Places(
    number="REFERENCE_NO",
    posting_on="DATE",
    currency="CURRENCY",
    account="ACCT_NO",
    debit="DEBIT",
    credit="CREDIT",
)


def write(documents: Sequence[Document], sheet: Sheet) -> bytes:
    """One CSV file with its header."""
    return csv_bytes([sheet.labels(), *(row for one in documents for row in _rows(one, sheet))])


def read_back(content: bytes, sheet: Sheet) -> list[FileLine]:
    """The lines of the file; a row without a reference belongs to the one above."""
    found = []
    heading: dict[str, str] = {}
    for row in csv_rows(content)[1:]:
        values = sheet.values(row)
        heading = values if values["REFERENCE_NO"] else heading
        values |= {name: heading[name] for name in ("REFERENCE_NO", "DATE")}
        found.append(line_from(values, _PLACES, style=sheet.settings["date_format"]))
    return found


def _rows(document: Document, sheet: Sheet) -> Iterator[list[str]]:
    entry, settings = document.entry, sheet.settings
    heading: dict[str, Cell] = {
        "JOURNAL": settings["journal"],
        "DATE": dated(entry.posting_on, settings["date_format"]),
        "DESCRIPTION": entry.description,
        "REFERENCE_NO": document.number,
        "STATE": settings["state"],
    }
    for number, line in enumerate(document.lines, start=1):
        debit, credit = sides(line, entry.currency)
        values: dict[str, Cell] = {
            "LINE_NO": str(number),
            "ACCT_NO": sheet.target.account(line.account),
            "LOCATION_ID": settings["location_id"],
            "MEMO": line.memo or entry.description,
            "DEBIT": debit,
            "CREDIT": credit,
            "CURRENCY": entry.currency,
        }
        row = sheet.cells(heading | values, line)
        yield row if number == 1 else sheet.below(row)
