"""Close export: the workbook and the report of a month as files for people. Writes no fact.

Owns which one is given: of a published month the very file that was published, bound by the audit
log; of any other month one that is made of what stands now.
"""

from pathlib import Path

from tieout import log as logs
from tieout.core.ids import sha256_hex
from tieout.core.period import parse_period
from tieout.publish.close_files import made
from tieout.publish.pack import FOLDER
from tieout.steps import dossier, evidence, published
from tieout.steps.context import Context, StepResult
from tieout.store import journal, publications
from tieout.store.session import Tx

log = logs.get("close_export")


def run(context: Context, *, period: str, form: str, file: Path) -> StepResult:
    """Write one form of the close of a month to a file.

    Raises:
        NotReadyError: a step before has not run yet; the message names it.
        HashMismatchError: the published file is not what the log says.
    """
    content, is_published = content_of(context, period=period, form=form)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    log.info("close_exported", period=period, form=form, size=len(content))
    return StepResult(
        step="close_export",
        subject=period,
        status="done",
        summary={
            "file": str(file.resolve()),
            "bytes": len(content),
            "sha256": sha256_hex(content),
            "as_published": "yes" if is_published else "no, as the month stands now",
        },
    )


def content_of(context: Context, *, period: str, form: str) -> tuple[bytes, bool]:
    """The bytes of one form, and whether they are the published ones."""
    month = parse_period(period)
    with context.store.transaction() as tx:
        kept = _published(context, tx, period, form)
        if kept is not None:
            return kept, True
        found = evidence.load(context, tx, month)
        seq = journal.ledger_seq(tx)
        entries = journal.entries(tx, upto_seq=seq)
        whole = dossier.gather(context, tx, found, entries, upto_seq=seq)
    return made(whole, form), False


def _published(context: Context, tx: Tx, period: str, form: str) -> bytes | None:
    """None: the month is not published, was before there were such files, or was reopened."""
    head = publications.head(tx, period)
    if head is None or not published.stands(tx, head):
        return None
    bound = published.bound(context, head, published.event(tx, head))
    name = f"{FOLDER}{form}"
    return bound.read(name) if name in bound.hashes else None
