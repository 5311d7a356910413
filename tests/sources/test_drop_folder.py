"""The drop folder: local, S3, Google Cloud Storage and Azure Blob, through the real clients."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import fsspec
import pytest
from azure.storage.blob import BlobServiceClient
from moto.server import ThreadedMotoServer

from tieout.config import ProviderConnection
from tieout.core.errors import DocumentUnreadableError, SettingError, SourceUnreachableError
from tieout.sources import drop_folder
from tieout.sources.drop_folder import marks_of, read_drop_folder

ConnectionTo = Callable[..., ProviderConnection]

GOLDEN = Path(__file__).parents[1] / "golden"
SAMPLES = {
    "b.csv": ("document_csv/two_documents/document.csv", "document_csv", "text/csv"),
    "c.PDF": ("stripe_pdf/yen/document.pdf", "stripe_pdf", "application/pdf"),
    "d.pdf": ("en16931/einfach_pdf/document.pdf", "en16931", "application/pdf"),
    "e.xml": ("en16931/einfach_ubl/document.xml", "en16931", "application/xml"),
    "f.json": ("entered/corrected_receipt/document.json", "entered", "application/json"),
}
EXPECTED = [(name, form, media) for name, (_, form, media) in sorted(SAMPLES.items())]


def sample(name: str) -> bytes:
    return (GOLDEN / SAMPLES[name][0]).read_bytes()


def read(connection: ProviderConnection) -> list[tuple[str, str, str]]:
    found = read_drop_folder(connection, invoice_format="stripe_pdf")
    assert all(one.kind == "billing_document" for one in found)
    assert all(one.content == sample(one.name) for one in found if one.name in SAMPLES)
    return [(one.name, one.request["format"], one.media_type) for one in found]


def names(connection: ProviderConnection) -> list[str]:
    return [name for name, _, _ in read(connection)]


def test_every_kind_of_document_names_the_format_that_reads_it(
    connection_to: ConnectionTo, tmp_path: Path
) -> None:
    for name in SAMPLES:
        (tmp_path / name).write_bytes(sample(name))
    assert read(connection_to("openai", "https://x.example")) == EXPECTED


def test_a_mark_changes_when_its_file_does(connection_to: ConnectionTo, tmp_path: Path) -> None:
    connection = connection_to("openai", "https://x.example")
    for name in ("a.pdf", "b.csv", "note.txt"):
        (tmp_path / name).write_bytes(b"%PDF-1.3")
    before = marks_of(connection)
    assert list(before) == ["a.pdf", "b.csv"]
    (tmp_path / "b.csv").write_bytes(b"%PDF-1.4 longer")
    after = marks_of(connection)
    assert after["a.pdf"] == before["a.pdf"]
    assert after["b.csv"] != before["b.csv"]


def test_only_documents_of_the_folder_itself_are_read(
    connection_to: ConnectionTo, tmp_path: Path
) -> None:
    for name in ("b.pdf", "a.PDF", "note.txt", ".DS_Store", ".hidden.pdf", "~open.csv"):
        (tmp_path / name).write_bytes(b"%PDF-1.3")
    (tmp_path / "old.pdf").mkdir()
    (tmp_path / "link.pdf").symlink_to("/etc/hostname")
    assert names(connection_to("openai", "https://x.example")) == ["a.PDF", "b.pdf"]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(b"", "application/octet-stream"), (b"PK\x03\x04", "application/octet-stream"),
     (b"Dear customer", "text/csv")],
)  # fmt: skip
def test_what_no_format_recognises_is_kept_for_the_default_format(
    connection_to: ConnectionTo, tmp_path: Path, content: bytes, media_type: str
) -> None:
    (tmp_path / "a.pdf").write_bytes(content)
    found = read(connection_to("openai", "https://x.example"))
    assert found == [("a.pdf", "stripe_pdf", media_type)]


def test_a_folder_that_is_not_there_yet_is_empty(
    connection_to: ConnectionTo, tmp_path: Path
) -> None:
    url = (tmp_path / "later").as_uri()
    assert read(connection_to("openai", "https://x.example", documents_url=url)) == []


def test_a_connection_without_a_folder_says_so() -> None:
    with pytest.raises(SettingError, match="'documents_url'"):
        read(ProviderConnection(name="tieout_openai"))


@pytest.mark.parametrize(
    "url", ["/etc", "http://127.0.0.1/x", "ssh://host/x", "s3://key:secret@bucket/x"]
)
def test_only_addresses_of_files_are_taken(connection_to: ConnectionTo, url: str) -> None:
    with pytest.raises(SettingError, match="not an address of files") as caught:
        read(connection_to("openai", "https://x.example", documents_url=url))
    assert "secret" not in str(caught.value)


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
    for name in ("a.pdf", "b.csv"):
        (tmp_path / name).write_bytes(b"%PDF-1.3")
    with pytest.raises(SettingError, match="holds 2 documents"):
        read(connection_to("openai", "https://x.example"))


def test_a_folder_that_cannot_be_read_is_worth_a_retry(
    connection_to: ConnectionTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    with pytest.raises(SourceUnreachableError, match="PermissionError"):
        read(connection_to("openai", "https://x.example"))


def test_a_bucket_beyond_the_allowed_endpoints_is_refused(
    connection_to: ConnectionTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIEOUT_ALLOW_LOOPBACK")
    for url in ("s3://bills/x", "gs://bills/x", "abfs://bills@account.example/x"):
        connection = connection_to(
            "openai",
            "https://x.example",
            documents_url=url,
            documents_endpoint_url="http://169.254.169.254",
        )
        with pytest.raises(SettingError, match="private network"):
            read(connection)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="bills")
    for name in SAMPLES:
        client.put_object(Bucket="bills", Key=f"open ai/{name}", Body=sample(name))
    client.put_object(Bucket="bills", Key="open ai/older/z.pdf", Body=b"%PDF-1.3")
    client.put_object(Bucket="bills", Key="top.pdf", Body=b"%PDF-1.3")
    yield url
    server.stop()


def s3_connection(connection_to: ConnectionTo, endpoint: str, url: str) -> ProviderConnection:
    return connection_to(
        "openai",
        "https://x.example",
        documents_url=url,
        documents_endpoint_url=endpoint,
        documents_key="key",
        documents_secret="secret",
        documents_region="us-east-1",
    )


def test_documents_in_s3_are_read(connection_to: ConnectionTo, s3: str) -> None:
    assert read(s3_connection(connection_to, s3, "s3://bills/open%20ai/")) == EXPECTED
    assert names(s3_connection(connection_to, s3, "s3://bills")) == ["top.pdf"]
    assert read(s3_connection(connection_to, s3, "s3://bills/later")) == []


def test_a_bucket_that_does_not_exist_is_not_an_empty_folder(
    connection_to: ConnectionTo, s3: str
) -> None:
    with pytest.raises(SourceUnreachableError, match="cannot be read"):
        read(s3_connection(connection_to, s3, "s3://other/open ai"))


def azure_connection(
    connection_to: ConnectionTo, azurite: Any, url: str, **extra: str
) -> ProviderConnection:
    parts = urlsplit(azurite.blob_url)
    return connection_to(
        "openai",
        "https://x.example",
        documents_url=url,
        documents_endpoint_url=f"{parts.scheme}://{parts.netloc}",
        documents_secret=azurite.key,
        **extra,
    )


def test_documents_in_azure_blob_are_read(connection_to: ConnectionTo, azurite: Any) -> None:
    with BlobServiceClient(azurite.blob_url, credential=azurite.key) as client:
        container = client.create_container("drop-folder")
        for name in SAMPLES:
            container.upload_blob(f"openai/{name}", sample(name))
        container.upload_blob("openai/older/z.pdf", b"%PDF-1.3")
    host = f"{azurite.account}.dfs.core.windows.net"
    by_host = azure_connection(connection_to, azurite, f"abfss://drop-folder@{host}/openai")
    by_name = azure_connection(
        connection_to, azurite, "az://drop-folder/openai", documents_key=azurite.account
    )
    assert read(by_host) == read(by_name) == EXPECTED
    missing = azure_connection(connection_to, azurite, f"abfs://no-such@{host}/openai")
    with pytest.raises(SourceUnreachableError, match="cannot be read"):
        read(missing)


def test_an_azure_folder_without_its_account_says_so(connection_to: ConnectionTo) -> None:
    with pytest.raises(SettingError, match="does not name the storage account"):
        read(connection_to("openai", "https://x.example", documents_url="abfs://drop-folder/x"))


@pytest.fixture
def google(tmp_path: Path) -> Iterator[str]:
    """A stub of Cloud Storage in a process of its own: its client blocks ours as it waits."""
    folder = tmp_path / "bucket" / "openai"
    folder.mkdir(parents=True)
    for name in SAMPLES:
        (folder / name).write_bytes(sample(name))
    peer = Path(__file__).with_name("gcs_peer.py")
    command = [sys.executable, str(peer), str(tmp_path / "bucket")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.terminate()


def test_documents_in_google_cloud_storage_are_read(
    connection_to: ConnectionTo, google: str
) -> None:
    def connection(url: str) -> ProviderConnection:
        return connection_to(
            "openai",
            "https://x.example",
            documents_url=url,
            documents_endpoint_url=google,
            documents_anonymous="true",
        )

    assert read(connection("gs://bills/openai")) == EXPECTED
    with pytest.raises(SourceUnreachableError, match="cannot be read"):
        read(connection("gs://other/openai"))
