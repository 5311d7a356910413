from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tieout.close.checklist import Check
from tieout.close.states import (
    PeriodState,
    ReopenRequest,
    SignOff,
    close,
    lock_for_good,
    may_enter,
    reopen,
    reopen_soft,
    soft_close,
)
from tieout.core.errors import NotReadyError, SegregationError, StateError

CONTENT = "c" * 64
PASSED = Check(check_id="C01", title="days", passed=True, blocking=True, detail="31 days")
FAILED = Check(check_id="C09", title="invoices", passed=False, blocking=True, detail="none")
ADVICE = Check(check_id="C16", title="flux", passed=False, blocking=False, detail="look")
PREPARER = SignOff(person="idp|ada", duty="preparer", automation=False, content_hash=CONTENT)
CONTROLLER = SignOff(person="idp|grace", duty="controller", automation=False, content_hash=CONTENT)


def test_a_period_is_closed_by_two_people_over_the_same_content() -> None:
    first = soft_close("open", preparer=PREPARER, checks=[PASSED, ADVICE], content_hash=CONTENT)
    second = close(
        first.end, preparer=PREPARER, controller=CONTROLLER, checks=[PASSED], content_hash=CONTENT
    )
    assert (first.start, first.end, first.people) == ("open", "soft_closed", ("idp|ada",))
    assert (second.end, second.people) == ("closed", ("idp|ada", "idp|grace"))
    assert second.content_hash == CONTENT


@pytest.mark.parametrize("state", ["soft_closed", "closed", "reopened", "locked"])
def test_only_an_open_period_is_soft_closed(state: PeriodState) -> None:
    with pytest.raises(StateError, match=f"expected it to be open, found it {state}"):
        soft_close(state, preparer=PREPARER, checks=[PASSED], content_hash=CONTENT)


@pytest.mark.parametrize("state", ["open", "closed", "locked"])
def test_only_a_soft_closed_period_is_closed(state: PeriodState) -> None:
    with pytest.raises(StateError, match="Cannot close the period"):
        close(
            state, preparer=PREPARER, controller=CONTROLLER, checks=[PASSED], content_hash=CONTENT
        )


@pytest.mark.parametrize("person", ["idp|ada", " IDP|Ada "])
def test_the_preparer_cannot_be_the_controller(person: str) -> None:
    same = replace(CONTROLLER, person=person)
    with pytest.raises(SegregationError, match="ask another controller"):
        close(
            "soft_closed", preparer=PREPARER, controller=same, checks=[PASSED], content_hash=CONTENT
        )


def test_an_automation_may_only_propose() -> None:
    machine = replace(PREPARER, automation=True)
    with pytest.raises(SegregationError, match="a person has to sign"):
        soft_close("open", preparer=machine, checks=[PASSED], content_hash=CONTENT)


def test_a_signature_for_another_duty_does_not_count() -> None:
    with pytest.raises(SegregationError, match="sign as preparer, found controller"):
        soft_close("open", preparer=CONTROLLER, checks=[PASSED], content_hash=CONTENT)


def test_a_change_after_the_signature_voids_it() -> None:
    with pytest.raises(NotReadyError, match="the content changed; sign again"):
        close(
            "soft_closed",
            preparer=PREPARER,
            controller=CONTROLLER,
            checks=[PASSED],
            content_hash="e" * 64,
        )


@pytest.mark.parametrize(("checks", "found"), [([PASSED, FAILED], "C09"), ([], "no check at all")])
def test_a_failed_or_missing_checklist_stops_the_close(checks: list[Check], found: str) -> None:
    with pytest.raises(NotReadyError, match=found):
        soft_close("open", preparer=PREPARER, checks=checks, content_hash=CONTENT)


def test_a_soft_closed_period_opens_again_with_a_reason() -> None:
    found = reopen_soft("soft_closed", person="idp|ada", reason=" late credit note ")
    assert (found.end, found.reason, found.content_hash) == ("open", "late credit note", None)


def test_a_period_does_not_open_again_without_a_reason() -> None:
    with pytest.raises(StateError, match="needs a reason"):
        reopen_soft("soft_closed", person="idp|ada", reason=" ")


def test_a_closed_period_does_not_open_again() -> None:
    with pytest.raises(StateError, match="found it closed"):
        reopen_soft("closed", person="idp|ada", reason="late credit note")


NOW = datetime(2026, 11, 20, tzinfo=UTC)
ASKED = ReopenRequest(
    person="idp|grace",
    automation=False,
    reason_code="late_document",
    remark="A credit note came.",
    scope=("credit_note",),
    expires_at=NOW + timedelta(days=2),
)


def test_a_closed_period_is_reopened_by_two_people_and_closed_again() -> None:
    found = reopen("closed", ASKED, approver="idp|ada", now=NOW)
    assert (found.start, found.end, found.people) == (
        "closed",
        "reopened",
        ("idp|grace", "idp|ada"),
    )
    assert found.reason == "late_document: A credit note came."
    shut = close(
        found.end, preparer=PREPARER, controller=CONTROLLER, checks=[PASSED], content_hash=CONTENT
    )
    assert (shut.start, shut.end) == ("reopened", "closed")


@pytest.mark.parametrize("state", ["open", "soft_closed", "reopened", "locked"])
def test_only_a_closed_period_is_reopened_or_locked(state: PeriodState) -> None:
    with pytest.raises(StateError, match=f"Cannot reopen .* found it {state}"):
        reopen(state, ASKED, approver="idp|ada", now=NOW)
    with pytest.raises(StateError, match=f"Cannot lock .* found it {state}"):
        lock_for_good(state, person="idp|grace", reason="audited")


@pytest.mark.parametrize(
    ("fields", "approver", "error", "message"),
    [
        ({}, " IDP|Grace ", SegregationError, "ask another person"),
        ({}, "service:tieout_worker", SegregationError, "a person has to approve"),
        ({"automation": True}, "idp|ada", SegregationError, "a controller has to ask"),
        ({"reason_code": "because"}, "idp|ada", StateError, "needs a reason of error_correction"),
        ({"remark": " "}, "idp|ada", StateError, "and a remark"),
        ({"scope": ()}, "idp|ada", StateError, "needs a scope"),
        ({"expires_at": NOW}, "idp|ada", StateError, "within 31 days"),
        ({"expires_at": NOW + timedelta(days=32)}, "idp|ada", StateError, "within 31 days"),
    ],
)
def test_a_reopening_needs_reason_scope_time_and_a_second_person(
    fields: dict[str, Any], approver: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        reopen("closed", replace(ASKED, **fields), approver=approver, now=NOW)


def test_a_closed_period_is_locked_for_good_by_a_person_with_a_reason() -> None:
    found = lock_for_good("closed", person="idp|grace", reason=" audited ")
    assert (found.end, found.reason) == ("locked", "audited")
    with pytest.raises(SegregationError, match="a controller has to lock"):
        lock_for_good("closed", person="service:x", reason="audited")
    with pytest.raises(StateError, match="needs a reason"):
        lock_for_good("closed", person="idp|grace", reason=" ")


@pytest.mark.parametrize(
    ("state", "journal_type", "enters"),
    [
        ("open", "manual", True),
        ("soft_closed", "true_up", True),
        ("soft_closed", "manual", False),
        ("closed", "true_up", False),
        ("locked", "true_up", False),
        ("reopened", "credit_note", True),
        ("reopened", "true_up", False),
    ],
)
def test_what_may_enter_a_period(state: PeriodState, journal_type: str, enters: bool) -> None:
    assert may_enter(state, journal_type, request=ASKED, now=NOW) == enters
    late = ASKED.expires_at
    assert not may_enter("reopened", journal_type, request=ASKED, now=late)
    assert not may_enter("reopened", journal_type, request=None, now=NOW)
