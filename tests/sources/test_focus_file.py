"""The folder of FOCUS files, through the real file system of pyarrow."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tieout.config import ProviderConnection
from tieout.core.errors import (
    DocumentUnreadableError,
    NotReadyError,
    SettingError,
    SourceAnswerError,
    SourceUnreachableError,
)
from tieout.core.period import Period
from tieout.sources.base import RawDocument
from tieout.sources.providers import focus_file

OCTOBER = Period(2026, 10)
NOW = datetime(2026, 11, 2, tzinfo=UTC)
HEADER = (
    "BilledCost,EffectiveCost,BillingAccountId,BillingPeriodStart,ChargeCategory,"
    "ChargePeriodStart,ChargePeriodEnd,Dienst\n"
)
ROW = "1.5,1.5,a-1,2026-10-01,Usage,2026-10-05,2026-10-06,Suche\n"
MAPPING = {
    "columns": {"Dienst": "ServiceName"},
    "constants": {"BillingCurrency": "EUR", "ServiceProviderName": "Acme"},
}


def connection(folder: Path, **extra: str) -> ProviderConnection:
    known = {"files_url": folder.as_uri(), "mapping": json.dumps(MAPPING)}
    return ProviderConnection(name="tieout_acme", extra={**known, **extra})


def fetch(given: ProviderConnection) -> tuple[RawDocument, ...]:
    return focus_file.fetch_cost(
        given, account="a-1", period=OCTOBER, through=date(2026, 10, 31), now=NOW
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "2026-10").mkdir()
    return tmp_path


def put(folder: Path, name: str, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    (folder / "2026-10" / name).write_bytes(data)


def test_the_months_files_are_kept_as_they_are_and_read_with_their_mapping(folder: Path) -> None:
    put(folder, "b.csv", HEADER + ROW)
    put(folder, "A.csv.gz", gzip.compress((HEADER + ROW.replace("1.5", "2")).encode()))
    put(folder, "notes.txt", "no table")
    put(folder, "~lock.csv", "no table")
    (folder / "2026-09").mkdir()
    (folder / "2026-09" / "c.csv").write_text(HEADER)
    documents = fetch(connection(folder))
    assert [(one.kind, one.name) for one in documents] == [
        ("manifest", "settings.json"), ("data", "A.csv.gz"), ("data", "b.csv"),
    ]  # fmt: skip
    assert documents[2].content == (HEADER + ROW).encode()
    result = focus_file.to_focus(documents, account="a-1", period=OCTOBER)
    assert result.charges["billed_cost"].to_pylist() == [2, 1.5]
    assert set(result.charges["provider"].to_pylist()) == {"focus_file"}
    assert result.complete_through == date(2026, 10, 5)


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(HEADER)
    (folder / "2026-10" / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(NotReadyError, match="No FOCUS file of 2026-10"):
        fetch(connection(folder))


def test_a_month_without_its_folder_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="wait for the delivery"):
        fetch(connection(tmp_path))


def test_a_whole_month_counts_as_received(folder: Path) -> None:
    put(folder, "b.csv", HEADER + ROW)
    documents = fetch(connection(folder, whole_month="on"))
    result = focus_file.to_focus(documents, account="a-1", period=OCTOBER)
    assert result.complete_through == date(2026, 10, 31)


def test_another_mapping_is_another_version(folder: Path) -> None:
    put(folder, "b.csv", HEADER + ROW)
    first, _ = fetch(connection(folder))
    again, _ = fetch(connection(folder))
    other, _ = fetch(connection(folder, mapping="{}"))
    assert first.sha256 == again.sha256 != other.sha256


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"files_url": "https://x.example/a"}, "is not an address of files"),
        ({"files_url": "s3://key:secret@bucket/a"}, "has no login in it"),
        ({"files_url": "s3://bucket/a?endpoint_override=127.0.0.1"}, "is not an address"),
        ({"mapping": '{"columns": {"a": "Cost"}}'}, "does not know 'Cost'"),
        ({"whole_month": "yes"}, "expected on or off"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    folder: Path, extra: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingError, match=words) as caught:
        fetch(connection(folder, **extra))
    assert "secret" not in str(caught.value)


def test_a_connection_without_a_folder_says_so() -> None:
    with pytest.raises(SettingError, match="files_url"):
        fetch(ProviderConnection(name="tieout_acme"))


def test_a_folder_that_cannot_be_read_is_unreachable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "b.csv", HEADER + ROW)

    def fail(*_: Any) -> bytes:
        raise PermissionError

    monkeypatch.setattr(focus_file, "_bytes", fail)
    with pytest.raises(SourceUnreachableError, match="PermissionError"):
        fetch(connection(folder))


def test_too_many_and_too_large_files_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "b.csv", HEADER + ROW)
    monkeypatch.setattr(focus_file, "MAX_UNPACKED_BYTES", 10)
    with pytest.raises(DocumentUnreadableError, match="expected at most 10"):
        fetch(connection(folder))
    monkeypatch.setattr(focus_file, "MAX_FILES", 0)
    with pytest.raises(SettingError, match="holds 1 files"):
        fetch(connection(folder))


def test_a_file_given_by_hand_needs_no_settings() -> None:
    content = HEADER.replace("Dienst", "ServiceName,ServiceProviderName,BillingCurrency")
    row = ROW.replace("Suche", "Search,Acme,USD")
    data = RawDocument(
        name="a.csv", kind="data", content=(content + row).encode(), media_type="", request={}
    )
    result = focus_file.to_focus([data], account="a-1", period=OCTOBER)
    assert result.totals.rows_out == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [('{"files": ["gone.csv"]}', "gone.csv was in the folder"), ("[]", "lists no files")],
)
def test_settings_that_do_not_fit_the_files_are_refused(content: str, words: str) -> None:
    settings = RawDocument(
        name="settings.json",
        kind="manifest",
        content=content.encode(),
        media_type="",
        request={},
    )
    with pytest.raises(SourceAnswerError, match=words):
        focus_file.to_focus([settings], account="a-1", period=OCTOBER)


def test_billing_documents_come_from_the_drop_folder_if_there_is_one(folder: Path) -> None:
    def papers(given: ProviderConnection) -> tuple[RawDocument, ...]:
        return focus_file.fetch_documents(given, account="a-1", period=OCTOBER, now=NOW)

    assert papers(connection(folder)) == ()
    (folder / "invoice.pdf").write_bytes(b"%PDF-1.7 paper")
    (paper,) = papers(connection(folder, documents_url=folder.as_uri()))
    assert paper.kind == "billing_document"
