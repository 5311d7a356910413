"""NetSuite: CSV import of journal entries, one line a row, the heading repeated on every row.

Owns the columns and their order; source: NetSuite's help on the journal entry CSV import. The
reversal of an accrual goes out as an entry of its own, so `Reversal Date` stays empty: NetSuite
would reverse a second time.
"""

from collections.abc import Iterator, Sequence

from tieout.ledger.entry import JournalEntry
from tieout.publish.erp_documents import (
    Document,
    FileLine,
    Places,
    dated,
    fiscal_parts,
    line_from,
    sides,
)
from tieout.publish.erp_layout import Cell, Column, Layout, Sheet, csv_bytes, csv_rows

NAME = "netsuite"
FILE_SUFFIX = ".csv"
LAYOUT = Layout(
    title="NetSuite",
    blocks=(
        (
            Column(names=("External ID", "externalId"), required=True, once=True),
            Column(names=("Date", "tranDate"), required=True, once=True),
            Column(names=("Posting Period", "postingPeriod"), once=True),
            Column(names=("Currency", "currency"), required=True, once=True),
            Column(names=("Exchange Rate", "exchangeRate"), once=True),
            Column(names=("Subsidiary", "subsidiary"), once=True),
            Column(names=("Memo", "memo"), free=True, once=True, most=999),
            Column(names=("Reversal Date", "reversalDate"), once=True),
            Column(names=("Defer Entry", "reversalDefer"), once=True),
            Column(names=("Approval Status", "approvalStatus"), once=True),
            Column(names=("Account", "account"), required=True),
            Column(names=("Debit", "debit"), required=True),
            Column(names=("Credit", "credit"), required=True),
            Column(names=("Memo (line)", "Line Memo"), free=True, most=999),
            Column(names=("Name", "entity")),
            Column(names=("Department", "department")),
            Column(names=("Class", "class")),
            Column(names=("Location", "location")),
            Column(names=("Intercompany/Eliminate", "eliminate")),
        ),
    ),
    settings={
        "subsidiary": "",
        "approval_status": "",
        "date_format": "MM/DD/YYYY",
        "posting_period": "",
    },
    number_length=100,
    most_lines=25_000,
)
_PLACES = Places(
    number="External ID",
    posting_on="Date",
    currency="Currency",
    account="Account",
    debit="Debit",
    credit="Credit",
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write(documents: Sequence[Document], sheet: Sheet) -> bytes:
    """One CSV file with its header."""
    return csv_bytes([sheet.labels(), *(row for one in documents for row in _rows(one, sheet))])


def read_back(content: bytes, sheet: Sheet) -> list[FileLine]:
    """The lines of the file; the rows of one external id are one document."""
    style = sheet.settings["date_format"]
    return [line_from(sheet.values(row), _PLACES, style=style) for row in csv_rows(content)[1:]]


def _rows(document: Document, sheet: Sheet) -> Iterator[list[str]]:
    entry = document.entry
    heading: dict[str, Cell] = {
        "External ID": document.number,
        "Date": dated(entry.posting_on, sheet.settings["date_format"]),
        "Posting Period": _posting_period(entry, sheet.settings["posting_period"]),
        "Currency": entry.currency,
        "Subsidiary": sheet.settings["subsidiary"],
        "Memo": entry.description,
        "Approval Status": sheet.settings["approval_status"],
    }
    for line in document.lines:
        debit, credit = sides(line, entry.currency)
        values = {
            "Account": sheet.target.account(line.account),
            "Debit": debit,
            "Credit": credit,
            "Memo (line)": line.memo,
        }
        yield sheet.cells(heading | values, line)


def _posting_period(entry: JournalEntry, pattern: str) -> str:
    """As the tenant names its periods (`P{number} FY{year}`), else `Oct 2026`."""
    if not pattern:
        return f"{_MONTHS[entry.posting_on.month - 1]} {entry.posting_on.year}"
    year, number = fiscal_parts(entry)
    return pattern.replace("{year}", year).replace("{number}", number)
