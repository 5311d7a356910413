"""What several steps keep: versions of raw documents, and the queue of documents for people.

Owns which documents make up an account's month: what was fetched, what people handed in and what
they typed, less what they set aside. It reads no figure.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from tieout.core.errors import SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.period import Period
from tieout.ledger.billing_accounts import BillingAccount
from tieout.sources.base import RawDocument
from tieout.steps.context import Context
from tieout.steps.outputs import INPUTS, Work, begin, done_before, finish
from tieout.store import audit, documents, intake, runs, snapshots
from tieout.store.session import Tx

MOST_BAD_ROWS_PCT = 5
_UNAPPROVED = "document_unapproved"

Named = tuple[str, str, str]  # kind, name, SHA-256


def answers(
    context: Context,
    account: BillingAccount,
    month: Period,
    kind: snapshots.SnapshotKind,
    *,
    received: Sequence[RawDocument],
    through_on: date | None = None,
    actor: str | None = None,
) -> int:
    """Bytes first, then one transaction that names them; returns 1 for a new version.

    `through_on` is the last day (UTC) for which they speak: yesterday, unless said otherwise.
    """
    now = context.now()
    paths = _put(context, received)
    with context.store.transaction(actor=actor) as tx:
        for raw in received:
            documents.add(tx, _stored(raw, account, month, now, paths[raw.sha256]))
        named = [(raw.kind, raw.name, raw.sha256) for raw in received]
        new = replace(
            _version(account, month, kind, named, now=now),
            content_sha256=content_key(part for raw in received for part in _said(raw)),
        )
        snapshot, is_new = snapshots.add(tx, replace(new, through_on=through_on or new.through_on))
        if is_new:
            _record(tx, snapshot, "documents_pulled")
    return int(is_new)


def billing_papers(
    context: Context, account: BillingAccount, month: Period, *, fetched: Sequence[RawDocument]
) -> int:
    """Keep what was fetched, together with what people handed in; returns 1 for a new version."""
    paths = _put(context, fetched)
    with context.store.transaction() as tx:
        intake.hold(tx)
        for raw in fetched:
            documents.add(tx, _stored(raw, account, month, context.now(), paths[raw.sha256]))
        named = [(raw.kind, raw.name, raw.sha256) for raw in fetched]
        return _renewed(context, tx, account, month, named or None)


def renew_papers(context: Context, tx: Tx, account: BillingAccount, month: Period) -> int:
    """Make the month's documents what people have decided; returns 1 for a new version.

    The caller holds the intake. Nothing is fetched: what the newest version has stays.
    """
    return _renewed(context, tx, account, month, None)


def catch_up(context: Context, registered: Sequence[BillingAccount], month: Period) -> int:
    """Let decisions of the pages take effect: their login writes no versions and no findings.

    Returns how many versions were made. Looks first, and locks only if there is something to do.
    """
    with context.store.transaction() as tx:
        stale = [one for one in registered if _is_stale(tx, one, month)]
        if not stale and _queue_is_reported(context, tx, str(month)):
            return 0
    with context.store.transaction() as tx:
        intake.hold(tx)
        made = sum(renew_papers(context, tx, account, month) for account in stale)
        report_queue(context, tx, str(month))
    return made


def is_behind(
    context: Context, tx: Tx, registered: Sequence[BillingAccount], month: Period
) -> bool:
    """Whether people decided about documents of the month and nothing has taken it in yet."""
    is_stale = any(_is_stale(tx, one, month) for one in registered)
    return is_stale or not _queue_is_reported(context, tx, str(month))


def report_queue(context: Context, tx: Tx, period: str) -> None:
    """Store one blocking finding for each document of the month that waits for a person.

    The findings hang on a run of their own, so a settled document stops blocking. Call it after the
    audit event of what changed: whoever holds the audit log sees the queue as it is.
    """
    waiting = intake.open_papers(tx, period)
    work = _queue_work(context, period, waiting)
    if _queue_is_reported(context, tx, period) or done_before(tx, work):
        return
    found = _findings(waiting)
    outputs = {"waiting": [one.sha256 for one in waiting]}
    finish(context, tx, work, outputs=outputs, action="review_queue_changed", found=found)


def refuse_too_many(
    account: BillingAccount, bad: int, rows: int, findings_found: tuple[Finding, ...]
) -> None:
    """Refuse a load of which more than 5 % cannot be read.

    Raises:
        SourceAnswerError: with the first reason.
    """
    if bad * 100 > rows * MOST_BAD_ROWS_PCT:
        first = findings_found[0].message if findings_found else "no reason was given"
        raise SourceAnswerError(
            f"{account.subject}: {bad} of {rows} rows cannot be read, more than "
            f"{MOST_BAD_ROWS_PCT} %; nothing was loaded. The first: {first}"
        )


def last_day(month: Period, now: datetime) -> date:
    """The last finished UTC day of the month, at this moment."""
    return min(month.last_on, (now - timedelta(days=1)).date())


def _put(context: Context, received: Sequence[RawDocument]) -> dict[str, str]:
    return {raw.sha256: context.lake.put(raw.content, "raw").path for raw in received}


def _renewed(
    context: Context,
    tx: Tx,
    account: BillingAccount,
    month: Period,
    fetched: Sequence[Named] | None,
) -> int:
    now = context.now()
    for paper in _usable(tx, account, month):
        documents.add(tx, _handed_in(paper, account, month, now))
    head = _head(tx, account, month)
    named = _wanted(tx, account, month, _standing(tx, head) if fetched is None else fetched)
    is_same = _hashes(named) == (head.document_sha256s if head else ())
    if is_same and (fetched is None or not named):
        return 0
    snapshot, is_new = snapshots.add(tx, _version(account, month, "documents", named, now=now))
    if is_new:
        action = "documents_joined" if fetched is None else "documents_pulled"
        _record(tx, snapshot, action)
    return int(is_new)


def _is_stale(tx: Tx, account: BillingAccount, month: Period) -> bool:
    head = _head(tx, account, month)
    named = _wanted(tx, account, month, _standing(tx, head))
    return _hashes(named) != (head.document_sha256s if head else ())


def _wanted(tx: Tx, account: BillingAccount, month: Period, others: Sequence[Named]) -> list[Named]:
    """What people handed in first, so that it stands when a pull brings the same bytes."""
    own = [("billing_document", one.name, one.sha256) for one in _usable(tx, account, month)]
    have = set(_hashes(own))
    left = intake.set_aside(tx, _hashes(others))
    return [*own, *(one for one in others if one[2] not in have | left)]


def _usable(tx: Tx, account: BillingAccount, month: Period) -> list[intake.Paper]:
    return intake.usable(
        tx,
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
    )


def _head(tx: Tx, account: BillingAccount, month: Period) -> snapshots.Snapshot | None:
    return snapshots.head(
        tx,
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
        kind="documents",
    )


def _standing(tx: Tx, head: snapshots.Snapshot | None) -> list[Named]:
    if head is None:
        return []
    known = {
        one.sha256: (one.kind, one.name, one.sha256)
        for sha256 in head.document_sha256s
        for one in documents.get(tx, sha256)
        if (one.billing_account_id, one.period) == (head.billing_account_id, head.period)
    }
    return [known[sha256] for sha256 in head.document_sha256s]


def _hashes(named: Sequence[Named]) -> tuple[str, ...]:
    return tuple(sha256 for _, _, sha256 in named)


def _said(raw: RawDocument) -> Named:
    return (raw.kind, raw.name, raw.says or raw.sha256)


def _version(
    account: BillingAccount,
    month: Period,
    kind: snapshots.SnapshotKind,
    named: Sequence[Named],
    *,
    now: datetime,
) -> snapshots.NewSnapshot:
    return snapshots.NewSnapshot(
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
        kind=kind,
        content_sha256=content_key(part for one in named for part in one),
        document_sha256s=_hashes(named),
        through_on=last_day(month, now),
        fetched_at=now,
    )


def _stored(
    raw: RawDocument, account: BillingAccount, month: Period, now: datetime, path: str
) -> documents.StoredDocument:
    return documents.StoredDocument(
        sha256=raw.sha256,
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
        kind=raw.kind,
        name=raw.name,
        media_type=raw.media_type,
        size_bytes=len(raw.content),
        request=dict(raw.request),
        fetched_at=now,
        lake_path=path,
    )


def _handed_in(
    paper: intake.Paper, account: BillingAccount, month: Period, now: datetime
) -> documents.StoredDocument:
    return documents.StoredDocument(
        sha256=paper.sha256,
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
        kind="billing_document",
        name=paper.name,
        media_type=paper.media_type,
        size_bytes=paper.size_bytes,
        request={"file": paper.name, "format": paper.format, "origin": paper.origin},
        fetched_at=now,
        lake_path=paper.lake_path,
    )


def _record(tx: Tx, snapshot: snapshots.Snapshot, action: str) -> None:
    audit.record(
        tx,
        action,
        f"{snapshot.period}/{snapshot.provider}/{snapshot.billing_account_id}/{snapshot.kind}",
        {
            "snapshot": snapshot.snapshot_id,
            "version": snapshot.version,
            "documents": list(snapshot.document_sha256s),
            "content": snapshot.content_sha256,
        },
    )


def _queue_work(context: Context, period: str, waiting: Sequence[intake.Paper]) -> Work:
    reads = [part for one in waiting for part in (one.sha256, one.state, one.reason)]
    return begin(context, "receive", f"{period}/review", reads=reads)


def _queue_is_reported(context: Context, tx: Tx, period: str) -> bool:
    waiting = intake.open_papers(tx, period)
    work = _queue_work(context, period, waiting)
    latest = runs.latest(tx, work.step, work.subject)
    return latest.outputs.get(INPUTS) == work.input_key if latest else not waiting


def _findings(waiting: Sequence[intake.Paper]) -> list[Finding]:
    """One for each document; figures typed for a queued document do not block a second time."""
    queued = {one.sha256 for one in waiting if one.state == "queued"}
    return [_finding(one) for one in waiting if one.evidence_sha256 not in queued]


def _finding(paper: intake.Paper) -> Finding:
    account = f"{paper.provider}/{paper.billing_account_id}/" if paper.billing_account_id else ""
    if paper.problem is None:
        message = (
            f"The figures of {paper.name}, typed by {paper.author}, wait for another person: "
            f"expected an approval of {paper.sha256[:12]} on the finance API, or its rejection."
        )
    else:
        message = f"{paper.reason} Settle it: `tieout review show {paper.sha256[:12]}`."
    return Finding(
        kind=paper.problem or _UNAPPROVED,
        severity="blocking",
        subject=f"{account}{paper.name}",
        message=message,
        source_document=paper.sha256,
    )
