"""The evidence pack of a month as one file to be taken away: where its folder is, and its zip.

Reads only: `pack` makes the folder, below `packs` in the home folder unless it is told otherwise.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tieout.core.errors import UnknownSubjectError
from tieout.core.period import parse_period
from tieout.steps.context import Context
from tieout.store import publications

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier one: the same pack is the same bytes


def folder(context: Context, *, period: str) -> Path | None:
    """The pack of what is published of a month; None when it was not made, or elsewhere."""
    parse_period(period)
    with context.store.transaction() as tx:
        published = publications.head(tx, period)
    if published is None:
        return None
    found = context.settings.home / "packs" / f"tieout-{period}-{published.content_hash[:12]}"
    return found if found.is_dir() else None


def zipped(context: Context, *, period: str) -> tuple[str, Iterator[bytes]]:
    """A name for the file and its bytes, a file of the pack at a time.

    Raises:
        UnknownSubjectError: the pack is not there; says how to make it.
    """
    found = folder(context, period=period)
    if found is None:
        packs = context.settings.home / "packs"
        raise UnknownSubjectError(
            f"There is no evidence pack of {period} to take away: expected one below {packs}; "
            f"make it with `tieout pack {period} --out {packs}`."
        )
    return f"{found.name}.zip", _stream(found)


class _Sink(io.RawIOBase):
    """What a zip is written to; `taken` gives what was written since."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._parts.append(bytes(content))
        return len(content)

    def taken(self) -> bytes:
        """The bytes since the last time."""
        found, self._parts = b"".join(self._parts), []
        return found


def _stream(found: Path) -> Iterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as book:
        for path in sorted(one for one in found.rglob("*") if one.is_file()):
            name = f"{found.name}/{path.relative_to(found).as_posix()}"
            about = zipfile.ZipInfo(name, date_time=_FIRST_DAY)
            about.compress_type = zipfile.ZIP_DEFLATED
            book.writestr(about, path.read_bytes())
            yield sink.taken()
    yield sink.taken()
