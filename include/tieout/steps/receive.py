"""Receive: a billing document that a person hands in finds its account and month, or the review.

Owns what happens to handed-in bytes: accepted, queued with the reason, or refused. Reading is an
invoice format's job, matching `match`'s, versions `keep`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tieout import log as logs
from tieout.core.errors import DocumentUnreadableError, UsageError
from tieout.core.period import Period, parse_period, period_of
from tieout.focus.document import BillingDocument
from tieout.ledger.billing_accounts import BillingAccount
from tieout.reconciliation.invoice_parts import of_month
from tieout.sources.base import load_invoice_format, load_provider
from tieout.sources.documents import MEDIA_TYPES, clean_text, format_of, medium_of
from tieout.sources.limits import MAX_DOCUMENT_BYTES
from tieout.steps import earlier, keep
from tieout.steps.bills import arrived_documents
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts
from tieout.steps.match import Given, account_of, identity, month_of
from tieout.store import audit, intake, periods
from tieout.store.session import Tx

DEFAULT_FORMAT = "stripe_pdf"
TYPED = "entered"
_ANY_MEDIA = "application/octet-stream"
_SETTLED = frozenset({"accepted", "proposed", "approved", "replaced", "rejected"})
log = logs.get("receive")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paper:
    """Handed-in bytes in the lake, and what could be read out of them."""

    content: intake.Content
    format: str | None
    documents: tuple[BillingDocument, ...]
    unreadable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """Where a paper belongs; with a problem, which month it holds up and why."""

    month: Period | None
    account: BillingAccount | None
    problem: intake.Problem | None
    reason: str


def invoice(
    context: Context, *, name: str, content: bytes, given: Given, person: str | None = None
) -> StepResult:
    """Keep a billing document and let it join its account's month, or put it before people.

    The same bytes again change nothing, except that a queued document is judged anew. A document
    joins only if exactly one registered account and month fit and no other bytes bear its number.

    Raises:
        DocumentUnreadableError: larger than a billing document may be; nothing was kept.
        UnknownSubjectError: the account that was named is not registered.
        UsageError: no such provider or month.
    """
    paper = _read(context, name, content, given)
    with context.store.transaction(actor=person) as tx:
        intake.hold(tx)
        known = intake.find(tx, paper.content.sha256)
        if known and known.state in _SETTLED:
            return _result(known, "unchanged")
        verdict = _judge(context, tx, paper, given)
        if known and known.state == "queued" and known.reason == verdict.reason:
            return _result(known, "unchanged")
        if intake.add(tx, paper.content):
            event = intake.NewEvent(event="received", reason="Handed in.")
            intake.happened(tx, paper.content.sha256, event)
        _settle(context, tx, paper, verdict, before=known)
        now = intake.get(tx, paper.content.sha256)
    log.info("document_received", state=now.state, problem=now.problem, document=now.sha256[:12])
    return _result(now, "done")


def paper_months(context: Context, *, provider: str) -> tuple[str, ...]:
    """The months in which a provider's documents are still taken, oldest first.

    Open months, and those closed in the last year, where the provider is registered: their late
    papers are the open month's business. This month while the ledger has none.
    """
    with context.store.transaction() as tx:
        listed = periods.listing(tx)
        closed = [one.period for one in listed if one.state == "closed"][-earlier.LOOK_BACK :]
        found = sorted([*closed, *(one.period for one in listed if one.state != "closed")])
        months = found or [str(period_of(context.now().date()))]
        return tuple(
            month
            for month in months
            if provider in {one.provider for one in accounts(tx, parse_period(month))}
        )


def _read(context: Context, name: str, content: bytes, given: Given) -> _Paper:
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DocumentUnreadableError(
            f"{name} has more than {MAX_DOCUMENT_BYTES:,} bytes: expected a billing document of at "
            "most that; nothing was kept of it."
        )
    default = load_provider(given.provider).INVOICE_FORMAT if given.provider else DEFAULT_FORMAT
    _ = given.month  # a month that is none is refused before anything is kept
    stored = context.lake.put(content, "raw")
    medium = medium_of(content)
    kept = intake.Content(
        sha256=stored.sha256,
        origin="imported",
        name=clean_text(name) or stored.sha256[:12],
        media_type=MEDIA_TYPES[medium] if medium else _ANY_MEDIA,
        size_bytes=len(content),
        lake_path=stored.path,
    )
    try:
        chosen = format_of(kept.name, content, default=default)
        if chosen == TYPED:
            raise UsageError(
                f"{kept.name} holds typed figures: expected a paper; type figures with `tieout "
                "enter invoice` or `tieout review correct`, so that another person approves them."
            )
        found = load_invoice_format(chosen).read(content, document_sha256=stored.sha256)
    except DocumentUnreadableError as error:
        return _Paper(content=kept, format=None, documents=(), unreadable=str(error))
    return _Paper(content=kept, format=chosen, documents=found, unreadable="")


def _judge(context: Context, tx: Tx, paper: _Paper, given: Given) -> _Verdict:
    if paper.unreadable:
        return _no(given.month, None, "document_unreadable", paper.unreadable)
    known = _known(context, tx, given.month) if given.month else ()
    month = month_of(paper.documents, given, known)
    if isinstance(month, str):
        return _no(_hint(paper.documents, given), None, "document_unmatched", month)
    account = account_of(paper.documents, accounts(tx, month), given)
    if isinstance(account, str):
        return _no(month, None, "document_unmatched", account)
    twin = _twin(context, tx, paper, account, month)
    if twin:
        return _no(month, account, "document_duplicate", twin)
    reason = f"It belongs to {account.subject} in {month}."
    if periods.state(tx, str(month)) == "closed":
        reason = (
            f"It belongs to {account.subject} in {month}, which is closed: the open month books it "
            "as a change of estimate with that service month."
        )
    return _Verdict(month=month, account=account, problem=None, reason=reason)


def _no(
    month: Period | None, account: BillingAccount | None, problem: intake.Problem, reason: str
) -> _Verdict:
    return _Verdict(month=month, account=account, problem=problem, reason=reason)


def _known(context: Context, tx: Tx, month: Period) -> tuple[BillingDocument, ...]:
    return tuple(
        document
        for account in accounts(tx, month)
        for document in arrived_documents(context, tx, account, month)
    )


def _hint(documents: Sequence[BillingDocument], given: Given) -> Period | None:
    """The month under which the close would look for a paper that has no place yet."""
    if given.month:
        return given.month
    likely = {
        month
        for one in documents
        for day in (one.issued_on, one.service_end or one.issued_on)
        for month in (period_of(day).previous(), period_of(day))
        if of_month((one,), month)
    }
    return min(likely, default=None)


def _twin(
    context: Context, tx: Tx, paper: _Paper, account: BillingAccount, month: Period
) -> str | None:
    own = {identity(one): one for one in paper.documents}
    handed_in = [
        (one.name, one.sha256)
        for one in intake.bearing(tx, sorted(own))
        if one.sha256 != paper.content.sha256
    ]
    fetched = [
        (one.number, one.document)
        for one in arrived_documents(context, tx, account, month)
        if identity(one) in own and one.document != paper.content.sha256
    ]
    twins = [*handed_in, *fetched]
    if not twins:
        return None
    name, sha256 = twins[0]
    numbers = ", ".join(sorted(one.number for one in own.values()))
    return (
        f"{numbers} is known from other bytes ({name}, {sha256[:12]}): expected one document for "
        "each number of a seller; reject the wrong one, or correct the other."
    )


def _settle(
    context: Context, tx: Tx, paper: _Paper, verdict: _Verdict, *, before: intake.Paper | None
) -> None:
    """Write the verdict, make the new version, and last the findings of the months concerned."""
    held_up = str(verdict.month) if verdict.month else None
    if verdict.problem:
        held_up = _held_up(context, tx, verdict.month)
    event: Literal["queued", "accepted"] = "queued" if verdict.problem else "accepted"
    happened = intake.NewEvent(
        event=event,
        reason=verdict.reason,
        provider=verdict.account.provider if verdict.account else None,
        billing_account_id=verdict.account.billing_account_id if verdict.account else None,
        period=held_up,
        format=paper.format,
        identities=tuple(sorted(identity(one) for one in paper.documents)),
        problem=verdict.problem,
    )
    intake.happened(tx, paper.content.sha256, happened)
    if verdict.account and verdict.month and not verdict.problem:
        keep.renew_papers(context, tx, verdict.account, verdict.month)
    facts = {
        "document": paper.content.sha256,
        "name": paper.content.name,
        "account": verdict.account.subject if verdict.account else None,
        "problem": verdict.problem,
        "numbers": sorted(one.number for one in paper.documents),
    }
    audit.record(tx, f"document_{event}", f"{held_up}/documents", facts, why=verdict.reason)
    for period in sorted({one for one in (held_up, before.period if before else None) if one}):
        keep.report_queue(context, tx, period)


def _held_up(context: Context, tx: Tx, month: Period | None) -> str:
    """The month that waits for the paper: its own if it will be closed, else the oldest open one.

    A month before the first of the ledger will never be closed, so it would hold up nothing.
    """
    states = {one.period: one.state for one in periods.listing(tx)}
    still_open = [period for period, state in states.items() if state != "closed"]
    own = str(month) if month else ""
    if own in still_open or (own and all(period < own for period in states)):
        return own
    return still_open[0] if still_open else str(period_of(context.now().date()))


def _result(paper: intake.Paper, status: Literal["done", "unchanged"]) -> StepResult:
    return StepResult(
        step="receive",
        subject=paper.name,
        status=status,
        summary={
            "document": paper.sha256[:12],
            "state": paper.state,
            "account": f"{paper.provider}/{paper.billing_account_id}" if paper.provider else None,
            "period": paper.period,
            "why": paper.reason,
        },
    )
