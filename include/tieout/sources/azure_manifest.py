"""What a delivery of Azure consists of: the manifest of an export, the result of a details report.

Owns reading the two forms, the size check of each file, and our own list of what was fetched. Rows
that a manifest counts are compared by `azure_report`, which reads them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from tieout.core.errors import SourceAnswerError
from tieout.core.ids import sha256_hex
from tieout.sources.base import RawDocument
from tieout.sources.limits import MAX_UNPACKED_BYTES, load_json

_SIGNED_LINK = re.compile(rb'("blobLink"\s*:\s*"[^"?]*)\?[^"]*"', re.IGNORECASE)
_NO_DATA = "NoDataFound"
_COMPLETED = "Completed"


DELIVERY = "delivery.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A file that belongs to a delivery; counts are None where the manifest has none."""

    name: str
    byte_count: int | None
    row_count: int | None
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """A file of a delivery under one view; `row_count` is None where Azure does not count."""

    view: str
    row_count: int | None
    document: RawDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one pull brought; `views` also names those without any file."""

    settled: bool
    views: frozenset[str]
    files: tuple[DeliveredFile, ...]


def without_signatures(content: bytes) -> bytes:
    """The answer with the signatures cut off its links: they open files to anyone for hours."""
    return _SIGNED_LINK.sub(rb'\1"', content)


def listed_files(content: bytes, *, name: str) -> tuple[ListedFile, ...]:
    """Files of an export's manifest or of a finished details report, in order.

    A report without data has none.

    Raises:
        SourceAnswerError: neither of the two, not finished, or larger than may be read.
    """
    answer = load_json(content, name=name)
    try:
        files = _files(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceAnswerError(
            f"{name} is neither an export's manifest nor a details report ({type(error).__name__}: "
            f"{str(error)[:60]}): expected a list of blobs; pull it again."
        ) from error
    size = sum(one.byte_count or 0 for one in files)
    if size > MAX_UNPACKED_BYTES:
        raise SourceAnswerError(
            f"{name} lists {size:,} bytes: expected at most {MAX_UNPACKED_BYTES:,}; let Azure "
            "split the export by subscription."
        )
    return files


def delivery_document(
    views: Mapping[str, Sequence[tuple[ListedFile, bytes]]], *, settled: bool, now: datetime
) -> RawDocument:
    """Our own list of what was fetched: for each view its files by content.

    Azure's manifests are kept beside it. The list is ours because the actual and the amortised file
    of an account without commitments are the same bytes, which are stored once. `settled`: the pull
    was made when Azure no longer changes the period. Equal deliveries give equal bytes.
    """
    listed = {
        view: [
            {"name": one.name, "sha256": sha256_hex(content), "rows": one.row_count}
            for one, content in files
        ]
        for view, files in views.items()
    }
    content = json.dumps({"settled": settled, "views": listed}, sort_keys=True, indent=1).encode()
    return RawDocument(
        name=DELIVERY,
        kind="manifest",
        content=content,
        media_type="application/json",
        request={"asked_at": now.isoformat()},
    )


def read_delivery(documents: Sequence[RawDocument]) -> Delivery:
    """The files of a delivery with their documents, view by view in the order fetched.

    Raises:
        SourceAnswerError: there is no list, or a listed file is missing.
    """
    lists = [document for document in documents if document.name == DELIVERY]
    if len(lists) != 1:
        raise SourceAnswerError(
            f"Azure's delivery has {len(lists)} files {DELIVERY}: expected one; pull it again."
        )
    data = {document.sha256: document for document in documents if document.kind == "data"}
    listed: Any = load_json(lists[0].content, name=DELIVERY)
    try:
        return Delivery(
            settled=listed["settled"] is True,
            views=frozenset(listed["views"]),
            files=tuple(
                DeliveredFile(
                    view=view, row_count=_count(one["rows"]), document=data[one["sha256"]]
                )
                for view, files in listed["views"].items()
                for one in files
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceAnswerError(
            f"{DELIVERY} lists a file that is missing, or is no such list: expected every listed "
            "file; pull the report again."
        ) from error


def check_size(listed: ListedFile, content: bytes) -> None:
    """Refuse a file that is not as long as its manifest says.

    Raises:
        SourceAnswerError: longer or shorter.
    """
    if listed.byte_count is not None and listed.byte_count != len(content):
        raise SourceAnswerError(
            f"{listed.name} has {len(content):,} bytes: expected {listed.byte_count:,} as its "
            "manifest says; Azure may be writing a new version, pull again later."
        )


def _files(answer: Any) -> tuple[ListedFile, ...]:
    if "runInfo" in answer or "exportConfig" in answer:
        blobs = answer["blobs"]
        files = tuple(_exported(blob) for blob in blobs)
        counted: Mapping[str, Any] = answer
    else:
        files = _reported(answer)
        counted = answer.get("manifest") or {}
    _check_sums(files, counted)
    return files


def _exported(blob: Mapping[str, Any]) -> ListedFile:
    return ListedFile(
        name=blob["blobName"],
        byte_count=_count(blob.get("byteCount")),
        row_count=_count(blob.get("dataRowCount")),
    )


def _reported(answer: Mapping[str, Any]) -> tuple[ListedFile, ...]:
    if answer["status"] == _NO_DATA:
        return ()
    if answer["status"] != _COMPLETED:
        raise ValueError(f"the report's status is {str(answer['status'])[:40]!r}")
    return tuple(
        ListedFile(
            name=unquote(urlsplit(blob["blobLink"]).path).lstrip("/"),
            byte_count=_count(blob.get("byteCount")),
            row_count=None,
            link=blob["blobLink"],
        )
        for blob in answer["manifest"]["blobs"]
    )


def _check_sums(files: Sequence[ListedFile], counted: Mapping[str, Any]) -> None:
    if len({one.name for one in files}) != len(files):
        raise ValueError("a file is listed twice")
    if (expected := _count(counted.get("blobCount"))) is not None and expected != len(files):
        raise ValueError(f"blobCount is {expected}, {len(files)} are listed")
    sizes = [one.byte_count for one in files]
    expected = _count(counted.get("byteCount"))
    known = sum(size for size in sizes if size is not None)
    if expected is not None and None not in sizes and expected != known:
        raise ValueError(f"byteCount is {expected}, the listed files have {known}")


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or int(value) != value or value < 0:
        raise ValueError(f"{str(value)[:20]!r} is no count")
    return int(value)
