"""The evidence folder: the same month gives the same bytes, and common tools can check them."""

import csv
import io
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.publish.evidence import DOCUMENT_COLUMNS, documents_csv, json_bytes, manifest

FILES = {
    "statement.json": b"{}\n",
    "evidence/certificate.json": b"[]\n",
    "evidence/name with spaces.csv": b"",
    "evidence/Überblick.csv": b"\x00\xff",
}


def _checked(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "SHA256SUMS").write_bytes(manifest(FILES))
    return tmp_path


def test_sha256sum_accepts_the_manifest_and_names_every_file(folder: Path) -> None:
    checked = _checked(folder)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK") == len(FILES)


def test_sha256sum_refuses_a_changed_file_by_name(folder: Path) -> None:
    (folder / "statement.json").write_bytes(b"{ }\n")
    checked = _checked(folder)
    assert checked.returncode == 1
    assert "statement.json: FAILED" in checked.stdout


def test_the_manifest_is_ordered_by_name_whatever_the_order_of_files() -> None:
    turned = dict(reversed(FILES.items()))
    assert manifest(turned) == manifest(FILES)
    names = [row.split("  ", 1)[1] for row in manifest(FILES).decode().splitlines()]
    assert names == sorted(FILES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(value=JSON)
def test_json_reads_back_and_ends_with_a_newline(value: Any) -> None:
    content = json_bytes(value)
    assert json.loads(content) == value
    assert content.endswith(b"\n")


def test_the_order_of_keys_does_not_change_the_bytes() -> None:
    assert json_bytes({"b": 1, "a": "ä"}) == json_bytes({"a": "ä", "b": 1})
    assert "ä".encode() in json_bytes({"a": "ä"})


def _document(**fields: Any) -> dict[str, Any]:
    return {
        "sha256": "a" * 64,
        "provider": "openai",
        "billing_account_id": "org-1",
        "period": "2026-10",
        "kind": "cost",
        "name": "page1.json",
        "size_bytes": 12,
        "fetched_at": datetime(2026, 11, 3, tzinfo=UTC),
        "lake_path": "raw/aa/aaaa",
        "request": {"not": "published"},
        **fields,
    }


def test_documents_are_listed_once_each_in_an_order_of_their_own() -> None:
    found = [
        _document(provider="openai", name="b.json"),
        _document(provider="openai", name="a.json"),
        _document(provider="aws", name="=cmd.csv"),
    ]
    head, *rows = csv.reader(io.StringIO(documents_csv(found).decode(), newline=""))
    assert tuple(head) == DOCUMENT_COLUMNS
    assert [row[5] for row in rows] == ["'=cmd.csv", "a.json", "b.json"]
    assert documents_csv(found[::-1]) == documents_csv(found)
    assert "published" not in documents_csv(found).decode()
