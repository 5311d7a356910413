"""The real Blob Storage client against Azurite: which files of an export are read, which not."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from tests.emulators import Azurite

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import NotReadyError, SettingError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources import azure_delivery
from tieout.sources.base import RawDocument, load_provider

SEPTEMBER = Period(2023, 9)
FILES = Path("tests") / "golden" / "azure" / "ea_actual_and_amortised"
AZURE = load_provider("azure")
FOLDER = "20230901-20230930"
ASKED: dict[str, Any] = {
    "account": "8611537",
    "period": SEPTEMBER,
    "through": date(2023, 9, 30),
    "now": datetime(2023, 10, 2, 6, tzinfo=UTC),
}


@pytest.fixture
def container(azurite: Azurite, request: pytest.FixtureRequest) -> Iterator[ContainerClient]:
    name = f"exports-{abs(hash(request.node.name)):x}"
    client = ContainerClient(azurite.blob_url, name, credential=azurite.key)
    with client:
        client.create_container()
        yield client
        client.delete_container()


@pytest.fixture
def connection(azurite: Azurite, container: ContainerClient) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_azure",
        secret=Secret(""),
        extra={
            "agreement": "ea",
            "blob_endpoint": azurite.blob_url,
            "blob_account_key": azurite.key,
            "container": container.container_name,
            "root": "/costs/",
            "export_actual": "monthly-actual",
            "export_amortized": "monthly-amortized",
        },
    )


def deliver(
    container: ContainerClient, export: str, run: str, content: bytes, **changes: Any
) -> str:
    """One run of an export as Azure lays it out; gives the folder."""
    folder = f"costs/{export}/{FOLDER}/{run}/1f3c"
    name = f"{folder}/part_0_0001.csv.gz"
    packed = gzip.compress(content, mtime=0)
    blob = {"blobName": name, "byteCount": len(packed), "dataRowCount": content.count(b"\n") - 1}
    blob |= changes
    manifest = {
        "manifestVersion": "2024-04-01",
        "blobCount": 1,
        "byteCount": blob["byteCount"],
        "dataRowCount": blob["dataRowCount"],
        "exportConfig": {"exportName": export},
        "runInfo": {"startDate": "2023-09-01", "endDate": "2023-09-30"},
        "blobs": [blob],
    }
    container.upload_blob(name, packed)
    container.upload_blob(f"{folder}/stale_0_0002.csv.gz", b"left behind by an earlier run")
    container.upload_blob(f"{folder}/manifest.json", json.dumps(manifest).encode())
    return folder


def content(view: str) -> bytes:
    return (FILES / f"{view}.csv").read_bytes()


def pull(connection: ProviderConnection) -> tuple[RawDocument, ...]:
    return AZURE.fetch_cost(connection, **ASKED)


def test_both_exports_are_read_through_their_newest_manifest(
    container: ContainerClient, connection: ProviderConnection
) -> None:
    deliver(container, "monthly-actual", "202310010500", b"An,older,run\n1,2,3\n")
    deliver(container, "monthly-actual", "202310020500", content("actual"))
    deliver(container, "monthly-amortized", "202310020500", content("amortized"))
    documents = pull(connection)
    assert [one.kind for one in documents] == ["manifest"] * 3 + ["data"] * 2
    assert all("202310020500" in one.name for one in documents if one.kind == "data")
    result = AZURE.to_focus(documents, account="8611537", period=SEPTEMBER)
    assert (result.totals.rows_out, result.totals.rows_bad) == (29, 0)
    assert result.totals.source_total == Decimal("19.0477801361686446274854190000")
    again = pull(connection)
    assert [one.sha256 for one in again] == [one.sha256 for one in documents]


def test_a_month_that_was_not_delivered_is_not_ready(
    container: ContainerClient, connection: ProviderConnection
) -> None:
    with pytest.raises(NotReadyError, match="wait a day"):
        pull(connection)
    away = replace(connection, extra={**connection.extra, "container": "not-there"})
    with pytest.raises(NotReadyError, match="in container not-there"):
        pull(away)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"byteCount": 7}, "expected 7 as its manifest says"),
        (
            {"blobName": f"costs/monthly-actual/{FOLDER}/202310020500/1f3c/part_9.csv.gz"},
            "listed but not there",
        ),
        ({"blobName": "costs/payroll/salaries.csv"}, "expected files below costs/monthly-actual"),
        (
            {"blobName": f"costs/monthly-actual/{FOLDER}/202310020500/../../../x.csv"},
            "expected files below",
        ),
    ],
)
def test_a_delivery_that_is_not_whole_stops_the_pull(
    container: ContainerClient, connection: ProviderConnection, changes: dict[str, Any], words: str
) -> None:
    deliver(container, "monthly-actual", "202310020500", content("actual"), **changes)
    with pytest.raises(SourceAnswerError, match=words):
        pull(connection)


def test_a_wrong_row_count_is_refused_when_the_rows_are_read(
    container: ContainerClient, connection: ProviderConnection
) -> None:
    deliver(container, "monthly-actual", "202310020500", content("actual"), dataRowCount=12)
    deliver(container, "monthly-amortized", "202310020500", content("amortized"))
    documents = pull(connection)
    with pytest.raises(SourceAnswerError, match="has 11 rows: expected 12"):
        AZURE.to_focus(documents, account="8611537", period=SEPTEMBER)


def test_a_file_that_is_too_large_is_refused(
    container: ContainerClient, connection: ProviderConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(container, "monthly-actual", "202310020500", content("actual"))
    monkeypatch.setattr(azure_delivery, "MAX_UNPACKED_BYTES", 100)
    with pytest.raises(SourceAnswerError, match="expected at most 100"):
        pull(connection)


@pytest.mark.parametrize("names", [{}, {"export_focus": "f", "export_actual": "a"}])
def test_exports_are_one_focus_or_two_classic_ones(
    connection: ProviderConnection, names: dict[str, str]
) -> None:
    extra = {key: value for key, value in connection.extra.items() if "export_" not in key}
    with pytest.raises(SettingError, match="expected export_focus alone"):
        pull(replace(connection, extra={**extra, **names}))


def test_a_focus_export_of_another_enrolment_gives_no_charge() -> None:
    folder = FILES.parent / "focus_export"
    documents = [
        RawDocument(
            name=name,
            kind="manifest" if name == "delivery.json" else "data",
            content=(folder / name).read_bytes(),
            media_type="",
            request={},
        )
        for name in ("delivery.json", "part_0_0001.csv")
    ]
    found = AZURE.to_focus(documents, account="8611537", period=Period(2024, 9))
    assert (found.totals.rows_out, found.totals.rows_bad) == (25, 0)
    assert set(found.charges["billing_account_id"].to_pylist()) == {"8611537"}
    other = AZURE.to_focus(documents, account="8611538", period=Period(2024, 9))
    assert (other.totals.rows_out, other.totals.rows_bad) == (0, 25)
