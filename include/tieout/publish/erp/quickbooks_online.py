"""QuickBooks Online: Import data, Journal entries. One line a row.

Owns the columns and their order; source: Intuit's help on importing journal entries. Accounts go
by name (`Parent:Sub`), account numbers are switched off for the import. It has no reversal column:
both entries go out.
"""

from collections.abc import Iterator, Sequence

from tieout.core.errors import RuleFileError
from tieout.ledger.entry import JournalLine
from tieout.publish.erp_documents import Document, FileLine, Places, dated, line_from, sides
from tieout.publish.erp_layout import Cell, Column, Layout, Sheet, csv_bytes, csv_rows

NAME = "quickbooks_online"
FILE_SUFFIX = ".csv"
LAYOUT = Layout(
    title="QuickBooks Online",
    blocks=(
        (
            Column(names=("Journal No", "JournalNo", "Journal No."), required=True, once=True),
            Column(names=("Journal Date", "JournalDate"), required=True, once=True),
            Column(names=("Account Name", "AccountName"), required=True),
            Column(names=("Debits",), required=True),
            Column(names=("Credits",), required=True),
            Column(names=("Description",), free=True, most=4000),
            Column(names=("Name",)),
            Column(names=("Currency",), required=True, once=True),
            Column(names=("Location",)),
            Column(names=("Class",)),
        ),
    ),
    settings={"date_format": "MM/DD/YYYY", "payable_accounts": None},
    number_length=21,
    most_lines=1_000,
    knows_accounts_by_name=True,
)
_PLACES = Places(
    number="Journal No",
    posting_on="Journal Date",
    currency="Currency",
    account="Account Name",
    debit="Debits",
    credit="Credits",
)


def write(documents: Sequence[Document], sheet: Sheet) -> bytes:
    """One CSV file with its header.

    Raises:
        RuleFileError: a line of a payable account would have no name.
    """
    return csv_bytes([sheet.labels(), *(row for one in documents for row in _rows(one, sheet))])


def read_back(content: bytes, sheet: Sheet) -> list[FileLine]:
    """The lines of the file; the rows of one journal number are one document."""
    style = sheet.settings["date_format"]
    return [line_from(sheet.values(row), _PLACES, style=style) for row in csv_rows(content)[1:]]


def _rows(document: Document, sheet: Sheet) -> Iterator[list[str]]:
    entry = document.entry
    named = {code.strip() for code in sheet.settings["payable_accounts"].split(",")}
    for line in document.lines:
        debit, credit = sides(line, entry.currency)
        values: dict[str, Cell] = {
            "Journal No": document.number,
            "Journal Date": dated(entry.posting_on, sheet.settings["date_format"]),
            "Account Name": sheet.target.account(line.account),
            "Debits": debit,
            "Credits": credit,
            "Description": line.memo or entry.description,
            "Currency": entry.currency,
        }
        row = sheet.cells(values, line)
        if line.account in named and not sheet.values(row).get("Name"):
            raise _nameless(document, line, sheet)
        yield row


def _nameless(document: Document, line: JournalLine, sheet: Sheet) -> RuleFileError:
    return RuleFileError(
        f"{sheet.target.name}: line {line.line_no} of {document.document_no} is on the payable "
        f"account {line.account} and has no Name, which QuickBooks Online refuses; fill Name "
        "from the provider under 'columns'."
    )
