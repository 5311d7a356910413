"""Named files of a publication: written whole and durably, replaced only by equal or newer content.

Owns the writing; which names and what is in them is `publish`'s business.
"""

from pathlib import Path

import fsspec

from tieout.core.errors import NotReadyError, SettingError
from tieout.lake.files import write_durably


class Folder:
    """A folder or bucket prefix that people and BI tools read (`file://`, `s3://`, ...)."""

    def __init__(self, url: str) -> None:
        """Open the folder at `url`; it is made with the first file.

        Raises:
            SettingError: the URL's scheme has no file system installed.
        """
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise SettingError(
                f"Cannot open the folder at {url.partition(':')[0]}://: {error}; "
                "set TIEOUT_PUBLISH_URL."
            ) from error

    def put(self, name: str, content: bytes) -> str:
        """Write one file; returns its full path. Equal content leaves the file alone."""
        full = f"{self._root}/{name}"
        if self._files.exists(full) and self._files.cat_file(full) == content:
            return full
        if self._files.protocol[0] == "file":
            write_durably(Path(full), content)
        else:
            self._files.pipe_file(full, content)
        return full

    def get(self, name: str) -> bytes:
        """The bytes of one file.

        Raises:
            NotReadyError: it is not there.
        """
        try:
            content: bytes = self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            raise NotReadyError(
                f"File {name} is missing in its folder: expected it because the ledger names it; "
                "restore the folder from its backup."
            ) from None
        return content

    def has(self, name: str) -> bool:
        """Whether a file of this name is there."""
        return bool(self._files.exists(f"{self._root}/{name}"))
