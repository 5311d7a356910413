"""Rules and cards: versioned, dated, approved by somebody else."""

from datetime import date

import pytest
from tests.conftest import PEOPLE, Stores

from tieout.core.errors import IntegrityError, SegregationError, UnknownSubjectError
from tieout.store import people, policies
from tieout.store.people import Person
from tieout.store.policies import Policy

OCTOBER_1 = date(2026, 10, 1)
NOVEMBER_1 = date(2026, 11, 1)


def propose(stores: Stores, body: str, valid_from: date = OCTOBER_1, actor: str = "ana") -> Policy:
    with stores.worker.transaction(actor) as tx:
        return policies.propose(tx, "classification", body, valid_from=valid_from)


def approve(stores: Stores, version: int, actor: str | None = "ben") -> Policy:
    with stores.web.transaction(actor) as tx:
        return policies.approve(tx, "classification", version)


def test_the_same_text_and_date_is_no_new_version(stores: Stores) -> None:
    first = propose(stores, "rules: 1")
    assert (first.label, first.proposed_by, first.approved_by) == ("classification@1", "ana", None)
    assert propose(stores, "rules: 1", actor="cem") == first
    assert propose(stores, "rules: 1", NOVEMBER_1).version == 2
    assert propose(stores, "rules: é\n").version == 3


def test_only_an_approved_version_applies_and_only_from_its_date(stores: Stores) -> None:
    propose(stores, "october")
    propose(stores, "november", NOVEMBER_1)
    propose(stores, "october, corrected")
    with stores.reader.transaction() as tx:
        assert policies.current(tx, "classification", OCTOBER_1) is None
        assert [one.version for one in policies.pending(tx)] == [3, 2, 1]
    approved = [approve(stores, version) for version in (1, 2, 3)]
    assert {one.approved_by for one in approved} == {"ben"}
    with stores.reader.transaction() as tx:
        assert policies.current(tx, "classification", date(2026, 9, 30)) is None
        assert policies.current(tx, "classification", date(2026, 10, 31)) == approved[2]
        assert policies.current(tx, "classification", NOVEMBER_1) == approved[1]
        assert policies.pending(tx) == []
        assert policies.versions(tx, "chart") == []


def test_approving_twice_keeps_the_first_approval(stores: Stores) -> None:
    propose(stores, "rules: 1")
    assert approve(stores, 1) == approve(stores, 1, "cem")


def test_the_proposer_does_not_approve_even_with_every_duty(stores: Stores) -> None:
    propose(stores, "rules: 1", actor="cem")
    with pytest.raises(SegregationError, match="cem proposed classification version 1"):
        approve(stores, 1, "cem")


@pytest.mark.parametrize(
    ("actor", "message"),
    [
        ("ana", "Expected a person with the duty approver, found ana who holds preparer"),
        ("dee", "found dee who holds auditor"),
        ("eve", "Expected a known person to decide, found eve"),
        (None, "found service:tieout_web: people decide, services propose"),
    ],
)
def test_only_a_known_approver_approves(stores: Stores, actor: str | None, message: str) -> None:
    propose(stores, "rules: 1", actor="service:deploy")
    with pytest.raises(SegregationError, match=message):
        approve(stores, 1, actor)


def test_what_was_not_proposed_cannot_be_approved_or_read(stores: Stores) -> None:
    with pytest.raises(UnknownSubjectError, match="no classification version 9"):
        approve(stores, 9)
    with stores.reader.transaction() as tx, pytest.raises(UnknownSubjectError):
        policies.get(tx, "chart", 1)


def test_an_unknown_kind_is_no_policy(stores: Stores) -> None:
    with (
        pytest.raises(IntegrityError, match="policy_kind_check"),
        stores.worker.transaction() as tx,
    ):
        policies.propose(tx, "wish", "body", valid_from=OCTOBER_1)


def test_people_are_kept_by_the_owner_and_the_newest_row_counts(stores: Stores) -> None:
    left = Person(person_id="ana", display_name="Ana Preparer", duties=())
    with stores.owner.transaction() as tx:
        assert people.listing(tx) == sorted(PEOPLE, key=lambda one: one.person_id)
        assert not people.add(tx, PEOPLE[0])
        assert people.add(tx, left)
        assert people.get(tx, "ana") == left
        assert people.get(tx, "eve") is None
    for store in (stores.worker, stores.web, stores.reader):
        with pytest.raises(SegregationError, match="may not do this"), store.transaction() as tx:
            people.add(tx, Person(person_id="eve", display_name="Eve", duties=("controller",)))


def test_a_person_without_duties_decides_nothing(stores: Stores) -> None:
    with stores.owner.transaction() as tx:
        people.add(tx, Person(person_id="ben", display_name="Ben", duties=()))
    propose(stores, "rules: 1")
    with pytest.raises(SegregationError, match="found ben who holds none"):
        approve(stores, 1)


def test_a_service_is_no_person(stores: Stores) -> None:
    robot = Person(person_id="service:dag", display_name="Robot", duties=("controller",))
    with (
        pytest.raises(IntegrityError, match="person_person_id_check"),
        stores.owner.transaction() as tx,
    ):
        people.add(tx, robot)
