"""From posted entries to a file in a folder, to the word that the ledger took it; each once."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from demo.postgres import Logins
from tests.steps.handed_in import context
from tests.store.samples import OCTOBER, an_entry

from tieout.core.errors import (
    NotReadyError,
    PeriodFormatError,
    RuleFileError,
    SegregationError,
    UnknownSubjectError,
)
from tieout.core.ids import sha256_hex
from tieout.steps import erp_export
from tieout.steps.context import Context, StepResult
from tieout.store import audit, erp_exports, journal, periods, policies

TARGET = """\
erp: netsuite
settings: {max_lines: "4"}
accounts: {"6100": "61000", "2100": "21000"}
"""


@pytest.fixture
def worker(ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    """A ledger with three entries of October and the approved target `books`."""
    made = context(ledger_database.worker_url, tmp_path)
    with made.store.transaction("ana") as tx:
        periods.ensure(tx, OCTOBER)
        periods.ensure(tx, "2026-11")
        for number in range(3):
            journal.post(tx, an_entry(f"key-{number}"))
    propose(made, TARGET)
    pages = context(ledger_database.web_url, tmp_path)
    with pages.store.transaction("ben") as tx:
        policies.approve(tx, "erp:books", 1)
    pages.close()
    yield made
    made.close()


def propose(worker: Context, text: str, name: str = "books") -> None:
    with worker.store.transaction("ana") as tx:
        policies.propose(tx, f"erp:{name}", text, valid_from=date(2026, 1, 1))


def export(worker: Context, folder: Path, period: str = OCTOBER) -> StepResult:
    return erp_export.run(worker, period=period, target="books", folder=folder / "out")


def take(worker: Context, content: bytes, reference: str = "JE-1") -> StepResult:
    return erp_export.acknowledge(
        worker, export=sha256_hex(content)[:12], reference=reference, person="ana"
    )


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "out").iterdir())]


def actions(worker: Context) -> list[str]:
    with worker.store.transaction() as tx:
        return [json.loads(one.canonical)["action"] for one in audit.events(tx)]


def test_a_months_entries_are_written_and_remembered_with_their_hashes(
    worker: Context, tmp_path: Path
) -> None:
    made = export(worker, tmp_path)
    assert (made.status, made.summary["files"], made.summary["entries"]) == ("done", 2, 3)
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with worker.store.transaction() as tx:
        kept = erp_exports.listing(tx, period=OCTOBER)
    assert {one.name: one.sha256 for one in kept} == {
        name: sha256_hex(content) for name, content in files.items()
    }
    assert sorted(len(one.document_nos) for one in kept) == [1, 2]
    for one in kept:
        assert worker.lake.get(one.lake_path, one.sha256) == files[one.name]
        assert one.name == f"books-2026-10-{one.sha256[:12]}.csv"
    assert actions(worker).count("erp_exported") == 1


def test_the_same_entries_again_are_the_same_files_and_no_new_fact(
    worker: Context, tmp_path: Path
) -> None:
    export(worker, tmp_path)
    before = contents(tmp_path)
    assert export(worker, tmp_path).status == "unchanged"
    assert contents(tmp_path) == before
    assert actions(worker).count("erp_exported") == 1


def test_an_acknowledged_file_is_not_given_out_again(worker: Context, tmp_path: Path) -> None:
    export(worker, tmp_path)
    both = contents(tmp_path)
    for number, content in enumerate(both):
        assert take(worker, content, f"JE-{number}").status == "done"
        assert take(worker, content, f"JE-{number}").status == "unchanged"
    sentence = r"All 3 entries of 2026-10 were taken by books, last as JE-1 \(acknowledged by ana\)"
    with pytest.raises(NotReadyError, match=sentence):
        export(worker, tmp_path)
    assert contents(tmp_path) == both
    assert actions(worker).count("erp_export_acknowledged") == 2


def test_the_evidence_names_what_was_taken_and_nothing_else(
    worker: Context, tmp_path: Path
) -> None:
    export(worker, tmp_path)
    first, _ = contents(tmp_path)
    take(worker, first, "JE-1")
    with worker.store.transaction() as tx:
        (found,) = map(erp_exports.export_json, erp_exports.taken(tx, OCTOBER))
        assert erp_exports.taken(tx, "2026-11") == []
    assert (found["sha256"], found["reference"]) == (sha256_hex(first), "JE-1")
    assert (found["target"], found["acknowledged_by"]) == ("books", "ana")
    listed = erp_export.listing(worker, period=OCTOBER)
    assert sorted(str(one["reference"]) for one in listed) == ["JE-1", "None"]
    assert found in listed
    assert erp_export.listing(worker) == listed


def test_a_later_entry_goes_out_alone(worker: Context, tmp_path: Path) -> None:
    export(worker, tmp_path)
    for content in contents(tmp_path):
        take(worker, content)
    with worker.store.transaction() as tx:
        journal.post(tx, an_entry("more", journal_type="true_up"))
    made = export(worker, tmp_path)
    assert (made.summary["files"], made.summary["entries"]) == (1, 1)
    assert made.summary["replaces"] is None


def test_a_newer_file_names_the_pending_ones_that_it_replaces(
    worker: Context, tmp_path: Path
) -> None:
    export(worker, tmp_path)
    old = {path.name for path in (tmp_path / "out").iterdir()}
    with worker.store.transaction() as tx:
        journal.post(tx, an_entry("more", journal_type="true_up"))
    made = export(worker, tmp_path)
    assert made.summary["replaces"] in old
    assert made.summary["entries"] == 4


def test_a_month_without_entries_or_target_is_refused(worker: Context, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="Period 2026-11 has no entries to export"):
        export(worker, tmp_path, period="2026-11")
    with pytest.raises(NotReadyError, match="No approved target 'other' applies to 2026-10"):
        erp_export.run(worker, period=OCTOBER, target="other", folder=tmp_path / "out")
    propose(worker, TARGET, name="draft")
    with pytest.raises(NotReadyError, match="No approved target 'draft'"):
        erp_export.run(worker, period=OCTOBER, target="draft", folder=tmp_path / "out")
    with pytest.raises(PeriodFormatError):
        export(worker, tmp_path, period="October")
    assert not (tmp_path / "out").exists()


def test_an_entry_that_does_not_fit_leaves_nothing_behind(worker: Context, tmp_path: Path) -> None:
    with worker.store.transaction() as tx:
        journal.post(
            tx,
            an_entry(
                "odd",
                lines=[
                    line | {"account": "9999" if line["line_no"] == 1 else line["account"]}
                    for line in an_entry()["lines"]
                ],
            ),
        )
    with pytest.raises(RuleFileError, match="erp:books@1: account 9999 has no code for netsuite"):
        export(worker, tmp_path)
    assert not (tmp_path / "out").exists()
    with worker.store.transaction() as tx:
        assert erp_exports.listing(tx) == []


def test_only_a_known_person_and_a_known_file_can_be_acknowledged(
    worker: Context, tmp_path: Path
) -> None:
    export(worker, tmp_path)
    content = contents(tmp_path)[0]
    with pytest.raises(SegregationError, match="found service:robot"):
        erp_export.acknowledge(
            worker, export=sha256_hex(content), reference="JE-1", person="service:robot"
        )
    with pytest.raises(UnknownSubjectError, match="0 export files begin with"):
        take(worker, b"something else")
    assert "erp_export_acknowledged" not in actions(worker)
