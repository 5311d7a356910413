"""Normalise: raw documents become FOCUS charges, usage rows and billing documents, with findings.

Owns which version has been read and how many rows went where; the reading itself is the provider's.
"""

import json
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from tieout import log as logs
from tieout.core.errors import DocumentUnreadableError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.period import Period, parse_period
from tieout.focus.columns import with_attr_ids
from tieout.focus.document import BillingDocument, document_json
from tieout.ledger.billing_accounts import BillingAccount, accounts_of
from tieout.sources.base import (
    Normalised,
    Provider,
    RawDocument,
    load_invoice_format,
    load_provider,
    remarks,
)
from tieout.steps import keep
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts, raw_documents, snapshot_head
from tieout.steps.outputs import Work, begin, done_before, finish
from tieout.store import audit, charge_files, coverage, intake, snapshots
from tieout.store.session import Tx

METHOD_VERSION = "1"
TYPED = "entered"  # the invoice format that four eyes must have seen
log = logs.get("normalise")


def run(context: Context, *, provider: str, period: str) -> StepResult:
    """Normalise the newest versions of all accounts of a provider.

    A version that was read before is left alone. Rows that cannot be read become findings.

    Raises:
        SourceAnswerError: more than 5 % of the rows are unreadable; nothing is kept of them.
    """
    month = parse_period(period)
    module = load_provider(provider)
    rows_in = rows_out = bad = done = 0
    with context.store.transaction() as tx:
        registered = accounts_of(accounts(tx, month), provider)
    keep.catch_up(context, registered, month)
    with context.store.transaction() as tx:
        for account in registered:
            for reader in (_cost, _usage, _documents):
                counts = reader(context, tx, module, account, month)
                if counts is not None:
                    done += 1
                    rows_in, rows_out, bad = (
                        total + more
                        for total, more in zip((rows_in, rows_out, bad), counts, strict=True)
                    )
        if done:
            keep.report_queue(context, tx, period)
    log.info("normalised", provider=provider, period=period, rows_in=rows_in, rows_out=rows_out,
             findings=bad)  # fmt: skip
    return StepResult(
        step="normalise",
        subject=f"{period}/{provider}",
        status="done" if done else "unchanged",
        summary={"versions": done, "rows_in": rows_in, "rows_out": rows_out, "findings": bad},
    )


def _cost(
    context: Context, tx: Tx, module: Provider, account: BillingAccount, month: Period
) -> tuple[int, int, int] | None:
    snapshot = snapshot_head(tx, account, month, "cost")
    if snapshot is None or done_before(tx, work := _work(context, snapshot, "cost")):
        return None
    raw = raw_documents(context, tx, snapshot)
    result = module.to_focus(raw, account=account.billing_account_id, period=month)
    result.totals.check()
    _refuse_foreign(account, result.charges)
    keep.refuse_too_many(account, result.totals.rows_bad, result.totals.rows_in, result.findings)
    stored = context.lake.put_table(with_attr_ids(result.charges), f"charges/period={month}")
    charge_files.add(
        tx,
        charge_files.ChargeFile(
            snapshot_id=snapshot.snapshot_id,
            kind="charges",
            file_sha256=stored.sha256,
            lake_path=stored.path,
            rows_in=result.totals.rows_in,
            rows_out=result.totals.rows_out,
            rows_bad=result.totals.rows_bad,
            source_total=str(result.totals.source_total),
            loaded_units=result.totals.loaded_units,
            method_version=METHOD_VERSION,
        ),
    )
    days = _days(result, month, snapshot)
    coverage.mark(
        tx,
        (
            coverage.Mark(
                provider=account.provider,
                billing_account_id=account.billing_account_id,
                kind="cost",
                day=day,
                snapshot_id=snapshot.snapshot_id,
                rows=rows,
                seen_at=snapshot.fetched_at,
            )
            for day, rows in sorted(days.items())
        ),
    )
    outputs = {
        "snapshot": snapshot.snapshot_id,
        "path": stored.path,
        "sha256": stored.sha256,
        "source_total": str(result.totals.source_total),
        "refused_units": str(result.totals.refused_units),
    }
    finish(context, tx, work, outputs=outputs, action="cost_normalised", found=result.findings)
    return (result.totals.rows_in, result.totals.rows_out, result.totals.rows_bad)


def _usage(
    context: Context, tx: Tx, module: Provider, account: BillingAccount, month: Period
) -> tuple[int, int, int] | None:
    if module.ESTIMATE == "reported":
        return _estimate(context, tx, module, account, month)
    snapshot = snapshot_head(tx, account, month, "usage")
    cost = snapshot_head(tx, account, month, "cost")
    if snapshot is None or cost is None:
        return None
    work = _work(context, snapshot, "usage")
    if done_before(tx, work):
        return None
    raw = (*raw_documents(context, tx, cost), *raw_documents(context, tx, snapshot))
    result = module.to_usage(raw, account=account.billing_account_id, period=month)
    keep.refuse_too_many(account, result.rows_bad, result.rows_in, result.findings)
    stored = context.lake.put_table(result.usage, f"usage/period={month}")
    charge_files.add(
        tx,
        charge_files.ChargeFile(
            snapshot_id=snapshot.snapshot_id,
            kind="usage",
            file_sha256=stored.sha256,
            lake_path=stored.path,
            rows_in=result.rows_in,
            rows_out=result.rows_out,
            rows_bad=result.rows_bad,
            source_total=None,
            loaded_units=0,
            method_version=METHOD_VERSION,
        ),
    )
    outputs = {"snapshot": snapshot.snapshot_id, "path": stored.path, "sha256": stored.sha256}
    finish(context, tx, work, outputs=outputs, action="usage_normalised", found=result.findings)
    return (result.rows_in, result.rows_out, result.rows_bad)


def _estimate(
    context: Context, tx: Tx, module: Provider, account: BillingAccount, month: Period
) -> tuple[int, int, int] | None:
    """The provider's own preliminary figures stand where a rated estimate would stand."""
    snapshot = snapshot_head(tx, account, month, "usage")
    if snapshot is None or done_before(tx, work := _work(context, snapshot, "usage")):
        return None
    raw = raw_documents(context, tx, snapshot)
    result = module.to_estimate(raw, account=account.billing_account_id, period=month)
    result.totals.check()
    _refuse_foreign(account, result.charges)
    keep.refuse_too_many(account, result.totals.rows_bad, result.totals.rows_in, result.findings)
    stored = context.lake.put_table(with_attr_ids(result.charges), f"estimates/period={month}")
    charge_files.add(
        tx,
        charge_files.ChargeFile(
            snapshot_id=snapshot.snapshot_id,
            kind="estimate",
            file_sha256=stored.sha256,
            lake_path=stored.path,
            rows_in=result.totals.rows_in,
            rows_out=result.totals.rows_out,
            rows_bad=result.totals.rows_bad,
            source_total=str(result.totals.source_total),
            loaded_units=result.totals.loaded_units,
            method_version=METHOD_VERSION,
        ),
    )
    outputs = {"snapshot": snapshot.snapshot_id, "path": stored.path, "sha256": stored.sha256}
    finish(context, tx, work, outputs=outputs, action="estimate_normalised", found=result.findings)
    return (result.totals.rows_in, result.totals.rows_out, result.totals.rows_bad)


def _documents(
    context: Context, tx: Tx, module: Provider, account: BillingAccount, month: Period
) -> tuple[int, int, int] | None:
    snapshot = snapshot_head(tx, account, month, "documents")
    if snapshot is None or done_before(tx, work := _work(context, snapshot, "documents")):
        return None
    read: list[BillingDocument] = []
    found: list[Finding] = []
    refused = 0
    fetched = raw_documents(context, tx, snapshot)
    papers = [raw for raw in fetched if raw.kind == "billing_document"]  # the rest is evidence
    for raw in papers:
        try:
            read.extend(_read(tx, module, raw))
            found.extend(remarks(_format(module, raw), raw))
            _take_back(tx, module, account, month, raw)
        except DocumentUnreadableError as error:
            refused += 1
            _queue(context, tx, account, month, raw=raw, reason=str(error))
    content = json.dumps(
        [document_json(document) for document in read], sort_keys=True, ensure_ascii=False
    ).encode()
    stored = context.lake.put(content, f"billing_documents/period={month}", suffix=".json")
    outputs = {"snapshot": snapshot.snapshot_id, "path": stored.path, "sha256": stored.sha256}
    finish(context, tx, work, outputs=outputs, action="documents_read", found=found)
    return (len(papers), len(papers) - refused, refused)


def _read(tx: Tx, module: Provider, raw: RawDocument) -> tuple[BillingDocument, ...]:
    name = _format(module, raw)
    if name == TYPED:
        known = intake.find(tx, raw.sha256)
        if known is None or known.state != "approved":
            raise DocumentUnreadableError(
                f"{raw.name} holds typed figures that nobody approved: expected a paper; type them "
                "with `tieout enter invoice`, and another person approves them."
            )
    return load_invoice_format(name).read(raw.content, document_sha256=raw.sha256)


def _format(module: Provider, raw: RawDocument) -> str:
    return raw.request.get("format", module.INVOICE_FORMAT)


def _queue(
    context: Context,
    tx: Tx,
    account: BillingAccount,
    month: Period,
    *,
    raw: RawDocument,
    reason: str,
) -> None:
    """Put a document that nobody could read before people; once, and not after they decided."""
    known = intake.find(tx, raw.sha256)
    if known and known.state not in {"received", "accepted"}:
        return
    content = intake.Content(
        sha256=raw.sha256,
        origin="fetched",
        name=raw.name,
        media_type=raw.media_type,
        size_bytes=len(raw.content),
        lake_path=context.lake.put(raw.content, "raw").path,
    )
    event = intake.NewEvent(
        event="queued",
        reason=reason,
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
        problem="document_unreadable",
    )
    intake.add(tx, content)
    intake.happened(tx, raw.sha256, event)
    facts = {"document": raw.sha256, "name": raw.name, "problem": event.problem}
    audit.record(tx, "document_queued", f"{month}/{account.subject}", facts, why=reason)


def _take_back(
    tx: Tx, module: Provider, account: BillingAccount, month: Period, raw: RawDocument
) -> None:
    """What could not be read once, and can be now, need not be looked at any more."""
    known = intake.find(tx, raw.sha256)
    if known is None or (known.state, known.problem) != ("queued", "document_unreadable"):
        return
    event = intake.NewEvent(
        event="accepted",
        reason=f"Version {METHOD_VERSION} of the reading can read it.",
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
        format=_format(module, raw),
    )
    intake.happened(tx, raw.sha256, event)
    facts = {"document": raw.sha256, "name": raw.name}
    audit.record(tx, "document_accepted", f"{month}/{account.subject}", facts, why=event.reason)


def _refuse_foreign(account: BillingAccount, charges: pa.Table) -> None:
    """Amounts of two currencies must never be added up as if they were one."""
    found = set(charges["billing_currency"].unique().to_pylist()) - {account.currency}
    if found:
        raise SourceAnswerError(
            f"The report of {account.subject} is in {', '.join(sorted(found))}: expected "
            f"{account.currency} as registered; nothing was loaded, correct the accounts policy."
        )


def _days(result: Normalised, month: Period, snapshot: snapshots.Snapshot) -> dict[date, int]:
    """Rows a day, of the days that count as received.

    Where the source says through which day it is complete, these are the days up to it, quiet ones
    included; else the days that have rows. A report without any row vouches for nothing.
    """
    starts = pc.value_counts(result.charges.column("charge_period_start").cast(pa.date32()))
    counted = ((one["values"], one["counts"]) for one in starts.to_pylist())
    days: dict[date, int] = {day: rows for day, rows in counted if month.contains(day)}
    if result.complete_through is None or not result.charges.num_rows:
        return days
    last = min(result.complete_through, snapshot.through_on)
    return {day: days.get(day, 0) for day in month.days() if day <= last}


def _work(context: Context, snapshot: snapshots.Snapshot, kind: str) -> Work:
    subject = f"{snapshot.period}/{snapshot.provider}/{snapshot.billing_account_id}/{kind}"
    return begin(context, "normalise", subject, reads=[METHOD_VERSION, snapshot.snapshot_id])
