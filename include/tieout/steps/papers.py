"""Papers: what a person sees of the review. Shows and changes nothing.

Owns how queued documents, their history and their figures look as plain values, money as text.
"""

from dataclasses import asdict
from typing import Any

from tieout.core.money import format_units
from tieout.core.period import parse_period
from tieout.focus.document import BillingDocument
from tieout.steps.bills import figures_of
from tieout.steps.context import Context
from tieout.store import intake


def listing(context: Context, *, period: str | None = None) -> list[dict[str, Any]]:
    """What waits for a person, of one month or of all: queued documents and proposed figures."""
    if period is not None:
        parse_period(period)
    with context.store.transaction() as tx:
        return [_shown(one) for one in intake.open_papers(tx, period)]


def show(context: Context, *, document: str) -> dict[str, Any]:
    """One document of the review: its state, its history, its figures, what was typed for it."""
    with context.store.transaction() as tx:
        paper = intake.get(tx, document)
        found = {
            **_shown(paper),
            "history": [
                {**asdict(one), "recorded_at": one.recorded_at.isoformat()}
                for one in intake.history(tx, paper.sha256)
            ],
            "typed": [_shown(one) for one in intake.typed_for(tx, paper.sha256)],
        }
    return {**found, "figures": [_shown_figures(one) for one in figures_of(context, paper)]}


def picture(context: Context, *, document: str, page: int = 1) -> bytes:
    """A page of the document, or of the evidence of typed figures, as PNG; pages count from 1.

    Raises:
        DocumentUnreadableError: it is no PDF, or has no such page.
    """
    from tieout.sources.pdf_picture import page_picture

    with context.store.transaction() as tx:
        paper = intake.get(tx, document)
    path, sha256 = paper.evidence_path or paper.lake_path, paper.evidence_sha256 or paper.sha256
    return page_picture(context.lake.get(path, sha256), page=page - 1)


def _shown_figures(document: BillingDocument) -> dict[str, Any]:
    return {
        "kind": document.kind,
        "number": document.number,
        "seller": document.seller,
        "bill_to": document.bill_to,
        "currency": document.currency,
        "issued_on": document.issued_on.isoformat(),
        "lines": [
            {"description": one.description, "amount": format_units(one.amount_units)}
            for one in document.lines
        ],
        "subtotal": format_units(document.subtotal_units),
        "credit": format_units(document.credit_units),
        "tax": format_units(document.tax_units),
        "total": format_units(document.total_units),
    }


def _shown(paper: intake.Paper) -> dict[str, Any]:
    return {
        "document": paper.sha256,
        "name": paper.name,
        "origin": paper.origin,
        "state": paper.state,
        "problem": paper.problem,
        "reason": paper.reason,
        "provider": paper.provider,
        "billing_account_id": paper.billing_account_id,
        "period": paper.period,
        "author": paper.author,
        "received_at": paper.received_at.isoformat(),
        "evidence": paper.evidence_sha256,
        "approved_by": paper.approved_by,
    }
