"""One ledger line: its lineage from the statement down to the document, and that document.

Owns what the two pages say and the order of the way; everything on them `steps.lineage` reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from tieout.core.money import minor_digits
from tieout.steps import lineage
from tieout.steps.line_sources import ACCOUNT, NO_VALUE
from tieout.web.api import Document, Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.table import Cell, Column, Row, Table
from tieout.web.view import QueryError

router = APIRouter()
LineId = Annotated[str, Path(pattern=r"^[0-9a-f]{6,64}$")]

_MOST_ROW: Final = 10**9
_HONOURS: Final = frozenset({"as_of", "basis"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One step of the way down: what it is, which one, its amount and address, a remark."""

    what: str
    which: str
    amount: Decimal | None = None
    link: str = ""
    note: str = ""


@router.get("/{period}/line/{line}")
def line(period: Period, line: LineId, desk: AtDesk) -> Response:
    """One line and everything behind it."""
    asked = desk.view()
    desk.month(period)
    found: dict[str, Any] = desk.kept(
        f"line {period} {line} {asked.basis} {asked.as_of}",
        lambda: lineage.line(
            desk.context, period=period, line=line, basis=asked.basis, as_of=asked.as_of
        ),
    )
    row, unit = found["line"], found["currency"]
    digits = minor_digits(unit)
    amount = desk.money(row["billed_cost"], unit, digits=digits)
    what = row["service_name"] or row["charge_category"] or "line"
    of = f" for {row['initiative']}" if row["initiative"] else ""
    tables = (
        desk.paged(_charges(desk, period, found)),
        _journal(desk, period, found),
        _classification(found),
    )
    return desk.show(
        Page(
            name="ledger",
            period=period,
            headline=f"{amount} of {row['provider']} {what}{of}: {_made_of(found)}.",
            template="ledger/line.html",
            tables=tables,
            values={
                "found": found,
                "row": row,
                "digits": digits,
                "steps": _steps(desk, period, found),
            },
            crumbs=_crumbs(desk, period, found, amount),
            honours=_HONOURS,
            as_of=None if asked.as_of is None else min(asked.as_of, desk.standing.ledger_seq),
            note="Not closed yet." if found["kind"] == "preliminary" else "",
        )
    )


@router.get("/{period}/document/{document}")
def document(period: Period, document: Document, desk: AtDesk) -> Response:
    """A provider's document, and the row of it that a charge came from."""
    asked = desk.view("row")
    desk.month(period)
    row = _row_number(asked.own.get("row", ""))
    found = lineage.document(desk.context, sha256=document, row=row)
    one = found["document"]
    return desk.show(
        Page(
            name="ledger",
            period=period,
            headline=f"{f'Row {row} of ' if row else ''}{one.name}, received from {one.provider} "
            f"on {one.fetched_at:%Y-%m-%d}: the bytes are those that were received.",
            template="ledger/document.html",
            tables=(_row_table(found, row),),
            values={"one": one, "names": found["names"], "row": row, "has_rows": found["rows"]},
            crumbs=(
                Crumb(title=f"Statement {period}", link=desk.link(f"/ledger/{period}")),
                Crumb(title=f"Document {document[:8]}"),
            ),
        )
    )


def _row_number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _MOST_ROW:
        raise QueryError(
            f"The key row of the address is {text[:40]!r}: expected the number of a row from 1 on."
        )
    return int(text)


def _made_of(found: Mapping[str, Any]) -> str:
    count = len(found["charges"])
    charges = "one charge" if count == 1 else f"{count:,} charges"
    if found["allocation"]:
        return f"a share of pool {found['allocation']['pool']}, which holds {charges} of this kind"
    return charges


def _crumbs(desk: Desk, period: str, found: Mapping[str, Any], amount: str) -> tuple[Crumb, ...]:
    row, unit = found["line"], found["currency"]
    where = ((ACCOUNT, row[ACCOUNT]),)
    return (
        Crumb(title=f"Statement {period}", link=desk.link(f"/ledger/{period}")),
        Crumb(
            title=f"{row[ACCOUNT]} {found['account_name']}",
            link=desk.link(f"/ledger/{period}/lines", where=where),
            amount=desk.money(found["cell"]["amount"], unit),
        ),
        Crumb(title=f"Line {row['ledger_line_id'][:8]}", amount=amount),
    )


def _steps(desk: Desk, period: str, found: Mapping[str, Any]) -> list[_Step]:
    """The way down, from the figure of the statement to the documents."""
    row, charges = found["line"], found["charges"]
    cell, group, share = found["cell"], found["group"], found["allocation"]
    where = ((ACCOUNT, row[ACCOUNT]),)
    carried = sum((one["amount"] for one in found["journal"]), Decimal(0))
    entries = {one["document_no"] for one in found["journal"]}
    unit = found["currency"]
    journal = f"their lines carry {_lines(group['lines'])} of {desk.money(group['amount'], unit)}"
    rules = {one["rule"] for one in found["classification"].values() if one["rule"]}
    approved = [f"{one['policy']}, approved by {one['approved_by']}" for one in found["approvals"]]
    named = sorted((one.name, one.sha256) for one in found["documents"].values())
    return [
        _Step(
            what="Statement",
            which=f"{row[ACCOUNT]} {found['account_name']}",
            amount=cell["amount"],
            link=desk.link(f"/ledger/{period}/lines", where=where),
            note=_lines(cell["lines"]),
        ),
        _Step(
            what="Journal",
            which=f"{len(entries)} entries",
            amount=carried,
            link="#journal",
            note=f"{journal}, rounded once; reversals are counted in",
        ),
        _Step(
            what="Ledger line",
            which=row["ledger_line_id"][:8],
            amount=row["billed_cost"],
            note=f"exactly {row['billed_cost']:f}",
        ),
        *([_share(desk, period, share, unit)] if share else []),
        _Step(
            what="Classification",
            which=f"{len(rules)} rules",
            link="#classification",
            note=next(iter(approved), ""),
        ),
        _Step(
            what="Charges",
            which=_charges_words(len(charges)),
            amount=found["charges_total"],
            link="#charges",
            note="before the pool was shared" if share else "they add up to the line",
        ),
        *(
            _Step(
                what="Document",
                which=name,
                link=desk.link(f"/ledger/{period}/document/{sha256}"),
                note=f"SHA-256 {sha256[:8]}; each charge names its row",
            )
            for name, sha256 in named
        ),
    ]


def _lines(count: int) -> str:
    return "one ledger line" if count == 1 else f"{count:,} ledger lines"


def _charges_words(count: int) -> str:
    return "one charge" if count == 1 else f"{count:,} charges"


def _share(desk: Desk, period: str, share: Mapping[str, Any], unit: str) -> _Step:
    made = share["certificate"]
    by = f", {made['method']} by {made['driver'] or 'fixed weights'}" if made else ""
    return _Step(
        what="Allocation share",
        which=f"pool {share['pool']}",
        amount=share["share"],
        link=_tab(desk, "allocation", period),
        note=f"of {desk.money(share['of'], unit)}{by}",
    )


def _tab(desk: Desk, name: str, period: str) -> str:
    """The address of another page, if there is one."""
    return desk.link(f"/{name}/{period}") if any(one.name == name for one in desk.tabs) else ""


def _charges(desk: Desk, period: str, found: Mapping[str, Any]) -> Table:
    unit = found["currency"]
    known = found["documents"]
    rows = [_charge(desk, period, one, known) for one in found["charges"]]
    return Table(
        name="charges",
        caption="Charges",
        columns=(
            Column(name="charge", title="Charge", kind="id"),
            Column(name="day", title="From", kind="date", sorts=True),
            Column(name="description", title="Description", sorts=True),
            Column(name="document", title="Document, row"),
            Column(name="sha256", title="SHA-256", kind="id"),
            Column(name="amount", title="Amount", kind="money", unit=unit, digits=6, sorts=True),
        ),
        rows=rows,
        total={"charge": "Total", "amount": found["charges_total"]},
        empty="No charge is kept for this line.",
    )


def _charge(desk: Desk, period: str, one: Mapping[str, Any], known: Mapping[str, Any]) -> Row:
    sha256, row = one["source_document"], one["source_row"]
    document = known.get(sha256)
    link = desk.link(f"/ledger/{period}/document/{sha256}", row=row) if document else ""
    name = document.name.rpartition("/")[2] if document else "not among the documents"
    return {
        "charge": one["line_id"],
        "day": one["charge_period_start"].date(),
        "description": one["charge_description"],
        "document": Cell(value=f"{name}, row {row}", link=link),
        "sha256": sha256,
        "amount": one["billed_cost"],
    }


def _journal(desk: Desk, period: str, found: Mapping[str, Any]) -> Table:
    unit = found["currency"]
    rows: Sequence[Row] = [
        {
            "entry": Cell(
                value=one["document_no"],
                link=desk.link(f"/ledger/{period}/entry/{one['document_no']}"),
                note=f"line {one['line_no']}",
            ),
            "type": one["journal_type"].replace("_", " "),
            "posted": one["posting_on"],
            "period": one["period"],
            "seq": one["ledger_seq"],
            "amount": one["amount"],
        }
        for one in found["journal"]
    ]
    total = sum((one["amount"] for one in found["journal"]), Decimal(0))
    return Table(
        name="journal",
        caption="Journal lines that carry it",
        columns=(
            Column(name="entry", title="Entry"),
            Column(name="type", title="Type"),
            Column(name="posted", title="Posted on", kind="date"),
            Column(name="period", title="In", kind="id"),
            Column(name="seq", title="Ledger sequence", kind="count"),
            Column(name="amount", title="Debit less credit", kind="money", unit=unit),
        ),
        rows=rows,
        total={"entry": "Total", "amount": total} if rows else None,
        empty="Nothing is posted for this line yet.",
    )


def _classification(found: Mapping[str, Any]) -> Table:
    return Table(
        name="classification",
        caption="Classification",
        columns=(
            Column(name="dimension", title="Dimension"),
            Column(name="value", title="Value"),
            Column(name="rule", title="Rule"),
        ),
        rows=[
            {
                "dimension": name.replace("_", " "),
                "value": one["value"] or NO_VALUE,
                "rule": one["rule"] or "no rule matched",
            }
            for name, one in found["classification"].items()
        ],
    )


def _row_table(found: Mapping[str, Any], row: int | None) -> Table:
    """The row as the provider wrote it, one field a line; empty fields are left out."""
    wanted = dict(found["rows"]).get(row, [])
    return Table(
        name="row",
        caption=f"Row {row} as the provider wrote it" if row else "Row",
        columns=(Column(name="field", title="Field"), Column(name="value", title="Value")),
        rows=[
            {"field": name, "value": value}
            for name, value in zip(found["columns"], wanted, strict=False)
            if value
        ],
        empty="This form of document has no lines of its own to show: the row is the place that "
        "the provider's list gives it."
        if row
        else "No row was asked for.",
    )
