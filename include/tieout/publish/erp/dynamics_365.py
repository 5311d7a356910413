"""Dynamics 365 Finance: the general journal entity (LedgerJournalEntity), set-based import.

Owns the columns and their order; source: Microsoft's reference of the entity. An account is one
text in the tenant's own format, such as `401100-CC10--`. The entity knows no intercompany lines.
"""

from collections.abc import Iterator, Sequence

from tieout.core.errors import RuleFileError
from tieout.core.ids import content_key
from tieout.ledger.entry import JournalLine
from tieout.ledger.sides import LINE_DIMENSIONS
from tieout.publish.erp_documents import Document, FileLine, Places, dated, line_from, sides
from tieout.publish.erp_layout import Cell, Column, Layout, Sheet, csv_bytes, csv_rows

NAME = "dynamics_365"
FILE_SUFFIX = ".csv"
_EMPTY = (
    "OFFSETACCOUNTTYPE",
    "OFFSETACCOUNTDISPLAYVALUE",
    "OFFSETDEFAULTDIMENSIONDISPLAYVALUE",
    "OFFSETFINTAGDISPLAYVALUE",
)
LAYOUT = Layout(
    title="Dynamics 365",
    blocks=(
        (
            Column(names=("JOURNALBATCHNUMBER",), required=True, most=20, once=True),
            Column(names=("LINENUMBER",), required=True),
            Column(names=("JOURNALNAME",), required=True, most=10, once=True),
            Column(names=("DESCRIPTION",), free=True, most=60, once=True),
            Column(names=("POSTINGLAYER",), once=True),
            Column(names=("ACCOUNTTYPE",), once=True),
            Column(names=("ACCOUNTDISPLAYVALUE",), required=True),
            Column(names=("ACCOUNTDEFAULTDIMENSIONDISPLAYVALUE",)),
            Column(names=("FINTAGDISPLAYVALUE",)),
            *(Column(names=(name,)) for name in _EMPTY),
            Column(names=("TRANSDATE",), required=True, once=True),
            Column(names=("VOUCHER",), required=True, most=20, once=True),
            Column(names=("CURRENCYCODE",), required=True, once=True),
            Column(names=("DEBITAMOUNT",), required=True),
            Column(names=("CREDITAMOUNT",), required=True),
            Column(names=("EXCHANGERATE",), once=True),
            Column(names=("EXCHANGERATESECONDARY",), once=True),
            Column(names=("REPORTINGCURRENCYEXCHRATE",), once=True),
            Column(names=("REPORTINGCURRENCYEXCHRATESECONDARY",), once=True),
            Column(names=("TEXT",), free=True, most=60),
        ),
    ),
    settings={
        "journal_name": None,
        "posting_layer": "Current",
        "account_format": "{account}",
        "date_format": "YYYY-MM-DD",
    },
    number_length=20,
    most_lines=10_000,
    most_decimals=3,
)
_PLACES = Places(
    number="VOUCHER",
    posting_on="TRANSDATE",
    currency="CURRENCYCODE",
    account="ACCOUNTDISPLAYVALUE",
    debit="DEBITAMOUNT",
    credit="CREDITAMOUNT",
)


def write(documents: Sequence[Document], sheet: Sheet) -> bytes:
    """One CSV file with its header: one batch, whose number is made from its documents.

    Raises:
        RuleFileError: the tenant's account format does not begin with the account.
    """
    return csv_bytes([sheet.labels(), *_rows(documents, sheet)])


def read_back(content: bytes, sheet: Sheet) -> list[FileLine]:
    """The lines of the file; the rows of one voucher are one document."""
    style, after = sheet.settings["date_format"], _after_account(sheet)
    found = []
    for row in csv_rows(content)[1:]:
        values = sheet.values(row)
        shown = values["ACCOUNTDISPLAYVALUE"]
        account = shown.partition(after)[0] if after else shown
        values |= {"ACCOUNTDISPLAYVALUE": account}
        found.append(line_from(values, _PLACES, style=style))
    return found


def _rows(documents: Sequence[Document], sheet: Sheet) -> Iterator[list[str]]:
    numbers = dict.fromkeys(one.document_no for one in documents)
    batch = f"TO-{content_key(numbers)[:12].upper()}"
    lines = ((document, line) for document in documents for line in document.lines)
    for number, (document, line) in enumerate(lines, start=1):
        entry = document.entry
        debit, credit = sides(line, entry.currency)
        values: dict[str, Cell] = {
            "JOURNALBATCHNUMBER": batch,
            "LINENUMBER": str(number),
            "JOURNALNAME": sheet.settings["journal_name"],
            "DESCRIPTION": f"tieout, {len(numbers)} entries",
            "POSTINGLAYER": sheet.settings["posting_layer"],
            "ACCOUNTTYPE": "Ledger",
            "ACCOUNTDISPLAYVALUE": _account(line, sheet),
            "TRANSDATE": dated(entry.posting_on, sheet.settings["date_format"]),
            "VOUCHER": document.number,
            "CURRENCYCODE": entry.currency,
            "DEBITAMOUNT": debit,
            "CREDITAMOUNT": credit,
            "TEXT": line.memo or entry.description,
        }
        yield sheet.cells(values, line)


def _account(line: JournalLine, sheet: Sheet) -> str:
    """The account and the dimensions of a line in the tenant's format."""
    shown = sheet.settings["account_format"]
    after = _after_account(sheet)
    code = sheet.target.account(line.account)
    if after and after in code:
        raise RuleFileError(
            f"{sheet.target.name}: account {code} contains {after!r}, which divides account and "
            "dimensions; change account_format or the code."
        )
    for name in _named(shown):
        value = code if name == "account" else sheet.target.dimension(name, line)
        shown = shown.replace(f"{{{name}}}", value)
    return shown


def _named(shown: str) -> list[str]:
    return [part.partition("}")[0] for part in shown.split("{")[1:]]


def _after_account(sheet: Sheet) -> str:
    """The character that ends the account, empty where nothing follows."""
    shown = sheet.settings["account_format"]
    unknown = set(_named(shown)) - {"account", *LINE_DIMENSIONS}
    if not shown.startswith("{account}") or unknown:
        raise RuleFileError(
            f"{sheet.target.name}: account_format is {shown[:60]!r}; expected {{account}} and then "
            f"dimensions of {', '.join(LINE_DIMENSIONS)}, such as {{account}}-{{cost_center}}--."
        )
    return shown.removeprefix("{account}")[:1]
