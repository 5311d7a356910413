"""The exceptions queue keeps identity and age; a person accepts what another one has explained."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from tests.conftest import Stores
from tests.store.samples import CONTENT, OCTOBER, an_entry, ask

from tieout.close.exceptions import Problem, problems
from tieout.config import utc_now
from tieout.core.errors import IntegrityError, NotReadyError, SegregationError, UnknownSubjectError
from tieout.core.finding import Finding
from tieout.core.money import to_units
from tieout.store import exceptions, journal, periods, signoffs

TODAY = utc_now().date()
DUE = date(2026, 11, 9)


def missing(amount: str = "12.50") -> tuple[Problem, ...]:
    found = Finding(
        kind="missing_invoice",
        severity="blocking",
        subject="openai/org-1",
        message=f"Expected an invoice for {amount} USD of openai/org-1, found none.",
        amount_units=to_units(amount),
    )
    return problems(OCTOBER, [found])


def note(stores: Stores, found: Sequence[Problem]) -> list[str]:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        return exceptions.note(tx, OCTOBER, found)


def the_one(stores: Stores) -> exceptions.StoredException:
    with stores.reader.transaction() as tx:
        (one,) = exceptions.listing(tx, OCTOBER)
        assert exceptions.get(tx, one.exception_id) == one
        assert one in exceptions.listing(tx)
    return one


def assign(stores: Stores, person: str | None, owner: str = "ana") -> None:
    with stores.web.transaction(person) as tx:
        exceptions.assign(tx, the_one(stores).exception_id, owner=owner, due_on=DUE, remark="Ask.")


def explain(stores: Stores, person: str = "ana") -> None:
    with stores.web.transaction(person) as tx:
        exceptions.explain(tx, the_one(stores).exception_id, remark="It comes on the 12th.")


def accept(stores: Stores, person: str = "ben", until: date = TODAY) -> None:
    with stores.web.transaction(person) as tx:
        exceptions.accept(tx, the_one(stores).exception_id, until=until, remark="Accrued.")


def test_a_problem_found_again_with_another_amount_keeps_identity_and_age(stores: Stores) -> None:
    (new,) = note(stores, missing())
    before = the_one(stores)
    assert (before.exception_id, before.state, before.type) == (new, "open", "unmatched_invoice")
    assert note(stores, missing("13.75")) == []
    after = the_one(stores)
    assert (after.exception_id, after.first_seen_at) == (new, before.first_seen_at)
    assert (after.amount_units, after.state) == (to_units("13.75"), "open")
    assert note(stores, missing("13.75")) == []
    with stores.reader.transaction() as tx:
        seen = tx.scalar(sa.select(sa.func.count()).select_from(exceptions.exception_seen))
    assert seen == 2


def test_what_is_not_found_any_more_is_resolved_and_found_again_it_is_open(
    stores: Stores,
) -> None:
    note(stores, missing())
    first = the_one(stores).first_seen_at
    note(stores, ())
    gone = the_one(stores)
    assert (gone.state, gone.remark) == ("resolved", "Not found any more.")
    with pytest.raises(NotReadyError, match="is resolved"):
        explain(stores)
    note(stores, missing())
    again = the_one(stores)
    assert (again.state, again.remark, again.first_seen_at) == ("open", "Found again.", first)
    with stores.reader.transaction() as tx:
        states = [one.state for one in exceptions.history(tx, again.exception_id)]
    assert states == ["open", "resolved", "open"]


def test_it_is_assigned_explained_and_accepted_by_people(stores: Stores) -> None:
    note(stores, missing())
    assign(stores, "ben")
    explain(stores)
    accept(stores)
    found = the_one(stores)
    assert (found.state, found.accepted, found.owner, found.due_on) == (
        "accepted",
        True,
        "ana",
        DUE,
    )
    assert (found.actor, found.expires_on) == ("ben", TODAY)
    with stores.reader.transaction() as tx:
        history = exceptions.history(tx, found.exception_id)
    assert [(one.state, one.actor) for one in history] == [
        ("open", "service:tieout_worker"),
        ("assigned", "ben"),
        ("explained", "ana"),
        ("accepted", "ben"),
    ]


def test_whoever_explained_does_not_accept(stores: Stores) -> None:
    note(stores, missing())
    with pytest.raises(NotReadyError, match="explained before it is accepted"):
        accept(stores)
    explain(stores, "cem")
    with pytest.raises(SegregationError, match="cem explained exception"):
        accept(stores, "cem")
    with pytest.raises(SegregationError, match="the duty approver or controller, found ana"):
        accept(stores, "ana")
    with pytest.raises(SegregationError, match="people decide, services propose"):
        assign(stores, None)
    with pytest.raises(SegregationError, match="found dee who holds auditor"):
        explain(stores, "dee")
    accept(stores, "ben")


def test_an_acceptance_is_for_a_time(stores: Stores) -> None:
    note(stores, missing())
    explain(stores)
    for until in (TODAY - timedelta(days=1), TODAY + timedelta(days=367)):
        with pytest.raises(NotReadyError, match="expected a day from today on, within a year"):
            accept(stores, until=until)
    with stores.owner.transaction() as tx:  # as it stands the day after its last day
        tx.exec_driver_sql("SET LOCAL ROLE t_owner")
        tx.execute(
            sa.insert(exceptions.exception_event).values(
                exception_id=the_one(stores).exception_id,
                state="accepted",
                remark="Last month.",
                expires_on=TODAY - timedelta(days=1),
                accepted_amount=Decimal("12.50"),
            )
        )
    assert not the_one(stores).accepted


def test_an_acceptance_covers_no_more_money_than_was_accepted(stores: Stores) -> None:
    note(stores, missing("12.50"))
    explain(stores)
    accept(stores)
    note(stores, missing("12.49"))
    assert the_one(stores).accepted
    note(stores, missing("12.51"))
    assert not the_one(stores).accepted


def test_a_person_resolves_it_by_an_entry(stores: Stores) -> None:
    note(stores, missing())
    key = the_one(stores).exception_id
    with stores.worker.transaction() as tx:
        journal.post(tx, an_entry())
    with (
        pytest.raises(UnknownSubjectError, match="no entry 2026-x-1"),
        stores.web.transaction("ana") as tx,
    ):
        exceptions.resolve(tx, key, entry_no="2026-x-1", remark="Booked.")
    with stores.web.transaction("ana") as tx:
        exceptions.resolve(tx, key, entry_no="2026-accrual-000001", remark="Booked.")
    assert (the_one(stores).state, the_one(stores).entry_no) == (
        "resolved",
        "2026-accrual-000001",
    )


def test_an_exception_nobody_found_and_a_stranger_are_refused(stores: Stores) -> None:
    with (
        pytest.raises(UnknownSubjectError, match="There is no exception 0000"),
        stores.web.transaction("ana") as tx,
    ):
        exceptions.explain(tx, "0" * 64, remark="Why?")
    note(stores, missing())
    with pytest.raises(UnknownSubjectError, match="a known person to own the exception, found eve"):
        assign(stores, "ana", "eve")
    with pytest.raises(IntegrityError, match="remark"), stores.web.transaction("ana") as tx:
        exceptions.explain(tx, the_one(stores).exception_id, remark=" ")


def test_nobody_signs_over_an_acceptance_that_does_not_hold(stores: Stores) -> None:
    note(stores, missing())
    with stores.worker.transaction() as tx:
        ask(tx)
    with (
        pytest.raises(NotReadyError, match="Blocking exceptions of 2026-10 are open"),
        stores.web.transaction("ana") as tx,
    ):
        signoffs.record(tx, OCTOBER, "preparer", CONTENT, comment="")
    explain(stores)
    accept(stores)
    with stores.web.transaction("ana") as tx:
        assert signoffs.record(tx, OCTOBER, "preparer", CONTENT, comment="") == "soft_closed"
