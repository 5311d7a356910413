"""Entries that stand and entries that are wanted: what brings the journal from one to the other.

Owns the correction: an entry that no longer holds is reversed and posted anew, never changed.
"""

from collections.abc import Sequence
from dataclasses import replace

from tieout.core.ids import content_key
from tieout.ledger.entry import JournalEntry, reverse


def restated(
    standing: Sequence[JournalEntry],
    wanted: JournalEntry | None,
    *,
    posted: Sequence[JournalEntry],
) -> list[JournalEntry]:
    """What brings the standing entry to the wanted one: nothing, or a reversal and a new entry."""
    undone = {entry.reverses for entry in posted}
    live = [entry for entry in standing if entry.idempotency_key not in undone]
    if wanted is not None and any(_says_the_same(entry, wanted) for entry in live):
        return []
    mirrors = [reverse(entry, on=entry.posting_on) for entry in live]
    if wanted is None:
        return mirrors
    earlier = [entry.idempotency_key for entry in standing]
    key = content_key([wanted.idempotency_key, *earlier]) if earlier else wanted.idempotency_key
    return [*mirrors, replace(wanted, idempotency_key=key)]


def _says_the_same(standing: JournalEntry, wanted: JournalEntry) -> bool:
    """Equal lines, date and document number; a document scanned again is no other document."""
    return (standing.lines, standing.posting_on, standing.source_refs[:1]) == (
        wanted.lines,
        wanted.posting_on,
        wanted.source_refs[:1],
    )


def of_type(posted: Sequence[JournalEntry], journal_type: str) -> list[JournalEntry]:
    """The entries of one type, in their order."""
    return [entry for entry in posted if entry.journal_type == journal_type]
