"""Publish: a closed month becomes ledger tables, a journal file and an evidence folder.

Owns the order: files are written and flushed first, then one transaction inserts the publication
and moves the period's head, and its last act is a checkpoint of the audit log; copies of that go
outside after the commit. It publishes exactly what two people signed, or nothing.
"""

from typing import Any

from tieout import log as logs
from tieout.audit import chain
from tieout.audit.checkpoint import checkpoint_of
from tieout.core.errors import IntegrityError, NotReadyError
from tieout.core.ids import sha256_hex
from tieout.core.money import minor_digits
from tieout.core.period import parse_period
from tieout.lake.folder import Folder
from tieout.publish.erp.base import load
from tieout.publish.evidence import MANIFEST, json_bytes, manifest
from tieout.publish.facts import allocation_table, journal_table, reconciliation_table
from tieout.publish.tables import spread_out, table_csv, table_parquet
from tieout.reconciliation.bridge import bridge_json
from tieout.reports.tieout_statement import statement_json
from tieout.steps import anchoring, evidence, exhibits
from tieout.steps.context import Context, StepResult
from tieout.store import audit, journal, periods, publications, runs, signoffs
from tieout.store.session import Tx

JOURNAL_FORMAT = "beancount"
log = logs.get("publish")


def run(context: Context, *, period: str) -> StepResult:
    """Publish a closed period.

    Raises:
        NotReadyError: the period is not closed by two people.
        IntegrityError: the ledger is not what they signed, or a copy of a checkpoint is not ours.
    """
    result = _published(context, period)
    anchoring.anchor(context)
    return result


def _published(context: Context, period: str) -> StepResult:
    month = parse_period(period)
    with context.store.transaction() as tx:
        if periods.state(tx, period) != "closed":
            raise NotReadyError(
                f"Period {period} is not closed: only what two people signed is published; see "
                f"`tieout status {period}`."
            )
        found = evidence.load(context, tx, month)
        content_hash = found.content_hash()
        _refuse_other_content(tx, period, content_hash)
        head = publications.head(tx, period)
        if head is not None and head.content_hash == content_hash:
            return _result(period, "unchanged", head)
        upto_seq = journal.ledger_seq(tx)
        files = _files(context, tx, found, upto_seq=upto_seq)
        files[MANIFEST] = manifest(files)
        folder = Folder(context.settings.publish_url)
        prefix = f"{period}/{content_hash[:12]}"
        paths = {name: folder.put(f"{prefix}/{name}", files[name]) for name in sorted(files)}
        allocated = runs.latest(tx, "allocate", f"{period}/final")
        if allocated is None:
            raise NotReadyError(f"Period {period} has no allocation; run `tieout allocate`.")
        published, _ = publications.publish(
            tx,
            publications.NewPublication(
                period=period,
                run_id=allocated.run_id,
                content_hash=content_hash,
                files=paths,
                rule_versions=dict(one.split(":", 1) for one in found.policies),
            ),
            found.lines,
        )
        if published.ledger_seq != upto_seq + 1:  # the lock on the ledger came with the header
            raise NotReadyError(
                f"The ledger moved from {upto_seq} to {published.ledger_seq - 1} while {period} "
                "was being published: nothing was published, publish again."
            )
        audit.record(
            tx,
            "period_published",
            period,
            {"content_hash": content_hash, "manifest": sha256_hex(files[MANIFEST])},
        )
        anchoring.keep(context, tx, period=period)
    log.info("published", period=period, lines=published.line_count)
    return _result(period, "done", published)


def _refuse_other_content(tx: Tx, period: str, content_hash: str) -> None:
    signed = {one.content_hash for one in signoffs.listing(tx, period) if one.is_current}
    if signed != {content_hash}:
        raise IntegrityError(
            f"Period {period}: the ledger now has content {content_hash}, but "
            f"{', '.join(sorted(signed)) or 'nothing'} was signed; nothing was published. "
            "Look for what ran after the close."
        )


def _files(
    context: Context, tx: Tx, found: evidence.MonthEvidence, *, upto_seq: int
) -> dict[str, bytes]:
    """Everything that is published, by name below the publication's folder."""
    entries = journal.entries(tx, upto_seq=upto_seq)
    own = [entry for entry in entries if entry["service_period"] == str(found.month)]
    erp = load(JOURNAL_FORMAT)
    bridges = [bridge_json(bridge) for bridge in found.bridges]
    tables = {
        "ledger_line": found.lines,
        "journal_line": journal_table(own, digits=minor_digits(found.currency)),
        "reconciliation": reconciliation_table(bridges),
        "allocation": allocation_table(found.lines),
    }
    for_people = {**tables, "ledger_line": spread_out(found.lines)}
    shown = exhibits.Month(context=context, tx=tx, found=found, entries=entries, upto_seq=upto_seq)
    return {
        **{f"{name}.csv": table_csv(table) for name, table in for_people.items()},
        **{f"{name}.parquet": table_parquet(table) for name, table in tables.items()},
        f"journal{erp.FILE_SUFFIX}": erp.export(entries, found.chart, period=found.month).encode(),
        "reconciliation.json": json_bytes(bridges),
        "statement.json": json_bytes(statement_json(found.statement())),
        **exhibits.files(shown),
        **_audit_files(tx),
    }


def _audit_files(tx: Tx) -> dict[str, bytes]:
    events = audit.whole_log(tx)
    lines = "".join(chain.export_line(event.link()) + "\n" for event in events)
    now = checkpoint_of(anchoring.ORIGIN, [event.canonical for event in events])
    return {
        "evidence/audit-events.jsonl": lines.encode(),
        "evidence/checkpoint.txt": now.text().encode(),
    }


def _result(period: str, status: Any, published: publications.Publication) -> StepResult:
    return StepResult(
        step="publish",
        subject=period,
        status=status,
        summary={
            "publication": published.publication_id,
            "lines": published.line_count,
            "ledger_seq": published.ledger_seq,
            "content_hash": published.content_hash,
        },
    )
