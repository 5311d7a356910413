"""All journal formats against their golden cases and one contract.

A case is `tests/golden/<format>/<case>/` with `entries.json` and either `target.yaml` (an import
format) or `chart.yaml` (a text ledger); what must come out is `file_<n>.<suffix>`, of a zip what is
inside. `TIEOUT_REWRITE_GOLDEN=1` writes the expectations anew: read the difference like code.
"""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tieout.core.period import Period
from tieout.ledger.chart import parse_chart
from tieout.publish.erp.base import import_files, known_formats, load, load_import
from tieout.publish.erp_target import parse_target

GOLDEN = Path(__file__).parents[1] / "golden"
PAGES = Path(__file__).parents[2] / "docs" / "reference" / "erp"
REWRITES = os.environ.get("TIEOUT_REWRITE_GOLDEN") == "1"
TEXT_LEDGERS = ("beancount", "hledger")
IMPORTS = tuple(name for name in known_formats() if name not in TEXT_LEDGERS)


def cases(names: tuple[str, ...]) -> list[Any]:
    return [
        pytest.param(name, folder, id=f"{name}/{folder.name}")
        for name in names
        for folder in sorted((GOLDEN / name).iterdir())
    ]


def entries_of(folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((folder / "entries.json").read_text())
    return entries


def compare(path: Path, content: bytes) -> None:
    if REWRITES:
        path.write_bytes(content)
    assert content == path.read_bytes(), f"{path} differs; if that is meant, make golden"


def unpacked(content: bytes, suffix: str) -> tuple[bytes, str]:
    if suffix != ".zip":
        return content, suffix
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return archive.read(name), Path(name).suffix


@pytest.mark.parametrize(("name", "folder"), cases(IMPORTS))
def test_an_import_format_gives_its_golden_files(name: str, folder: Path) -> None:
    target = parse_target((folder / "target.yaml").read_text(), name=f"erp:{name}")
    files = import_files(entries_of(folder), target)
    for number, one in enumerate(files, start=1):
        content, suffix = unpacked(one.content, one.suffix)
        compare(folder / f"file_{number}{suffix}", content)
    assert len(list(folder.glob("file_*"))) == len(files)
    assert import_files(entries_of(folder), target) == files


@pytest.mark.parametrize(("name", "folder"), cases(TEXT_LEDGERS))
def test_a_text_ledger_gives_its_golden_file(name: str, folder: Path) -> None:
    ledger = load(name)
    chart = parse_chart((folder / "chart.yaml").read_text(), name="chart.yaml")
    text = ledger.export(entries_of(folder), chart, period=Period(2026, 10))
    compare(folder / f"file_1{ledger.FILE_SUFFIX}", text.encode())


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import_format_meets_the_protocol_and_has_case_and_page(name: str) -> None:
    module = load_import(name)
    assert name == module.NAME
    assert module.FILE_SUFFIX.startswith(".")
    assert module.write.__doc__
    assert module.read_back.__doc__
    assert list((GOLDEN / name).glob("*/target.yaml"))
    page = (PAGES / f"{name}.md").read_text()
    assert all(f"`{setting}`" in page for setting in module.LAYOUT.settings)
    assert all(word in page for word in ("Limits", "gaps"))


@pytest.mark.parametrize("name", TEXT_LEDGERS)
def test_a_text_ledger_meets_the_protocol_and_has_case_and_page(name: str) -> None:
    module = load(name)
    assert name == module.NAME
    assert module.export.__doc__
    assert module.read_back.__doc__
    assert list((GOLDEN / name).glob("*/chart.yaml"))
    assert (PAGES / f"{name}.md").is_file()
