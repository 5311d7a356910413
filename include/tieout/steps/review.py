"""Review: what people do with documents that could not be read, matched, or came from nowhere.

Owns recording what a person says. Whether it stands is the database's business: typed figures count
only once another person approved them on the finance API.
"""

from dataclasses import dataclass, replace

from tieout import log as logs
from tieout.core.errors import (
    DocumentUnreadableError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    UsageError,
)
from tieout.core.money import format_units
from tieout.core.period import Period
from tieout.focus.document import BillingDocument
from tieout.ledger.billing_accounts import BillingAccount
from tieout.sources.documents import MEDIA_TYPES, clean_text
from tieout.sources.invoices.entered import entered_json
from tieout.sources.limits import MAX_DOCUMENT_BYTES
from tieout.sources.typed_document import read_typed, typed_text
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts
from tieout.steps.match import Given, account_of, identity, month_of
from tieout.steps.review_ways import ON_A_PAGE, WITH_THE_WORKER, Way
from tieout.store import audit, intake, people, periods
from tieout.store.session import Tx

ENTERED_FORMAT = "entered"
WHY_ENTERED = "Entered by hand from the evidence."
log = logs.get("review")


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A file of figures as a person typed them, and what else they said about the paper."""

    name: str
    content: bytes
    given: Given
    person: str
    reason: str = WHY_ENTERED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """Who sets a document aside, and why."""

    person: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """The bytes that typed figures stand for; `origin` is that of the figures."""

    sha256: str
    name: str
    path: str
    origin: intake.Origin


def correct(context: Context, *, document: str, typed: Typed) -> StepResult:
    """Propose figures for a document; once another person approved them, they are read instead.

    The same figures again change nothing.

    Raises:
        NotReadyError: figures for it wait already, or it was replaced or rejected.
        PeriodClosedError: it is part of a closed month.
        RuleFileError, DocumentUnreadableError: the figures break the form or do not tie out.
        UsageError: they belong to no account or month.
    """
    return _correct(context, document, typed, WITH_THE_WORKER)


def correct_on_page(context: Context, *, document: str, typed: Typed) -> StepResult:
    """The same for whoever is logged in; `document` is the whole id.

    The month's next `normalise` takes the proposal in, and the month does not close before it.

    Raises:
        SegregationError: the person holds no duty in the close, or this is a worker's login.
        NotReadyError, PeriodClosedError, RuleFileError, DocumentUnreadableError, UsageError: as for
            `correct`.
    """
    return _correct(context, document, typed, ON_A_PAGE)


def enter(context: Context, *, typed: Typed, evidence_name: str, evidence: bytes) -> StepResult:
    """Propose a document that no file tells, with the bytes that prove it.

    Raises:
        DocumentUnreadableError: the evidence is larger than a billing document may be.
        UsageError: the figures belong to no account or month.
    """
    if not evidence or len(evidence) > MAX_DOCUMENT_BYTES:
        raise DocumentUnreadableError(
            f"{evidence_name} is empty or too large: expected evidence of 1 to "
            f"{MAX_DOCUMENT_BYTES:,} bytes; nothing was kept of it."
        )
    figures = _typed(typed)
    stored = context.lake.put(evidence, "raw")
    name = clean_text(evidence_name) or stored.sha256[:12]
    with context.store.transaction(actor=typed.person) as tx:
        intake.hold(tx)
        proof = _Proof(sha256=stored.sha256, name=name, path=stored.path, origin="entered")
        return _propose(context, tx, figures, typed, proof=proof, way=WITH_THE_WORKER)


def reject(context: Context, *, document: str, person: str, reason: str) -> StepResult:
    """Set a document aside for good, or refuse proposed figures; the bytes and the reason stay.

    Raises:
        NotReadyError: the figures were approved, or the document was replaced by such.
        PeriodClosedError: it is part of a closed month.
    """
    return _reject(context, document, _Word(person=person, reason=reason), WITH_THE_WORKER)


def reject_on_page(context: Context, *, document: str, person: str, reason: str) -> StepResult:
    """The same for whoever is logged in; `document` is the whole id.

    Raises:
        SegregationError: the person holds no duty in the close, or this is a worker's login.
        NotReadyError, PeriodClosedError: as for `reject`.
    """
    return _reject(context, document, _Word(person=person, reason=reason), ON_A_PAGE)


def approve(context: Context, *, document: str, person: str) -> StepResult:
    """Approve typed figures as another person than their author; a worker's login cannot.

    They take effect with the next pull of documents or the next normalise of their account.

    Raises:
        SegregationError: the person typed them, or has no approver's duty.
        UnknownSubjectError: there are no such figures.
    """
    with context.store.transaction(actor=person) as tx:
        paper = intake.get(tx, document)
        approved = intake.approve(tx, paper.sha256)
        if paper.state == "proposed":
            facts = {"document": approved.sha256, "evidence": approved.evidence_sha256}
            audit.record(tx, "document_approved", f"{approved.period}/documents", facts)
    log.info("document_approved", document=approved.sha256[:12])
    return _result(approved, "done" if paper.state == "proposed" else "unchanged")


def _correct(context: Context, document: str, typed: Typed, way: Way) -> StepResult:
    figures = _typed(typed)
    with context.store.transaction(actor=typed.person) as tx:
        intake.hold(tx)
        paper = way.paper(tx, document)
        if paper.state == "rejected":
            raise NotReadyError(f"Document {paper.sha256[:12]} was rejected: expected another one.")
        _refuse_closed(tx, paper)
        proof = _Proof(
            sha256=paper.sha256, name=paper.name, path=paper.lake_path, origin="corrected"
        )
        said = replace(typed, given=_with_account(typed.given, paper))
        return _propose(context, tx, figures, said, proof=proof, way=way)


def _reject(context: Context, document: str, word: _Word, way: Way) -> StepResult:
    _say_why(word.reason)
    with context.store.transaction(actor=word.person) as tx:
        intake.hold(tx)
        _known_person(tx, word.person)
        paper = way.paper(tx, document)
        if paper.state == "rejected":
            return _result(paper, "unchanged")
        if paper.state in {"approved", "replaced"}:
            raise NotReadyError(
                f"Document {paper.sha256[:12]} is {paper.state}: expected one whose figures nobody "
                "approved; correct the approved figures instead."
            )
        _refuse_closed(tx, paper)
        way.rejected(tx, paper, word.reason)
        way.renew(context, tx, paper)
        facts = {"document": paper.sha256, "name": paper.name, "was": paper.state}
        audit.record(tx, "document_rejected", f"{paper.period}/documents", facts, why=word.reason)
        way.settle(context, tx, paper.period)
        now = intake.get(tx, paper.sha256)
    log.info("document_rejected", document=now.sha256[:12])
    return _result(now, "done")


def _typed(typed: Typed) -> BillingDocument:
    _say_why(typed.reason)
    return read_typed(typed_text(typed.content, name=typed.name), name=typed.name)


def _propose(
    context: Context,
    tx: Tx,
    figures: BillingDocument,
    typed: Typed,
    *,
    proof: _Proof,
    way: Way,
) -> StepResult:
    _known_person(tx, typed.person)
    content = entered_json(
        figures, entered_by=typed.person, reason=typed.reason, evidence_sha256=proof.sha256
    )
    stored = context.lake.put(content, "raw")
    known = intake.find(tx, stored.sha256)
    if known:
        return _result(known, "unchanged")
    _refuse_second(tx, proof)
    account, month = _place(tx, figures, typed)
    _refuse_twin(tx, figures, proof)
    kept = intake.Content(
        sha256=stored.sha256,
        origin=proof.origin,
        name=f"{figures.number}.{proof.origin}.json",
        media_type=MEDIA_TYPES["json"],
        size_bytes=stored.size_bytes,
        lake_path=stored.path,
        evidence_sha256=proof.sha256,
        evidence_name=proof.name,
        evidence_path=proof.path,
    )
    event = intake.NewEvent(
        event="corrected" if proof.origin == "corrected" else "entered",
        reason=typed.reason,
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
        format=ENTERED_FORMAT,
        identities=(identity(figures),),
    )
    way.corrected(tx, kept, event)
    facts = {
        "document": kept.sha256,
        "evidence": proof.sha256,
        "account": account.subject,
        "number": figures.number,
        "total": format_units(figures.total_units),
        "currency": figures.currency,
    }
    audit.record(tx, f"document_{proof.origin}", f"{month}/documents", facts, why=typed.reason)
    way.settle(context, tx, str(month))
    log.info("document_typed", document=kept.sha256[:12], origin=proof.origin)
    return _result(intake.get(tx, kept.sha256), "done")


def _refuse_second(tx: Tx, proof: _Proof) -> None:
    for one in intake.typed_for(tx, proof.sha256):
        if one.origin == "corrected" and one.state in {"proposed", "approved", "replaced"}:
            remedy = (
                "have it approved, or reject it first"
                if one.state == "proposed"
                else "correct those figures instead"
            )
            raise NotReadyError(
                f"Figures {one.sha256[:12]} for {proof.name} are {one.state}: expected none; "
                f"{remedy}."
            )


def _refuse_twin(tx: Tx, figures: BillingDocument, proof: _Proof) -> None:
    """A number is in use once; the document that is corrected may bear it, nothing else."""
    twins = [one for one in intake.bearing(tx, [identity(figures)]) if one.sha256 != proof.sha256]
    if twins:
        raise NotReadyError(
            f"{figures.number} of {figures.seller} is known from {twins[0].name} "
            f"({twins[0].sha256[:12]}, {twins[0].state}): expected one document for each number; "
            "correct or reject that one."
        )


def _place(tx: Tx, figures: BillingDocument, typed: Typed) -> tuple[BillingAccount, Period]:
    month = month_of((figures,), typed.given)
    account = (
        month
        if isinstance(month, str)
        else account_of((figures,), accounts(tx, month), typed.given)
    )
    if isinstance(month, str) or isinstance(account, str):
        raise UsageError(f"{typed.name}: {account}")
    return account, month


def _with_account(given: Given, paper: intake.Paper) -> Given:
    """The account that the paper has found already, unless the person names another."""
    if given.provider or given.account:
        return given
    return replace(given, provider=paper.provider, account=paper.billing_account_id)


def _refuse_closed(tx: Tx, paper: intake.Paper) -> None:
    """What a closed month was made of stays; queued documents never were part of one."""
    month = paper.period
    if paper.state != "queued" and month and periods.state(tx, month) == "closed":
        raise PeriodClosedError(
            f"Document {paper.sha256[:12]} is part of {month}, which is closed: expected one of an "
            "open month; enter what corrects it in the open month."
        )


def _known_person(tx: Tx, person: str) -> None:
    known = people.get(tx, person)
    if known is None or not known.duties:
        raise SegregationError(
            f"Expected a known person, found {person[:80]!r}: people correct and reject, services "
            "do not; ask the administrator to add the person."
        )


def _say_why(reason: str) -> None:
    if not reason.strip():
        raise UsageError("Expected a reason, found none: say in one sentence why.")


def _result(paper: intake.Paper, status: str) -> StepResult:
    return StepResult(
        step="review",
        subject=paper.name,
        status="done" if status == "done" else "unchanged",
        summary={
            "document": paper.sha256[:12],
            "state": paper.state,
            "period": paper.period,
            "evidence": paper.evidence_sha256[:12] if paper.evidence_sha256 else None,
        },
    )
