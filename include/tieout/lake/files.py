"""Put and open files of the lake. Owns paths, durability and the hash check; knows no meaning.

A file is written beside its place, flushed to disk, then renamed; on an object store the upload is
the rename. The SHA-256 is verified at the first open in a process, because a flipped bit in Parquet
usually reads back as other values without any error (measured, November 2026).
"""

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.core.errors import HashMismatchError, NotReadyError, SettingError
from tieout.core.ids import sha256_hex

_FOLDER = re.compile(r"[a-z_]+(/[a-z_]+=[0-9a-z-]+)*")
PROBE = "doctor/probe.txt"
_ROW_GROUP = 1_000_000
_READABLE = 0o644  # people and BI tools read published files; a temporary file begins private


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeFile:
    """One stored file: content hash, path below the lake's root, size in bytes."""

    sha256: str
    path: str
    size_bytes: int


class Lake:
    """A folder or bucket of immutable files (`file://`, `s3://`, `gs://`, `abfs://`)."""

    def __init__(self, url: str) -> None:
        """Open the lake at `url`; nothing is read or made yet.

        Raises:
            SettingError: the URL's scheme has no file system installed.
        """
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise SettingError(
                f"Cannot open the lake at {url.partition(':')[0]}://: {error}; set TIEOUT_LAKE_URL."
            ) from error
        self._verified: set[tuple[str, str]] = set()

    def put(self, content: bytes, folder: str, *, suffix: str = "") -> LakeFile:
        """Keep bytes under their hash; the same content a second time writes nothing."""
        if not _FOLDER.fullmatch(folder):
            raise SettingError(f"A lake folder is lower-case words, found {folder!r}.")
        digest = sha256_hex(content)
        path = f"{folder}/{digest[:2]}/{digest}{suffix}"
        full = self._full(path)
        if not self._files.exists(full):
            self._write(full, content)
        return LakeFile(sha256=digest, path=path, size_bytes=len(content))

    def get(self, path: str, sha256: str) -> bytes:
        """Bytes of a stored file, verified against the hash.

        Raises:
            NotReadyError: the file is not there.
            HashMismatchError: it is, with another content.
        """
        try:
            content: bytes = self._files.cat_file(self._full(path))
        except FileNotFoundError:
            raise NotReadyError(
                f"Lake file {path} is missing: expected it because the ledger names it; restore "
                "the lake from its backup, or pull the period again."
            ) from None
        if (path, sha256) not in self._verified:
            self._verify(path, content, sha256)
        return content

    def put_table(self, table: pa.Table, folder: str) -> LakeFile:
        """Write a table as zstd Parquet with page checksums; equal tables give equal files."""
        sink = io.BytesIO()
        pq.write_table(
            table,
            sink,
            compression="zstd",
            row_group_size=_ROW_GROUP,
            write_page_checksum=True,
            store_schema=True,
        )
        return self.put(sink.getvalue(), folder, suffix=".parquet")

    def get_table(
        self, path: str, sha256: str, *, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """A stored table, verified against the hash before any value is believed."""
        content = self.get(path, sha256)
        wanted = None if columns is None else list(columns)
        return pq.read_table(io.BytesIO(content), columns=wanted, page_checksum_verification=True)

    def probe(self, said: str) -> None:
        """Write a text under one fixed name, as any file is written, and read it again.

        Raises:
            SettingError: it cannot be written, or what is read is something else.
        """
        full = self._full(PROBE)
        try:
            self._write(full, said.encode())
            found = self._files.cat_file(full)
        except Exception as error:  # each kind of bucket has refusals of its own
            raise SettingError(
                f"Cannot write and read again {PROBE} in this folder or bucket: "
                f"{str(error).splitlines()[0] if str(error) else type(error).__name__}."
            ) from error
        if found != said.encode():
            raise SettingError(f"The file {PROBE} was written and reads differently.")

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _verify(self, path: str, content: bytes, sha256: str) -> None:
        found = sha256_hex(content)
        if found != sha256:
            raise HashMismatchError(
                f"Lake file {path} changed after it was stored: expected SHA-256 {sha256}, found "
                f"{found}; nothing was computed from it. Restore it from the backup."
            )
        self._verified.add((path, sha256))

    def _write(self, full: str, content: bytes) -> None:
        if self._files.protocol[0] == "file":
            write_durably(Path(full), content)
        else:
            self._files.pipe_file(full, content)


def write_durably(target: Path, content: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the folders: a crash leaves the old or the new."""
    made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(
        dir=target.parent, prefix=f".{target.name}.", suffix=".tmp", delete=False
    ) as sink:
        scratch = Path(sink.name)
        try:
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
            os.fchmod(sink.fileno(), _READABLE)
            scratch.replace(target)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
    for folder in (target.parent, *(one.parent for one in made)):
        _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    """Make names in a folder last: a file whose name was lost is lost."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
