from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from tieout.config import ProviderConnection
from tieout.core.errors import DocumentUnreadableError, SettingError, SourceUnreachableError
from tieout.sources import drop_folder
from tieout.sources.drop_folder import read_drop_folder

ConnectionTo = Callable[..., ProviderConnection]


def read(connection: ProviderConnection) -> list[str]:
    found = read_drop_folder(connection, invoice_format="stripe_pdf")
    assert all(one.request["format"] == "stripe_pdf" for one in found)
    return [one.name for one in found]


def test_only_pdf_files_of_the_folder_itself_are_read(
    connection_to: ConnectionTo, tmp_path: Path
) -> None:
    for name in ("b.pdf", "a.PDF", "note.txt", ".DS_Store"):
        (tmp_path / name).write_bytes(b"%PDF-1.3")
    (tmp_path / "old.pdf").mkdir()
    assert read(connection_to("openai", "https://x.example")) == ["a.PDF", "b.pdf"]


def test_a_folder_that_is_not_there_yet_is_empty(
    connection_to: ConnectionTo, tmp_path: Path
) -> None:
    url = (tmp_path / "later").as_uri()
    assert read(connection_to("openai", "https://x.example", documents_url=url)) == []


def test_a_connection_without_a_folder_says_so() -> None:
    with pytest.raises(SettingError, match="'documents_url'"):
        read(ProviderConnection(name="tieout_openai"))


@pytest.mark.parametrize("url", ["/etc", "http://127.0.0.1/x", "ssh://host/x"])
def test_only_addresses_of_files_are_taken(connection_to: ConnectionTo, url: str) -> None:
    with pytest.raises(SettingError, match="not an address of files"):
        read(connection_to("openai", "https://x.example", documents_url=url))


def test_a_document_that_is_too_large_is_refused(
    connection_to: ConnectionTo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drop_folder, "MAX_DOCUMENT_BYTES", 10)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.3 and more")
    with pytest.raises(DocumentUnreadableError, match=r"a\.pdf has 17 bytes"):
        read(connection_to("openai", "https://x.example"))


def test_a_crowded_folder_is_refused(
    connection_to: ConnectionTo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drop_folder, "MAX_FILES", 1)
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / name).write_bytes(b"%PDF-1.3")
    with pytest.raises(SettingError, match="holds 2 PDF files"):
        read(connection_to("openai", "https://x.example"))


def test_a_folder_that_cannot_be_read_is_worth_a_retry(
    connection_to: ConnectionTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    with pytest.raises(SourceUnreachableError, match="PermissionError"):
        read(connection_to("openai", "https://x.example"))
