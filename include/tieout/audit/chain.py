"""The hash chain of the audit log: each event carries the hash of everything before it.

hash = SHA-256(prev_hash || SHA-256(0x00 || canonical bytes)); the inner hash is the event's Merkle
leaf. Owns the formula and the walk; who may append is the database's business.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from tieout.audit.merkle import leaf_hash

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One link: `seq` counts from 1, hashes are hex, `canonical` is the exact hashed text."""

    seq: int
    prev_hash: str
    hash: str
    canonical: str


def event_hash(prev_hash: str, canonical: bytes) -> str:
    """The hash of the link that follows `prev_hash`."""
    return hashlib.sha256(bytes.fromhex(prev_hash) + leaf_hash(canonical)).hexdigest()


def first_bad(events: Iterable[Event], *, after: tuple[int, str] = (0, GENESIS)) -> int | None:
    """The number that stands where the chain first breaks; None when every link holds.

    `after` is number and hash of the last link already walked. A missing link is named by the
    number that was expected. A cut tail shows only against a checkpoint.
    """
    seq, previous = after
    for event in events:
        seq += 1
        right = event_hash(previous, event.canonical.encode())
        if (event.seq, event.prev_hash, event.hash) != (seq, previous, right):
            return seq
        previous = right
    return None


def export_line(event: Event) -> str:
    """One line of `events.jsonl`, which `verifier` reads."""
    fields = {
        "seq": event.seq,
        "prev_hash": event.prev_hash,
        "hash": event.hash,
        "canonical": event.canonical,
    }
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
