"""The evidence pack of a close: which file is what, under which name, and how to check it.

Owns the layout, the read-me and the manifest. Everything with a figure in it was written when the
month was published and is bound to the audit log by the publication's manifest; a pack only lays it
out beside the providers' originals, the log, its checkpoints and the program that checks all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieout.core.errors import NotReadyError
from tieout.publish.evidence import MANIFEST, manifest

PUBLISHED_MANIFEST = "16-publication-SHA256SUMS.txt"
EVENTS, CHECKPOINT, EARLIER = "16-audit-events.jsonl", "16-checkpoint.txt", "16-checkpoints"
ANCHORS, PUBLIC_KEY, VERIFIER = "16-anchors.json", "16-public-key.txt", "verify.py"
SIGNED_LEDGER = "11-signed-ledger.parquet"
DOCUMENTS, POLICIES, ERP_FILES = "05-documents", "07-policies", "14-erp-files"
FOLDER = "evidence/"
ITEMS = (
    "Trial balance and sub-ledger at the close",
    "All entries, with the proof that the listing is complete",
    "Accruals against what was billed",
    "Rollforwards of prepaid credit",
    "Documents of providers, as they were fetched",
    "Reconciliations with variance bridges",
    "Allocation: rules, what went in, what came out",
    "Mapping to accounts, and its changes",
    "Foreign exchange rates",
    "Findings and exceptions",
    "Checklist and both signatures",
    "Reopenings and prior-period adjustments",
    "Access and changes, journal analytics",
    "Files for ledgers outside, and their acknowledgements",
    "Control reports (SOC 1) of the providers",
    "Audit log, checkpoints, anchors, and the program that checks the pack",
)
# files of a publication that are items of a pack; those below `evidence/` have their names already
_RENAMED = {
    "ledger_line.csv": "01-ledger-lines.csv",
    "statement.json": "01-statement.json",
    "journal_line.csv": "02-journal-lines-of-service-month.csv",
    "reconciliation.csv": "06-reconciliation.csv",
    "allocation.csv": "07-allocation.csv",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the read-me says besides the list of files."""

    period: str
    content_hash: str
    ledger_seq: int
    event_seq: int
    signed_by: Sequence[str]


def published_name(name: str) -> str | None:
    """What a file of the publication is called in the pack; None when it is no item of it."""
    if name in _RENAMED:
        return _RENAMED[name]
    own = name.removeprefix(FOLDER)
    return own if own != name and own[:2].isdigit() else None


def assembled(files: Mapping[str, bytes], facts: Facts) -> dict[str, bytes]:
    """All files of the pack: these, the read-me and the manifest over both.

    Raises:
        NotReadyError: a file that the checks need is not among them.
    """
    whole = {**files, "README.txt": _readme(files, facts).encode()}
    missing = [name for name in (EVENTS, CHECKPOINT, VERIFIER, SIGNED_LEDGER) if name not in whole]
    if missing:
        raise NotReadyError(
            f"The pack of {facts.period} lacks {', '.join(missing)}: publish again."
        )
    return {**whole, MANIFEST: manifest(whole)}


def _readme(files: Mapping[str, bytes], facts: Facts) -> str:
    signed = ", ".join(facts.signed_by)
    parts = [
        f"Evidence pack of the close of {facts.period}\n",
        f"Content that two persons signed: {facts.content_hash}",
        f"Cut: ledger sequence {facts.ledger_seq}, audit event {facts.event_seq}; nothing later",
        f"Checkpoint signed by: {signed}" if signed else "The checkpoint is NOT SIGNED: no key.",
        "\nCheck it on any machine with Python 3.9 or later, without us:\n",
        "    python -I verify.py . --checkpoint YOUR_COPY --key YOUR_KEY\n",
        "YOUR_COPY is a checkpoint from outside the books (16-anchors.json says where they are),",
        "YOUR_KEY the public key as it was given to you. Without them the pack is only checked",
        "against itself. Exit code 0: all holds; 1: content; 2: integrity; 3: a file is missing.",
        "The parquet file is what was signed, byte for byte; 01-ledger-lines.csv is it as text.\n",
    ]
    for number, title in enumerate(ITEMS, start=1):
        own = sorted(name for name in files if name.startswith(f"{number:02d}-"))
        parts.append(f"{number:2d}  {title}")
        parts += [f"      {line}" for line in _listed(own)] or ["      nothing in this month"]
    return "\n".join(parts) + "\n"


def _listed(names: Sequence[str]) -> list[str]:
    """Single files by name, files of a folder by their count."""
    folders: dict[str, int] = {}
    for name in names:
        folder, slash, _ = name.partition("/")
        folders[folder + slash] = folders.get(folder + slash, 0) + 1
    return [f"{name}  ({n} files)" if name.endswith("/") else name for name, n in folders.items()]
