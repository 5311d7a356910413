"""The folder or bucket where people and mail rules put billing documents.

Owns reading the folder: local, S3, Google Cloud Storage or Azure Blob through fsspec. What a
document says is read by an invoice format, which `documents.format_of` finds from the bytes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import SplitResult, unquote, urlsplit

import fsspec
import pyarrow as pa
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow.fs import AzureFileSystem, FileSystem, GcsFileSystem, S3FileSystem

from tieout.config import ProviderConnection
from tieout.core.errors import DocumentUnreadableError, SettingError, SourceUnreachableError
from tieout.sources.base import RawDocument
from tieout.sources.documents import MEDIA_TYPES, format_of, medium_of
from tieout.sources.limits import MAX_DOCUMENT_BYTES, check_endpoint

MAX_FILES = 1_000
SUFFIXES = (".pdf", ".xml", ".csv", ".json")

_CONNECT_TIMEOUT_S = 10
_REQUEST_TIMEOUT_S = 60
_LOCAL = frozenset({"file", "memory"})
_S3 = frozenset({"s3"})
_GOOGLE = frozenset({"gs", "gcs"})
_AZURE = frozenset({"abfs", "abfss", "az"})
_SCHEMES = _LOCAL | _S3 | _GOOGLE | _AZURE


def documents_of_folder(
    invoice_format: str, *, may_lack: bool = False
) -> Callable[..., tuple[RawDocument, ...]]:
    """`fetch_documents` of a provider whose documents lie in the drop folder of its connection.

    Account, period and time are ignored: the folder of one connection belongs to one account, and
    each document says its own dates. With `may_lack` a connection without `documents_url` has none.
    """

    def fetch_documents(connection: ProviderConnection, **_: object) -> tuple[RawDocument, ...]:
        """Every billing document in the drop folder of the connection."""
        if may_lack and "documents_url" not in connection.extra:
            return ()
        return read_drop_folder(connection, invoice_format=invoice_format)

    return fetch_documents


def read_drop_folder(
    connection: ProviderConnection, *, invoice_format: str
) -> tuple[RawDocument, ...]:
    """Every PDF, XML, CSV and JSON file that lies directly in `documents_url`, by name.

    The request of each document names the format that reads it, as its bytes tell; a file that no
    format recognises keeps `invoice_format`, so that reading it makes a finding and nothing is
    lost. Other files, links and folders are ignored; a folder that does not exist yet is empty.

    Raises:
        SettingError: `documents_url` is missing or not an address of files; too many files.
        SourceUnreachableError: the folder or its bucket cannot be read.
        DocumentUnreadableError: a file is larger than a billing document may be.
    """
    with _place(connection) as (files, root):
        found = [(path, size) for path, size, _ in _listed(files, root)]
        return tuple(_read(files, path, size, default=invoice_format) for path, size in found)


def marks_of(connection: ProviderConnection) -> dict[str, str]:
    """The name of every document in the folder, with a mark that changes when the file does.

    The mark is made of size and time; nothing is opened, so that a watcher may look often.

    Raises:
        SettingError: as `read_drop_folder`.
        SourceUnreachableError: as `read_drop_folder`.
    """
    with _place(connection) as (files, root):
        return {path.rsplit("/", 1)[-1]: mark for path, _, mark in _listed(files, root)}


@contextmanager
def _place(connection: ProviderConnection) -> Iterator[tuple[fsspec.AbstractFileSystem, str]]:
    """The folder that the connection names; what fails in it is one sentence."""
    url = connection.setting("documents_url").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or (parts.username and parts.scheme not in _AZURE):
        raise SettingError(
            f"documents_url of {connection.name} is not an address of files: expected one that "
            f"starts with {', '.join(sorted(_SCHEMES))} and :// and has no login in it; correct "
            "the connection."
        )
    try:
        yield _opened(connection, url, parts)
    except (OSError, pa.ArrowException) as error:
        raise SourceUnreachableError(
            f"The folder of billing documents of {connection.name} cannot be read "
            f"({type(error).__name__}): expected {url} to be readable; correct its rights."
        ) from error


def _opened(
    connection: ProviderConnection, url: str, parts: SplitResult
) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system and the folder's path in it."""
    if parts.scheme in _LOCAL:
        files, root = fsspec.core.url_to_fs(url)
        return files, str(root)
    bucket = (parts.username if parts.scheme in _AZURE else None) or parts.netloc
    store = ArrowFSWrapper(_store(connection, parts), skip_instance_cache=True)
    if not store.exists(bucket):
        raise FileNotFoundError(bucket)
    return store, f"{bucket}/{unquote(parts.path).strip('/')}".rstrip("/")


def _store(connection: ProviderConnection, parts: SplitResult) -> FileSystem:
    """The bucket's store; without keys in the connection the machine's own identity is used."""
    if parts.scheme in _S3:
        return S3FileSystem(
            access_key=connection.extra.get("documents_key"),
            secret_key=connection.extra.get("documents_secret"),
            region=connection.extra.get("documents_region"),
            connect_timeout=_CONNECT_TIMEOUT_S,
            request_timeout=_REQUEST_TIMEOUT_S,
            **_endpoint(connection),
        )
    if parts.scheme in _GOOGLE:
        return GcsFileSystem(
            anonymous=connection.extra.get("documents_anonymous") == "true",
            target_service_account=connection.extra.get("documents_service_account"),
            retry_time_limit=timedelta(seconds=_REQUEST_TIMEOUT_S),
            **_endpoint(connection),
        )
    return _azure(connection, parts)


def _endpoint(connection: ProviderConnection) -> dict[str, str]:
    url = connection.extra.get("documents_endpoint_url")
    if not url:
        return {}
    parts = urlsplit(check_endpoint(url))
    return {"endpoint_override": parts.netloc, "scheme": parts.scheme}


def _azure(connection: ProviderConnection, parts: SplitResult) -> FileSystem:
    """`abfs://container@account.dfs.core.windows.net/folder`, or the account in `documents_key`."""
    named = (parts.hostname or "").partition(".")[0] if parts.username else ""
    account = connection.extra.get("documents_key") or named
    if not account:
        raise SettingError(
            f"Connection {connection.name} does not name the storage account: expected it in "
            "documents_key or as container@account.dfs.core.windows.net in documents_url."
        )
    place = _endpoint(connection)
    override = (
        {
            f"{service}_storage_{part}": place[key]
            for service in ("blob", "dfs")
            for part, key in (("authority", "endpoint_override"), ("scheme", "scheme"))
        }
        if place
        else {}
    )
    return AzureFileSystem(
        account,
        account_key=connection.extra.get("documents_secret"),
        sas_token=connection.extra.get("documents_sas_token"),
        **override,
    )


def _listed(files: fsspec.AbstractFileSystem, root: str) -> list[tuple[str, int, str]]:
    """Path, size and mark of each document, by path."""
    if not files.exists(root):
        return []
    found = sorted(
        (entry["name"], int(entry["size"] or 0), _mark(entry))
        for entry in files.ls(root, detail=True)
        if _is_document(entry)
    )
    if len(found) > MAX_FILES:
        raise SettingError(
            f"{root} holds {len(found)} documents: expected at most {MAX_FILES}; move the ones of "
            "closed years to another folder."
        )
    return found


def _mark(entry: dict[str, object]) -> str:
    return f"{entry['size']} {entry.get('mtime') or entry.get('created')}"


def _is_document(entry: dict[str, object]) -> bool:
    name = str(entry["name"]).rsplit("/", 1)[-1]
    # a link could name a file of this machine that nobody put into the folder
    is_file = entry["type"] == "file" and not entry.get("islink")
    return is_file and not name.startswith((".", "~")) and name.lower().endswith(SUFFIXES)


def _read(files: fsspec.AbstractFileSystem, path: str, size: int, *, default: str) -> RawDocument:
    name = path.rsplit("/", 1)[-1]
    if size > MAX_DOCUMENT_BYTES:
        raise DocumentUnreadableError(
            f"{name} has {size:,} bytes: expected a billing document of at most "
            f"{MAX_DOCUMENT_BYTES:,}; replace the file."
        )
    with files.open(path, "rb") as stream:
        content: bytes = stream.read(MAX_DOCUMENT_BYTES)
    try:
        invoice_format = format_of(name, content, default=default)
    except DocumentUnreadableError:
        invoice_format = default
    medium = medium_of(content)
    return RawDocument(
        name=name,
        kind="billing_document",
        content=content,
        media_type=MEDIA_TYPES[medium] if medium else "application/octet-stream",
        request={"file": name, "format": invoice_format},
    )
