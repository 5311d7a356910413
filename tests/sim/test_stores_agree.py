"""The simulated store and the one on PostgreSQL keep the same promises, or the simulation lies.

One suite, both stores: all or nothing, one writer, what was written is read, one entry a key,
compare and set of what is signed, no entry in a closed month, numbers without a gap.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Protocol

import pytest
from tests.conftest import Stores
from tests.sim.ports import Clock, CrashError, Faults
from tests.sim.sim_store import SimStore, SimTx
from tests.store.samples import CONTENT, OCTOBER, a_check, a_line, an_entry, mirrored

from tieout.core.errors import (
    IntegrityError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    SourceUnreachableError,
    StateError,
    TieoutError,
    UnbalancedEntryError,
    UnknownSubjectError,
)
from tieout.core.ids import sha256_hex
from tieout.store import audit, journal, periods, signoffs
from tieout.store.journal import Posted
from tieout.store.session import Store, Tx

NOVEMBER = "2026-11"
OTHER = sha256_hex(b"read before")


class Ledger(Protocol):
    """What a step asks of a transaction."""

    def post(self, entry: Mapping[str, Any]) -> Posted: ...
    def keys(self) -> list[str]: ...
    def seq(self) -> int: ...
    def append(self, action: str) -> None: ...
    def ask(self, content: str) -> None: ...


class Side(Protocol):
    """A store of either kind with October and November open."""

    def transaction(self) -> AbstractContextManager[Ledger]: ...
    def impatient(self) -> AbstractContextManager[Ledger]: ...
    def sign(self, person: str, duty: signoffs.Duty, content: str) -> str: ...
    def events(self) -> int: ...


class _Sim:
    def __init__(self) -> None:
        self.faults = Faults()
        self.store = SimStore(self.faults, Clock())
        with self.store.transaction() as tx:
            tx.ensure(OCTOBER)
            tx.ensure(NOVEMBER)

    @contextmanager
    def transaction(self) -> Iterator[Ledger]:
        with self.store.transaction() as tx:
            yield _SimLedger(tx)

    impatient = transaction

    def sign(self, person: str, duty: signoffs.Duty, content: str) -> str:
        with self.store.transaction() as tx:
            return tx.sign(OCTOBER, duty, content, person)

    def events(self) -> int:
        return len(self.store.state.events)


class _SimLedger:
    def __init__(self, tx: SimTx) -> None:
        self.tx = tx

    def post(self, entry: Mapping[str, Any]) -> Posted:
        return self.tx.post(entry)

    def keys(self) -> list[str]:
        return [entry.idempotency_key for entry in self.tx.entries()]

    def seq(self) -> int:
        return self.tx.ledger_seq()

    def append(self, action: str) -> None:
        self.tx.append(action, OCTOBER)

    def ask(self, content: str) -> None:
        self.tx.request_close(OCTOBER, content)


class _Real:
    def __init__(self, stores: Stores, hasty: Store) -> None:
        self.stores, self.hasty = stores, hasty
        with stores.worker.transaction() as tx:
            periods.ensure(tx, OCTOBER)
            periods.ensure(tx, NOVEMBER)

    @contextmanager
    def transaction(self) -> Iterator[Ledger]:
        with self.stores.worker.transaction() as tx:
            yield _RealLedger(tx)

    @contextmanager
    def impatient(self) -> Iterator[Ledger]:
        with self.hasty.transaction() as tx:
            yield _RealLedger(tx)

    def sign(self, person: str, duty: signoffs.Duty, content: str) -> str:
        with self.stores.web.transaction(person) as tx:
            return signoffs.record(tx, OCTOBER, duty, content, comment="")

    def events(self) -> int:
        with self.stores.reader.transaction() as tx:
            return audit.head(tx)[0]


class _RealLedger:
    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def post(self, entry: Mapping[str, Any]) -> Posted:
        return journal.post(self.tx, entry)

    def keys(self) -> list[str]:
        return [entry["idempotency_key"] for entry in journal.entries(self.tx)]

    def seq(self) -> int:
        return journal.ledger_seq(self.tx)

    def append(self, action: str) -> None:
        audit.record(self.tx, action, OCTOBER, {})

    def ask(self, content: str) -> None:
        signoffs.request_close(self.tx, OCTOBER, content, checks=[a_check()])


@pytest.fixture(params=["simulated", "postgresql"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    if request.param == "simulated":
        yield _Sim()
        return
    stores: Stores = request.getfixturevalue("stores")
    url = request.getfixturevalue("ledger_database").worker_url
    with Store(url, lock_timeout_ms=100) as hasty:
        yield _Real(stores, hasty)


def _post(side: Side, *entries: Mapping[str, Any]) -> list[Posted]:
    with side.transaction() as ledger:
        return [ledger.post(entry) for entry in entries]


def _keys(side: Side) -> list[str]:
    with side.transaction() as ledger:
        return ledger.keys()


def _asked(side: Side, content: str = CONTENT) -> None:
    with side.transaction() as ledger:
        ledger.ask(content)


def test_all_of_a_transaction_stands_or_nothing(side: Side) -> None:
    with suppress(ZeroDivisionError), side.transaction() as ledger:
        ledger.post(an_entry("lost"))
        ledger.append("lost")
        raise ZeroDivisionError
    with pytest.raises(PeriodClosedError):
        _post(side, an_entry("lost too"), an_entry("in no month", posting_on="2027-01-01"))
    assert (_keys(side), side.events()) == ([], 0)


def test_a_transaction_reads_what_it_wrote_and_others_read_it_after_the_commit(side: Side) -> None:
    with side.transaction() as ledger:
        ledger.post(an_entry("one"))
        assert (ledger.keys(), ledger.seq()) == (["one"], 1)
        with side.transaction() as other:
            assert (other.keys(), other.seq()) == ([], 0)
    assert _keys(side) == ["one"]


def test_a_second_writer_waits_and_gives_up_when_told_to(side: Side) -> None:
    with side.transaction() as ledger:
        ledger.post(an_entry("one"))
        with pytest.raises(SourceUnreachableError, match="lock timeout"), side.impatient() as late:
            late.post(an_entry("two"))
    _post(side, an_entry("two"))
    assert _keys(side) == ["one", "two"]


def test_one_key_is_one_entry(side: Side) -> None:
    (first,) = _post(side, an_entry("one"))
    (again,) = _post(side, an_entry("one"))
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.document_no, again.content_hash) == (first.document_no, first.content_hash)
    with pytest.raises(IntegrityError, match="with other content"):
        _post(side, an_entry("one", description="Other"))


def test_numbers_have_no_gap_whatever_failed_between(side: Side) -> None:
    _post(side, an_entry("one"))
    with suppress(ZeroDivisionError), side.transaction() as ledger:
        ledger.post(an_entry("lost"))
        raise ZeroDivisionError
    found = _post(side, an_entry("two"), an_entry("three", journal_type="invoice"))
    assert [(one.document_no, one.ledger_seq) for one in found] == [
        ("2026-accrual-000002", 2),
        ("2026-invoice-000001", 3),
    ]


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (mirrored(an_entry("none"), "r"), UnknownSubjectError),
        (mirrored(mirrored(an_entry("one"), "undone"), "r"), IntegrityError),
        (mirrored(an_entry("one"), "r"), IntegrityError),
        (an_entry("x", lines=[a_line(1, "61", 2), a_line(2, "21", -1)]), UnbalancedEntryError),
    ],
)
def test_what_is_unlawful_is_refused(
    side: Side, entry: dict[str, Any], error: type[TieoutError]
) -> None:
    one = an_entry("one")
    _post(side, one, mirrored(one, "undone"))
    with pytest.raises(error):
        _post(side, entry)
    assert _keys(side) == ["one", "undone"]


def test_a_reversal_that_is_no_mirror_is_refused(side: Side) -> None:
    _post(side, an_entry("one"))
    other = an_entry("one", lines=[a_line(1, "6100", 5), a_line(2, "2100", -5)])
    with pytest.raises(IntegrityError, match="not its exact mirror"):
        _post(side, mirrored(other, "r"))


def test_only_what_was_asked_for_last_is_signed(side: Side) -> None:
    with pytest.raises(NotReadyError):
        side.sign("ana", "preparer", CONTENT)
    _asked(side)
    with pytest.raises(NotReadyError, match="has changed"):
        side.sign("ana", "preparer", OTHER)
    with pytest.raises(NotReadyError, match="No preparer has signed"):
        side.sign("ben", "controller", CONTENT)
    assert side.sign("ana", "preparer", CONTENT) == "soft_closed"
    _asked(side, OTHER)
    with pytest.raises(NotReadyError):
        side.sign("ben", "controller", CONTENT)


def test_an_entry_after_the_question_makes_it_void(side: Side) -> None:
    _asked(side)
    _post(side, an_entry("late"))
    with pytest.raises(NotReadyError, match="after the close was asked"):
        side.sign("ana", "preparer", CONTENT)


def test_nobody_closes_a_month_alone(side: Side) -> None:
    _asked(side)
    side.sign("cem", "preparer", CONTENT)
    with pytest.raises(SegregationError):
        side.sign("cem", "controller", CONTENT)


def test_a_soft_closed_month_takes_adjustments_and_a_closed_one_nothing(side: Side) -> None:
    _post(side, an_entry("one"))
    _asked(side)
    side.sign("ana", "preparer", CONTENT)
    with pytest.raises(PeriodClosedError, match="soft"):
        _post(side, an_entry("two"))
    _post(side, an_entry("adjusted", journal_type="true_up"))
    _asked(side, OTHER)
    side.sign("ana", "preparer", OTHER)
    assert side.sign("ben", "controller", OTHER) == "closed"
    with pytest.raises(PeriodClosedError, match="closed"):
        _post(side, an_entry("later", journal_type="true_up"))
    with pytest.raises(StateError):
        _asked(side)
    (again,) = _post(side, an_entry("one"))
    (after,) = _post(side, an_entry("november", posting_on="2026-11-01"))
    assert not again.is_new
    assert after.ledger_seq == 4  # the close took number 3


def test_an_answer_lost_after_the_commit_is_found_by_its_key() -> None:
    sim = _Sim()
    for arm, is_new in ((1, True), (2, False)):
        sim.faults.armed = arm
        with pytest.raises(CrashError):
            _post(sim, an_entry(str(arm)))
        (found,) = _post(sim, an_entry(str(arm)))
        assert found.is_new is is_new
