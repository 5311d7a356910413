"""Posting: once, balanced, numbered without a gap, never into a closed month."""

import threading
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg
import pytest
from demo.postgres import Logins
from tests.conftest import Stores
from tests.store.samples import (
    AT,
    CONTENT,
    OCTOBER,
    a_line,
    a_run,
    an_entry,
    ask,
    close,
    mirrored,
    together,
)

from tieout.core.errors import (
    IntegrityError,
    PeriodClosedError,
    UnbalancedEntryError,
    UnknownSubjectError,
)
from tieout.store import journal, periods, runs, signoffs
from tieout.store.session import Store


@pytest.fixture
def worker(stores: Stores) -> Store:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        periods.ensure(tx, "2026-11")
    return stores.worker


def post(store: Store, entry: dict[str, object]) -> journal.Posted:
    with store.transaction() as tx:
        return journal.post(tx, entry)


def test_an_entry_comes_back_as_it_was_given_with_what_the_database_added(worker: Store) -> None:
    with worker.transaction("service:close") as tx:
        run = runs.record(tx, a_run())
        posted = journal.post(tx, an_entry() | {"run_id": run.run_id})
        found = journal.entries(tx, period=OCTOBER)
    assert found == [
        an_entry()
        | {
            "entry_id": posted.entry_id,
            "document_no": "2026-accrual-000001",
            "ledger_seq": 1,
            "run_id": run.run_id,
            "content_hash": posted.content_hash,
            "recorded_at": found[0]["recorded_at"],
            "recorded_by": "service:close",
            "period": OCTOBER,
        }
    ]
    assert found[0]["recorded_at"] > AT


def test_the_same_entry_twice_is_one_entry_even_from_another_run(worker: Store) -> None:
    first = post(worker, an_entry())
    with worker.transaction() as tx:
        again = journal.post(tx, an_entry() | {"run_id": runs.record(tx, a_run()).run_id})
        assert journal.ledger_seq(tx) == 1
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.entry_id, again.document_no) == (first.entry_id, first.document_no)


def test_the_same_key_with_another_content_is_refused(worker: Store) -> None:
    post(worker, an_entry())
    with pytest.raises(IntegrityError, match="was posted as 2026-accrual-000001 with other"):
        post(worker, an_entry(description="Something else"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lines": [a_line(1, "6100", 2), a_line(2, "2100", -1)]}, "debits 2, credits 1"),
        ({"lines": [a_line(1, "6100", 2), a_line(3, "2100", -2)]}, "lines up to number 3"),
        ({"journal_type": "wish"}, "There is no journal type wish"),
    ],
)
def test_an_improper_entry_is_refused(worker: Store, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UnbalancedEntryError, match=message):
        post(worker, an_entry(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"lines": [a_line(1, "6100", 0), a_line(2, "2100", 0)]},
        {"lines": []},
        {"description": " "},
        {"lines": [a_line(1, "6100", 1) | {"credit_minor": 1}, a_line(2, "2100", -1)]},
        {"lines": [a_line(1, "6100", 1) | {"debit_minor": -1}, a_line(2, "2100", -1)]},
        {"journal_type": "reversal"},
        {"adjustment_kind": "whim"},
    ],
)
def test_what_a_constraint_forbids_never_lands(worker: Store, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="The database refused a row"):
        post(worker, an_entry(**fields))


def test_numbers_have_no_gap_after_a_rollback_and_count_per_year_and_type(worker: Store) -> None:
    post(worker, an_entry("one"))
    with suppress(ZeroDivisionError), worker.transaction() as tx:
        assert journal.post(tx, an_entry("lost")).document_no == "2026-accrual-000002"
        raise ZeroDivisionError
    second = post(worker, an_entry("two"))
    other = post(worker, an_entry("three", journal_type="invoice"))
    assert (second.document_no, second.ledger_seq) == ("2026-accrual-000002", 2)
    assert (other.document_no, other.ledger_seq) == ("2026-invoice-000001", 3)


def test_numbers_have_no_gap_under_many_writers(ledger_database: Logins) -> None:
    with Store(ledger_database.worker_url) as store:
        with store.transaction() as tx:
            periods.ensure(tx, OCTOBER)
        together([partial(post, store, an_entry(f"key-{n}")) for n in range(8)])
        with store.transaction() as tx:
            found = journal.entries(tx)
    assert [entry["ledger_seq"] for entry in found] == list(range(1, 9))
    assert [entry["document_no"][-1] for entry in found] == list("12345678")


def test_a_reversal_mirrors_once_and_is_not_reversed(worker: Store) -> None:
    accrual = an_entry()
    post(worker, accrual)
    reversal = mirrored(accrual, "reversal-1")
    assert post(worker, reversal).document_no == "2026-reversal-000001"
    assert not post(worker, reversal).is_new
    with pytest.raises(IntegrityError, match="has been reversed already"):
        post(worker, mirrored(accrual, "reversal-2"))
    with pytest.raises(IntegrityError, match="a reversal is not reversed"):
        post(worker, mirrored(reversal, "reversal-3"))


def test_a_reversal_of_nothing_or_of_other_amounts_is_refused(worker: Store) -> None:
    accrual = an_entry()
    with pytest.raises(UnknownSubjectError, match="no entry accrual-1 to reverse"):
        post(worker, mirrored(accrual, "reversal-1"))
    post(worker, accrual)
    half = mirrored(accrual, "reversal-1")
    half["lines"] = [a_line(1, "6100", -1), a_line(2, "2100", 1)]
    with pytest.raises(IntegrityError, match="is not its exact mirror"):
        post(worker, half)


def test_a_month_that_was_never_opened_takes_nothing(worker: Store) -> None:
    with pytest.raises(PeriodClosedError, match="2026-12 is not open yet"):
        post(worker, an_entry(posting_on="2026-12-01"))


def test_a_soft_closed_month_takes_adjustments_only(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        ask(tx)
    with stores.web.transaction("ana") as tx:
        signoffs.record(tx, OCTOBER, "preparer", CONTENT, comment="")
    with pytest.raises(PeriodClosedError, match="takes only adjustments, found journal type acc"):
        post(stores.worker, an_entry())
    assert post(stores.worker, an_entry(journal_type="true_up")).is_new


def test_a_closed_month_takes_nothing_but_gives_what_was_posted(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        journal.post(tx, an_entry())
    close(stores)
    assert not post(stores.worker, an_entry()).is_new
    for kind in ("accrual", "true_up"):
        with pytest.raises(PeriodClosedError, match="2026-10 is closed"):
            post(stores.worker, an_entry("late", journal_type=kind))
    with (
        pytest.raises(PeriodClosedError, match="a later period is closed"),
        stores.worker.transaction() as tx,
    ):
        periods.ensure(tx, "2026-09")


def test_no_entry_lands_in_a_month_that_closes_at_the_same_time(stores: Stores) -> None:
    """Twenty races: either the entry is in and the close is refused, or the other way round."""
    for number in range(20):
        period = f"{2027 + number // 12}-{number % 12 + 1:02d}"
        with stores.worker.transaction() as tx:
            ask(tx, period=period)
        with stores.web.transaction("ana") as tx:
            signoffs.record(tx, period, "preparer", CONTENT, comment="")
        late = an_entry(period, journal_type="true_up", posting_on=f"{period}-28")
        outcomes = together([partial(sign, stores, period), partial(post, stores.worker, late)])
        with stores.reader.transaction() as tx:
            landed = len(journal.entries(tx, period=period))
            state = periods.state(tx, period)
        assert (landed, state) in {(0, "closed"), (1, "soft_closed")}, outcomes
        if state != "closed":
            close(stores, period=period)


def test_a_poster_waits_for_a_closer_and_then_finds_the_month_closed(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        ask(tx)
    with stores.web.transaction("ana") as tx:
        signoffs.record(tx, OCTOBER, "preparer", CONTENT, comment="")
    late = an_entry(journal_type="true_up")
    refused: list[str] = []

    def post_late() -> None:
        try:
            post(stores.worker, late)
        except PeriodClosedError as error:
            refused.append(str(error))

    with stores.web.transaction("ben") as tx:
        signoffs.record(tx, OCTOBER, "controller", CONTENT, comment="")
        poster = threading.Thread(target=post_late)
        poster.start()
        poster.join(timeout=0.3)
        assert poster.is_alive(), "the poster should wait for the closer's transaction"
    poster.join(timeout=10)
    assert refused == ["Period 2026-10 is closed: post the correction to an open period."]


def test_the_trial_balance_sums_to_zero_and_can_be_cut(worker: Store) -> None:
    accrual = an_entry()
    post(worker, accrual)
    post(worker, mirrored(accrual, "reversal-1"))
    with worker.transaction() as tx:
        october = journal.trial_balance(tx, period=OCTOBER)
        assert journal.trial_balance(tx, upto_seq=1) == october
        november = journal.trial_balance(tx, period="2026-11")
    assert [(row.account, row.balance_minor) for row in october] == [
        ("2100", -12345),
        ("6100", 12345),
    ]
    assert [row.balance_minor for row in november] == [0, 0]
    assert november[0].debit_minor == november[0].credit_minor == 12345


def test_a_line_smuggled_into_a_posted_entry_is_refused(
    worker: Store, ledger_database: Logins
) -> None:
    post(worker, an_entry())
    smuggle = "INSERT INTO tieout.journal_line VALUES (1, 3, '6100', 5, 0, '', '{}', NULL)"
    with psycopg.connect(ledger_database.owner_url) as owner:
        with pytest.raises(psycopg.Error, match="has 3 lines") as refusal:
            owner.execute(smuggle)
        assert refusal.value.sqlstate == "TO003"


def sign(stores: Stores, period: str) -> None:
    with stores.web.transaction("ben") as tx:
        signoffs.record(tx, period, "controller", CONTENT, comment="")


def foreign(
    key: str = "accrual-1", *, euros: int = -10000, currency: str = "EUR"
) -> dict[str, Any]:
    """123.45 USD of 100.00 EUR; what only the rate made has no amount of the paper."""
    rate = {"from": "EUR", "to": "USD", "type": "closing", "date": "2026-10-30", "rate": "1.2345"}
    lines = [a_line(1, "6100", 12345) | {"transaction_minor": 10000},
             a_line(2, "2100", -12344) | {"transaction_minor": euros},
             a_line(3, "7800", -1)]  # fmt: skip
    return an_entry(key, lines=lines, exchange={"currency": currency, "rates": [rate]})


def test_amounts_of_a_paper_are_kept_and_mirrored(worker: Store) -> None:
    post(worker, foreign())
    mirror = mirrored(foreign(), "reversal-1")
    lines = [
        line | {"transaction_minor": -line["transaction_minor"]}
        if "transaction_minor" in line
        else line
        for line in mirror["lines"]
    ]
    with pytest.raises(IntegrityError, match="does not mirror what its original has"):
        post(worker, mirror)
    post(worker, mirror | {"lines": lines})
    with worker.transaction() as tx:
        found = tx.exec_driver_sql(
            "SELECT currency, sum(transaction_minor), count(*)"
            " FROM tieout.journal_line_transaction GROUP BY 1"
        ).all()
    assert [tuple(row) for row in found] == [("EUR", 0, 4)]


@pytest.mark.parametrize(
    "wrong",
    [foreign(euros=-9999), foreign(currency="USD"), foreign(currency="euro")],
)
def test_amounts_of_a_paper_balance_in_another_currency_than_the_books(
    worker: Store, wrong: dict[str, Any]
) -> None:
    with pytest.raises(UnbalancedEntryError, match="does not balance in the currency of its paper"):
        post(worker, wrong)


def test_amounts_of_a_paper_need_their_currency(worker: Store) -> None:
    bare = {key: value for key, value in foreign().items() if key != "exchange"}
    with pytest.raises(UnbalancedEntryError, match="not named"):
        post(worker, bare)
