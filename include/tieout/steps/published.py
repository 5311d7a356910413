"""What was published of a month, read back: each file with the hash that the audit log binds.

No step itself: the evidence pack and the exports for people stand on it. Writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tieout.core.errors import HashMismatchError, NotReadyError
from tieout.core.ids import sha256_hex
from tieout.lake.folder import Folder
from tieout.publish.evidence import MANIFEST
from tieout.steps.context import Context
from tieout.store import audit, periods, signoffs
from tieout.store.publications import Publication
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A publication whose manifest is the one in the log; `hashes` are SHA-256 by file name."""

    place: Folder
    prefix: str
    manifest: bytes
    hashes: Mapping[str, str]

    def read(self, name: str) -> bytes:
        """A published file.

        Raises:
            HashMismatchError: it is not what was published.
        """
        content = self.place.get(f"{self.prefix}/{name}")
        _same(name, content, self.hashes[name])
        return content


def event(tx: Tx, published: Publication) -> audit.AuditEvent:
    """The event of the publication.

    Raises:
        NotReadyError: the log has none.
    """
    found = audit.publication_of(tx, published.period, published.content_hash)
    if found is None:
        raise NotReadyError(f"The audit log has no publication of {published.period}: ask why.")
    return found


def stands(tx: Tx, published: Publication) -> bool:
    """Whether the month is still closed with the content that was published."""
    signed = {one.content_hash for one in signoffs.listing(tx, published.period) if one.is_current}
    closed = periods.state(tx, published.period) == "closed"
    return closed and signed == {published.content_hash}


def bound(context: Context, published: Publication, bound_by: audit.AuditEvent) -> Bound:
    """The files of a publication.

    Raises:
        HashMismatchError: the manifest is not what the log says.
    """
    place = Folder(context.settings.publish_url)
    prefix = f"{published.period}/{published.content_hash[:12]}"
    sums = place.get(f"{prefix}/{MANIFEST}")
    _same(MANIFEST, sums, bound_by.payload()["manifest"])
    lines = [line.partition("  ") for line in sums.decode().splitlines()]
    hashes = {name: digest for digest, _, name in lines}
    return Bound(place=place, prefix=prefix, manifest=sums, hashes=hashes)


def _same(name: str, content: bytes, digest: str) -> None:
    if sha256_hex(content) != digest:
        raise HashMismatchError(
            f"Published file {name} changed after it was written: expected SHA-256 {digest}, found "
            f"{sha256_hex(content)}; restore the folder from its backup."
        )
