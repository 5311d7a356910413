"""Exports and acknowledgements: nothing is handed over twice, and only a person says it arrived."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import psycopg
import pytest
from demo.postgres import Logins
from psycopg import sql
from tests.conftest import Stores
from tests.store.samples import OCTOBER, an_entry, together

from tieout.core.errors import (
    IntegrityError,
    NotReadyError,
    SegregationError,
    UnknownSubjectError,
)
from tieout.core.ids import sha256_hex
from tieout.store import erp_exports, journal, periods, policies
from tieout.store.session import Store

TARGET = "erp: netsuite\n"
NEW_YEAR = date(2026, 1, 1)
FIRST, SECOND, THIRD = (f"2026-accrual-00000{number}" for number in (1, 2, 3))


@pytest.fixture
def posted(stores: Stores) -> Stores:
    """Three entries of October and one of November, and an approved target."""
    with stores.worker.transaction("ana") as tx:
        periods.ensure(tx, OCTOBER)
        periods.ensure(tx, "2026-11")
        for number in range(3):
            journal.post(tx, an_entry(f"key-{number}"))
        journal.post(tx, an_entry("later", journal_type="invoice", posting_on="2026-11-03"))
        policies.propose(tx, "erp:books", TARGET, valid_from=NEW_YEAR)
    with stores.web.transaction("ben") as tx:
        policies.approve(tx, "erp:books", 1)
    return stores


def a_file(content: str, *numbers: str, **fields: Any) -> erp_exports.NewExport:
    known: dict[str, Any] = {
        "target": "books",
        "sha256": sha256_hex(content.encode()),
        "period": OCTOBER,
        "name": f"{content}.csv",
        "lake_path": f"erp/{content}.csv",
        "line_count": 2 * max(len(numbers), 1),
        "policy_version": 1,
        "document_nos": numbers,
    }
    return erp_exports.NewExport(**known | fields)


def give(store: Store, content: str, *numbers: str, **fields: Any) -> bool:
    with store.transaction() as tx:
        return erp_exports.record(tx, a_file(content, *numbers, **fields))


def take(store: Store, content: str, reference: str, person: str = "ana") -> bool:
    with store.transaction(person) as tx:
        return erp_exports.acknowledge(tx, "books", sha256_hex(content.encode()), reference)


def test_a_file_comes_back_with_its_entries_and_who_acknowledged_it(posted: Stores) -> None:
    assert give(posted.worker, "one", FIRST, SECOND)
    assert not give(posted.worker, "one", FIRST, SECOND)
    assert take(posted.web, "one", "JE-4711")
    assert not take(posted.worker, "one", "JE-4711", "ben")
    with posted.reader.transaction() as tx:
        (found,) = erp_exports.listing(tx, period=OCTOBER, target="books")
        assert erp_exports.find(tx, found.sha256[:8]) == found
        assert erp_exports.find(tx, f"books/{found.sha256}") == found
    assert (found.name, found.document_nos) == ("one.csv", [FIRST, SECOND])
    assert (found.reference, found.acknowledged_by) == ("JE-4711", "ana")
    assert found.recorded_by == "service:tieout_worker"


def test_an_entry_that_was_taken_is_not_exported_again(posted: Stores) -> None:
    give(posted.worker, "one", FIRST, SECOND)
    assert give(posted.worker, "pending", SECOND, THIRD)
    take(posted.worker, "one", "JE-4711")
    with pytest.raises(NotReadyError, match=r"Entry 2026-accrual-000002 was taken by books as JE"):
        give(posted.worker, "two", SECOND, THIRD)
    assert give(posted.worker, "rest", THIRD)


def test_an_entry_goes_to_each_target_for_itself(posted: Stores) -> None:
    with posted.worker.transaction("ana") as tx:
        policies.propose(tx, "erp:group", TARGET, valid_from=NEW_YEAR)
    with posted.web.transaction("ben") as tx:
        policies.approve(tx, "erp:group", 1)
    give(posted.worker, "one", FIRST)
    take(posted.worker, "one", "JE-1")
    assert give(posted.worker, "one", FIRST, target="group")
    with posted.reader.transaction() as tx:
        with pytest.raises(UnknownSubjectError, match="2 export files begin with"):
            erp_exports.find(tx, sha256_hex(b"one"))
        assert erp_exports.find(tx, f"group/{sha256_hex(b'one')}").reference is None


def test_two_files_with_one_entry_are_not_both_acknowledged(posted: Stores) -> None:
    give(posted.worker, "one", FIRST, SECOND)
    give(posted.worker, "two", SECOND, THIRD)
    take(posted.worker, "two", "JE-2")
    with pytest.raises(NotReadyError, match=r"000002 of export .* was taken with another file as"):
        take(posted.worker, "one", "JE-1")


def test_a_second_reference_for_one_file_is_refused(posted: Stores) -> None:
    give(posted.worker, "one", FIRST)
    take(posted.worker, "one", "JE-1")
    with pytest.raises(NotReadyError, match="was acknowledged by ana as JE-1, found JE-2"):
        take(posted.worker, "one", "JE-2")


@pytest.mark.parametrize("person", ["dee", "nobody", ""])
def test_only_a_person_of_the_close_acknowledges(posted: Stores, person: str) -> None:
    give(posted.worker, "one", FIRST)
    with pytest.raises(SegregationError, match="Expected a known person with a duty in the close"):
        take(posted.worker, "one", "JE-1", person)


@pytest.mark.parametrize("reference", ["", "  ", "x" * 201])
def test_a_reference_says_something(posted: Stores, reference: str) -> None:
    give(posted.worker, "one", FIRST)
    with pytest.raises(IntegrityError, match="refused a row"):
        take(posted.worker, "one", reference)


def test_what_was_never_exported_is_not_acknowledged(posted: Stores) -> None:
    with pytest.raises(UnknownSubjectError, match="There is no export"):
        take(posted.worker, "one", "JE-1")


@pytest.mark.parametrize("numbers", [(), ("2026-invoice-000001",), (FIRST, "2026-accrual-000009")])
def test_a_file_holds_entries_of_its_month(posted: Stores, numbers: tuple[str, ...]) -> None:
    with pytest.raises(UnknownSubjectError, match="Expected entries that were posted in 2026-10"):
        give(posted.worker, "one", *numbers)


@pytest.mark.parametrize("fields", [{"policy_version": 2}, {"target": "none"}, {"sha256": "x"}])
def test_an_improper_file_is_refused(posted: Stores, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="The database refused a row"):
        give(posted.worker, "one", FIRST, **fields)


@pytest.mark.parametrize("prefix", ["", "books/", "zz"])
def test_a_file_that_is_not_there_is_not_found(posted: Stores, prefix: str) -> None:
    give(posted.worker, "one", FIRST)
    with posted.reader.transaction() as tx, pytest.raises(UnknownSubjectError, match="expected on"):
        erp_exports.find(tx, prefix)


def test_only_the_functions_write(ledger_database: Logins) -> None:
    statements = (
        "INSERT INTO tieout.erp_export (target) VALUES ('x')",
        "INSERT INTO tieout.erp_export_entry (target) VALUES ('x')",
        "INSERT INTO tieout.erp_acknowledgement (target) VALUES ('x')",
        "UPDATE tieout.erp_acknowledgement SET reference = 'x'",
    )
    for url in (ledger_database.worker_url, ledger_database.web_url, ledger_database.reader_url):
        with psycopg.connect(url, autocommit=True) as login:
            for statement in statements:
                with pytest.raises(psycopg.Error) as refusal:
                    login.execute(statement.encode())
                assert refusal.value.sqlstate == "42501", statement


def test_the_owner_cannot_change_an_acknowledgement(
    posted: Stores, ledger_database: Logins
) -> None:
    give(posted.worker, "one", FIRST)
    take(posted.worker, "one", "JE-1")
    with psycopg.connect(ledger_database.owner_url, autocommit=True) as owner:
        for name in ("erp_export", "erp_export_entry", "erp_acknowledgement"):
            table = sql.Identifier("tieout", name)
            for change in (
                sql.SQL("UPDATE {} SET target = target").format(table),
                sql.SQL("DELETE FROM {}").format(table),
                sql.SQL("TRUNCATE {} CASCADE").format(table),
            ):
                with pytest.raises(psycopg.Error) as refusal:
                    owner.execute(change)
                assert refusal.value.sqlstate == "TO006", change


def test_export_and_acknowledgement_at_once_leave_no_doubled_entry(posted: Stores) -> None:
    """Either the new file is refused, or it was there before the word and can never have one."""
    give(posted.worker, "one", FIRST)
    calls: list[Callable[[], object]] = [
        partial(take, posted.worker, "one", "JE-1"),
        partial(give, posted.worker, "two", FIRST, SECOND),
    ]
    together(calls)
    with pytest.raises((NotReadyError, UnknownSubjectError)):
        take(posted.worker, "two", "JE-2")
    with posted.reader.transaction() as tx:
        taken = [one.name for one in erp_exports.listing(tx) if one.reference]
    assert taken == ["one.csv"]


def test_a_target_is_a_policy_of_its_own_kind(posted: Stores) -> None:
    with (
        pytest.raises(IntegrityError, match="policy_kind_check"),
        posted.worker.transaction("ana") as tx,
    ):
        policies.propose(tx, "erp:Not A Name", TARGET, valid_from=NEW_YEAR)


def test_the_view_of_a_file_is_for_every_reader(posted: Stores, ledger_database: Logins) -> None:
    give(posted.worker, "one", SECOND, FIRST, line_count=5)
    with psycopg.connect(ledger_database.reader_url) as reader:
        found = reader.execute(
            "SELECT target, line_count, document_nos, reference FROM tieout.v_erp_export"
        ).fetchall()
    assert found == [("books", 5, [FIRST, SECOND], None)]
