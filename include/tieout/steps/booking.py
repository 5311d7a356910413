"""Posting with its trace: entries go through the database's function and into the audit log.

Owns the event that binds entries to the log: their numbers, and the Merkle root of their canonical
texts, so that whoever holds the log can prove every entry. Which entries a month needs, and the
run that made them, are the callers' business.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tieout.audit.merkle import leaf_hash, root
from tieout.ledger.entry import JournalEntry
from tieout.ledger.entry_text import canonical_text
from tieout.store import audit, journal
from tieout.store.journal import Posted
from tieout.store.session import Tx


def post_all(tx: Tx, entries: Sequence[JournalEntry]) -> list[Posted]:
    """Post the entries in order; one that stands already is left alone and gives its number."""
    return journal.post_texts(tx, map(canonical_text, entries))


def record(
    tx: Tx,
    subject: str,
    entries: Sequence[JournalEntry],
    at: Sequence[Posted],
    facts: Mapping[str, Any],
) -> None:
    """Write `entries_posted` of the entries that are new, with `facts`; nothing new, no event.

    `entries_root` is the RFC 6962 root over the canonical texts in the order of `document_nos`.
    """
    new = [(entry, one) for entry, one in zip(entries, at, strict=True) if one.is_new]
    if not new:
        return
    leaves = [leaf_hash(canonical_text(entry).encode()) for entry, _ in new]
    audit.record(
        tx,
        "entries_posted",
        subject,
        {
            **facts,
            "document_nos": [one.document_no for _, one in new],
            "entries_root": root(leaves).hex(),
        },
    )
