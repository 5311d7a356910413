"""The folder or bucket where people and mail rules put billing documents as PDF files.

Owns reading the folder; what a document says is read by an invoice format.
"""

from urllib.parse import urlsplit

import fsspec

from tieout.config import ProviderConnection
from tieout.core.errors import DocumentUnreadableError, SettingError, SourceUnreachableError
from tieout.sources.base import RawDocument
from tieout.sources.limits import MAX_DOCUMENT_BYTES

MAX_FILES = 1_000
_SCHEMES = frozenset({"file", "s3", "gs", "gcs", "abfs", "abfss", "memory"})


def read_drop_folder(
    connection: ProviderConnection, *, invoice_format: str
) -> tuple[RawDocument, ...]:
    """Every PDF that lies directly in the connection's `documents_url`, by name.

    Other files are ignored, a folder that does not exist yet is empty. The request of each document
    names the invoice format that reads it.

    Raises:
        SettingError: `documents_url` is missing or not an address of files.
        SourceUnreachableError: the folder cannot be read.
        DocumentUnreadableError: a file is larger than a billing document may be.
    """
    url = connection.setting("documents_url").rstrip("/")
    if urlsplit(url).scheme not in _SCHEMES:
        raise SettingError(
            f"documents_url of {connection.name} is not an address of files: expected one that "
            f"starts with {', '.join(sorted(_SCHEMES))} and ://; correct the connection."
        )
    try:
        files, root = fsspec.core.url_to_fs(url)
        found = _pdf_sizes(files, root)
        return tuple(
            _read(files, path, size, invoice_format=invoice_format) for path, size in found
        )
    except OSError as error:
        raise SourceUnreachableError(
            f"The folder of billing documents of {connection.name} cannot be read "
            f"({type(error).__name__}): expected {url} to be readable; correct its rights."
        ) from error


def _pdf_sizes(files: fsspec.AbstractFileSystem, root: str) -> list[tuple[str, int]]:
    if not files.exists(root):
        return []
    listed = files.ls(root, detail=True)
    found = sorted(
        (entry["name"], int(entry["size"] or 0))
        for entry in listed
        if entry["type"] == "file" and entry["name"].lower().endswith(".pdf")
    )
    if len(found) > MAX_FILES:
        raise SettingError(
            f"{root} holds {len(found)} PDF files: expected at most {MAX_FILES}; move the ones of "
            "closed years to another folder."
        )
    return found


def _read(
    files: fsspec.AbstractFileSystem, path: str, size: int, *, invoice_format: str
) -> RawDocument:
    name = path.rsplit("/", 1)[-1]
    if size > MAX_DOCUMENT_BYTES:
        raise DocumentUnreadableError(
            f"{name} has {size:,} bytes: expected a billing document of at most "
            f"{MAX_DOCUMENT_BYTES:,}; replace the file."
        )
    with files.open(path, "rb") as stream:
        content: bytes = stream.read(MAX_DOCUMENT_BYTES)
    return RawDocument(
        name=name,
        kind="billing_document",
        content=content,
        media_type="application/pdf",
        request={"file": name, "format": invoice_format},
    )
