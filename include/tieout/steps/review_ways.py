"""How a person's word about a document is recorded: with the worker's login, or on the pages.

Owns the difference, and no rule: a worker writes the rows and lets them take effect at once; the
pages' login writes none, it calls the database, and the next `normalise` takes the word in.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tieout.core.errors import UnknownSubjectError
from tieout.core.period import parse_period
from tieout.steps import keep
from tieout.steps.context import Context
from tieout.steps.inputs import accounts
from tieout.store import documents, intake
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """`paper` gives a document of the review, and lets one in that was only fetched so far.

    `corrected` and `rejected` record the word; `settle` comes last, after the audit event.
    """

    paper: Callable[[Tx, str], intake.Paper]
    corrected: Callable[[Tx, intake.Content, intake.NewEvent], None]
    rejected: Callable[[Tx, intake.Paper, str], None]
    renew: Callable[[Context, Tx, intake.Paper], None]
    settle: Callable[[Context, Tx, str | None], None]


def _paper(tx: Tx, start: str) -> intake.Paper:
    try:
        return intake.get(tx, start)
    except UnknownSubjectError:
        fetched = [one for one in documents.get(tx, start) if one.kind == "billing_document"]
        if not fetched:
            raise
    newest = fetched[-1]
    content = intake.Content(
        sha256=newest.sha256,
        origin="fetched",
        name=newest.name,
        media_type=newest.media_type,
        size_bytes=newest.size_bytes,
        lake_path=newest.lake_path,
    )
    intake.add(tx, content)
    event = intake.NewEvent(
        event="received",
        reason="Fetched; a person looks at it.",
        provider=newest.provider,
        billing_account_id=newest.billing_account_id,
        period=newest.period,
    )
    intake.happened(tx, newest.sha256, event)
    return intake.get(tx, newest.sha256)


def _corrected(tx: Tx, content: intake.Content, event: intake.NewEvent) -> None:
    intake.add(tx, content)
    intake.happened(tx, content.sha256, event)


def _rejected(tx: Tx, paper: intake.Paper, reason: str) -> None:
    event = intake.NewEvent(
        event="rejected",
        reason=reason,
        provider=paper.provider,
        billing_account_id=paper.billing_account_id,
        period=paper.period,
        format=paper.format,
        identities=paper.identities,
    )
    intake.happened(tx, paper.sha256, event)


def _renew(context: Context, tx: Tx, paper: intake.Paper) -> None:
    """A rejected document leaves the version of its month at once."""
    if paper.period is None or paper.billing_account_id is None:
        return
    month = parse_period(paper.period)
    for account in accounts(tx, month):
        if (account.provider, account.billing_account_id) == (
            paper.provider,
            paper.billing_account_id,
        ):
            keep.renew_papers(context, tx, account, month)


def _settle(context: Context, tx: Tx, period: str | None) -> None:
    if period is not None:
        keep.report_queue(context, tx, period)


def _later(_context: Context, _tx: Tx, _what: object) -> None:
    """The next `normalise` does it; until then the month cannot be put up for signature."""


WITH_THE_WORKER = Way(
    paper=_paper, corrected=_corrected, rejected=_rejected, renew=_renew, settle=_settle
)
ON_A_PAGE = Way(
    paper=intake.reviewed,
    corrected=intake.correct,
    rejected=intake.reject,
    renew=_later,
    settle=_later,
)
