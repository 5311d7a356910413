"""The file of results: merged by name, and a table that says met, missed and not measured."""

import json
from dataclasses import replace
from pathlib import Path

from bench.results import Result, merge, table

ONE = Result(
    name="a, 10 rows",
    ours=1.5,
    other=4500.0,
    unit="CPU-s",
    ratio=3000.0,
    goal=">= 2x",
    met=True,
    versions={"python": "3.11"},
)


def test_an_entry_of_the_same_name_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    merge([replace(ONE, name="b"), ONE], file)
    merge([replace(ONE, ours=2.5)], file)
    found = json.loads(file.read_text())
    assert [(entry["name"], entry["ours"]) for entry in found] == [("a, 10 rows", 2.5), ("b", 1.5)]
    assert set(found[0]) >= {"name", "ours", "other", "unit", "ratio", "goal", "met", "versions"}


def test_the_table_tells_met_from_missed_and_from_not_measured() -> None:
    absent = replace(ONE, ours=None, other=None, ratio=None, met=None, note="no such package")
    lines = table([ONE, replace(ONE, met=False), absent]).splitlines()[1:]
    assert ["met" in line for line in lines] == [True, False, False]
    assert "4,500" in lines[0]
    assert "MISSED" in lines[1]
    assert lines[2].endswith("not measured (no such package)")
