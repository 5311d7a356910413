"""Where AWS puts its reports on S3, and which files of them count.

Owns the two layouts (legacy Cost and Usage Report, Data Exports), the newest manifest of a month
and the files that it lists. Reads no column: what a file says is `aws_report`'s and `focus_rows`'.

Data Exports (AWS, "Understanding export delivery") puts files into `data/BILLING_PERIOD=2026-10/`
and, last of all, a manifest into `metadata/BILLING_PERIOD=2026-10/`. With "create new" each refresh
has a folder `<timestamp>-<execution id>` of its own; with "overwrite" stale chunks stay behind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import botocore.exceptions

from tieout.config import ProviderConnection
from tieout.core.errors import NotReadyError, SettingError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources.aws_client import broken, translated
from tieout.sources.base import RawDocument, RawKind
from tieout.sources.limits import load_json

LEGACY = "cur_legacy"
FOCUS_TYPES = frozenset({"focus_1_0", "focus_1_2"})
REPORT_TYPES = (LEGACY, "cur_2", "focus_1_0", "focus_1_2")
REFRESH_TAKES = timedelta(hours=6)

_PARTITIONS = ("BILLING_PERIOD", "billing_period")  # CUR 2.0 and FOCUS exports spell it differently
_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
_MEDIA_TYPES = {
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".gz": "application/gzip",
    ".zip": "application/zip",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object's bytes and when S3 says that they were written."""

    key: str
    content: bytes = field(repr=False)
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One month's report as delivered: the manifest and the files that it lists, in its order."""

    manifest: StoredObject
    files: tuple[StoredObject, ...]


def report_type(connection: ProviderConnection) -> str:
    """Which report the connection reads; one of REPORT_TYPES.

    Raises:
        SettingError: another word.
    """
    chosen = connection.extra.get("report_type") or LEGACY
    if chosen not in REPORT_TYPES:
        raise SettingError(
            f"report_type of {connection.name} is {chosen[:40]!r}: expected one of "
            f"{', '.join(REPORT_TYPES)}; correct the connection."
        )
    return chosen


def read_delivery(
    connection: ProviderConnection, s3: Any, *, period: Period, now: datetime, max_bytes: int
) -> Delivery:
    """The newest report of a month: its manifest and every file that the manifest lists.

    Raises:
        NotReadyError: AWS has not delivered a report of this month yet.
        SourceAnswerError: a listed file is missing, too large, elsewhere, or being rewritten.
        SourceError: unreachable or refused.
    """
    key = _manifest_key(connection, s3, period)
    manifest = _read_object(connection, s3, key, max_bytes) if key else None
    if manifest is None:
        raise NotReadyError(
            f"No manifest {key or _folder(connection, 'metadata')} in bucket "
            f"{connection.setting('bucket')}: expected AWS to have delivered the report of "
            f"{period}; wait a day, or check bucket, prefix, report and report_type."
        )
    files = []
    for listed in _listed_keys(connection, manifest):
        file = _read_object(connection, s3, listed, max_bytes)
        if file is None:
            raise SourceAnswerError(
                f"The manifest lists {listed}, which is not in bucket "
                f"{connection.setting('bucket')}: expected every listed file; AWS may be writing "
                "a new version, pull again later."
            )
        _check_settled(file, manifest, now)
        files.append(file)
    return Delivery(manifest=manifest, files=tuple(files))


def raw_documents(
    delivery: Delivery, *, report_type: str, now: datetime
) -> tuple[RawDocument, ...]:
    """The delivery as documents; each says which report it belongs to and where it stood."""

    def document(stored: StoredObject, kind: RawKind) -> RawDocument:
        request = {
            "key": stored.key,
            "report_type": report_type,
            "written_at": stored.modified_at.isoformat(),
            "asked_at": now.isoformat(),
        }
        suffix = "." + stored.key.rsplit(".", 1)[-1]
        return RawDocument(
            name=stored.key,
            kind=kind,
            content=stored.content,
            media_type=_MEDIA_TYPES.get(suffix, "application/octet-stream"),
            request=request,
        )

    files = (document(file, "data") for file in delivery.files)
    return (document(delivery.manifest, "manifest"), *files)


def delivered_type(documents: Sequence[RawDocument]) -> str:
    """Which report these documents are.

    The pull wrote it down; of answers that a person saved the manifest's columns tell.
    """
    for one in documents:
        if one.kind == "manifest":
            return one.request.get("report_type") or _told_by_columns(one)
    return LEGACY


def listed_data(documents: Sequence[RawDocument]) -> tuple[RawDocument, ...]:
    """The data documents that the manifests list, in their order; no other file may be read.

    Raises:
        SourceAnswerError: there is no manifest, or a listed file is not among the documents.
    """
    manifests = [one for one in documents if one.kind == "manifest"]
    if not manifests:
        raise SourceAnswerError(
            "The AWS report has no manifest: expected one beside its files; pull it again."
        )
    data = {one.name: one for one in documents if one.kind == "data"}
    found = []
    for manifest in manifests:
        for _, key in _listed(manifest.content, manifest.name):
            if key not in data:
                raise SourceAnswerError(
                    f"{manifest.name} lists {key}, which is missing: expected every listed file; "
                    "pull the report again."
                )
            found.append(data[key])
    return tuple(found)


def _told_by_columns(manifest: RawDocument) -> str:
    answer = load_json(manifest.content, name=manifest.name)
    values = answer if isinstance(answer, dict) else {}
    columns = values.get("columns")
    named = columns if isinstance(columns, list) else []
    names = {one.get("name") for one in named if isinstance(one, dict)}
    if "BilledCost" in names:
        return "focus_1_2" if "InvoiceId" in names else "focus_1_0"
    return "cur_2" if "dataFiles" in values else LEGACY


def _manifest_key(connection: ProviderConnection, s3: Any, period: Period) -> str | None:
    name = f"{connection.setting('report')}-Manifest.json"
    if report_type(connection) == LEGACY:
        return f"{_folder(connection, f'{period.start_on:%Y%m%d}-{period.end_on:%Y%m%d}')}/{name}"
    found = [
        (one["LastModified"], one["Key"])
        for partition in _PARTITIONS
        for one in _listing(connection, s3, _folder(connection, f"metadata/{partition}={period}/"))
        if one["Key"].endswith(f"/{name}")
    ]
    return max(found)[1] if found else None


def _folder(connection: ProviderConnection, below: str) -> str:
    prefix = connection.setting("prefix").strip("/")
    return "/".join(part for part in (prefix, connection.setting("report"), below) if part)


def _listing(connection: ProviderConnection, s3: Any, prefix: str) -> list[Mapping[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=connection.setting("bucket"), Prefix=prefix
    )
    try:
        return [one for page in pages for one in page.get("Contents", [])]
    except botocore.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") in _MISSING:
            return []
        raise translated(error, s3.meta.endpoint_url, connection) from error
    except botocore.exceptions.BotoCoreError as error:
        raise broken(error, s3.meta.endpoint_url, connection) from error


def _read_object(
    connection: ProviderConnection, s3: Any, key: str, max_bytes: int
) -> StoredObject | None:
    try:
        answer = s3.get_object(Bucket=connection.setting("bucket"), Key=key)
        if answer["ContentLength"] > max_bytes:
            raise SourceAnswerError(
                f"{key} has {answer['ContentLength']:,} bytes: expected at most {max_bytes:,}; "
                "let AWS write smaller report files."
            )
        content: bytes = answer["Body"].read()
    except botocore.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") in _MISSING:
            return None
        raise translated(error, s3.meta.endpoint_url, connection) from error
    except botocore.exceptions.BotoCoreError as error:
        raise broken(error, s3.meta.endpoint_url, connection) from error
    return StoredObject(key=key, content=content, modified_at=answer["LastModified"])


def _listed_keys(connection: ProviderConnection, manifest: StoredObject) -> tuple[str, ...]:
    """Keys in the connection's bucket; a manifest that points elsewhere is not followed."""
    bucket = connection.setting("bucket")
    listed = _listed(manifest.content, manifest.key)
    elsewhere = [place for place, _ in listed if place not in {None, bucket}]
    if elsewhere:
        raise SourceAnswerError(
            f"{manifest.key} lists files in bucket {elsewhere[0]}: expected all in {bucket}, the "
            f"bucket of the connection {connection.name}; correct the connection."
        )
    return tuple(key for _, key in listed)


def _listed(content: bytes, name: str) -> tuple[tuple[str | None, str], ...]:
    """Bucket (if named) and key of each listed file: `reportKeys` (legacy) or `dataFiles`."""
    answer = load_json(content, name=name)
    values = answer if isinstance(answer, dict) else {}
    files = values.get("dataFiles", values.get("reportKeys"))
    if not isinstance(files, list) or not files or not all(isinstance(one, str) for one in files):
        raise SourceAnswerError(
            f"{name} lists no reportKeys and no dataFiles: expected the manifest of an AWS report; "
            "check bucket, prefix, report and report_type of the connection."
        )
    if len(set(files)) != len(files):
        raise SourceAnswerError(
            f"{name} lists a file twice: expected each once, or its money would count twice; "
            "pull it again, and report it to AWS if it stays."
        )
    return tuple(_place(file) for file in files)


def _place(file: str) -> tuple[str | None, str]:
    if not file.startswith("s3://"):
        return None, file
    bucket, _, key = file.removeprefix("s3://").partition("/")
    return bucket, key


def _check_settled(file: StoredObject, manifest: StoredObject, now: datetime) -> None:
    """AWS writes the manifest last: a younger file means that the next version is being written.

    A copy of the bucket may carry other times, so this counts only while a refresh may be running.
    """
    is_fresh = now - file.modified_at < REFRESH_TAKES
    if file.modified_at > manifest.modified_at and is_fresh:
        raise SourceAnswerError(
            f"{file.key} was written after its manifest: AWS is replacing this version; expected "
            "the manifest to come last, pull again in some hours."
        )
