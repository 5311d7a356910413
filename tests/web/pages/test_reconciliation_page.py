"""Reconciliation: does it tie, why does an account differ, and what people decide about it."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.store.match_samples import SUGGESTED, a_record, a_set
from tests.store.samples import a_run
from tests.web.conftest import Browser, browsing
from tests.web.pages.reading import ReadPage
from tests.worlds import WorldAt

from tieout.close.exceptions import Problem
from tieout.config import utc_now
from tieout.reconciliation.match_records import RECORD_SCHEMA
from tieout.store import exceptions, matches, runs

START = "/reconciliation/2026-10"
ANTHROPIC = f"{START}/account/anthropic/nordlicht-labs"
OPENAI = f"{START}/account/openai/org-NordlichtLabs"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
EXCEPTION = "e" * 64
OTHER = "d" * 64


@pytest.fixture(scope="module")
def asked(world_at: WorldAt) -> Iterator[Browser]:
    """A browser over a month that asks for signatures, with a suggestion and a hostile finding."""
    world = world_at("request close")
    context = world.worker()
    file = context.lake.put_table(RECORD_SCHEMA.empty_table(), "matches")
    wrong = Problem(
        exception_id=EXCEPTION,
        type="unattributed",
        kind="unallocated",
        subject=f"openai/org-NordlichtLabs {HOSTILE}",
        severity="warning",
        message=f"Nobody owns {HOSTILE}.",
        amount_units=5 * 10**12,
        currency="USD",
    )
    with context.store.transaction() as tx:
        made = runs.record(tx, matched_run())
        place = {"billing_account_id": "org-NordlichtLabs"}
        found = a_set(made.run_id, lake_path=file.path, sha256=file.sha256, **place)
        matches.add(tx, found, records=[a_record(), a_record(match_id=OTHER)], causes=[])
        exceptions.note(tx, "2026-10", [wrong])
    context.close()
    with browsing(world) as browser:
        yield browser


def matched_run() -> runs.NewRun:
    made = a_run("matching")
    return runs.NewRun(
        step=made.step,
        subject=made.subject,
        input_key=made.input_key,
        outputs={"decisions": 0},
        code_version=made.code_version,
        started_at=made.started_at,
        finished_at=made.finished_at,
    )


def decide(browser: Browser, person: str, place: str, act: str, **fields: str) -> Any:
    browser.person = person
    hidden = ReadPage(browser.get(place).text).hidden
    tokens = {one: hidden[one] for one in ("form_token", "form_key")}
    return browser.send(act, **(tokens | {"reason": "Looked at it."} | fields))


def test_the_month_says_whether_it_ties_and_shows_every_account(pages: Browser) -> None:
    read = ReadPage(pages.get(START).text)
    assert read.headings[0].startswith("October 2026 ties: all 5 accounts are explained")
    (table,) = [one for one in read.tables if one.caption.startswith("Estimate, report")]
    assert table.rows == 5
    found = pages.client.get(f"/tieout{START}.json").json()
    rows = {row["account"]: row for row in found["rows"]}
    assert rows["Anthropic Console, Nordlicht Labs"]["difference"] == "-213.82529938"
    assert {row["unexplained"] for row in rows.values()} == {"0.00"}


def test_why_an_account_differs_is_two_clicks_from_the_first_page(pages: Browser) -> None:
    first = ReadPage(pages.get("/").text)
    assert f"/tieout{START}" in first.links
    second = ReadPage(pages.get(START).text)
    assert f"/tieout{ANTHROPIC}" in second.links
    third = ReadPage(pages.get(ANTHROPIC).text)
    (answer,) = third.headings
    assert answer == (
        "Anthropic Console, Nordlicht Labs cost 213.83\u00a0USD less than estimated in October "
        "2026: negotiated rate (255.38)\u00a0USD, not metered 41.55\u00a0USD; nothing is "
        "unexplained."
    )
    cause = f"{START}/rows/estimate_to_report/negotiated_rate/anthropic/nordlicht-labs"
    assert f"/tieout{cause}" in third.links
    table = pages.client.get(f"/tieout{cause}.json").json()
    assert len(table["rows"]) == 1656
    amounts = [Decimal(row["amount"]) for row in table["rows"]]
    assert sum(amounts) == Decimal("-255.37829938")
    assert {row["document"] for row in table["rows"]} >= {"cost.page1.json", "usage.page1.json"}
    assert all(int(row["row"]) > 0 for row in table["rows"])


def test_every_bridge_is_drawn_with_its_figures_in_words(pages: Browser) -> None:
    text = pages.get(OPENAI).text
    assert text.count("<figure") == 4
    assert "Own estimate 1,605.30; Not metered 234.34; Provider report (final) 1,839.63." in text
    captions = [one.caption for one in ReadPage(text).tables]
    assert {"From report to invoice", "The whole month by price, volume and mix"} <= set(captions)


def test_examples_are_not_passed_off_as_the_whole(pages: Browser) -> None:
    rows = f"{START}/rows/draft_to_final/restated_rows/openai/org-NordlichtLabs"
    assert "What is named here are examples" in ReadPage(pages.get(rows).text).text()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"{START}/account/nobody/x", "was reconciled in 2026-10"),
        (f"{START}/rows/estimate_to_report/luck/anthropic/nordlicht-labs", "has no cause"),
        (f"{START}/exception/{'0' * 64}", "0 exceptions begin with"),
        ("/reconciliation/2031-01", "was never opened"),
    ],
)
def test_what_is_not_there_is_said(pages: Browser, address: str, told: str) -> None:
    answer = pages.get(address)
    assert (answer.status_code, told in answer.text) == (404, True)


def test_a_suggestion_is_rejected_with_a_reason_and_waits_no_longer(asked: Browser) -> None:
    act = f"{START}/matches/openai/org-NordlichtLabs"
    fields = {"section": "estimate_to_report", "kind": "reject", "match_id": OTHER}
    assert asked.get(OPENAI).text.count("Reject the match") == 2
    assert decide(asked, "ben", OPENAI, act, **fields).status_code == 403
    assert decide(asked, "ana", OPENAI, act, **fields | {"reason": " "}).status_code == 422
    assert decide(asked, "ana", OPENAI, act, **fields | {"kind": "match"}).status_code == 422
    assert decide(asked, "ana", OPENAI, act, **fields | {"reason": HOSTILE}).status_code == 303
    assert asked.get(OPENAI).text.count("Reject the match") == 1
    again = decide(asked, "ana", OPENAI, act, **fields | {"kind": "confirm"})
    assert (again.status_code, "waits no longer" in again.text) == (409, True)


def test_a_suggestion_is_accepted_by_a_preparer_once(asked: Browser) -> None:
    act = f"{START}/matches/openai/org-NordlichtLabs"
    fields = {"section": "estimate_to_report", "kind": "confirm", "match_id": SUGGESTED}
    assert decide(asked, "ben", OPENAI, act, **fields).status_code == 403
    assert decide(asked, "ana", OPENAI, act, **fields | {"match_id": "0" * 64}).status_code == 404
    assert decide(asked, "ana", OPENAI, act, **fields | {"reason": " "}).status_code == 422
    assert "Accept the match" in asked.get(OPENAI).text
    answer = decide(asked, "ana", OPENAI, act, **fields)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/tieout{OPENAI}#suggested"
    after = asked.get(OPENAI).text
    assert "2 decisions are recorded and not applied yet" in after
    assert "Accept the match" not in after


def test_an_exception_is_assigned_explained_accepted_by_another_and_resolved(
    asked: Browser,
) -> None:
    page = f"{START}/exception/{EXCEPTION}"
    until = f"{utc_now().date() + timedelta(days=20):%Y-%m-%d}"
    late = f"{utc_now().date() + timedelta(days=2000):%Y-%m-%d}"
    given = {"owner": "ben", "due_on": until}
    assert decide(asked, "ben", page, f"{page}/accept", expires_on=until).status_code == 409
    assert decide(asked, "dee", page, f"{page}/assign", **given).status_code == 403
    assert decide(asked, "ana", page, f"{page}/assign", **given).status_code == 303
    assert decide(asked, "cem", page, f"{page}/explain", reason=HOSTILE).status_code == 303
    assert decide(asked, "cem", page, f"{page}/accept", expires_on=until).status_code == 403
    assert decide(asked, "ben", page, f"{page}/accept", expires_on=late).status_code == 409
    assert decide(asked, "ben", page, f"{page}/accept", expires_on=until).status_code == 303
    text = ReadPage(asked.get(page).text).text()
    assert f"Accepted until {until}" in text
    assert "ben" in ReadPage(asked.get(START).text).text()
    assert decide(asked, "ana", page, f"{page}/resolve", entry_no="").status_code == 303
    assert "It is resolved" in asked.get(page).text


def test_hostile_words_are_shown_as_words(asked: Browser) -> None:
    for address in (START, OPENAI, f"{START}/exception/{EXCEPTION}"):
        answer = asked.get(address)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert ReadPage(answer.text).forbidden == []


def test_a_month_that_is_not_reconciled_says_so(world_at: WorldAt) -> None:
    with browsing(world_at("accrue")) as browser:
        read = ReadPage(browser.get(START).text)
        assert browser.get(ANTHROPIC).status_code == 409
    assert read.headings == ["October 2026 has not been reconciled yet."]
