"""Oracle Fusion: FBDI journal import, `GlInterface.csv` in a zip. 149 columns by position.

Owns the positions; source: Oracle's GlInterface template and the table reference of GL_INTERFACE.
The CSV has no header, so a tenant cannot bring one; it fills segments under `columns`.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence

from tieout.core.errors import RuleFileError
from tieout.core.ids import content_key
from tieout.publish.erp_documents import Document, FileLine, Places, dated, line_from, sides
from tieout.publish.erp_layout import Cell, Column, Layout, Sheet, csv_bytes, csv_rows

NAME = "oracle_fbdi"
FILE_SUFFIX = ".zip"
INSIDE = "GlInterface.csv"


def _series(stem: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{stem}{number}" for number in range(first, last + 1))


_NAMES = (
    "Status Code", "Ledger ID", "Effective Date of Transaction", "Journal Source",
    "Journal Category", "Currency Code", "Journal Entry Creation Date", "Actual Flag",
    *_series("Segment", 1, 30),
    "Entered Debit Amount", "Entered Credit Amount", "Converted Debit Amount",
    "Converted Credit Amount", *_series("REFERENCE", 1, 10), *_series("Reference column ", 1, 10),
    "Statistical Amount", "Currency Conversion Type", "Currency Conversion Date",
    "Currency Conversion Rate", "Interface Group Identifier",
    "Context field for Journal Entry Line DFF", *_series("ATTRIBUTE", 1, 20),
    "Context field for Captured Information DFF", "Average Journal Flag", "Clearing Company",
    "Ledger Name", "Encumbrance Type ID", "Reconciliation Reference", "Period Name",
    *_series("REFERENCE ", 18, 20), *_series("Attribute Date ", 1, 10),
    *_series("Attribute Number ", 1, 10), "Global Attribute Category",
    *_series("Global Attribute ", 1, 20), *_series("Global Attribute Date ", 1, 5),
    *_series("Global Attribute Number ", 1, 5),
)  # fmt: skip
_FREE = {"REFERENCE2": 240, "REFERENCE5": 240, "REFERENCE10": 240}
_LIMITS = {"REFERENCE1": 100, "REFERENCE4": 100, "REFERENCE6": 100}
LAYOUT = Layout(
    title="Oracle FBDI",
    blocks=(
        tuple(
            Column(names=(name,), free=name in _FREE, most=_FREE.get(name) or _LIMITS.get(name))
            for name in _NAMES
        ),
    ),
    settings={
        "ledger_id": None,
        "journal_source": None,
        "journal_category": None,
        "account_segment": None,
    },
    number_length=100,
    most_decimals=3,
    takes_header=False,
)
_STYLE = "YYYY/MM/DD"
_OLDEST = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time: the same bytes at any hour


def write(documents: Sequence[Document], sheet: Sheet) -> bytes:
    """One zip with one CSV; its group identifier is a number made from its documents.

    Raises:
        RuleFileError: `account_segment` is no number from 1 to 30.
    """
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        inside = zipfile.ZipInfo(INSIDE, _OLDEST)
        archive.writestr(inside, csv_bytes(_rows(documents, sheet)))
    return sink.getvalue()


def read_back(content: bytes, sheet: Sheet) -> list[FileLine]:
    """The lines of the file; the rows of one journal name (REFERENCE4) are one document."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        rows = csv_rows(archive.read(INSIDE))
    places = Places(
        number="REFERENCE4",
        posting_on="Effective Date of Transaction",
        currency="Currency Code",
        account=_segment(sheet),
        debit="Entered Debit Amount",
        credit="Entered Credit Amount",
    )
    return [line_from(sheet.values(row), places, style=_STYLE) for row in rows]


def _rows(documents: Sequence[Document], sheet: Sheet) -> Iterator[list[str]]:
    numbers = dict.fromkeys(one.document_no for one in documents)
    group = int(content_key(numbers)[:12], 16)
    for document in documents:
        entry = document.entry
        heading: dict[str, Cell] = {
            "Status Code": "NEW",
            "Ledger ID": sheet.settings["ledger_id"],
            "Effective Date of Transaction": dated(entry.posting_on, _STYLE),
            "Journal Source": sheet.settings["journal_source"],
            "Journal Category": sheet.settings["journal_category"],
            "Currency Code": entry.currency,
            "Journal Entry Creation Date": dated(entry.posting_on, _STYLE),
            "Actual Flag": "A",
            "REFERENCE1": f"tieout {group}",
            "REFERENCE4": document.number,
            "REFERENCE5": entry.description,
            "REFERENCE6": document.document_no,
            "Interface Group Identifier": str(group),
        }
        for line in document.lines:
            debit, credit = sides(line, entry.currency)
            values: dict[str, Cell] = {
                _segment(sheet): sheet.target.account(line.account),
                "Entered Debit Amount": debit,
                "Entered Credit Amount": credit,
                "REFERENCE10": line.memo or entry.description,
            }
            yield sheet.cells(heading | values, line)


def _segment(sheet: Sheet) -> str:
    """The column of the natural account."""
    number = sheet.settings["account_segment"]
    if number not in {str(one) for one in range(1, 31)}:
        raise RuleFileError(
            f"{sheet.target.name}: account_segment is {number[:20]!r}; expected the number of the "
            "natural account's segment, 1 to 30."
        )
    return f"Segment{number}"
