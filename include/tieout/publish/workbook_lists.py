"""The sheets beside the books: roll-forwards, exceptions, allocation, documents, checklist.

Owns which figure is re-added from which, as `workbook_books` does for the others.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from tieout.publish.sheets import (
    Block,
    Cell,
    Column,
    Formula,
    Page,
    added,
    compared,
    money_column,
    tied,
)
from tieout.reports.dossier import Dossier

_ABOUT_ACCRUED: Final = ("provider", "billing_account_id", "currency", "service_period")
_DRAWS: Final = ("opening", "usage", "adjustment", "beyond", "lapsed", "closing")
_EXCEPTIONS: Final = (
    Column(name="exception_id", title="Exception", kind="id"),
    Column(name="type", title="Type", kind="id", width=18),
    Column(name="subject", title="Subject", kind="long", width=30),
    Column(name="severity", title="Severity", kind="id", width=11),
    Column(name="state", title="State", kind="id", width=11),
    Column(name="blocks", title="Blocks", kind="id", width=8),
    Column(name="amount", title="Amount", kind="money"),
    Column(name="currency", title="Currency", kind="id", width=9),
    Column(name="age_days", title="Age, days", kind="count"),
    Column(name="owner", title="Owner", kind="id"),
    Column(name="due_on", title="Due", kind="date"),
    Column(name="expires_on", title="Accepted until", kind="date"),
    Column(name="tie", title="Check", kind="tie"),
    Column(name="message", title="What was found", kind="long"),
    Column(name="remark", title="Remark", kind="long", width=18),
)
_DOCUMENTS: Final = (
    Column(name="provider", title="Provider", kind="id"),
    Column(name="billing_account_id", title="Account", width=24),
    Column(name="kind", title="Kind", width=18),
    Column(name="name", title="File", kind="long"),
    Column(name="size_bytes", title="Bytes", kind="count", width=12),
    Column(name="fetched", title="Fetched (UTC)", width=18),
    Column(name="sha256", title="SHA-256", width=66),
    Column(name="tie", title="Check", kind="tie"),
)
_CHECKS: Final = (
    Column(name="check_id", title="Check", kind="id", width=9),
    Column(name="title", title="What is checked", width=46),
    Column(name="state", title="State", kind="id", width=15),
    Column(name="detail", title="What was found", kind="long"),
    Column(name="owner", title="Owner", kind="id"),
    Column(name="reviewer", title="Reviewer", kind="id"),
    Column(name="due_on", title="Due", kind="date"),
    Column(name="blocking", title="Blocks", kind="id", width=9),
    Column(name="tie", title="Check", kind="tie"),
)


def rollforwards(dossier: Dossier) -> Page:
    """Accrued liabilities, prepaid balances, commitments, and each balance three ways."""
    rolls = dossier.rolls
    moves = [name for row in rolls["accrued"] for name in row]
    moves = [one for one in dict.fromkeys(moves) if one not in (*_ABOUT_ACCRUED, "entries")]
    prepaid = [
        {**row, **row["movements"], "service_period": row["what"]} for row in rolls["prepaid"]
    ]
    kinds = list(dict.fromkeys(name for row in rolls["prepaid"] for name in row["movements"]))
    blocks = [
        _roll("accrued", "Accrued liabilities", rolls["accrued"], moves, dossier),
        _roll(
            "prepaid", "Prepaid credit and fees", prepaid, ["opening", *kinds, "closing"], dossier
        ),
    ]
    if rolls["commitments"]:
        own = [{**row, "service_period": row["commitment"]} for row in rolls["commitments"]]
        blocks.append(_roll("commitment", "Commitments", own, list(_DRAWS), dossier))
    return Page(
        name="Roll-forwards",
        title=f"Roll-forwards {dossier.period}, {dossier.currency}",
        note="Opening and movements are the closing; every balance stands beside the ledger's and "
        "beside what is open by documents, statements and plans.",
        blocks=(*blocks, _ties(rolls["ties"])),
    )


def exceptions(dossier: Dossier) -> Page:
    """The queue as it stood; nothing that blocks may be left in a closed month."""
    rows = [
        {
            **{one.name: _plain(row.get(one.name)) for one in _EXCEPTIONS},
            "exception_id": row["exception_id"][:12],
            "blocks": "yes" if row["blocks"] else "no",
            "amount": Decimal(row["amount"]),
        }
        for row in dossier.exceptions
    ]
    clear = not any(row["blocks"] for row in dossier.exceptions)
    total: dict[str, Cell] = {
        "exception_id": "Left",
        "subject": "Ties when nothing is left that blocks.",
        "tie": compared('COUNTIF({blocks},"yes")=0', holds=clear),
    }
    return Page(
        name="Exceptions",
        title=f"Exceptions {dossier.period}",
        note="What was found, how old it is, who owns it, and until when it was accepted.",
        blocks=(Block(name="exception", columns=_EXCEPTIONS, rows=rows, total=total),),
    )


def documents(dossier: Dossier) -> Page:
    """What the providers sent, with the hash that names it in the evidence pack."""
    rows = [
        {**{one.name: _plain(row.get(one.name)) for one in _DOCUMENTS}, "fetched": _time(row)}
        for row in dossier.documents
    ]
    count = len(rows)
    total: dict[str, Cell] = {
        "provider": "Files",
        "size_bytes": Formula(
            text="SUM({size_bytes})", value=sum(int(one["size_bytes"]) for one in dossier.documents)
        ),
        "name": f"{count} files were kept.",
        "tie": compared(f"COUNTA({{sha256}})={count}", holds=True),
    }
    return Page(
        name="Documents",
        title=f"Documents {dossier.period}",
        note="As they were fetched. Ties when the list holds as many files as were kept.",
        blocks=(Block(name="document", columns=_DOCUMENTS, rows=rows, total=total),),
    )


def checklist(dossier: Dossier) -> Page:
    """The checks that two people signed under."""
    rows = [
        {
            **{one.name: _plain(row.get(one.name)) for one in _CHECKS},
            "state": row["state"].replace("_", " "),
            "blocking": "yes" if row["blocking"] else "no",
            "due_on": date.fromisoformat(row["due_on"]) if row["due_on"] else None,
        }
        for row in dossier.checks
    ]
    clear = not any(row["blocking"] and row["state"] == "failed" for row in dossier.checks)
    total: dict[str, Cell] = {
        "check_id": "Left",
        "title": "Ties when no check that blocks has failed.",
        "tie": compared('COUNTIFS({blocking},"yes",{state},"failed")=0', holds=clear),
    }
    return Page(
        name="Checklist",
        title=f"Close checklist {dossier.period}",
        note="As it was asked to be signed; C19 and C20 follow the signatures.",
        blocks=(Block(name="check", columns=_CHECKS, rows=rows, total=total),),
    )


def _roll(
    name: str, title: str, rows: Sequence[Mapping[str, Any]], moves: list[str], dossier: Dossier
) -> Block:
    """One roll; movements that no row has are left out."""
    kept = [
        one
        for one in moves
        if one in ("opening", "closing") or any(Decimal(row[one]) for row in rows)
    ]
    parts = kept[:-1]
    shown: list[dict[str, Cell]] = [
        {
            "account": f"{row['provider']}/{row['billing_account_id']}",
            "of": row["service_period"],
            **{one: Decimal(row[one]) for one in kept},
            "tie": tied(
                f"SUM([{parts[0]}]:[{parts[-1]}])",
                "[closing]",
                holds=sum((Decimal(row[one]) for one in parts), Decimal(0))
                == Decimal(row["closing"]),
            ),
        }
        for row in rows
    ]
    sums = {one: added(one, [row[one] for row in shown], dossier.digits) for one in kept}
    return Block(
        name=name,
        title=title,
        columns=(
            Column(name="account", title="Account", width=34),
            Column(name="of", title="Of", width=32),
            *(money_column(one) for one in kept),
            Column(name="tie", title="Check", kind="tie", width=16),
        ),
        rows=shown,
        total={"account": "Total", **sums} if shown else {},
    )


def _ties(ties: Sequence[Mapping[str, Any]]) -> Block:
    names = ("rolled", "ledger", "open", "allowed")
    rows: list[dict[str, Cell]] = [
        {
            "subject": row["subject"],
            "what": row["what"],
            **{name: Decimal(row[name]) for name in names},
            "tie": compared(
                "MAX([rolled],[ledger],[open])-MIN([rolled],[ledger],[open])<[allowed]+0.0005",
                holds=row["ties"],
            ),
        }
        for row in ties
    ]
    return Block(
        name="three_ways",
        title="Each balance as three sources have it",
        columns=(
            Column(name="subject", title="Balance"),
            Column(name="what", title="What"),
            Column(name="rolled", title="Rolled forward", kind="money"),
            Column(name="ledger", title="In the books", kind="money"),
            Column(name="open", title="Still open", kind="money"),
            Column(name="allowed", title="May be apart", kind="money"),
            Column(name="tie", title="Check", kind="tie"),
        ),
        rows=rows,
    )


def _time(row: Mapping[str, Any]) -> str:
    return f"{row['fetched_at']:%Y-%m-%d %H:%M}"


def _plain(value: Any) -> Cell:
    return value if value is None or isinstance(value, (str, Decimal, int, date)) else str(value)
