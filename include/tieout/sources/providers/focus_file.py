"""Anything else: FOCUS files (CSV, gzip, Parquet) that a provider or a person puts into a folder.

Owns the folder and its settings; `focus_rows` owns what the files say. A period's files lie in a
folder of the period's name: `files_url/2026-10/`. What the settings say about the files is kept as
a document beside them, so that the same version always reads the same.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from tieout.config import ProviderConnection
from tieout.core.errors import (
    DocumentUnreadableError,
    NotReadyError,
    SettingError,
    SourceAnswerError,
    SourceUnreachableError,
)
from tieout.core.period import Period
from tieout.sources.absent import fetch_usage, to_estimate, to_usage
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument
from tieout.sources.drop_folder import documents_of_folder
from tieout.sources.focus_columns import FocusMapping, mapping_text, parse_mapping
from tieout.sources.focus_rows import read_focus
from tieout.sources.limits import MAX_UNPACKED_BYTES, load_json

NAME = "focus_file"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "none"
# a file brings no documents with it: they lie in a folder, if anywhere
fetch_documents = documents_of_folder(INVOICE_FORMAT, may_lack=True)

MAX_FILES = 1_000
SUFFIXES = (".csv", ".csv.gz", ".parquet")

_SCHEMES = ("abfs", "abfss", "file", "gs", "s3")
_SWITCH = {"on": True, "off": False}
_SETTINGS = "settings.json"


def fetch_cost(
    connection: ProviderConnection,
    *,
    account: str,
    period: Period,
    through: date,  # noqa: ARG001  a file is taken as it is delivered
    now: datetime,
) -> tuple[RawDocument, ...]:
    """Every FOCUS file in the period's folder, by name, and what the connection says about them.

    Raises:
        NotReadyError: there is no file yet.
        SettingError: `files_url`, `mapping` or `whole_month` cannot be used; too many files.
        SourceUnreachableError: the folder cannot be read.
        DocumentUnreadableError: a file is larger than it may be.
    """
    settings = _settings(connection)
    folder = f"{connection.setting('files_url').rstrip('/')}/{period}"
    contents = _contents(connection, folder)
    if not contents:
        raise NotReadyError(
            f"No FOCUS file of {period} in {folder}: expected files that end with "
            f"{', '.join(SUFFIXES)}; wait for the delivery, or check files_url of the connection "
            f"{connection.name}."
        )
    request = {"account": account, "period": str(period), "asked_at": now.isoformat()}
    about = json.dumps(
        {"files": sorted(contents), **settings}, sort_keys=True, separators=(",", ":")
    )
    return (
        RawDocument(
            name=_SETTINGS,
            kind="manifest",
            content=about.encode(),
            media_type="application/json",
            request=request,
        ),
        *(
            RawDocument(
                name=name,
                kind="data",
                content=content,
                media_type="application/octet-stream",
                request=request,
            )
            for name, content in sorted(contents.items())
        ),
    )


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each row of the files; without settings all data documents count.

    Raises:
        SourceAnswerError: a file is missing, there twice, or lacks a column of FOCUS.
        DocumentUnreadableError: a file is truncated, too large, or no table.
        SettingError: the settings that were kept beside the files are none.
    """
    data = [one for one in documents if one.kind == "data"]
    settings = [one for one in documents if one.kind == "manifest"]
    if not settings:
        return read_focus(data, provider=NAME, account=account, period=period)
    listed, mapping, is_whole = _read_settings(settings[0])
    missing = sorted(set(listed) - {one.name for one in data})
    if missing:
        raise SourceAnswerError(
            f"{missing[0]} was in the folder, but is not among the files that were kept: expected "
            "every file; pull again."
        )
    found = read_focus(data, provider=NAME, account=account, period=period, mapping=mapping)
    return replace(found, complete_through=period.last_on) if is_whole else found


def _settings(connection: ProviderConnection) -> dict[str, object]:
    text = connection.extra.get("mapping")
    where = f"mapping of {connection.name}"
    mapping = parse_mapping(text, where=where) if text else FocusMapping()
    whole = connection.extra.get("whole_month", "off")
    if whole not in _SWITCH:
        raise SettingError(
            f"whole_month of {connection.name} is {whole[:40]!r}: expected on or off; correct the "
            "connection."
        )
    return {"mapping": json.loads(mapping_text(mapping)), "whole_month": _SWITCH[whole]}


def _read_settings(document: RawDocument) -> tuple[list[str], FocusMapping, bool]:
    value = load_json(document.content, name=document.name)
    files = value.get("files") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(files, list):
        raise SourceAnswerError(
            f"{document.name} lists no files: expected what was kept with the pull; pull again."
        )
    mapping = parse_mapping(json.dumps(value.get("mapping", {})), where=document.name)
    return [str(one) for one in files], mapping, value.get("whole_month") is True


def _contents(connection: ProviderConnection, folder: str) -> dict[str, bytes]:
    """The bytes of the folder's files by name."""
    parts = urlsplit(folder)
    has_login = parts.password or (parts.username and not parts.scheme.startswith("abfs"))
    if parts.scheme not in _SCHEMES or has_login or parts.query:
        raise SettingError(
            f"files_url of {connection.name} is not an address of files: expected one that starts "
            f"with {', '.join(_SCHEMES)} and :// and has no login in it; correct the connection."
        )
    try:
        store, path = fs.FileSystem.from_uri(folder)
        chosen = fs.FileSelector(path, allow_not_found=True)
        found = [one for one in store.get_file_info(chosen) if _is_table(one, parts.scheme)]
        _check_sizes(found, folder)
        return {one.base_name: _bytes(store, one.path) for one in found}
    except (OSError, pa.ArrowException) as error:
        raise SourceUnreachableError(
            f"The folder files_url of {connection.name} cannot be read ({type(error).__name__}): "
            f"expected {folder} to be readable; correct its rights."
        ) from error


def _is_table(info: fs.FileInfo, scheme: str) -> bool:
    name = info.base_name.lower()
    # a link could name a file of this machine that nobody put into the folder
    is_link = scheme == "file" and Path(info.path).is_symlink()
    is_file = bool(info.type == fs.FileType.File) and not is_link
    return is_file and name.endswith(SUFFIXES) and not name.startswith((".", "~"))


def _check_sizes(found: Sequence[fs.FileInfo], folder: str) -> None:
    if len(found) > MAX_FILES:
        raise SettingError(
            f"{folder} holds {len(found)} files: expected at most {MAX_FILES} for a month; let the "
            "sender write larger files."
        )
    for one in found:
        if one.size > MAX_UNPACKED_BYTES:
            raise DocumentUnreadableError(
                f"{one.base_name} has {one.size:,} bytes: expected at most "
                f"{MAX_UNPACKED_BYTES:,}; let the sender write smaller files."
            )


def _bytes(store: fs.FileSystem, path: str) -> bytes:
    with store.open_input_stream(path, compression=None) as stream:
        content: bytes = stream.read()
    return content
