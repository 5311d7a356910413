"""Matches as they are kept: they conserve, and only a preparer on the finance pages decides."""

from typing import Any

import pytest
from tests.conftest import Stores
from tests.store.match_samples import SUGGESTED, a_cause, a_decision, a_record, a_set
from tests.store.samples import OCTOBER, a_run, close

from tieout.core.errors import (
    IntegrityError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    UnknownSubjectError,
)
from tieout.core.money import to_units
from tieout.store import matches, periods, runs


@pytest.fixture
def matched(stores: Stores) -> Stores:
    """One pair of October with one suggestion."""
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
    keep(stores)
    return stores


def keep(stores: Stores, inputs: str = "inputs", **fields: Any) -> int:
    with stores.worker.transaction() as tx:
        run_id = runs.record(tx, a_run("matching", inputs=inputs)).run_id
        matches.add(tx, a_set(run_id, **fields), records=[a_record()], causes=[a_cause()])
    return run_id


def decide(stores: Stores, person: str = "ana", **fields: Any) -> int:
    with stores.web.transaction(person) as tx:
        return matches.decide(tx, OCTOBER, a_decision(**fields))


def decided(stores: Stores) -> list[tuple[str, str, str]]:
    with stores.reader.transaction() as tx:
        found = matches.decisions(tx, OCTOBER)
    return [(one["kind"], one["decided_by"], one["reason"]) for one in found]


def test_a_pair_comes_back_as_it_was_kept(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
    run_id = keep(stores)
    with stores.reader.transaction() as tx:
        (found,) = matches.sets_of(tx, run_id)
        (record,) = matches.records_of(tx, run_id)
        (cause,) = matches.causes_of(tx, run_id)
    assert found == a_set(run_id)
    assert a_record().items() <= record.items()
    assert a_cause().items() <= cause.items()
    assert [row for row, _ in record["earlier"]] == ["line-1"]


@pytest.mark.parametrize(
    "name", ["earlier_amount", "open_later_amount", "matched_earlier_amount", "explained_amount"]
)
def test_what_does_not_add_up_is_refused(matched: Stores, name: str) -> None:
    with pytest.raises(IntegrityError):
        keep(matched, inputs="others", **{name: to_units("99.00")})


def test_without_causes_a_pair_has_no_part_of_a_difference(matched: Stores) -> None:
    paper = dict.fromkeys(("explained_amount", "rounding_amount", "unexplained_amount"))
    keep(matched, inputs="paper", **paper)
    with pytest.raises(IntegrityError):
        keep(matched, inputs="half", **paper | {"rounding_amount": 0})


def test_a_preparer_confirms_and_the_same_word_again_is_one(matched: Stores) -> None:
    assert decide(matched) == decide(matched)
    assert decided(matched) == [("confirm", "ana", "A cent of rounding.")]


def test_taking_a_match_apart_is_another_record_and_nothing_is_erased(matched: Stores) -> None:
    decide(matched)
    decide(matched, kind="unmatch", match_id="0" * 64, reason="It was not.")
    decide(matched, reason="It was, after all.")
    assert [kind for kind, *_ in decided(matched)] == ["confirm", "unmatch", "confirm"]


def test_matching_by_hand_names_rows_of_both_sides(matched: Stores) -> None:
    by_hand: dict[str, Any] = {"kind": "match", "match_id": None, "earlier_ids": ["line-1"]}
    decide(matched, **by_hand, later_ids=["line-2", "line-3"])
    with pytest.raises(IntegrityError):
        decide(matched, **by_hand)
    assert len(decided(matched)) == 1


def test_the_worker_cannot_decide_whoever_it_says_it_is(matched: Stores) -> None:
    for store in (matched.worker, matched.reader):
        with pytest.raises(SegregationError), store.transaction("ana") as tx:
            matches.decide(tx, OCTOBER, a_decision())
    assert decided(matched) == []


@pytest.mark.parametrize("person", ["ben", "dee", "nobody"])
def test_whoever_is_no_preparer_cannot_decide(matched: Stores, person: str) -> None:
    with pytest.raises(SegregationError):
        decide(matched, person)


def test_a_service_on_the_pages_login_cannot_decide(matched: Stores) -> None:
    with pytest.raises(SegregationError), matched.web.transaction() as tx:
        matches.decide(tx, OCTOBER, a_decision())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"match_id": "0" * 64}, "No match 000000000000 is suggested"),
        ({"section": "draft_to_final"}, "Nothing of openai/org-1 was matched"),
        ({"billing_account_id": "other"}, "Nothing of openai/other was matched"),
    ],
)
def test_what_is_not_there_is_not_decided(
    matched: Stores, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownSubjectError, match=message):
        decide(matched, **fields)


def test_a_suggestion_of_an_older_run_is_no_longer_there(matched: Stores) -> None:
    with matched.worker.transaction() as tx:
        run_id = runs.record(tx, a_run("matching", inputs="newer")).run_id
        matches.add(tx, a_set(run_id, suggested_count=0), records=[], causes=[])
    with pytest.raises(UnknownSubjectError, match=f"No match {SUGGESTED[:12]} is suggested"):
        decide(matched)


def test_a_suggestion_is_refused_once_and_then_waits_no_longer(matched: Stores) -> None:
    first = decide(matched, kind="reject", reason="Another contract.")
    assert decide(matched, kind="reject", reason="Said again.") == first
    with pytest.raises(NotReadyError, match="waits no longer, ana decided to reject it"):
        decide(matched)
    assert decided(matched) == [("reject", "ana", "Another contract.")]


def test_only_a_suggestion_can_be_refused(matched: Stores) -> None:
    with pytest.raises(UnknownSubjectError, match="No match 000000000000 is suggested"):
        decide(matched, kind="reject", match_id="0" * 64)


def test_a_decision_has_a_reason(matched: Stores) -> None:
    with pytest.raises(IntegrityError):
        decide(matched, reason="  ")


def test_nothing_is_decided_about_a_closed_month(matched: Stores) -> None:
    close(matched)
    with pytest.raises(PeriodClosedError):
        decide(matched)
