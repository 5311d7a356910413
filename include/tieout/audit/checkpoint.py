"""A checkpoint of the audit log: origin, size and Merkle root, to be kept out of our own reach.

The text has the form that transparency logs sign: origin line, decimal size, base64 root, each
followed by a newline. Further lines say which month was published and the hash of the checkpoint
before; signature lines may follow after an empty line. Neither is read here.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from tieout.audit.merkle import leaf_hash, root
from tieout.core.errors import IntegrityError

_HASH_BYTES = 32
_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The log had `size` events under `root` (32 bytes); each of `notes` is one line of text."""

    origin: str
    size: int
    root: bytes
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The text to sign and to anchor."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.notes)
        return "".join(f"{line}\n" for line in lines)


def checkpoint_of(
    origin: str, canonicals: Sequence[str], *, notes: Sequence[str] = ()
) -> Checkpoint:
    """The checkpoint of a whole log, from its canonical texts in order."""
    leaves = [leaf_hash(text.encode()) for text in canonicals]
    return Checkpoint(origin=origin, size=len(leaves), root=root(leaves), notes=tuple(notes))


def disagreement(anchored: str, canonicals: Sequence[str]) -> str | None:
    """What the log of these texts lacks of an anchored checkpoint; None when it grew out of it.

    Raises:
        IntegrityError: the anchored text is no checkpoint.
    """
    kept = parse_checkpoint(anchored)
    if kept.size > len(canonicals):
        return f"{kept.size - len(canonicals)} events were cut: the log ends at {len(canonicals)}"
    if checkpoint_of(kept.origin, canonicals[: kept.size]).root != kept.root:
        return f"one of the first {kept.size} events was changed, removed, inserted or moved"
    return None


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint text.

    Raises:
        IntegrityError: it does not have the three lines.
    """
    lines = text.split("\n")
    try:
        origin, size, digest = lines[:_LINES]
        found = Checkpoint(
            origin=origin, size=int(size), root=base64.b64decode(digest, validate=True)
        )
    except (ValueError, binascii.Error):
        found = None
    if found is None or found.size < 0 or len(found.root) != _HASH_BYTES or not found.origin:
        raise IntegrityError(
            "Not a checkpoint: expected an origin line, a decimal size and a base64 root of 32 "
            f"bytes, found {text[:60]!r}."
        )
    return found
