"""The sheets of a workbook that hold the books: statement, bridges, journal, trial balance.

Owns which figure is re-added from which. Rows refer to each other by hidden numbers and never by
account codes, because a spreadsheet takes codes that look alike as numbers for the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from tieout.core.money import SCALE, format_units, to_decimal
from tieout.publish.sheets import (
    MOST_ROWS,
    Block,
    Cell,
    Column,
    Formula,
    Page,
    added,
    compared,
    rounded,
    tied,
)
from tieout.publish.tables import journal_rows
from tieout.publish.workbook_totals import totals
from tieout.reconciliation.bridge import Bridge
from tieout.reports.dossier import CHAIN, ROLL, Balance, Dossier, first_units, last_units
from tieout.reports.tieout_statement import StatementRow

_HEAD_ROWS: Final = 100  # title, header, total, and one row an account for what has no room
_SECTIONS: Final[Mapping[str, str]] = {
    "estimate_to_report": "Own estimate to provider's report",
    "draft_to_final": "Accrued draft to final report",
    "report_to_invoice": "Report to invoice",
    "credit_rollforward": "Prepaid credit, opening to closing",
    "estimate_to_invoice": "Estimate to invoice",
}
_BRIDGE: Final = (
    Column(name="bridge", title="Bridge no.", kind="count"),
    Column(name="provider", title="Provider", kind="id"),
    Column(name="account", title="Account"),
    Column(name="section", title="From one figure to the next", width=32),
    Column(name="step", title="Step", kind="id"),
    Column(name="cause", title="Cause", kind="long"),
    Column(name="amount", title="Amount", kind="money"),
    Column(name="tie", title="Check", kind="tie"),
    Column(name="exact", title="Exact amount", kind="exact"),
    Column(name="row", title="Row", kind="key"),
    Column(name="chain", title="Leads to", kind="key"),
)
_JOURNAL: Final = (
    Column(name="document_no", title="Entry", width=24),
    Column(name="line_no", title="Line", kind="count", width=6),
    Column(name="journal_type", title="Type", kind="id"),
    Column(name="posting_on", title="Posted", kind="date"),
    Column(name="service_period", title="For", kind="id", width=9),
    Column(name="provider", title="Provider", kind="id"),
    Column(name="account", title="Account", kind="id", width=9),
    Column(name="account_name", title="Name", width=26),
    Column(name="debit", title="Debit", kind="money"),
    Column(name="credit", title="Credit", kind="money"),
    Column(name="tie", title="Check", kind="tie"),
    Column(name="memo", title="Memo", width=44),
    Column(name="initiative", title="Initiative"),
    Column(name="cost_center", title="Cost centre"),
    Column(name="no", title="Account no.", kind="key"),
)


def statement(dossier: Dossier) -> Page:
    """Each account from its first known figure to its last, and the ledger beside the books."""
    return Page(
        name="Statement",
        title=f"Tie-out statement {dossier.period}, {dossier.currency}",
        note="First figure + explained + unexplained = last figure. Explained and unexplained are "
        "added up from the sheet Bridge. Hidden columns hold all 12 decimals.",
        blocks=(_accounts(dossier), totals(dossier)),
    )


def bridge(dossier: Dossier) -> Page:
    """Every bridge of every account, cause by cause."""
    numbers = {_account(one): at for at, one in enumerate(dossier.statement.rows, start=1)}
    rows = [
        row
        for number, one in enumerate(dossier.bridges, start=1)
        for row in _bridge_rows(one, number, numbers.get(_account(one), 0))
    ]
    return Page(
        name="Bridge",
        title=f"Variance bridges {dossier.period}, {dossier.currency}",
        note="From one figure of an account to the next. What no cause explains has its own line.",
        blocks=(Block(name="bridge", columns=_BRIDGE, rows=rows),),
    )


def journal(dossier: Dossier, *, most_rows: int = MOST_ROWS) -> Page:
    """All lines posted in the month; beyond what a sheet can hold one line an account."""
    room = most_rows - _HEAD_ROWS
    numbers, names = _numbers(dossier), {one.code: one.name for one in dossier.accounts}
    lines = journal_rows(dossier.entries, digits=dossier.digits)
    shown, rest = lines[:room], lines[room:]
    rows: list[Mapping[str, Cell]] = [
        {**line, "account_name": names.get(line["account"], ""), "no": numbers[line["account"]]}
        for line in shown
    ]
    rows += _without_room(rest, numbers)
    note = "Entries posted in the month, in the order of the ledger."
    if rest:
        note = (
            f"{len(rest):,} of {len(lines):,} lines have no room on a sheet: they are in "
            "journal_line.parquet beside this file, and here as one line an account at the end."
        )
    debit = added("debit", [row["debit"] for row in rows], dossier.digits)
    credit = added("credit", [row["credit"] for row in rows], dossier.digits)
    balances = debit.value == credit.value
    total: dict[str, Cell] = {"document_no": "Total", "debit": debit, "credit": credit}
    total["tie"] = tied("[debit]", "[credit]", holds=balances)
    return Page(
        name="Journal",
        title=f"Journal {dossier.period}, {dossier.currency}",
        note=note,
        blocks=(Block(name="journal", columns=_JOURNAL, rows=rows, total=total),),
    )


def trial_balance(dossier: Dossier) -> Page:
    """Opening, movements and closing by account; movements beside those of the journal."""
    known = {one.code: one for one in dossier.accounts}
    moved = _moved(dossier)
    rows: list[dict[str, Cell]] = []
    for number, one in enumerate(dossier.balances, start=1):
        account = known.get(one.account)
        about: dict[str, Cell] = {"account": one.account, "no": number}
        about |= {"name": account.name, "type": account.type} if account else {}
        rows.append({**about, **_balance(one, moved.get(one.account, (0, 0)), dossier.digits)})
    names = ("opening", "debit", "credit", "closing", "in_journal_debit", "in_journal_credit")
    total: dict[str, Cell] = {"account": "Total"}
    for name in names:
        total[name] = added(name, [row[name] for row in rows], dossier.digits)
    closing = total["closing"]
    holds = isinstance(closing, Formula) and closing.value == 0
    total["tie"] = tied("[closing]", "0", holds=holds)
    return Page(
        name="Trial balance",
        title=f"Trial balance {dossier.period}, {dossier.currency}",
        note="Debit positive, credit in parentheses. Closing is opening + debit - credit; the "
        "movements of every account equal those on the sheet Journal.",
        blocks=(
            Block(
                name="balance",
                columns=_balance_columns(names),
                rows=rows,
                total=total,
            ),
        ),
    )


def _balance_columns(names: Sequence[str]) -> tuple[Column, ...]:
    return (
        Column(name="account", title="Account", kind="id"),
        Column(name="name", title="Name", width=34),
        Column(name="type", title="Type", kind="id"),
        *(Column(name=name, title=_words(name), kind="money") for name in names),
        Column(name="tie", title="Check", kind="tie"),
        Column(name="no", title="No.", kind="key"),
    )


def _accounts(dossier: Dossier) -> Block:
    digits = dossier.digits
    rows = [
        _statement_row(one, number, dossier)
        for number, one in enumerate(dossier.statement.rows, start=1)
    ]
    names = ("estimated", "reported", "billed", "first", "explained", "unexplained", "last")
    total: dict[str, Cell] = {"provider": "Total"}
    for name in names:
        total[name] = added(name, [row[name] for row in rows], digits)
    exact = [("estimated", "Estimated"), ("reported", "Reported"), ("billed", "Billed")]
    return Block(
        name="statement",
        columns=(
            Column(name="provider", title="Provider", kind="id", width=30),
            Column(name="account", title="Account", width=22),
            Column(name="mode", title="Billing", kind="id", width=16),
            *(Column(name=name, title=_words(name), kind="money") for name in names),
            Column(name="tie", title="Check", kind="tie"),
            *(
                Column(name=f"{one}_exact", title=f"{word}, exact", kind="exact")
                for one, word in exact
            ),
            Column(name="row", title="Row", kind="key"),
        ),
        rows=rows,
        total=total,
    )


def _statement_row(row: StatementRow, number: int, dossier: Dossier) -> dict[str, Cell]:
    figures = (row.estimated_units, row.reported_units, row.billed_units)
    shown = [None if one is None else to_decimal(one) for one in figures]
    exact = ["" if one is None else format_units(one, SCALE) for one in figures]
    digits = dossier.digits
    sums = 'SUMIFS(bridge_amount,bridge_row,[row],bridge_chain,1,bridge_step,"{0}")'
    drawn = 'SUMIFS(bridge_amount,bridge_row,[row],bridge_chain,2,bridge_step,"unexplained")'
    first, last = to_decimal(first_units(row)), to_decimal(last_units(row))
    explained, unexplained = (
        rounded(to_decimal(one), digits) for one in (row.explained_units, row.unexplained_units)
    )
    return {
        "provider": row.provider,
        "account": row.billing_account_id,
        "mode": row.mode,
        **dict(zip(("estimated", "reported", "billed"), shown, strict=True)),
        "first": first,
        "explained": Formula(text=f"ROUND({sums.format('cause')},{digits})", value=explained),
        "unexplained": Formula(
            text=f"ROUND({sums.format('unexplained')}-{drawn},{digits})", value=unexplained
        ),
        "last": last,
        "tie": tied(
            f"ROUND([first]+{sums.format('cause')}+[unexplained],{digits})",
            f"ROUND([last],{digits})",
            holds=True,  # a statement whose rows do not add up is not built
        ),
        **dict(zip(("estimated_exact", "reported_exact", "billed_exact"), exact, strict=True)),
        "row": number,
    }


def _bridge_rows(one: Bridge, number: int, row: int) -> Iterator[dict[str, Cell]]:
    chain = 1 if one.section in CHAIN else 2 if one.section == ROLL else 0
    common: dict[str, Cell] = {
        "bridge": number,
        "provider": one.provider,
        "account": one.billing_account_id,
        "section": _SECTIONS.get(one.section, one.section),
        "row": row,
        "chain": chain,
    }
    steps = [
        ("opening", one.start_label, one.start_units),
        *(("cause", f"{line.component}: {line.cause}", line.amount_units) for line in one.lines),
        ("unexplained", "What no cause explains", one.unexplained_units),
        ("closing", one.end_label, one.end_units),
    ]
    for step, cause, units in steps:
        amounts: dict[str, Cell] = {
            "amount": to_decimal(units),
            "exact": format_units(units, SCALE),
        }
        if step == "closing":
            parts = 'SUMIFS({amount},{bridge},[bridge],{step},"<>closing")'
            amounts["tie"] = tied(
                parts, "[amount]", holds=True
            )  # a bridge conserves or is not made
        yield {**common, "step": step, "cause": cause, **amounts}


def _balance(one: Balance, moved: tuple[int, int], digits: int) -> dict[str, Cell]:
    def shown(minor: int) -> Decimal:
        return Decimal(minor).scaleb(-digits)

    debit, credit = (
        Formula(text=f"ROUND(SUMIFS(journal_{side},journal_no,[no]),{digits})", value=shown(minor))
        for side, minor in zip(("debit", "credit"), moved, strict=True)
    )
    closing = f"ROUND([opening]+[debit]-[credit],{digits})"
    return {
        "opening": shown(one.opening_minor),
        "debit": shown(one.debit_minor),
        "credit": shown(one.credit_minor),
        "closing": Formula(text=closing, value=shown(one.closing_minor)),
        "in_journal_debit": debit,
        "in_journal_credit": credit,
        "tie": compared(
            "AND(ABS([debit]-[in_journal_debit])<0.005,ABS([credit]-[in_journal_credit])<0.005)",
            holds=moved == (one.debit_minor, one.credit_minor),
        ),
    }


def _moved(dossier: Dossier) -> dict[str, tuple[int, int]]:
    """Debits and credits of each account on the sheet Journal, in minor units."""
    found: dict[str, tuple[int, int]] = {}
    for entry in dossier.entries:
        for line in entry["lines"]:
            debit, credit = found.get(line["account"], (0, 0))
            both = (debit + line["debit_minor"], credit + line["credit_minor"])
            found[line["account"]] = both
    return found


def _without_room(lines: list[dict[str, Any]], numbers: Mapping[str, int]) -> list[dict[str, Cell]]:
    rows: dict[str, dict[str, Any]] = {}
    for line in lines:
        empty = {"debit": Decimal(0), "credit": Decimal(0), "no": numbers[line["account"]]}
        about = {"document_no": "No room on the sheet", "account": line["account"]}
        row = rows.setdefault(line["account"], {**about, **empty})
        for side in ("debit", "credit"):
            row[side] += line[side] or 0
    return [rows[account] for account in sorted(rows)]


def _numbers(dossier: Dossier) -> dict[str, int]:
    """The number of each account on the sheet Trial balance."""
    return {one.account: at for at, one in enumerate(dossier.balances, start=1)}


def _account(one: Bridge | StatementRow) -> tuple[str, str]:
    return one.provider, one.billing_account_id


def _words(name: str) -> str:
    named = {"first": "First known", "last": "Last known"}
    return named.get(name, name.replace("_", " ").capitalize())
