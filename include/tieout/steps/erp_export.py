"""Export a month's entries to a ledger outside, and keep its word that they have arrived.

Owns which entries go out: those of the period that the target has not taken yet. The format of the
file is `publish.erp`'s, the refusal of a second import the database's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tieout import log as logs
from tieout.core.errors import NotReadyError, UsageError
from tieout.core.ids import sha256_hex
from tieout.core.period import Period, parse_period
from tieout.lake.folder import Folder
from tieout.ledger.entry import entry_from_json, entry_json
from tieout.ledger.intercompany import books_of
from tieout.publish.erp.base import ImportFile, import_files
from tieout.publish.erp_target import Target, parse_target
from tieout.reports.entity_books import entities_of
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import chart
from tieout.store import audit, erp_exports, journal, policies
from tieout.store.session import Tx

log = logs.get("erp_export")


def run(
    context: Context, *, period: str, target: str, folder: Path, entity: str | None = None
) -> StepResult:
    """Write the outstanding entries of a month as import files of a target into a folder.

    A target of one legal entity takes that one's lines alone; `entity`, if given, must be it.

    The same entries and target again give the same files, and nothing is recorded. A file that
    was not acknowledged is replaced by a newer one with the same entries: import only one.

    Raises:
        NotReadyError: no approved target of that name, no entries, or all of them were taken.
        UsageError: the target is not that entity's.
        RuleFileError, UsageError: the target or an entry does not fit the format.
        ConservationError, UnbalancedEntryError: a file, read back, is not the entries.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        policy = _target_policy(tx, target, month)
        before = erp_exports.listing(tx, period=period, target=target)
        wanted = parse_target(policy.body, name=policy.label)
        outstanding = _outstanding(before, _entries(tx, month, wanted, entity), month)
        files = import_files(outstanding, wanted)
        kept = [_keep(context, one, period=period, policy=policy) for one in files]
        made = [one for one in kept if erp_exports.record(tx, one)]
        given = Folder(folder.resolve().as_uri())
        for new, file in zip(kept, files, strict=True):  # what was refused is never given out
            given.put(new.name, file.content)
        replaced = _replaced(before, kept)
        if made:
            payload = {one.sha256: list(one.document_nos) for one in made}
            audit.record(tx, "erp_exported", f"{period}/{target}", {"files": payload})
    log.info("erp_exported", period=period, target=target, files=len(kept), new=len(made))
    return StepResult(
        step="erp_export",
        subject=f"{period}/{target}",
        status="done" if made else "unchanged",
        summary={
            "files": len(kept),
            "entries": len(outstanding),
            "lines": sum(one.line_count for one in kept),
            "names": ", ".join(one.name for one in kept),
            "replaces": ", ".join(one.name for one in replaced) or None,
            "folder": str(folder.resolve()),
        },
    )


def acknowledge(context: Context, *, export: str, reference: str, person: str) -> StepResult:
    """Keep a person's word that a ledger took a file, under the ledger's own reference.

    `export` is the beginning of the file's SHA-256, or `target/` and that.

    Raises:
        UnknownSubjectError: there is no such file.
        SegregationError: not a known person with a duty in the close.
        NotReadyError: the file has another reference, or an entry was taken with another file.
    """
    with context.store.transaction(actor=person) as tx:
        found = erp_exports.find(tx, export)
        is_new = erp_exports.acknowledge(tx, found.target, found.sha256, reference)
        if is_new:
            subject = f"{found.target}/{found.sha256}"
            audit.record(tx, "erp_export_acknowledged", subject, {"reference": reference})
    log.info("erp_export_acknowledged", target=found.target, name=found.name, new=is_new)
    return StepResult(
        step="erp_export",
        subject=f"{found.target}/{found.sha256[:12]}",
        status="done" if is_new else "unchanged",
        summary={
            "name": found.name,
            "entries": len(found.document_nos),
            "reference": reference,
            "acknowledged_by": person,
        },
    )


def listing(context: Context, *, period: str | None = None) -> list[dict[str, Any]]:
    """The files of one month or of all, oldest first, as plain JSON values."""
    if period is not None:
        parse_period(period)
    with context.store.transaction() as tx:
        return [erp_exports.export_json(one) for one in erp_exports.listing(tx, period=period)]


def _target_policy(tx: Tx, target: str, month: Period) -> policies.Policy:
    found = policies.current(tx, f"{erp_exports.TARGET_PREFIX}{target}", month.last_on)
    if found is None:
        raise NotReadyError(
            f"No approved target {target[:60]!r} applies to {month}: propose the policy "
            f"{erp_exports.TARGET_PREFIX}{target[:60]} and have another person approve it."
        )
    return found


def _entries(tx: Tx, month: Period, target: Target, entity: str | None) -> list[dict[str, Any]]:
    """The month's entries in ledger order, of a target of one entity as its books have them."""
    if entity not in (None, target.entity):
        raise UsageError(
            f"{target.name} is the ledger of {target.entity or 'no single entity'}: expected "
            f"`entity: {entity}` in the target, so that what it has taken is known; choose another."
        )
    found = journal.entries(tx, period=str(month))
    if target.entity is None:
        return found
    group = entities_of(chart(tx, month))
    return [
        one | entry_json(own)
        for one in found
        for own in books_of([entry_from_json(one)], target.entity, entities=group)
    ]


def _outstanding(
    before: Sequence[erp_exports.ErpExport], entries: Sequence[dict[str, Any]], month: Period
) -> list[dict[str, Any]]:
    """The entries that no acknowledged file holds."""
    taken = [one for one in before if one.reference is not None]
    numbers = {number for one in taken for number in one.document_nos}
    found = [entry for entry in entries if entry["document_no"] not in numbers]
    if not entries:
        raise NotReadyError(f"Period {month} has no entries to export: post them first.")
    if not found:
        last = taken[-1]
        raise NotReadyError(
            f"All {len(entries)} entries of {month} were taken by {last.target}, last as "
            f"{last.reference} (acknowledged by {last.acknowledged_by}): a second import would "
            "double them, so nothing was exported."
        )
    return found


def _keep(
    context: Context, file: ImportFile, *, period: str, policy: policies.Policy
) -> erp_exports.NewExport:
    """Keep the bytes in the lake, as evidence of what was given out."""
    sha256 = sha256_hex(file.content)
    target = policy.kind.removeprefix(erp_exports.TARGET_PREFIX)
    name = f"{target}-{period}-{sha256[:12]}{file.suffix}"
    stored = context.lake.put(file.content, "erp", suffix=file.suffix)
    return erp_exports.NewExport(
        target=target,
        sha256=sha256,
        period=period,
        name=name,
        lake_path=stored.path,
        line_count=file.line_count,
        policy_version=policy.version,
        document_nos=file.document_nos,
    )


def _replaced(
    before: Sequence[erp_exports.ErpExport], kept: Sequence[erp_exports.NewExport]
) -> list[erp_exports.ErpExport]:
    """Earlier files that nobody acknowledged and that share an entry with the new ones."""
    numbers = {number for one in kept for number in one.document_nos}
    hashes = {one.sha256 for one in kept}
    return [
        one
        for one in before
        if one.reference is None
        and one.sha256 not in hashes
        and numbers.intersection(one.document_nos)
    ]
