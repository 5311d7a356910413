"""Pack: the evidence of a published month in one folder that an auditor checks without us.

Owns the gathering: what was published, the providers' originals, the log up to the publication, its
checkpoints, and the program that checks all of it. Everything is cut at the publication, so a pack
made a year later has the same bytes; only a signature that was added since is one line more.
"""

import contextlib
import csv
import io
import json
import shutil
from pathlib import Path
from tempfile import mkdtemp

from tieout import log as logs
from tieout.audit import chain, verifier
from tieout.core.errors import IntegrityError, NotReadyError, UsageError
from tieout.core.ids import sha256_hex
from tieout.core.period import parse_period
from tieout.publish import pack as layout
from tieout.publish.evidence import MANIFEST, json_bytes
from tieout.steps import published as published_files
from tieout.steps.context import Context, StepResult
from tieout.steps.outputs import begin, done_before, finish
from tieout.store import audit, checkpoints, policies, publications, runs
from tieout.store.audit import AuditEvent
from tieout.store.publications import Publication
from tieout.store.session import Tx

log = logs.get("pack")


def run(context: Context, *, period: str, folder: Path = Path()) -> StepResult:
    """Write the pack of a published month into a folder of its own below `folder`.

    Raises:
        NotReadyError: the month is not published, or was before there were packs.
        HashMismatchError: a published file is not what the log says.
        UsageError: the folder of the pack is there with another content.
        IntegrityError: the verifier refuses the pack.
    """
    parse_period(period)
    with context.store.transaction() as tx:
        published = publications.head(tx, period)
        if published is None:
            raise NotReadyError(f"Period {period} is not published: run `tieout publish {period}`.")
        event = published_files.event(tx, published)
        files = _published(context, published, event)
        files |= _originals(context, files)
        files |= _signed(context, tx, published, files)
        kept = checkpoints.listing(tx, upto=event.seq)
        files |= _log(tx, event, kept)
    signed_by = sorted(kept[-1].signatures)
    facts = layout.Facts(
        period=period,
        content_hash=published.content_hash,
        ledger_seq=published.ledger_seq,
        event_seq=event.seq,
        signed_by=signed_by,
    )
    whole = layout.assembled(files, facts)
    target = folder / f"tieout-{period}-{published.content_hash[:12]}"
    is_new = _write(target, whole)
    _perform_again(context, target, period, manifest=sha256_hex(whole[MANIFEST]), facts=facts)
    log.info("packed", period=period, files=len(whole), signed=bool(signed_by))
    return StepResult(
        step="pack",
        subject=period,
        status="done" if is_new else "unchanged",
        summary={
            "folder": str(target),
            "files": len(whole),
            "manifest": sha256_hex(whole[MANIFEST]),
            "signed_by": ", ".join(signed_by) or "nobody: no key was configured",
        },
    )


def _perform_again(
    context: Context, folder: Path, period: str, *, manifest: str, facts: layout.Facts
) -> None:
    """What the auditor will do, done here first; the checklist shows that it held.

    Raises:
        IntegrityError: the verifier refuses the pack; with its own words.
    """
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = verifier.main([str(folder)])
    lines = said.getvalue().splitlines()
    if code:
        raise IntegrityError(f"The verifier refuses {folder}: {lines[-1]}; look before it is sent.")
    with context.store.transaction() as tx:
        work = begin(context, "pack", period, reads=[facts.content_hash, manifest])
        if done_before(tx, work) is None:
            outputs = {
                "content_hash": facts.content_hash,
                "manifest": manifest,
                "checks": sum(line.startswith("ok:") for line in lines),
            }
            finish(context, tx, work, outputs=outputs, action="pack_verified")


def _published(context: Context, published: Publication, event: AuditEvent) -> dict[str, bytes]:
    """The items that were written at publication, each with the hash that the log binds."""
    bound = published_files.bound(context, published, event)
    files = {layout.PUBLISHED_MANIFEST: bound.manifest}
    for name in bound.hashes:
        own = layout.published_name(name)
        if own is not None:
            files[own] = bound.read(name)
    if "02-entries.jsonl" not in files:
        raise NotReadyError(
            f"Period {published.period} was published before there were packs: expected entries "
            "among its files; its evidence folder is all there is."
        )
    return files


def _originals(context: Context, files: dict[str, bytes]) -> dict[str, bytes]:
    """Documents of providers and files given to ledgers, out of the lake."""
    found = {}
    rows = csv.DictReader(io.StringIO(files["05-documents.csv"].decode(), newline=""))
    for row in rows:
        suffix = Path(row["lake_path"]).suffix
        name = f"{layout.DOCUMENTS}/{row['sha256']}{suffix}"
        found[name] = context.lake.get(row["lake_path"], row["sha256"])
    for one in json.loads(files["14-erp-exports.json"]):
        name = f"{layout.ERP_FILES}/{one['sha256']}{Path(one['lake_path']).suffix}"
        found[name] = context.lake.get(one["lake_path"], one["sha256"])
    return found


def _signed(
    context: Context, tx: Tx, published: Publication, files: dict[str, bytes]
) -> dict[str, bytes]:
    """What both people signed besides the published tables: the ledger's file and the policies."""
    lines = runs.get(tx, published.run_id).outputs["lines"]
    found = {layout.SIGNED_LEDGER: context.lake.get(lines["path"], lines["sha256"])}
    for used in json.loads(files["08-policies-used.json"]):
        kind, _, digest = used.rpartition(":")
        for one in policies.versions(tx, kind):
            if one.sha256 == digest:
                name = f"{kind.replace(':', '-')}@{one.version}.txt"
                found[f"{layout.POLICIES}/{name}"] = one.body.encode()
    return found


def _log(tx: Tx, event: AuditEvent, kept: list[checkpoints.KeptCheckpoint]) -> dict[str, bytes]:
    """The log up to the publication, and its checkpoints up to there with their places outside."""
    if not kept or kept[-1].size != event.seq:
        raise NotReadyError(
            f"No checkpoint of {event.seq} events: expected the one that the publication makes."
        )
    lines = [chain.export_line(one.link()) for one in audit.whole_log(tx, upto=event.seq)]
    places = {str(one.size): list(one.anchors) for one in kept}
    files = {
        layout.EVENTS: "".join(f"{line}\n" for line in lines).encode(),
        layout.CHECKPOINT: kept[-1].note().encode(),
        layout.ANCHORS: json_bytes(places),
        layout.VERIFIER: Path(verifier.__file__).read_bytes(),
    }
    for one in kept[:-1]:
        files[f"{layout.EARLIER}/{one.size:012d}.txt"] = one.note().encode()
    for key in sorted(kept[-1].signatures)[:1]:
        files[layout.PUBLIC_KEY] = f"{key}\n".encode()
    return files


def _write(target: Path, files: dict[str, bytes]) -> bool:
    """Write all files, then give the folder its name; False when the very same pack is there."""
    if target.exists():
        there = {
            path.relative_to(target).as_posix(): path.read_bytes()
            for path in target.rglob("*")
            if path.is_file()
        }
        if there == files:
            return False
        raise UsageError(
            f"The folder {target} is there with another content: expected no such folder; move it "
            "away, or run its verify.py to see what was changed."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    scratch.chmod(0o755)
    for name, content in files.items():
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_bytes(content)
    try:
        scratch.rename(target)
    except OSError:
        shutil.rmtree(scratch)
        raise
    return True
