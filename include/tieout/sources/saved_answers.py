"""A provider's answers that somebody saved elsewhere: files of a folder become raw documents.

Owns what a file's name says about its kind; the bytes stay as they are, and the provider's plug-in
reads them as it would its own answers.

`cost*` `costs*` are cost pages, `usage*` metered usage, `estimate*` preliminary figures, `names*`
`projects*` `workspaces*` `accounts*` `list_accounts*` names, `prices*` prices (JSON each);
`*manifest*.json` a manifest; other CSV, gzip and Parquet files data. What a file's own name does
not say, the name of its folder may (`usage/page1.json`). `<file>.request.json` beside a file says
what was asked, where the plug-in needs it (an object of texts).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tieout.core.errors import SourceAnswerError, UsageError
from tieout.sources.base import RawDocument, RawKind
from tieout.sources.focus_columns import mapping_text, parse_mapping
from tieout.sources.limits import MAX_JSON_BYTES, load_json

MAX_FILES = 2_000
MAX_FILE_BYTES = 2_000_000_000
REQUEST_SUFFIX = ".request.json"

_KINDS: tuple[tuple[str, RawKind], ...] = (
    ("cost", "cost"),
    ("usage", "usage"),
    ("estimate", "estimate"),
    ("names", "names"),
    ("projects", "names"),
    ("workspaces", "names"),
    ("accounts", "names"),
    ("list_accounts", "names"),
    ("prices", "prices"),
)
_DATA_SUFFIXES = (".csv", ".csv.gz", ".gz", ".parquet")
_MEDIA_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
}


def read_saved(folder: Path) -> tuple[RawDocument, ...]:
    """Every file below the folder as a document, ordered by its path, which is its name.

    A data file bears the name under which a manifest lists it, when that ends with its path. Files
    whose name begins with a dot are left out.

    Raises:
        UsageError: a file's name says no kind, or there is none, too many, too large a one, or a
            link.
        SourceAnswerError: a manifest or request file is no JSON.
    """
    files = sorted(_files(folder))
    if not 0 < len(files) <= MAX_FILES:
        raise UsageError(
            f"{folder} holds {len(files)} files: expected 1 to {MAX_FILES} saved answers."
        )
    found = [_document(folder, file) for file in files if not file.name.endswith(REQUEST_SUFFIX)]
    listed = [
        text
        for one in found
        if one.kind == "manifest"
        for text in _texts(load_json(one.content, name=one.name))
    ]
    return tuple(_under_listed_name(one, listed) for one in found)


def read_file(path: Path, *, kind: RawKind) -> RawDocument:
    """One file as a document of a known kind, under its own name.

    Raises:
        UsageError: it is larger than a report may be.
    """
    size = path.stat().st_size
    most = MAX_JSON_BYTES if path.suffix == ".json" else MAX_FILE_BYTES
    if size > most:
        raise UsageError(f"{path.name} has {size:,} bytes: expected at most {most:,}; split it.")
    return RawDocument(
        name=path.name,
        kind=kind,
        content=path.read_bytes(),
        media_type=_MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream"),
        request={"file": path.name},
    )


def read_focus_file(path: Path, *, mapping: Path | None = None) -> tuple[RawDocument, ...]:
    """A FOCUS file as the plug-in `focus_file` keeps it, with the mapping of its columns, if any.

    Raises:
        UsageError: the file is larger than a report may be.
        SettingError: the mapping is none.
    """
    data = read_file(path, kind="data")
    if mapping is None:
        return (data,)
    columns = parse_mapping(mapping.read_bytes().decode(errors="replace"), where=mapping.name)
    known = json.loads(mapping_text(columns))
    about = {"files": [data.name], "mapping": known, "whole_month": False}
    content = json.dumps(about, sort_keys=True, separators=(",", ":")).encode()
    settings = RawDocument(
        name="settings.json",
        kind="manifest",
        content=content,
        media_type="application/json",
        request={"file": mapping.name},
    )
    return (settings, data)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts):
            continue
        if path.is_symlink():
            raise UsageError(f"{inside} is a link: expected files only; copy what it points to.")
        if path.is_file():
            yield path


def _document(folder: Path, path: Path) -> RawDocument:
    name = path.relative_to(folder).as_posix()
    read = read_file(path, kind=_kind(name))
    beside = path.with_name(path.name + REQUEST_SUFFIX)
    request = _request(beside) if beside.is_file() else {}
    return RawDocument(
        name=name,
        kind=read.kind,
        content=read.content,
        media_type=read.media_type,
        request={**request, "file": name},
    )


def _kind(name: str) -> RawKind:
    parts = name.lower().split("/")
    if parts[-1].endswith(".json"):
        if "manifest" in parts[-1]:
            return "manifest"
        found = [
            kind for part in reversed(parts) for start, kind in _KINDS if part.startswith(start)
        ]
        if found:
            return found[0]
    elif parts[-1].endswith(_DATA_SUFFIXES):
        return "data"
    raise UsageError(
        f"{name[:80]!r} is no saved answer by its name: expected such as cost.page1.json, "
        "usage.page1.json, names.json, a manifest or a data file; rename it or take it out."
    )


def _request(path: Path) -> Mapping[str, str]:
    value = load_json(path.read_bytes(), name=path.name)
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise SourceAnswerError(f"{path.name} is no object of texts: expected what was asked.")
    return value


def _texts(value: object) -> Iterator[str]:
    """Every text of a JSON value; `load_json` bounds its depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _under_listed_name(document: RawDocument, listed: list[str]) -> RawDocument:
    """AWS lists `s3://bucket/key` or `key`: the plug-in looks for the key."""
    keys = {_key(text) for text in listed if f"/{text}".endswith(f"/{document.name}")}
    if document.kind != "data" or len(keys) != 1:
        return document
    return RawDocument(
        name=keys.pop(),
        kind=document.kind,
        content=document.content,
        media_type=document.media_type,
        request=document.request,
    )


def _key(text: str) -> str:
    return text.split("/", 3)[3] if text.startswith("s3://") else text
