from dataclasses import replace

import pytest

from tieout.close.checklist import Check
from tieout.close.states import PeriodState, SignOff, close, reopen_soft, soft_close
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


@pytest.mark.parametrize("state", ["soft_closed", "closed"])
def test_only_an_open_period_is_soft_closed(state: PeriodState) -> None:
    with pytest.raises(StateError, match=f"expected it to be open, found it {state}"):
        soft_close(state, preparer=PREPARER, checks=[PASSED], content_hash=CONTENT)


@pytest.mark.parametrize("state", ["open", "closed"])
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
