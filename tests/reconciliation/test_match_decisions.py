from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charges, document, tokens
from tests.reconciliation.match_rows import PASSES, ids, shown, side

from tieout.core.errors import ConservationError
from tieout.core.money import to_units
from tieout.reconciliation.match_chains import chains
from tieout.reconciliation.match_passes import ESTIMATE_TO_REPORT, REPORT_TO_INVOICE
from tieout.reconciliation.match_sides import charges_side, invoices_side
from tieout.reconciliation.match_values import Decision, Matching
from tieout.reconciliation.matching import match

REPORT = side(
    "report",
    ("a", "100", {"sku_id": "a"}),
    ("b", "50", {"sku_id": "b"}),
    ("c", "7", {"sku_id": "c"}),
)
INVOICE = side(
    "invoice",
    ("x", "100.50", {"sku_id": "a"}),
    ("y", "50", {"sku_id": "b"}),
    ("z", "6", {"sku_id": "d"}),
)


def decided(*decisions: Decision) -> Matching:
    return match(
        REPORT,
        INVOICE,
        passes=PASSES[:5],
        within=lambda difference, base: abs(difference) * 200 <= base,
        decisions=decisions,
    )


BEFORE = decided()
SUGGESTED = BEFORE.suggested[0].match_id
CONFIRMED = BEFORE.standing[0].match_id
ACCEPT = Decision(kind="confirm", person="ana", reason="fee in the price", match_id=SUGGESTED)
APART = Decision(kind="unmatch", person="ben", reason="other contract", match_id=CONFIRMED)
REFUSE = Decision(kind="reject", person="ana", reason="another contract", match_id=SUGGESTED)
BY_HAND = Decision(
    kind="match", person="ana", reason="renamed sku", earlier_ids=("c",), later_ids=("z",)
)


def test_a_person_accepts_a_suggestion_with_its_difference() -> None:
    found = decided(ACCEPT)
    assert shown(found.standing) == [("sku 1:1", "b", "y"), ("human", "a", "x")]
    accepted = found.standing[1]
    assert (accepted.person, accepted.reason) == ("ana", "fee in the price")
    assert (accepted.replaces, accepted.difference_units) == (SUGGESTED, to_units("0.5"))
    assert accepted.keys == BEFORE.suggested[0].keys
    assert (found.suggested, ids(found)) == ((), (["c"], ["z"]))


def test_a_person_matches_what_no_key_matches() -> None:
    found = decided(BY_HAND)
    assert shown(found.standing)[1] == ("human", "c", "z")
    assert found.standing[1].difference_units == to_units("-1")


def test_a_refused_suggestion_is_a_record_and_is_not_asked_about_again() -> None:
    found = decided(REFUSE)
    assert found.records[: len(BEFORE.records)] == BEFORE.records
    last = found.records[-1]
    assert (last.decision, last.person, last.reason) == ("rejected", "ana", "another contract")
    assert (last.replaces, last.earlier) == (SUGGESTED, BEFORE.suggested[0].earlier)
    assert (found.suggested, found.standing) == ((), BEFORE.standing)
    assert ids(found) == ids(BEFORE)
    assert decided(REFUSE).records == found.records


def test_who_thinks_again_matches_the_rows_of_a_refused_suggestion_by_hand() -> None:
    again = replace(BY_HAND, earlier_ids=("a",), later_ids=("x",))
    assert shown(decided(REFUSE, again).standing)[1] == ("human", "a", "x")


@pytest.mark.parametrize("second", [ACCEPT, REFUSE])
def test_a_refused_suggestion_is_no_longer_open_to_an_answer(second: Decision) -> None:
    found = decided(REFUSE, second)
    assert [one.kind for one in found.findings] == ["decision_not_applied"]
    assert found.records == decided(REFUSE).records


def test_a_restated_amount_asks_again_about_what_was_refused() -> None:
    restated = side("invoice", ("x", "100.40", {"sku_id": "a"}))
    found = match(REPORT, restated, passes=PASSES, within=lambda *_: True, decisions=[REFUSE])
    assert len(found.suggested) == 1
    assert [one.kind for one in found.findings] == ["decision_not_applied"]


def test_taking_a_match_apart_is_a_record_and_deletes_nothing() -> None:
    found = decided(APART)
    assert found.records[: len(BEFORE.records)] == BEFORE.records
    last = found.records[-1]
    assert (last.decision, last.person, last.replaces) == ("unmatched", "ben", CONFIRMED)
    assert (found.standing, ids(found)) == ((), (["a", "b", "c"], ["x", "y", "z"]))


def test_what_was_taken_apart_can_be_matched_again_by_hand() -> None:
    again = replace(BY_HAND, earlier_ids=("b",), later_ids=("y",))
    once = decided(APART, again)
    assert shown(once.standing) == [("human", "b", "y")]
    undone = replace(APART, match_id=once.standing[0].match_id)
    assert shown(decided(APART, again, undone, again).standing) == [("human", "b", "y")]


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (replace(ACCEPT, person=""), "it names no person or no reason"),
        (replace(APART, reason=""), "it names no person or no reason"),
        (replace(ACCEPT, match_id=CONFIRMED), "no such suggestion is open"),
        (replace(REFUSE, match_id=CONFIRMED), "no such suggestion is open"),
        (replace(APART, match_id=SUGGESTED), "no such match stands"),
        (replace(BY_HAND, earlier_ids=("b",)), "not every member that it names is open"),
        (replace(BY_HAND, later_ids=()), "not every member that it names is open"),
        (replace(BY_HAND, later_ids=("z", "z")), "not every member that it names is open"),
    ],
)
def test_a_decision_that_does_not_fit_is_a_finding(decision: Decision, why: str) -> None:
    found = decided(decision)
    assert replace(found, findings=()) == BEFORE
    (finding,) = found.findings
    assert (finding.kind, finding.severity) == ("decision_not_applied", "warning")
    assert why in finding.message


def test_a_restated_amount_voids_what_was_decided_about_the_old_one() -> None:
    restated = side("invoice", ("x", "100.40", {"sku_id": "a"}))
    found = match(REPORT, restated, passes=PASSES, within=lambda *_: True, decisions=[ACCEPT])
    assert found.standing == ()
    assert [one.kind for one in found.findings] == ["decision_not_applied"]


def test_accepting_twice_counts_once() -> None:
    assert [one.kind for one in decided(ACCEPT, ACCEPT).findings] == ["decision_not_applied"]


_DECISIONS = st.lists(
    st.builds(
        Decision,
        kind=st.sampled_from(["confirm", "reject", "match", "unmatch"]),
        person=st.sampled_from(["ana", "ben", ""]),
        reason=st.just("seen"),
        match_id=st.sampled_from([SUGGESTED, CONFIRMED, None]),
        earlier_ids=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
        later_ids=st.lists(st.sampled_from("xyz"), max_size=2).map(tuple),
    ),
    max_size=5,
)


@given(decisions=_DECISIONS)
def test_no_decision_loses_a_row_or_uses_it_twice(decisions: list[Decision]) -> None:
    found = decided(*decisions)
    rows = [member.member_id for one in found.standing for member in (*one.earlier, *one.later)]
    assert sorted([*rows, *ids(found)[0], *ids(found)[1]]) == list("abcxyz")
    assert len(found.records) + len(found.findings) == len(BEFORE.records) + len(decisions)


def legs() -> tuple[Matching, Matching]:
    estimate = charges(
        tokens(1, "1"), tokens(2, "2"), tokens(3, "9", x_model="own"), pull="estimate"
    )
    report = charges(
        tokens(1, "1"), tokens(2, "2"), tokens(3, "4", x_model="new", charge_description="new")
    )
    invoice = document([("gpt-6-sol, input", "3"), ("support", "5")])
    middle = charges_side("report", report)
    return (
        match(charges_side("estimate", estimate), middle, passes=ESTIMATE_TO_REPORT),
        match(
            middle,
            invoices_side("invoice", [invoice], report=report),
            passes=REPORT_TO_INVOICE[:9],
        ),
    )


def test_three_figures_hang_together_through_the_middle_one() -> None:
    first, second = legs()
    found = chains(first, second)
    assert sorted(
        (one.state, len(one.first), len(one.middle), len(one.last), len(one.match_ids))
        for one in found
    ) == [
        ("first_open", 1, 0, 0, 0),
        ("open", 0, 1, 0, 0),
        ("second_open", 0, 0, 1, 0),
        ("tied", 2, 2, 1, 3),
    ]
    for at, whole in (("first", first.earlier_units), ("last", second.later_units)):
        assert sum(row.amount_units for one in found for row in getattr(one, at)) == whole


def test_matchings_of_two_versions_are_not_joined() -> None:
    first, second = legs()
    with pytest.raises(ConservationError, match="match both from one version of it"):
        chains(second, first)
