"""SAP S/4HANA: the app "Upload General Journal Entries" (F2548). A heading and lines per entry.

Owns both blocks and their order; source: SAP's field names of the app's template, to be compared
with the template that the tenant downloads. SAP takes at most 999 lines in a document: a longer
entry is written as several, each balanced, under one reference.
"""

from collections.abc import Iterator, Sequence

from tieout.publish.erp_documents import (
    Document,
    FileLine,
    Places,
    dated,
    fiscal_parts,
    line_from,
    number_within,
    sides,
)
from tieout.publish.erp_layout import Cell, Column, Layout, Sheet, csv_bytes, csv_rows

NAME = "sap_s4hana"
FILE_SUFFIX = ".csv"
_HEADER_TEXT = 25
LAYOUT = Layout(
    title="SAP S/4HANA",
    blocks=(
        (
            Column(names=("BUKRS", "Company Code"), most=4, required=True, once=True),
            Column(names=("BLART", "Journal Entry Type"), most=2, required=True, once=True),
            Column(names=("BLDAT", "Journal Entry Date"), required=True, once=True),
            Column(names=("BUDAT", "Posting Date"), required=True, once=True),
            Column(names=("MONAT", "Fiscal Period"), most=2, once=True),
            Column(
                names=("BKTXT", "Document Header Text"),
                most=_HEADER_TEXT,
                required=True,
                free=True,
                once=True,
            ),
            Column(names=("WAERS", "Transaction Currency"), most=5, required=True, once=True),
            Column(names=("LDGRP", "Ledger Group"), most=4, once=True),
            Column(names=("KURSF", "Exchange Rate"), once=True),
            Column(names=("WWERT", "Translation Date"), once=True),
            Column(names=("XBLNR", "Reference Document Number"), most=16, required=True, once=True),
        ),
        (
            Column(names=("BUKRS", "Company Code"), most=4, once=True),
            Column(names=("HKONT", "G/L Account"), most=10, required=True),
            Column(names=("SGTXT", "Item Text"), most=50, free=True),
            Column(names=("WRSOL", "Debit"), required=True),
            Column(names=("WRHAB", "Credit"), required=True),
            Column(names=("DMBTR", "Amount in Company Code Currency")),
            Column(names=("MWSKZ", "Tax Code"), most=2),
            Column(names=("TXJCD", "Tax Jurisdiction"), most=15),
            Column(names=("KOSTL", "Cost Center"), most=10),
            Column(names=("PRCTR", "Profit Center"), most=10),
            Column(names=("AUFNR", "Order"), most=12),
            Column(names=("PS_POSID", "WBS Element"), most=24),
            Column(names=("VALUT", "Value Date")),
            Column(names=("ZUONR", "Assignment"), most=18),
            Column(names=("VBUND", "Trading Partner"), most=6),
            Column(names=("SEGMENT", "Segment"), most=10),
        ),
    ),
    settings={
        "company_code": None,
        "entry_type": "SA",
        "ledger_group": "",
        "date_format": "YYYY-MM-DD",
    },
    number_length=16,
    most_document_lines=999,
    most_decimals=3,
)
_HEADING, _LINES = 0, 1
_PLACES = Places(
    number="XBLNR",
    posting_on="BUDAT",
    currency="WAERS",
    account="HKONT",
    debit="WRSOL",
    credit="WRHAB",
)


def write(documents: Sequence[Document], sheet: Sheet) -> bytes:
    """For each document: heading labels, heading, line labels, lines and an empty row."""
    return csv_bytes(row for one in documents for row in _rows(one, sheet))


def read_back(content: bytes, sheet: Sheet) -> list[FileLine]:
    """The lines of the file; documents of one reference are its parts, in their order."""
    found: list[FileLine] = []
    parts: dict[str, int] = {}
    rows = iter(csv_rows(content))
    for _ in rows:  # the labels of a heading
        heading = sheet.values(next(rows, []), block=_HEADING)
        number = heading["XBLNR"]
        parts[number] = parts.get(number, 0) + 1
        next(rows, [])  # the labels of the lines
        while row := next(rows, []):
            values = heading | sheet.values(row, block=_LINES)
            style = sheet.settings["date_format"]
            found.append(line_from(values, _PLACES, style=style, part=parts[number]))
    return found


def _rows(document: Document, sheet: Sheet) -> Iterator[list[str]]:
    entry, settings = document.entry, sheet.settings
    heading: dict[str, Cell] = {
        "BUKRS": settings["company_code"],
        "BLART": settings["entry_type"],
        "BLDAT": dated(entry.document_on, settings["date_format"]),
        "BUDAT": dated(entry.posting_on, settings["date_format"]),
        "MONAT": fiscal_parts(entry)[1] if entry.fiscal_period else "",
        "BKTXT": number_within(document.document_no, _HEADER_TEXT),
        "WAERS": entry.currency,
        "LDGRP": settings["ledger_group"],
        "XBLNR": document.number,
    }
    yield sheet.labels(_HEADING)
    yield sheet.cells(heading, document.lines[0], block=_HEADING)
    yield sheet.labels(_LINES)
    for line in document.lines:
        debit, credit = sides(line, entry.currency)
        values: dict[str, Cell] = {
            "BUKRS": settings["company_code"],
            "HKONT": sheet.target.account(line.account),
            "SGTXT": line.memo or entry.description,
            "WRSOL": debit,
            "WRHAB": credit,
        }
        yield sheet.cells(values, line, block=_LINES)
    yield []
