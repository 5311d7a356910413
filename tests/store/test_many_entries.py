"""Posting many entries at once: the same journal, to the byte, as one after the other."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from demo.postgres import Logins, Server
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from tests.conftest import Stores
from tests.examples import examples
from tests.store.samples import OCTOBER, a_line, a_run, an_entry, close, mirrored

from tieout.core.errors import (
    IntegrityError,
    PeriodClosedError,
    SegregationError,
    TieoutError,
    UnbalancedEntryError,
    UnknownSubjectError,
)
from tieout.store import journal, periods, runs
from tieout.store.session import Store, Tx

Entry = dict[str, Any]
MEMOS = ("", "Größe 12 €", 'a "quoted"\n\ttext \\ here', "e\u0301", "日本 \U0001f600", "'; DROP --")
HEADERS = (
    "SELECT ledger_seq, journal_type, fiscal_year, number, document_no, period, posting_on, "
    "document_on, service_period, currency, description, provider, billing_account_id, "
    "source_refs, idempotency_key, adjustment_kind, rule_version, run_id, line_count, canonical, "
    "content_hash, recorded_by, login, "
    "(SELECT original.document_no FROM tieout.journal_entry AS original "
    "WHERE original.entry_id = posted.reverses_entry_id) AS reverses, "
    "entry_id - first_value(entry_id) OVER (ORDER BY ledger_seq) AS place "
    "FROM tieout.journal_entry AS posted WHERE ledger_seq > 3"
)
FORGED = {"entry_id": 9, "ledger_seq": 9, "number": 9, "document_no": "x", "idempotency_key": "x"}
FORGED_HEADER = (
    "INSERT INTO tieout.journal_entry OVERRIDING SYSTEM VALUE "
    "SELECT (jsonb_populate_record(posted, :changed)).* "
    "FROM tieout.journal_entry AS posted WHERE ledger_seq = 1"
)
FORGED_LINES = (
    "INSERT INTO tieout.journal_line "
    "SELECT 9, number, '6100', (line->>'debit')::bigint, (line->>'credit')::bigint, '', '{}', NULL "
    "FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS given (line, number)"
)
FAULTS: dict[str, Callable[[Entry], Entry]] = {
    "unbalanced": lambda entry: entry | {"lines": [a_line(1, "6100", 2), a_line(2, "2100", -1)]},
    "line missing": lambda entry: entry | {"lines": [a_line(1, "6100", 2), a_line(3, "2100", -2)]},
    "no lines": lambda entry: entry | {"lines": []},
    "zero lines": lambda entry: entry | {"lines": [a_line(1, "1", 0), a_line(2, "2", 0)]},
    "period never opened": lambda entry: entry | {"posting_on": "2026-12-01"},
    "unknown type": lambda entry: entry | {"journal_type": "wish"},
    "no type": lambda entry: entry | {"journal_type": None},
    "no key": lambda entry: entry | {"idempotency_key": None},
    "no day": lambda entry: entry | {"posting_on": None},
    "no description": lambda entry: entry | {"description": " "},
    "unknown adjustment": lambda entry: entry | {"adjustment_kind": "whim"},
    "fraction of a cent": lambda entry: (
        entry | {"lines": [a_line(1, "6100", 1) | {"debit_minor": "1.5"}, a_line(2, "2100", -1)]}
    ),
    "reverses nothing": lambda entry: mirrored(entry | {"idempotency_key": "none"}, "r"),
    "other amounts": lambda entry: (
        mirrored(entry, "r-other")
        | {"reverses": "there", "lines": [a_line(1, "2100", 9), a_line(2, "6100", -9)]}
    ),
    "other content": lambda entry: entry | {"idempotency_key": "there", "currency": "EUR"},
    "reverses a reversal": lambda entry: mirrored(entry, "r-twice") | {"reverses": "undone"},
    "reversed before": lambda entry: mirrored(entry, "r-again") | {"reverses": "gone"},
}


def test_the_year_of_the_fiscal_period_numbers_an_entry(worker: Store) -> None:
    one = an_entry("fiscal-1", fiscal_period="2027-04")
    others = [an_entry("fiscal-2", fiscal_period="2027-04"), an_entry("plain")]
    with undone(worker) as tx:
        posted = [journal.post(tx, one), *journal.post_many(tx, [one, *others])]
        assert [each.document_no for each in posted] == [
            "2027-accrual-000001",
            "2027-accrual-000001",
            "2027-accrual-000002",
            "2026-accrual-000003",
        ]


@pytest.mark.parametrize("given", ["2029-04", "2027-13", "FY27", ""])
def test_a_fiscal_period_far_from_the_posting_date_is_refused(worker: Store, given: str) -> None:
    wrong = an_entry("fiscal", fiscal_period=given)
    refused = partial(pytest.raises, UnbalancedEntryError, match="has the fiscal period")
    for post in (one_by_one, journal.post_many):
        with refused(), undone(worker) as tx:
            post(tx, [wrong])


@pytest.fixture
def worker(stores: Stores) -> Store:
    """October and November are open; three entries stand, one of them reversed."""
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        periods.ensure(tx, "2026-11")
        for key in ("there", "gone"):
            journal.post(tx, an_entry(key))
        journal.post(tx, mirrored(an_entry("gone"), "undone"))
    return stores.worker


@contextmanager
def undone(store: Store) -> Any:
    """A transaction that leaves nothing but used-up identities."""
    with store.transaction() as tx:
        yield tx
        tx.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        tx.rollback()


def one_by_one(tx: Tx, entries: list[Entry]) -> list[journal.Posted]:
    return [journal.post(tx, entry) for entry in entries]


def outcome(
    store: Store, post: Callable[[Tx, list[Entry]], list[journal.Posted]], entries: list[Entry]
) -> object:
    """What stands afterwards and what was answered, or the error; entry ids as distances."""
    try:
        with undone(store) as tx:
            posted = post(tx, entries)
            headers = tx.execute(sa.text(HEADERS)).all()
            lines = tx.execute(
                sa.text(
                    "SELECT ledger_seq, line.*, NULL AS entry_id FROM tieout.journal_line AS line "
                    "JOIN tieout.journal_entry USING (entry_id) WHERE ledger_seq > 3 "
                    "ORDER BY ledger_seq, line_no"
                )
            ).all()
            counters = tx.execute(sa.text("SELECT * FROM tieout.journal_counter ORDER BY 1, 2"))
            answers = [
                (one.document_no, one.ledger_seq, one.content_hash, one.is_new) for one in posted
            ]
            ids = {one.document_no: one.entry_id for one in posted}
            assert len(set(ids.values())) == len(ids)
            plain = [{**row._mapping, "entry_id": None} for row in lines]
            return headers, plain, counters.all(), journal.ledger_seq(tx), answers
    except TieoutError as error:
        return type(error), str(error).split(" DETAIL")[0]


@st.composite
def batches(draw: st.DrawFn) -> list[Entry]:
    """New entries, the same ones again, some that stand, and reversals of any not yet reversed."""
    batch: list[Entry] = []
    open_ones = [an_entry("there")]
    for number in range(draw(st.integers(0, 7))):
        what = draw(st.sampled_from(("new", "new", "new", "again", "reverse")))
        if what == "new":
            batch.append(draw(new_entries(f"new-{number}")))
            open_ones.append(batch[-1])
        elif what == "again":
            batch.append(draw(st.sampled_from([an_entry("gone"), *batch])))
        elif open_ones:
            original = open_ones.pop(draw(st.integers(0, len(open_ones) - 1)))
            batch.append(mirrored(original, f"reversal-{number}"))
    return batch


@st.composite
def new_entries(draw: st.DrawFn, key: str) -> Entry:
    amounts = draw(st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=4))
    total = sum(amounts)
    lines = [*amounts, -total] if total else [*amounts, 5, -5]
    memos = st.sampled_from(MEMOS)
    return an_entry(
        key,
        journal_type=draw(st.sampled_from(("accrual", "invoice", "true_up"))),
        posting_on=draw(st.sampled_from(("2026-10-31", "2026-11-01"))),
        description=draw(memos) or "x",
        provider=draw(st.sampled_from(("openai", None))),
        source_refs=draw(st.lists(memos, max_size=2)),
        lines=[
            a_line(number, f"61{number}", amount)
            | {"memo": draw(memos), "dimensions": {"initiative": draw(memos), "team": None}}
            for number, amount in enumerate(lines, start=1)
        ],
    )


def test_a_batch_gives_the_very_rows_that_one_after_the_other_gives(worker: Store) -> None:
    @examples(40)
    @given(batches())
    def law(batch: list[Entry]) -> None:
        assert outcome(worker, journal.post_many, batch) == outcome(worker, one_by_one, batch)

    law()


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_refused_alone_is_refused_in_a_batch_in_the_same_words(
    worker: Store, fault: str
) -> None:
    bad = FAULTS[fault](an_entry("bad"))
    batch = [an_entry("first"), bad, an_entry("last")]
    found = outcome(worker, journal.post_many, batch)
    assert found == outcome(worker, one_by_one, batch)
    assert isinstance(found, tuple)
    assert found[0] in {
        IntegrityError,
        PeriodClosedError,
        UnbalancedEntryError,
        UnknownSubjectError,
    }


def test_a_batch_with_one_key_and_two_contents_is_refused(worker: Store) -> None:
    with (
        pytest.raises(IntegrityError, match="was posted as 2026-accrual-000003 with other content"),
        worker.transaction() as tx,
    ):
        journal.post_many(tx, [an_entry("new"), an_entry("new", description="Other words")])


def test_nothing_enters_a_closed_month_but_what_stands_there_is_found(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        (first,) = journal.post_many(tx, [an_entry()])
    close(stores)
    with stores.worker.transaction() as tx:
        (again,) = journal.post_many(tx, [an_entry()])
    assert (again.entry_id, again.is_new) == (first.entry_id, False)
    with pytest.raises(PeriodClosedError, match="is closed"), stores.worker.transaction() as tx:
        journal.post_many(tx, [an_entry(), an_entry("late")])


def test_long_postings_go_in_several_batches_in_one_order(
    worker: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_BATCH_LETTERS", 1_000)
    with worker.transaction() as tx:
        run_id = runs.record(tx, a_run()).run_id
        posted = journal.post_many(tx, [an_entry(f"key-{n}") for n in range(9)], run_id=run_id)
        found = journal.entries(tx)[3:]
    assert [one.ledger_seq for one in posted] == list(range(4, 13))
    assert [one["idempotency_key"] for one in found] == [f"key-{n}" for n in range(9)]
    assert {one["run_id"] for one in found} == {run_id}


@pytest.mark.parametrize(
    ("entry_id", "number", "sentence"),
    [
        (999, 1, "Lines of entry 999 came without it"),
        (1, 3, "has 3 lines up to number 3"),
    ],
)
def test_lines_without_their_entry_or_after_it_are_refused(
    stores: Stores, worker: Store, entry_id: int, number: int, sentence: str
) -> None:
    line = "INSERT INTO tieout.journal_line VALUES (:entry, :no, '6100', 5, 0, '', '{}', NULL)"
    with pytest.raises(UnbalancedEntryError, match=sentence):
        _as_owner(stores, line, {"entry": entry_id, "no": number})


def test_an_entry_without_lines_does_not_live_to_the_commit(stores: Stores, worker: Store) -> None:
    with pytest.raises(UnbalancedEntryError, match="has 0 lines"):
        _as_owner(stores, FORGED_HEADER, {"changed": json.dumps(FORGED)})


@pytest.mark.parametrize(
    ("amounts", "sentence"),
    [
        (((500, 0), (0, 499)), "does not balance: debits 500, credits 499"),
        (((500, 0), (0, 499), (0, 1)), "has 3 lines up to number 3: expected 2"),
        (((500, 0),), "has 1 lines up to number 1: expected 2"),
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_forged_lines_are_refused_even_by_a_session_that_switches_triggers_off(
    postgres_server: Server,
    ledger_database: Logins,
    worker: Store,
    role: str,
    *,
    amounts: tuple[tuple[int, int], ...],
    sentence: str,
) -> None:
    lines = json.dumps([{"debit": debit, "credit": credit} for debit, credit in amounts])
    name = urlsplit(ledger_database.worker_url).path
    admin_url = urlsplit(postgres_server.admin_url)._replace(path=name).geturl()
    with psycopg.connect(admin_url) as admin:
        admin.execute(sql.SQL("SET session_replication_role = {}").format(role))
        admin.execute(FORGED_HEADER.replace(":changed", "%s"), [json.dumps(FORGED)])
        with pytest.raises(psycopg.Error, match=sentence) as refusal:
            admin.execute(FORGED_LINES, [lines])
    assert refusal.value.sqlstate == "TO003"


def test_the_login_of_the_application_writes_no_line_itself(worker: Store) -> None:
    forged = "INSERT INTO tieout.journal_line VALUES (1, 3, '6100', 5, 0, '', '{}', NULL)"
    with pytest.raises(SegregationError, match="permission denied"), worker.transaction() as tx:
        tx.execute(sa.text(forged))


def _as_owner(stores: Stores, statement: str, values: dict[str, Any]) -> None:
    with stores.owner.transaction() as tx:
        tx.execute(sa.text("SET LOCAL ROLE t_owner"))
        tx.execute(sa.text(statement), values)
