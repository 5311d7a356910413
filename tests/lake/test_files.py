"""The lake keeps bytes: whole, once, under their hash, and believed only after the hash is seen."""

import itertools
import os
import stat
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.core.errors import HashMismatchError, NotReadyError, SettingError
from tieout.core.ids import sha256_hex
from tieout.lake.files import Lake, write_durably

CONTENT = b"12.34 USD"
HASH = sha256_hex(CONTENT)
_numbers = itertools.count()


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A lake on disk, and one that is no file system of this machine (as S3 is none)."""
    return tmp_path.as_uri() if request.param == "file" else f"memory://lake-{next(_numbers)}"


@pytest.fixture
def lake(url: str) -> Lake:
    return Lake(url)


def _flip_a_bit(url: str, path: str) -> None:
    store, root = fsspec.core.url_to_fs(url)
    content = bytearray(store.cat_file(f"{root}/{path}"))
    content[len(content) // 2] ^= 1
    store.pipe_file(f"{root}/{path}", bytes(content))


def _stored(url: str) -> list[str]:
    store, root = fsspec.core.url_to_fs(url)
    return sorted(str(path).removeprefix(root).lstrip("/") for path in store.find(root))


def test_bytes_come_back_from_under_their_hash(lake: Lake) -> None:
    stored = lake.put(CONTENT, "raw")
    assert stored.path == f"raw/{HASH[:2]}/{HASH}"
    assert (stored.sha256, stored.size_bytes) == (HASH, len(CONTENT))
    assert lake.get(stored.path, HASH) == CONTENT


def test_the_empty_document_is_kept_too(lake: Lake) -> None:
    stored = lake.put(b"", "raw")
    assert lake.get(stored.path, stored.sha256) == b""


def test_the_same_content_twice_is_one_file(lake: Lake, url: str) -> None:
    first = lake.put(CONTENT, "raw", suffix=".json")
    assert Lake(url).put(CONTENT, "raw", suffix=".json") == first
    assert _stored(url) == [first.path]


def test_the_same_content_twice_writes_nothing(tmp_path: Path) -> None:
    stored = Lake(tmp_path.as_uri()).put(CONTENT, "raw")
    file = tmp_path / stored.path
    os.utime(file, (1, 1))
    Lake(tmp_path.as_uri()).put(CONTENT, "raw")
    assert file.stat().st_mtime == 1


def test_a_flipped_bit_is_refused_at_the_first_open(lake: Lake, url: str) -> None:
    stored = lake.put(CONTENT, "raw")
    _flip_a_bit(url, stored.path)
    with pytest.raises(HashMismatchError, match="changed after it was stored") as refusal:
        Lake(url).get(stored.path, HASH)
    assert HASH in str(refusal.value)
    assert "Restore it from the backup" in str(refusal.value)


def test_a_file_cut_short_is_refused(lake: Lake, url: str) -> None:
    stored = lake.put(CONTENT, "raw")
    store, root = fsspec.core.url_to_fs(url)
    store.pipe_file(f"{root}/{stored.path}", CONTENT[:-1])
    with pytest.raises(HashMismatchError):
        Lake(url).get(stored.path, HASH)


def test_one_good_copy_vouches_for_no_other_place(lake: Lake, url: str) -> None:
    good, bad = lake.put(CONTENT, "raw"), lake.put(CONTENT, "usage/period=2026-10")
    _flip_a_bit(url, bad.path)
    fresh = Lake(url)
    assert fresh.get(good.path, HASH) == CONTENT
    with pytest.raises(HashMismatchError):
        fresh.get(bad.path, HASH)


def test_a_refused_file_is_refused_again(lake: Lake, url: str) -> None:
    stored = lake.put(CONTENT, "raw")
    _flip_a_bit(url, stored.path)
    fresh = Lake(url)
    for _ in range(2):
        with pytest.raises(HashMismatchError):
            fresh.get(stored.path, HASH)


def test_a_missing_file_is_named_with_what_to_do(lake: Lake) -> None:
    with pytest.raises(NotReadyError, match=f"raw/{HASH[:2]}/{HASH} is missing") as refusal:
        lake.get(f"raw/{HASH[:2]}/{HASH}", HASH)
    assert "restore the lake from its backup" in str(refusal.value)


@pytest.mark.parametrize(
    "folder",
    ["", "/raw", "raw/", "../raw", "raw/..", "Raw", "raw/period=2026/../../x", "raw\n", "raw//x=1"],
)
def test_a_folder_name_that_could_lead_elsewhere_is_refused(lake: Lake, folder: str) -> None:
    with pytest.raises(SettingError, match="lower-case words"):
        lake.put(CONTENT, folder)


@pytest.mark.parametrize("folder", ["raw", "billing_documents", "charges/period=2026-10"])
def test_folder_names_of_the_house_are_taken(lake: Lake, folder: str) -> None:
    assert lake.put(CONTENT, folder).path.startswith(f"{folder}/")


@pytest.mark.parametrize("url", ["nope://maria:hunter2@host/x", "sftp://maria:hunter2@host/x"])
def test_an_address_without_a_file_system_is_refused_without_its_login(url: str) -> None:
    with pytest.raises(SettingError, match="set TIEOUT_LAKE_URL") as refusal:
        Lake(url)
    assert url.partition(":")[0] in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_new_file_can_be_read_by_others_and_leaves_no_scratch(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "file"
    write_durably(target, CONTENT)
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    owner: Any = os if failing == "fsync" else Path
    monkeypatch.setattr(owner, failing, full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_durably(target, CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_bytes_reach_the_disk_before_the_name_and_the_names_of_new_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def fsync(number: int) -> None:
        path = Path(f"/proc/self/fd/{number}").readlink()
        seen.append("bytes" if path.is_file() else str(path.relative_to(tmp_path)))
        assert (tmp_path / "a" / "b" / "file").exists() == (seen[-1] != "bytes")

    monkeypatch.setattr(os, "fsync", fsync)
    write_durably(tmp_path / "a" / "b" / "file", CONTENT)
    assert seen == ["bytes", "a/b", "a", "."]


TABLES = st.lists(
    st.tuples(
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.decimals(min_value=-(10**15), max_value=10**15, places=12),
    ),
    max_size=12,
)


def _table(rows: list[tuple[Any, Any]]) -> pa.Table:
    schema = pa.schema([("name", pa.string()), ("cost", pa.decimal128(28, 12))])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


@settings(max_examples=40)
@given(rows=TABLES, cut=st.integers(min_value=0, max_value=12))
def test_equal_tables_give_equal_bytes_however_they_are_cut(
    rows: list[tuple[Any, Any]], cut: int
) -> None:
    lake = Lake("memory://equal-tables")
    whole = _table(rows)
    pieces = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    assert lake.put_table(pieces, "lines") == lake.put_table(whole, "lines")


@settings(max_examples=25)
@given(rows=TABLES)
def test_a_table_comes_back_as_it_was_put(rows: list[tuple[Any, Any]]) -> None:
    lake = Lake("memory://round-trip")
    table = _table(rows)
    stored = lake.put_table(table, "lines")
    assert lake.get_table(stored.path, stored.sha256).equals(table)


def test_only_the_columns_that_were_asked_for_are_read(lake: Lake) -> None:
    stored = lake.put_table(_table([("a", None)]), "lines/period=2026-10")
    assert lake.get_table(stored.path, stored.sha256, columns=["name"]).column_names == ["name"]


def test_a_flipped_bit_in_a_table_is_refused_before_any_value_is_read(lake: Lake, url: str) -> None:
    stored = lake.put_table(_table([("a", None), ("b", None)]), "lines")
    _flip_a_bit(url, stored.path)
    with pytest.raises(HashMismatchError):
        Lake(url).get_table(stored.path, stored.sha256)
