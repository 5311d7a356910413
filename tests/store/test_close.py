"""Closing and publishing: two people, one content, and a past that stays."""

import json

import psycopg
import pytest
from demo.postgres import Logins
from tests.conftest import Stores
from tests.store.samples import (
    CONTENT,
    OCTOBER,
    a_check,
    a_line,
    an_entry,
    ask,
    close,
    ledger_lines,
    publish,
    run_id,
)

from tieout.audit.canonical import canonical_bytes
from tieout.core.errors import (
    ConservationError,
    IntegrityError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    UnknownSubjectError,
)
from tieout.core.ids import sha256_hex
from tieout.store import audit, journal, periods, publications, signoffs
from tieout.store.signoffs import Duty

OTHER = sha256_hex(b"another content")


def sign(stores: Stores, person: str | None, duty: Duty, content: str = CONTENT) -> str:
    with stores.web.transaction(person) as tx:
        return signoffs.record(tx, OCTOBER, duty, content, comment="read")


@pytest.fixture
def asked(stores: Stores) -> Stores:
    with stores.worker.transaction() as tx:
        ask(tx)
    return stores


def test_a_preparer_then_another_person_close_the_month(asked: Stores) -> None:
    assert sign(asked, "ana", "preparer") == "soft_closed"
    assert sign(asked, "ben", "controller") == "closed"
    with asked.reader.transaction() as tx:
        (october,) = periods.listing(tx)
        found = signoffs.listing(tx, OCTOBER)
    assert (october.state, october.content_hash, october.closed_seq) == ("closed", CONTENT, 1)
    assert [(one.duty, one.person_id, one.is_current) for one in found] == [
        ("preparer", "ana", True),
        ("controller", "ben", True),
    ]
    late: tuple[tuple[str, Duty], ...] = (("ana", "preparer"), ("ben", "controller"))
    for person, duty in late:
        with pytest.raises(PeriodClosedError, match="2026-10 is closed already"):
            sign(asked, person, duty)
    with pytest.raises(PeriodClosedError), asked.worker.transaction() as tx:
        signoffs.request_close(tx, OCTOBER, OTHER, checks=[])


def test_one_person_with_every_duty_does_not_sign_twice(asked: Stores) -> None:
    sign(asked, "cem", "preparer")
    with pytest.raises(SegregationError, match="cem signed 2026-10 as preparer"):
        sign(asked, "cem", "controller")


def test_a_preparer_of_voided_content_does_not_control_the_next(asked: Stores) -> None:
    sign(asked, "cem", "preparer")
    with asked.worker.transaction() as tx:
        ask(tx, OTHER)
    sign(asked, "ana", "preparer", OTHER)
    with pytest.raises(SegregationError, match="expected another person as controller"):
        sign(asked, "cem", "controller", OTHER)
    assert sign(asked, "ben", "controller", OTHER) == "closed"


@pytest.mark.parametrize(
    ("person", "duty", "message"),
    [
        ("ben", "preparer", "duty preparer, found ben who holds controller, approver"),
        ("ana", "controller", "duty controller, found ana"),
        ("dee", "preparer", "found dee who holds auditor"),
        ("eve", "preparer", "known person"),
        (None, "preparer", "found service:tieout_web"),
        ("service:dag", "preparer", "found service:dag"),
    ],
)
def test_only_a_person_with_the_duty_signs(
    asked: Stores, person: str | None, duty: Duty, message: str
) -> None:
    with pytest.raises(SegregationError, match=message):
        sign(asked, person, duty)


def test_the_controller_waits_for_the_preparer(asked: Stores) -> None:
    with pytest.raises(NotReadyError, match="No preparer has signed this content"):
        sign(asked, "ben", "controller")


def test_another_content_voids_the_signatures_given(asked: Stores) -> None:
    sign(asked, "ana", "preparer")
    with asked.worker.transaction() as tx:
        ask(tx, OTHER)
        assert [one.is_current for one in signoffs.listing(tx, OCTOBER)] == [False]
    with pytest.raises(NotReadyError, match="The content of 2026-10 has changed"):
        sign(asked, "ben", "controller")
    with pytest.raises(NotReadyError, match="No preparer has signed"):
        sign(asked, "ben", "controller", OTHER)


def test_an_entry_after_the_request_stops_both_signatures(asked: Stores) -> None:
    sign(asked, "ana", "preparer")
    with asked.worker.transaction() as tx:
        journal.post(tx, an_entry(journal_type="true_up"))
    with pytest.raises(NotReadyError, match="Entries were posted to 2026-10 after the close"):
        sign(asked, "ben", "controller")
    with asked.worker.transaction() as tx:
        ask(tx)
    with pytest.raises(NotReadyError, match="the preparer signs first"):
        sign(asked, "ben", "controller")
    assert sign(asked, "ana", "preparer") == "soft_closed"
    assert sign(asked, "ben", "controller") == "closed"


def test_an_entry_voids_the_signatures_of_the_months_that_it_touches_for_all_to_see(
    asked: Stores,
) -> None:
    sign(asked, "ana", "preparer")
    with asked.worker.transaction() as tx:
        periods.ensure(tx, "2026-11")
        november = an_entry("other", posting_on="2026-11-02", service_period="2026-11")
        journal.post(tx, november)
        assert [one.is_current for one in signoffs.listing(tx, OCTOBER)] == [True]
        journal.post(tx, an_entry("late", posting_on="2026-11-02", service_period=OCTOBER))
    with asked.reader.transaction() as tx:
        (signed,) = signoffs.listing(tx, OCTOBER)
        (event,) = audit.events(tx)
    assert (signed.person_id, signed.is_current) == ("ana", False)
    assert signed.voided_because == ("Posted after the signature: 2026-accrual-000002 (1 entries).")
    assert event.canonical == canonical_bytes(json.loads(event.canonical)).decode()
    said = json.loads(event.canonical)
    assert (said["action"], said["subject"], said["login"]) == (
        "signoffs_voided",
        OCTOBER,
        "tieout_worker",
    )
    assert said["payload"] == {"document_no": "2026-accrual-000002", "people": ["ana"]}


def test_what_two_people_closed_is_not_voided_by_a_later_entry(stores: Stores) -> None:
    close(stores)
    with stores.worker.transaction() as tx:
        periods.ensure(tx, "2026-11")
        journal.post(tx, an_entry("late", posting_on="2026-11-02", service_period=OCTOBER))
        assert [one.is_current for one in signoffs.listing(tx, OCTOBER)] == [True, True]


def test_a_failed_blocking_check_stops_the_signature_and_a_warning_does_not(
    stores: Stores,
) -> None:
    failed = a_check(passed=False)
    warning = a_check(check_id="C16", passed=False, blocking=False)
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        signoffs.request_close(tx, OCTOBER, CONTENT, checks=[failed, warning])
    with pytest.raises(NotReadyError, match="Blocking checks of 2026-10 have failed: C01;"):
        sign(stores, "ana", "preparer")
    with stores.worker.transaction() as tx:
        signoffs.request_close(tx, OCTOBER, CONTENT, checks=[a_check(), warning])
    assert sign(stores, "ana", "preparer") == "soft_closed"


def test_nobody_signs_what_nobody_asked_for(stores: Stores) -> None:
    with pytest.raises(UnknownSubjectError, match="no period 2026-10"):
        sign(stores, "ana", "preparer")
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        assert signoffs.latest_request(tx, OCTOBER) is None
        assert signoffs.listing(tx, OCTOBER) == []
    with pytest.raises(NotReadyError, match="Nobody has asked to close 2026-10"):
        sign(stores, "ana", "preparer")


def test_the_same_request_again_is_the_same_until_an_entry_lands(asked: Stores) -> None:
    with asked.worker.transaction() as tx:
        first = signoffs.latest_request(tx, OCTOBER)
        assert first is not None
        again = signoffs.request_close(tx, OCTOBER, CONTENT, checks=[a_check()])
        assert again == first
        assert (first.requested_by, list(first.checks)) == ("service:tieout_worker", [a_check()])
        journal.post(tx, an_entry())
        later = signoffs.request_close(tx, OCTOBER, CONTENT, checks=[a_check()])
        assert (later.close_request_id, later.ledger_seq) == (first.close_request_id + 1, 1)


def test_months_close_in_order(asked: Stores) -> None:
    with asked.worker.transaction() as tx:
        periods.ensure(tx, "2026-09")
    sign(asked, "ana", "preparer")
    with pytest.raises(NotReadyError, match="Period 2026-09 is not closed: periods close in or"):
        sign(asked, "ben", "controller")


def test_a_soft_closed_month_returns_to_open_with_a_reason(asked: Stores) -> None:
    sign(asked, "ana", "preparer")
    with pytest.raises(NotReadyError, match="needs a reason"), asked.web.transaction("ana") as tx:
        signoffs.return_to_open(tx, OCTOBER, " ")
    for _ in range(2):
        with asked.web.transaction("ana") as tx:
            assert signoffs.return_to_open(tx, OCTOBER, "late invoice") == "open"
    with pytest.raises(NotReadyError, match="2026-10 is open: expected soft_closed"):
        sign(asked, "ben", "controller")


def test_publishing_needs_a_closed_month_and_the_signed_content(asked: Stores) -> None:
    with (
        pytest.raises(NotReadyError, match="2026-10 is open: expected closed"),
        asked.worker.transaction() as tx,
    ):
        publish(tx, ledger_lines("1"))
    close(asked)
    with (
        pytest.raises(IntegrityError, match="what is published must be what was signed"),
        asked.worker.transaction() as tx,
    ):
        publish(tx, ledger_lines("1"), OTHER)


def test_a_publication_comes_back_to_the_last_unit_and_once(stores: Stores) -> None:
    close(stores)
    lines = ledger_lines("12.345678901234", "-0.000000000001")
    with stores.worker.transaction() as tx:
        first, is_new = publish(tx, lines)
        again, again_is_new = publish(tx, lines)
    assert (is_new, again_is_new, again) == (True, False, first)
    assert (first.line_count, first.total_units, first.ledger_seq) == (2, 12345678901233, 2)
    with stores.reader.transaction() as tx:
        assert publications.lines(tx, first.publication_id).equals(lines)
        assert publications.head(tx, OCTOBER) == first == publications.as_of(tx, OCTOBER, 2)
        assert publications.as_of(tx, OCTOBER, 1) is None
        assert publications.listing(tx, OCTOBER) == [first]
        assert publications.head(tx, "2026-09") is None
        with pytest.raises(UnknownSubjectError):
            publications.get(tx, 99)


def test_lines_of_another_month_are_refused(stores: Stores) -> None:
    close(stores)
    with (
        pytest.raises(ConservationError, match="all of that period"),
        stores.worker.transaction() as tx,
    ):
        publish(tx, ledger_lines("1", period="2026-09"))


def test_a_publication_without_its_lines_and_a_later_line_are_refused(
    stores: Stores, ledger_database: Logins
) -> None:
    close(stores)
    with stores.worker.transaction() as tx:
        run = run_id(tx)
    header = "SELECT tieout.publish_period(%s, %s, %s, 1, 1, '{}', '{}')"
    with psycopg.connect(ledger_database.worker_url) as worker:
        worker.execute(header, (OCTOBER, run, CONTENT))
        with pytest.raises(psycopg.Error, match="holds 0 lines of 0: expected 1 lines"):
            worker.commit()
        worker.rollback()
    with stores.worker.transaction() as tx:
        publish(tx, ledger_lines("1"))
    line = (
        "INSERT INTO tieout.ledger_line (publication_id, ledger_line_id, period, billed_cost, "
        "charge_count) SELECT publication_id, 'late', period, 0, 0 FROM tieout.publication"
    )
    with (
        psycopg.connect(ledger_database.worker_url) as worker,
        pytest.raises(psycopg.Error, match="holds 2 lines"),
    ):
        worker.execute(line)


def test_the_past_does_not_change_when_later_months_and_entries_come(
    stores: Stores, ledger_database: Logins
) -> None:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        periods.ensure(tx, "2026-11")
        journal.post(tx, an_entry())
    close(stores)
    with stores.worker.transaction() as tx:
        publication, _ = publish(tx, ledger_lines("123.45"))
        cut = journal.ledger_seq(tx)
        before = (
            publications.lines(tx, publication.publication_id),
            journal.entries(tx, upto_seq=cut),
            journal.trial_balance(tx, upto_seq=cut),
        )
    with stores.worker.transaction() as tx:
        journal.post(tx, an_entry("late", posting_on="2026-11-03"))
    with stores.reader.transaction() as tx:
        after = (
            publications.lines(tx, publication.publication_id),
            journal.entries(tx, upto_seq=cut),
            journal.trial_balance(tx, upto_seq=cut),
        )
        assert journal.ledger_seq(tx) == cut + 1
    assert after == before
    with psycopg.connect(ledger_database.reader_url) as reader:
        known = "SELECT count(*) FROM tieout.ledger_as_of(%s)"
        assert reader.execute(known, (cut,)).fetchone() == (1,)
        assert reader.execute(known, (cut - 1,)).fetchone() == (0,)


def test_the_views_show_what_is_current(stores: Stores, ledger_database: Logins) -> None:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        journal.post(tx, an_entry(lines=[a_line(1, "6100", 5), a_line(2, "2100", -5)]))
    close(stores)
    with stores.worker.transaction() as tx:
        publish(tx, ledger_lines("123.45"))
    expected = {
        "SELECT sum(billed_cost)::text FROM tieout.v_ledger": "123.450000000000",
        "SELECT string_agg(initiative, ',') FROM tieout.v_journal": "copilot,copilot",
        "SELECT sum(balance_minor)::text FROM tieout.v_trial_balance": "0",
        "SELECT count(*)::text FROM tieout.v_reconciliation": "0",
        "SELECT count(*)::text FROM tieout.v_allocation": "0",
    }
    with psycopg.connect(ledger_database.reader_url) as reader:
        for query, value in expected.items():
            assert reader.execute(query.encode()).fetchone() == (value,)
