"""Arrived: the documents of a month, what each says, what it became, and its bytes. Reads only.

Owns which papers are listed beside which; what a document says was read by the steps before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import DocumentUnreadableError, UnknownSubjectError
from tieout.core.money import format_units, from_decimal, from_minor, minor_digits
from tieout.core.period import Period, parse_period
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import total_units
from tieout.ledger.billing_accounts import BillingAccount
from tieout.sources.documents import MEDIA_TYPES, medium_of
from tieout.steps.bills import arrived_documents, figures_of
from tieout.steps.context import Context
from tieout.steps.inputs import accounts, is_billed
from tieout.store import charge_files, documents, intake, journal, snapshots
from tieout.store.session import Tx

Values = dict[str, Any]
MOST_CHARGES: Final = 2_000
_PDF: Final = "application/pdf"
_ANY_MEDIA: Final = "application/octet-stream"
_READ_AS: Final[tuple[tuple[snapshots.SnapshotKind, charge_files.ChargeFileKind], ...]] = (
    ("cost", "charges"),
    ("usage", "estimate"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The bytes of a document, verified against its hash."""

    name: str
    media_type: str
    content: bytes


def listing(context: Context, *, period: str) -> list[Values]:
    """Invoices, receipts and credit notes of a month, its unread files, and what is missing.

    `state` is `read`, `missing` (an account in arrears is billed and no invoice has been read),
    `attachment` (a file that belongs to another), or the state of the review. Amounts are text.

    Raises:
        NotReadyError: no register is approved for the period.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        stored = documents.for_period(tx, period, kind="billing_document")
        reviewed = {one.sha256: one for one in intake.papers(tx, period)}
        rows: list[Values] = []
        for account in accounts(tx, month):
            own = arrived_documents(context, tx, account, month)
            rows += [_read(account, one, reviewed) for one in own]
            is_late = account.mode == "arrears" and not own
            if is_late and is_billed(context, tx, account, month):
                rows.append(_row(account.subject, "missing", name="No invoice has been read"))
    known = {one["document"] for one in rows}
    for one in stored:
        if one.sha256 not in known and one.sha256 not in reviewed:
            subject = f"{one.provider}/{one.billing_account_id}"
            rows.append(_row(subject, "attachment", name=one.name, document=one.sha256))
    return rows + [
        _row(_subject(one), one.state, name=one.name, document=one.sha256)
        for one in reviewed.values()
        if one.sha256 not in known
    ]


def show(context: Context, *, period: str, document: str) -> Values:
    """One document: where it came from, what it says, and the charges and entries it became.

    Of what waits in the review, `says` is what it says by itself. `evidence` is the SHA-256 of the
    bytes that typed figures stand for, `typed` what people typed for this document.
    `charges` are at most MOST_CHARGES, in the order of their rows; `charge_count` and
    `charge_total` are of all. Amounts are text.

    Raises:
        UnknownSubjectError: the month has no such document.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        paper = intake.find(tx, document)
        found = _find(tx, period, document, paper)
        own = [one for one in accounts(tx, month) if one.subject == found["account"]]
        said = [
            one
            for account in own
            for one in arrived_documents(context, tx, account, month)
            if one.document == document
        ]
        came = _became(context, tx, own[0], month, document) if own else None
        entries = journal.citing(tx, document)
        typed = intake.typed_for(tx, document)
    if paper and not said:
        said = list(figures_of(context, paper))
    return {
        **found,
        "evidence": paper.evidence_sha256 if paper else None,
        "typed": [{"document": one.sha256, "name": one.name, "state": one.state} for one in typed],
        "says": [_said(one) for one in said],
        "charge_count": 0 if came is None else came.num_rows,
        "charge_total": format_units(0 if came is None else total_units(came)),
        "charges": [] if came is None else _charges(came),
        "entries": [
            {
                **{name: getattr(one, name) for name in ("document_no", "description", "currency")},
                "amount": format_units(
                    from_minor(one.debit_minor, minor_digits(one.currency)),
                    minor_digits(one.currency),
                ),
            }
            for one in entries
        ],
    }


def file(context: Context, *, document: str) -> File:
    """The bytes of a document that was fetched or handed in, or that proves typed figures.

    Raises:
        UnknownSubjectError: there is none.
        HashMismatchError: its bytes are no longer what they were.
    """
    with context.store.transaction() as tx:
        stored = documents.get(tx, document)
        one = stored[0] if stored else intake.find(tx, document)
        typed = intake.typed_for(tx, document)[:1]
    if one is not None:
        content = context.lake.get(one.lake_path, one.sha256)
        return File(name=one.name, media_type=one.media_type, content=content)
    for proven in typed:
        content = context.lake.get(str(proven.evidence_path), document)
        medium = medium_of(content)
        media_type = MEDIA_TYPES[medium] if medium else _ANY_MEDIA
        return File(name=str(proven.evidence_name), media_type=media_type, content=content)
    raise UnknownSubjectError(
        f"No document {document[:12]} was received: expected the SHA-256 of one."
    )


def picture(context: Context, *, document: str, page: int, width: int) -> bytes:
    """A page of a PDF as PNG; pages count from 1.

    Raises:
        DocumentUnreadableError: it is no PDF, or has no such page.
        UnknownSubjectError: there is no such document.
    """
    from tieout.sources.pdf_picture import page_picture

    return page_picture(file(context, document=document).content, page=page - 1, width=width)


def places(context: Context, *, document: str, texts: Sequence[str]) -> Values:
    """Sizes of the pages of a PDF, and where on them each text is printed; nothing of other files.

    Places are page (from 1), left, top, width, height in tenths of a point; None: not found.
    """
    from tieout.sources.pdf_picture import find_lines, page_sizes

    found = file(context, document=document)
    if found.media_type != _PDF:
        return {"pages": [], "boxes": [None for _ in texts], "problem": ""}
    try:
        sizes, boxes = page_sizes(found.content), find_lines(found.content, texts)
    except DocumentUnreadableError as error:
        return {"pages": [], "boxes": [None for _ in texts], "problem": str(error)}
    return {
        "pages": [{"width": width, "height": height} for width, height in sizes],
        "boxes": [box and asdict(box) for box in boxes],
        "problem": "",
    }


def _find(tx: Tx, period: str, document: str, paper: intake.Paper | None) -> Values:
    """Where the document came from; what was handed in is known to the review as well."""
    stored = [one for one in documents.get(tx, document) if one.period == period]
    review = {name: getattr(paper, name, "") for name in ("state", "reason", "author")}
    if stored:
        one = stored[0]
        return {
            **_facts(one),
            "account": f"{one.provider}/{one.billing_account_id}",
            "kind": one.kind,
            "request": dict(one.request),
            "at": one.fetched_at,
            **review,
        }
    if paper is None or paper.period not in (period, None):
        raise UnknownSubjectError(
            f"{period} has no document {document[:12]}: expected one of its list."
        )
    return {
        **_facts(paper),
        "account": _subject(paper),
        "kind": "handed in",
        "request": {},
        "at": paper.received_at,
        **review,
    }


def _facts(one: documents.StoredDocument | intake.Paper) -> Values:
    shown = {name: getattr(one, name) for name in ("name", "media_type", "size_bytes")}
    return {"document": one.sha256, **shown}


def _became(
    context: Context, tx: Tx, account: BillingAccount, month: Period, document: str
) -> pa.Table | None:
    """The charges of the newest version that holds the document; None where nothing was read."""
    place = {"provider": account.provider, "billing_account_id": account.billing_account_id}
    for kind, files in _READ_AS:
        for one in reversed(snapshots.versions(tx, **place, period=str(month), kind=kind)):
            kept = charge_files.get(tx, one.snapshot_id, files)
            if kept and document in one.document_sha256s:
                table = context.lake.get_table(kept.lake_path, kept.file_sha256)
                return table.filter(pc.equal(table["source_document"], document))
    return None


def _charges(table: pa.Table) -> list[Values]:
    rows = table.sort_by("source_row").slice(0, MOST_CHARGES).to_pylist()
    return [
        {
            "row": row["source_row"],
            "line_id": row["line_id"],
            "day": row["charge_period_start"].date(),
            "description": row["charge_description"] or row["service_name"],
            "category": row["charge_category"],
            "sub_account": row["sub_account_id"],
            "amount": format_units(from_decimal(row["billed_cost"])),
            "currency": row["billing_currency"],
        }
        for row in rows
    ]


def _read(
    account: BillingAccount, one: BillingDocument, reviewed: Mapping[str, intake.Paper]
) -> Values:
    state = reviewed[one.document].state if one.document in reviewed else "read"
    return _row(account.subject, state, name=one.number, document=one.document) | {
        "kind": one.kind,
        "seller": one.seller,
        "issued_on": one.issued_on,
        "due_on": one.due_on,
        "total": format_units(one.total_units),
        "currency": one.currency,
    }


def _row(account: str, state: str, *, name: str, document: str = "") -> Values:
    empty = dict.fromkeys(("kind", "seller", "issued_on", "due_on", "total", "currency"))
    return {"account": account, "state": state, "name": name, "document": document, **empty}


def _said(one: BillingDocument) -> Values:
    amounts = {
        "subtotal": one.subtotal_units,
        "credit": one.credit_units,
        "tax": one.tax_units,
        "total": one.total_units,
        "lines_total": sum(line.amount_units for line in one.lines),
    }
    return {
        **{name: getattr(one, name) for name in ("kind", "number", "seller", "bill_to")},
        **{name: getattr(one, name) for name in ("currency", "issued_on", "due_on")},
        **{name: getattr(one, name) for name in ("service_start", "service_end", "corrects")},
        **{name: format_units(units) for name, units in amounts.items()},
        "gaps": one.tie_out_gaps(),
        "lines": [
            {
                "description": line.description,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "amount": format_units(line.amount_units),
                "row": line.source_row,
            }
            for line in one.lines
        ],
    }


def _subject(paper: intake.Paper | None) -> str:
    if paper is None or paper.provider is None:
        return ""
    return f"{paper.provider}/{paper.billing_account_id or '?'}"
