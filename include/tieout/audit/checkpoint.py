"""A checkpoint of the audit log: origin, size and Merkle root, to be kept out of our own reach.

The text has the form that transparency logs sign: origin line, decimal size, base64 root, each
followed by a newline. Signature lines may follow after an empty line; they are not read here.
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
    """The log had `size` events under `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text to sign and to anchor."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def checkpoint_of(origin: str, canonicals: Sequence[str]) -> Checkpoint:
    """The checkpoint of a whole log, from its canonical texts in order."""
    leaves = [leaf_hash(text.encode()) for text in canonicals]
    return Checkpoint(origin=origin, size=len(leaves), root=root(leaves))


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
