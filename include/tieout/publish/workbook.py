"""The workbook of a month: all sheets in order, and the summary that every other one ties into.

Owns the summary, the order of the sheets and what the file says of itself.
"""

from collections.abc import Sequence

from tieout.publish import workbook_books as books
from tieout.publish import workbook_lists as lists
from tieout.publish.sheets import (
    CHECK_CELL,
    MOST_ROWS,
    About,
    Block,
    Cell,
    Column,
    Formula,
    Page,
    tied,
    workbook_bytes,
)
from tieout.publish.workbook_allocation import allocation
from tieout.publish.workbook_totals import figures
from tieout.reports.dossier import Dossier, headline


def workbook(dossier: Dossier, *, calculated: bool = True, most_rows: int = MOST_ROWS) -> bytes:
    """The month as an Excel file; the same dossier gives the same bytes.

    `calculated` as in `sheets.workbook_bytes`; `most_rows` is what one sheet can hold.
    """
    pages = (
        books.statement(dossier),
        books.bridge(dossier),
        books.journal(dossier, most_rows=most_rows),
        books.trial_balance(dossier),
        lists.rollforwards(dossier),
        lists.exceptions(dossier),
        allocation(dossier),
        lists.documents(dossier),
        lists.checklist(dossier),
    )
    about = About(
        title=f"Close of {dossier.period}",
        footer=f"Period {dossier.period} {dossier.statement.state}, content "
        f"{dossier.content_hash[:12]}, ledger sequence {dossier.ledger_seq}",
        currency=dossier.currency,
        digits=dossier.digits,
        created=dossier.moment.replace(tzinfo=None, microsecond=0),
    )
    return workbook_bytes((_summary(dossier, pages), *pages), about, calculated=calculated)


def _summary(dossier: Dossier, pages: Sequence[Page]) -> Page:
    return Page(
        name="Summary",
        title=f"Close of {dossier.period}",
        note=headline(dossier),
        blocks=(_facts(dossier), _figures(dossier), _checks(pages)),
    )


def _facts(dossier: Dossier) -> Block:
    facts = {
        "Period": dossier.period,
        "Entity": "one set of books",
        "State": dossier.statement.state.replace("_", " "),
        "Currency": dossier.currency,
        "Content hash": dossier.content_hash,
        "Ledger sequence": str(dossier.ledger_seq),
        "As of": f"{dossier.moment:%Y-%m-%d %H:%M} UTC",
    }
    for one in dossier.signatures:
        when = f"{one['signed_at']:%Y-%m-%d %H:%M}"
        facts[f"Signed by the {one['duty']}"] = f"{one['person_id']}, {when} UTC: {one['comment']}"
    return Block(
        name="fact",
        columns=(
            Column(name="what", title="Fact", width=34),
            Column(name="value", title="Value", width=24),
        ),
        rows=[{"what": name, "value": value} for name, value in facts.items()],
    )


def _figures(dossier: Dossier) -> Block:
    """Headline figures, drawn live from the sheets that make them, beside what was signed."""
    titles = {
        "ledger_total": "Cost of the month, tax included",
        "expense": "Expense in the books",
        "journal_debit": "Debits posted",
        "journal_credit": "Credits posted",
        "accrued_closing": "Accrued at the end",
        "prepaid_closing": "Prepaid at the end",
    }
    made = figures(dossier)
    rows: list[dict[str, Cell]] = []
    for name, title in titles.items():
        text, added_up, signed = made[name]
        rows.append(
            {
                "what": title,
                "amount": Formula(text=text, value=added_up),
                "stated": signed,
                "tie": tied("[amount]", "[stated]", holds=added_up == signed),
            }
        )
    return Block(
        name="figure",
        title="Figures",
        columns=(
            Column(name="what", title="Figure"),
            Column(name="amount", title="Amount", kind="money"),
            Column(name="stated", title="As signed", kind="money", width=18),
            Column(name="tie", title="Check", kind="tie"),
        ),
        rows=rows,
    )


def _checks(pages: Sequence[Page]) -> Block:
    return Block(
        name="sheet",
        title="Sheets",
        columns=(
            Column(name="what", title="Sheet"),
            Column(name="rows", title="Rows", kind="count"),
            Column(name="about", title=""),
            Column(name="tie", title="Check", kind="tie"),
        ),
        rows=[
            {
                "what": page.name,
                "rows": sum(len(block.rows) for block in page.blocks),
                "tie": Formula(text=f"'{page.name}'!{CHECK_CELL}", value=page.check),
            }
            for page in pages
        ],
    )
