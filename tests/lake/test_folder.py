"""Published files keep their names; equal content leaves them alone, another replaces them."""

import itertools
import os
from pathlib import Path

import fsspec
import pytest

from tieout.core.errors import SettingError
from tieout.lake.folder import Folder

_numbers = itertools.count()


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return tmp_path.as_uri() if request.param == "file" else f"memory://folder-{next(_numbers)}"


def _content(url: str, path: str) -> bytes:
    store, _ = fsspec.core.url_to_fs(url)
    content: bytes = store.cat_file(path)
    return content


def test_a_file_is_written_under_its_name_below_the_folder(url: str) -> None:
    path = Folder(url).put("2026-10/evidence/certificate.json", b"{}\n")
    assert path.endswith("/2026-10/evidence/certificate.json")
    assert _content(url, path) == b"{}\n"


def test_another_content_replaces_the_file(url: str) -> None:
    Folder(url).put("journal.csv", b"old")
    path = Folder(url).put("journal.csv", b"new")
    assert _content(url, path) == b"new"


def test_equal_content_leaves_the_file_alone(tmp_path: Path) -> None:
    file = Path(Folder(tmp_path.as_uri()).put("journal.csv", b"same"))
    os.utime(file, (1, 1))
    Folder(tmp_path.as_uri()).put("journal.csv", b"same")
    assert file.stat().st_mtime == 1
    assert [path.name for path in tmp_path.iterdir()] == ["journal.csv"]


def test_an_address_without_a_file_system_is_refused_without_its_login() -> None:
    with pytest.raises(SettingError, match="set TIEOUT_PUBLISH_URL") as refusal:
        Folder("nope://maria:hunter2@host/x?sig=hunter2")
    assert "hunter2" not in str(refusal.value)
