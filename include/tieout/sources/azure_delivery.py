"""Fetching Azure's line items: scheduled exports on Blob Storage, or a details report on demand.

Owns the requests and keeps the answers as received, except that signatures are cut off links. What
the rows mean is the business of `azure_report`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

from tieout.config import ProviderConnection
from tieout.core.errors import NotReadyError, SettingError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources.answers import unreachable
from tieout.sources.azure_client import (
    NAME,
    Wire,
    check_blob_address,
    cost_management,
    credential_of,
    host_of,
    on_loopback,
    translated,
    transport_options,
)
from tieout.sources.azure_manifest import (
    ListedFile,
    check_size,
    delivery_document,
    listed_files,
    without_signatures,
)
from tieout.sources.base import RawDocument, RawKind
from tieout.sources.limits import MAX_JSON_BYTES, MAX_UNPACKED_BYTES

ACTUAL, AMORTIZED, FOCUS = "actual", "amortized", "focus"
METRICS = {ACTUAL: "ActualCost", AMORTIZED: "AmortizedCost"}
SETTLED_AFTER = timedelta(days=5)  # Microsoft: charges settle within five days of a period's end
REPORT_WAIT_S = 1_800
POLL_S = 10
MAX_LISTED_BLOBS = 20_000

_MANIFEST = "manifest.json"


def fetch_exports(
    connection: ProviderConnection, *, period: Period, now: datetime
) -> tuple[RawDocument, ...]:
    """Of each export of the connection: the period's newest manifest and the files it lists.

    Raises:
        NotReadyError: Azure has not delivered the period yet.
        SettingError: no export is named, or an address that is not Azure's.
        SourceAnswerError: a listed file is missing or has another size.
    """
    manifests: list[RawDocument] = []
    views: dict[str, list[tuple[ListedFile, bytes]]] = {}
    with _container(connection) as container:
        for view, export in _exports(connection).items():
            manifest = _newest_manifest(connection, container, export, period)
            content = _blob(container, manifest, limit=MAX_JSON_BYTES)
            request = {"view": view, "asked_at": now.isoformat()}
            manifests.append(_document(manifest, "manifest", content, request))
            for listed in listed_files(content, name=manifest):
                _check_inside(listed, manifest)
                file = _blob(container, listed.name, limit=MAX_UNPACKED_BYTES)
                check_size(listed, file)
                views.setdefault(view, []).append((listed, file))
            views.setdefault(view, [])
    return _delivery(manifests, views, period=period, now=now)


def fetch_details(
    connection: ProviderConnection,
    *,
    scope: str,
    period: Period,
    through: date,
    views: Sequence[str],
    now: datetime,
) -> tuple[RawDocument, ...]:
    """A details report of each view from the period's start to `through`, and its files.

    Raises:
        SourceUnreachableError: the report was not ready within REPORT_WAIT_S.
        SourceAnswerError: it failed, or a file has another size.
        SettingError: a link leads to a host that is not Azure's.
    """
    manifests: list[RawDocument] = []
    found: dict[str, list[tuple[ListedFile, bytes]]] = {}
    days = {"start": period.start_on.isoformat(), "end": through.isoformat()}
    with cost_management(connection) as wire:
        for view in views:
            body = {"metric": METRICS[view], "timePeriod": days}
            content = _report(wire, scope, body)
            name = f"details.{view}.json"
            request = {"view": view, "scope": scope, **days, "asked_at": now.isoformat()}
            manifests.append(_document(name, "manifest", without_signatures(content), request))
            files = listed_files(content, name=name)
            found[view] = [(listed, _linked(listed)) for listed in files]
    return _delivery(manifests, found, period=period, now=now)


def _delivery(
    manifests: Sequence[RawDocument],
    views: Mapping[str, Sequence[tuple[ListedFile, bytes]]],
    *,
    period: Period,
    now: datetime,
) -> tuple[RawDocument, ...]:
    """Our list, Azure's manifests, the files; equal bytes once."""
    settled = now.date() >= period.end_on + SETTLED_AFTER
    request = {"asked_at": now.isoformat()}
    files = [
        _document(listed.name, "data", content, request)
        for delivered in views.values()
        for listed, content in delivered
    ]
    listing = delivery_document(views, settled=settled, now=now)
    distinct: dict[str, RawDocument] = {}
    for document in (listing, *manifests, *files):
        distinct.setdefault(document.sha256, document)
    return tuple(distinct.values())


def _report(wire: Wire, scope: str, body: dict[str, Any]) -> bytes:
    before = len(wire.answers)
    started = time.monotonic()
    poller = wire.client.generate_cost_details_report.begin_create_operation(
        scope, body, polling_interval=POLL_S
    )
    with suppress(ValueError):  # an answer without content is no JSON: looked at below
        poller.result(REPORT_WAIT_S)
    answer = wire.answers[-1] if len(wire.answers) > before else None
    if not poller.done() or answer is None:
        waited = int(time.monotonic() - started)
        raise unreachable(NAME, wire.endpoint, f"no details report after {waited} s")
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return b'{"status": "NoDataFound"}'
    content: bytes = answer.content
    return content


def _linked(listed: ListedFile) -> bytes:
    check_blob_address(listed.link)
    try:
        blob = BlobClient.from_blob_url(listed.link, **transport_options())
    except ValueError as error:
        raise SourceAnswerError(
            f"The link of {listed.name[:120]!r} names no container and blob: expected both; pull "
            "the report again."
        ) from error
    with translated(listed.link), blob:
        content = _read(blob, listed.name, limit=MAX_UNPACKED_BYTES)
    check_size(listed, content)
    return content


@contextmanager
def _container(connection: ProviderConnection) -> Iterator[ContainerClient]:
    account = check_blob_address(connection.setting("blob_endpoint").rstrip("/"))
    key = connection.extra.get("blob_account_key")
    if key and not on_loopback(account):
        raise SettingError(
            f"Connection {connection.name} has an account key for {host_of(account)}: expected a "
            "service principal with Storage Blob Data Reader on the container; remove the key."
        )
    if urlsplit(account).query:
        raise SettingError(
            f"blob_endpoint of {connection.name} carries a signature: expected the plain address "
            "of the storage account; correct the connection."
        )
    client = ContainerClient(
        account,
        connection.setting("container"),
        credential=key or credential_of(connection),
        **transport_options(),
    )
    with translated(account), client:
        yield client


def _exports(connection: ProviderConnection) -> dict[str, str]:
    named = {
        view: connection.extra[f"export_{view}"]
        for view in (ACTUAL, AMORTIZED, FOCUS)
        if connection.extra.get(f"export_{view}")
    }
    if not named or (FOCUS in named and len(named) > 1):
        raise SettingError(
            f"Connection {connection.name} names {sorted(named) or 'no'} exports: expected "
            "export_focus alone, or export_actual with export_amortized; correct its extra."
        )
    return named


def _newest_manifest(
    connection: ProviderConnection, container: ContainerClient, export: str, period: Period
) -> str:
    root = connection.extra.get("root", "").strip("/")
    folder = f"{export}/{period.start_on:%Y%m%d}-"
    prefix = f"{root}/{folder}" if root else folder
    found: list[tuple[datetime, str]] = []
    for number, blob in enumerate(_listed(container, prefix), start=1):
        if number > MAX_LISTED_BLOBS:
            raise SourceAnswerError(
                f"{prefix} holds more than {MAX_LISTED_BLOBS:,} blobs: expected fewer for a month; "
                "let the export overwrite its earlier runs."
            )
        end = blob.name.removeprefix(prefix).split("/", 1)[0]
        is_month = end in {f"{period.last_on:%Y%m%d}", f"{period.end_on:%Y%m%d}"}
        if is_month and blob.name.endswith(f"/{_MANIFEST}"):
            found.append((blob.last_modified, blob.name))
    if not found:
        raise NotReadyError(
            f"No {_MANIFEST} under {prefix} in container {connection.setting('container')}: "
            f"expected Azure to have delivered {period}; wait a day, or check container, root and "
            "export."
        )
    return max(found)[1]


def _listed(container: ContainerClient, prefix: str) -> Iterator[BlobProperties]:
    """Blobs by prefix; a container that does not exist holds none."""
    with suppress(ResourceNotFoundError):
        yield from container.list_blobs(name_starts_with=prefix)


def _check_inside(listed: ListedFile, manifest: str) -> None:
    """A manifest may name files of its own export only, whatever it says."""
    home = manifest.rsplit("/", 2)[0] + "/"
    if not listed.name.startswith(home) or ".." in listed.name.split("/"):
        raise SourceAnswerError(
            f"{manifest} lists {listed.name[:120]!r}: expected files below {home}; nothing was "
            "read from elsewhere, check the export."
        )


def _blob(container: ContainerClient, name: str, *, limit: int) -> bytes:
    with container.get_blob_client(name) as blob:
        return _read(blob, name, limit=limit)


def _read(blob: BlobClient, name: str, *, limit: int) -> bytes:
    try:
        stream = blob.download_blob(max_concurrency=1)
    except ResourceNotFoundError as error:
        raise SourceAnswerError(
            f"{name} is listed but not there: expected every listed file; Azure may be writing a "
            "new version, pull again later."
        ) from error
    if stream.size > limit:
        raise SourceAnswerError(
            f"{name} has {stream.size:,} bytes: expected at most {limit:,}; let Azure split the "
            "export into smaller files."
        )
    content: bytes = stream.readall()
    return content


def _document(name: str, kind: RawKind, content: bytes, request: dict[str, str]) -> RawDocument:
    return RawDocument(
        name=name,
        kind=kind,
        content=content,
        media_type="application/json" if kind == "manifest" else "application/octet-stream",
        request=request,
        # a manifest holds links of its own at each call; what it lists is in the files themselves
        says="manifest" if kind == "manifest" else "",
    )
