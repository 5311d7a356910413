"""The close on the finance API: exceptions and reopenings are decided by whoever is logged in."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from demo.postgres import Logins
from tests.conftest import Stores
from tests.steps.handed_in import context
from tests.store.samples import OCTOBER, a_run, close
from tests.web.browser import SAME, asked, browsing, sits_down, typed

from tieout.close.exceptions import identity
from tieout.config import utc_now
from tieout.core.errors import SegregationError
from tieout.core.finding import Finding
from tieout.core.period import Period
from tieout.steps import close_inputs
from tieout.steps import exceptions as exceptions_step
from tieout.steps import reopen as reopen_step
from tieout.store import audit, findings, periods, policies, reviews, runs
from tieout.store.reopenings import NewReopening
from tieout.store.reviews import AirflowEvent

MISSING = Finding(
    kind="missing_invoice",
    severity="blocking",
    subject="openai/org-1",
    message="Expected an invoice for 12.50 USD, found none.",
    amount_units=12_500_000_000_000,
)
KEY = identity(OCTOBER, MISSING)
TODAY = utc_now().date()
Ask = Callable[..., Any]


def decision(address: str) -> tuple[str, str] | None:
    """Act and subject of what must be confirmed at an address; None where nothing must be."""
    for act, shape in (
        ("reopen", r"periods/(.*)/reopenings"),
        ("lock", r"periods/(.*)/lock"),
        ("approve_reopening", r"reopenings/(.*)/approval"),
    ):
        if found := re.fullmatch(shape, address):
            return act, found[1]
    return None


@pytest.fixture
def ask(
    stores: Stores, ledger_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ask]:
    """`ask(person, address, body)`: a POST with a body, confirmed if it must be; else a GET."""
    with browsing(ledger_database, tmp_path, monkeypatch) as client:

        def call(person: str, address: str, body: dict[str, Any] | None = None) -> Any:
            sits_down(client, person)
            if body is None:
                return client.get(f"/api/{address}")
            wish = decision(address)
            given = asked(client, *wish) if wish else None
            if given is not None and given.status_code != 201:
                return given
            whole = body | (typed(given) if given else {})
            return client.post(f"/api/{address}", json=whole, headers=SAME)

        yield call


@pytest.fixture
def queued(stores: Stores) -> Stores:
    """October has a blocking finding, and the queue has it too."""
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        run = runs.record(tx, a_run("reconcile"))
        findings.add_all(tx, run.run_id, [MISSING])
    return stores


@pytest.fixture
def noted(queued: Stores, ledger_database: Logins, tmp_path: Path) -> Stores:
    """The worker has brought the queue up to date."""
    worker = context(ledger_database.worker_url, tmp_path)
    made = exceptions_step.refresh(worker, period=OCTOBER)
    assert made.summary == {"new": 1, "unresolved": 1, "blocking": 1}
    again = exceptions_step.refresh(worker, period=OCTOBER)
    assert (again.status, again.summary["new"]) == ("unchanged", 0)
    worker.close()
    return queued


def test_an_exception_is_assigned_explained_and_accepted_by_people(noted: Stores, ask: Ask) -> None:
    (one,) = ask("dee", f"exceptions?period={OCTOBER}").json()
    assert (one["exception_id"], one["state"], one["blocks"]) == (KEY, "open", True)
    assert (one["amount"], one["age_days"], one["bucket"]) == ("12.50", 0, "0-30")
    given = {"owner": "ana", "due_on": str(TODAY), "remark": "Ask OpenAI."}
    assert ask("ben", f"exceptions/{KEY}/assignment", given).status_code == 201
    assert ask("ana", f"exceptions/{KEY}/explanation", {"remark": "Comes later."}).json() == {
        "state": "explained"
    }
    word = {"expires_on": str(TODAY + timedelta(days=62)), "remark": "Accrued."}
    answer = ask("ben", f"exceptions/{KEY}/acceptance", word)
    assert (answer.status_code, answer.json()["amount"]) == (201, "12.50")
    found = ask("dee", f"exceptions/{KEY}").json()
    assert (found["state"], found["blocks"], found["owner"]) == ("accepted", False, "ana")
    assert [event["actor"] for event in found["history"]][1:] == ["ben", "ana", "ben"]
    with noted.reader.transaction() as tx:
        actions = [one.canonical.split('"')[3] for one in audit.events(tx)]
    assert actions == [
        "exceptions_found",
        "exception_assigned",
        "exception_explained",
        "exception_accepted",
    ]


def test_whoever_explained_and_whoever_has_no_duty_does_not_accept(noted: Stores, ask: Ask) -> None:
    word = {"expires_on": str(TODAY), "remark": "Fine."}
    assert ask("ben", f"exceptions/{KEY}/acceptance", word).status_code == 409
    ask("cem", f"exceptions/{KEY}/explanation", {"remark": "Comes later."})
    assert ask("cem", f"exceptions/{KEY}/acceptance", word).status_code == 403
    assert ask("ana", f"exceptions/{KEY}/acceptance", word).status_code == 403
    assert ask("dee", f"exceptions/{KEY}/explanation", {"remark": "x"}).status_code == 403
    long = word | {"expires_on": str(TODAY + timedelta(days=63))}
    answer = ask("ben", f"exceptions/{KEY}/acceptance", long)
    assert (answer.status_code, "at most 62 days" in answer.json()["error"]) == (409, True)


def test_an_acceptance_lasts_as_long_as_the_tolerances_in_force_allow(
    noted: Stores, ask: Ask
) -> None:
    text = "tolerances: t\ncurrency: USD\nexceptions: {acceptance_days: 3, ageing_days: [7]}\n"
    with noted.worker.transaction("ana") as tx:
        policies.propose(tx, "tolerances", text, valid_from=date(2026, 1, 1))
    with noted.web.transaction("ben") as tx:
        policies.approve(tx, "tolerances", 1)
    ask("ana", f"exceptions/{KEY}/explanation", {"remark": "Comes later."})
    for days, status in ((4, 409), (3, 201)):
        word = {"expires_on": str(TODAY + timedelta(days=days)), "remark": "Accrued."}
        assert ask("ben", f"exceptions/{KEY}/acceptance", word).status_code == status
    (one,) = ask("ben", "exceptions").json()
    assert one["bucket"] == "0-7"


def test_a_person_resolves_an_exception_and_it_leaves_the_queue(noted: Stores, ask: Ask) -> None:
    assert ask("ana", f"exceptions/{KEY}/resolution", {"remark": "Booked."}).status_code == 201
    assert ask("ana", "exceptions").json() == []
    (one,) = ask("ana", "exceptions?resolved=true").json()
    assert (one["state"], one["blocks"]) == ("resolved", False)
    assert ask("ana", f"exceptions/{'0' * 64}").status_code == 404


@pytest.mark.parametrize(
    ("address", "body"),
    [
        (f"exceptions/{KEY}/explanation", {"remark": " "}),
        (f"exceptions/{KEY}/explanation", {"remark": "x", "person": "ben"}),
        (f"exceptions/{KEY}/acceptance", {"remark": "x"}),
        ("exceptions/none/explanation", {"remark": "x"}),
    ],
)
def test_what_does_not_fit_is_refused(ask: Ask, address: str, body: dict[str, Any]) -> None:
    assert ask("ben", address, body).status_code == 422


def a_reopening(**fields: Any) -> dict[str, Any]:
    return {
        "reason_code": "late_document",
        "remark": "A credit note came.",
        "scope": ["credit_note", "reclass"],
        "expires_at": (utc_now() + timedelta(days=2)).isoformat(),
    } | fields


def test_two_people_reopen_a_closed_month(stores: Stores, ask: Ask) -> None:
    close(stores)
    asked = ask("ben", f"periods/{OCTOBER}/reopenings", a_reopening())
    assert asked.status_code == 201
    number = asked.json()["reopening"]
    assert ask("ben", f"reopenings/{number}/approval", {}).status_code == 403
    assert ask("cem", f"reopenings/{number}/approval", {}).json() == {"state": "reopened"}
    found = ask("dee", f"periods/{OCTOBER}").json()
    assert (found["state"], found["is_locked"]) == ("reopened", False)
    assert [one["voided_because"] for one in found["sign_offs"]] == ["Reopened by ben and cem."] * 2
    assert ask("cem", f"reopenings/{number}/approval", {}).status_code == 409
    assert ask("cem", "reopenings/99/approval", {}).status_code == 404


def test_a_reopening_needs_a_scope_a_time_and_a_closed_month(stores: Stores, ask: Ask) -> None:
    address = f"periods/{OCTOBER}/reopenings"
    assert ask("ben", address, a_reopening()).status_code == 409
    close(stores)
    past = (utc_now() - timedelta(days=1)).isoformat()
    assert ask("ben", address, a_reopening(expires_at=past)).status_code == 409
    assert ask("ben", address, a_reopening(expires_at="2026-12-01T00:00:00")).status_code == 422
    assert ask("ben", address, a_reopening(scope=[])).status_code == 422
    assert ask("ben", address, a_reopening(reason_code="because")).status_code == 422
    assert ask("ben", address, a_reopening(scope=["wish"])).status_code == 404
    assert ask("ana", address, a_reopening()).status_code == 403
    assert ask("dee", f"{address}").json()["reopenings"] == []


def test_a_locked_month_is_never_reopened(stores: Stores, ask: Ask) -> None:
    why = {"remark": "The year is audited."}
    assert ask("ben", f"periods/{OCTOBER}/lock", why).status_code == 409
    close(stores)
    number = ask("ben", f"periods/{OCTOBER}/reopenings", a_reopening()).json()["reopening"]
    assert ask("ben", f"periods/{OCTOBER}/lock", {}).status_code == 422
    assert ask("ana", f"periods/{OCTOBER}/lock", why).status_code == 403
    assert ask("ben", f"periods/{OCTOBER}/lock", why).json() == {"state": "locked"}
    assert ask("cem", f"periods/{OCTOBER}/lock", why).json() == {"state": "locked"}
    answer = ask("cem", f"reopenings/{number}/approval", {})
    assert (answer.status_code, "found it locked" in answer.json()["error"]) == (409, True)
    found = ask("dee", f"periods/{OCTOBER}").json()
    assert (found["state"], found["is_locked"], len(found["closes"])) == ("closed", True, 1)


def test_overrides_are_reviewed_once_the_log_was_read(queued: Stores, ask: Ask) -> None:
    address = f"periods/{OCTOBER}/overrides/review"
    assert ask("ben", address, {"remark": "Seen."}).status_code == 409
    event = AirflowEvent(
        airflow_id=1,
        happened_at=utc_now(),
        actor="admin",
        action="clear",
        object="monthly_close",
        overrides=True,
    )
    with queued.web.transaction("ana") as tx:
        reviews.mirror(tx, [event], upto=1)
    assert ask("ana", address, {"remark": "Seen."}).status_code == 403
    assert ask("ben", address, {"remark": "Seen."}).status_code == 201
    with queued.reader.transaction() as tx:
        controls = close_inputs.controls(tx, Period(2026, 10))
    assert controls is not None
    assert (controls.acts, controls.reviewed) == (("1 clear monthly_close by admin",), True)
    with queued.web.transaction("ana") as tx:
        reviews.mirror(tx, [], upto=2)
        later = close_inputs.controls(tx, Period(2026, 10))
    assert later is not None
    assert not later.reviewed


def test_a_worker_decides_nothing_through_the_steps(
    noted: Stores, ledger_database: Logins, tmp_path: Path
) -> None:
    worker = context(ledger_database.worker_url, tmp_path)
    new = NewReopening(
        period=OCTOBER,
        reason_code="other",
        remark="x",
        scope=("reclass",),
        expires_at=utc_now() + timedelta(days=1),
    )
    calls: list[Callable[[], object]] = [
        lambda: exceptions_step.explain(worker, exception=KEY, person="ana", remark="x"),
        lambda: exceptions_step.accept(
            worker, exception=KEY, person="ben", expires_on=TODAY, remark="x"
        ),
        lambda: exceptions_step.resolve(
            worker, exception=KEY, person="ana", entry_no=None, remark="x"
        ),
        lambda: reopen_step.ask(worker, new=new, person="ben"),
    ]
    for call in calls:
        with pytest.raises(SegregationError, match="The login tieout_worker may not do this"):
            call()
    worker.close()
