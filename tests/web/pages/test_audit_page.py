"""Audit: who did what, when, why? Searched, opened, verified, taken away."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from demo.postgres import Server
from tests import month
from tests.web.conftest import Browser, browsing
from tests.web.pages.reading import ReadPage
from tests.worlds import WorldAt

from tieout.steps import pack

AUDIT = "/audit/2026-10"


@pytest.fixture
def own(world_at: WorldAt) -> Iterator[tuple[Browser, month.World]]:
    """A browser over a published month of a test's own."""
    world = world_at("controller signs")
    month.act("publish")(world)
    with browsing(world) as made:
        yield made, world


def test_the_log_is_read_newest_first_and_told_by_whom(pages: Browser) -> None:
    read = ReadPage(pages.get(f"{AUDIT}?size=5").text)
    assert "events in the audit log" in read.headings[0]
    assert read.tables[0].rows == 5
    text = read.text()
    assert text.index("period published") < text.index("period signed")
    assert "tieout_worker (machine)" in text


def test_a_search_finds_who_did_what_to_what_and_when(pages: Browser) -> None:
    read = ReadPage(pages.get(f"{AUDIT}?person=ben&act=period_signed&about=2026-10").text)
    assert read.headings == ["One event by ben of period signed about 2026-10."]
    assert "checked in a test" in read.text()
    none = ReadPage(pages.get(f"{AUDIT}?until=2020-01-01").text)
    assert none.headings == ["0 events until 2020-01-01."]
    assert "No event fits" in none.text()
    text = ReadPage(pages.get(f"{AUDIT}?text=2026-accrual-000001").text)
    assert text.tables[0].rows == 1


def test_pages_of_the_log_meet(pages: Browser) -> None:
    first = ReadPage(pages.get(f"{AUDIT}?size=30").text)
    further = next(one for one in first.links if "after=" in one and "as_of=" not in one)
    second = ReadPage(pages.get(further.removeprefix("/tieout")).text)
    seen = [one for page in (first, second) for one in page.links if "/event/" in one]
    assert len(seen) == len(set(seen)) == 60


def test_an_event_shows_its_exact_text_and_that_its_hash_holds(pages: Browser) -> None:
    read = ReadPage(pages.get(f"{AUDIT}/event/2").text)
    text = read.text()
    assert "follows from the event before" in text
    canonical = json.loads(
        text.split("Canonical text, as it was hashed ", 1)[1].split("} ", 1)[0] + "}"
    )
    assert canonical["schema"] == "tieout.audit/1"


def test_verify_now_walks_the_log_and_its_checkpoints(pages: Browser) -> None:
    read = ReadPage(pages.get(f"{AUDIT}/verify").text)
    assert read.headings[0].startswith("The audit log holds: ")
    assert "events follow from each other" in read.text()
    assert "First break ✓ none" in read.text()


def test_verify_names_the_first_event_that_was_changed(
    own: tuple[Browser, month.World], postgres_server: Server
) -> None:
    browser, world = own
    name = urlsplit(world.web_url).path.lstrip("/")
    with psycopg.connect(postgres_server.admin_url, dbname=name, autocommit=True) as admin:
        admin.execute("ALTER TABLE tieout.audit_event DISABLE TRIGGER USER")
        admin.execute("UPDATE tieout.audit_event SET canonical = canonical || ' ' WHERE seq = 7")
    read = ReadPage(browser.get(f"{AUDIT}/verify").text)
    assert read.headings == ["The audit log does not hold: chain: it breaks at event 7."]
    assert "one of the first" in read.text()
    event = ReadPage(browser.get(f"{AUDIT}/event/7").text)
    assert "does not follow from the event before" in event.text()


def test_the_pack_is_taken_away_once_it_is_made(own: tuple[Browser, month.World]) -> None:
    browser, world = own
    before = browser.get(f"{AUDIT}/pack.zip")
    assert (before.status_code, "tieout pack 2026-10" in before.text) == (404, True)
    assert "No evidence pack of 2026-10 is here" in ReadPage(browser.get(AUDIT).text).text()
    worker = world.worker()
    made = pack.run(worker, period="2026-10", folder=Path(world.home) / "packs")
    worker.close()
    assert f"{AUDIT}/pack.zip" in browser.get(AUDIT).text
    answer = browser.get(f"{AUDIT}/pack.zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        assert book.testzip() is None
        names = [one.partition("/")[2] for one in book.namelist()]
    assert len(names) == made.summary["files"]
    assert "verify.py" in names


def test_access_changes_and_saved_questions_are_listed(pages: Browser) -> None:
    access = ReadPage(pages.get(f"{AUDIT}/access").text)
    assert "Ben Controller" in access.text()
    assert [one.caption for one in access.tables][1] == "What the database lets each role do"
    changes = ReadPage(pages.get(f"{AUDIT}/changes").text).text()
    assert "policy approved" in changes
    kept = ReadPage(pages.get(f"{AUDIT}/checkpoints").text)
    assert kept.tables[0].rows >= 1
    asked = ReadPage(pages.get(f"{AUDIT}/query/seldom_used_accounts").text)
    assert asked.headings[0].startswith("Accounts that the month posts to")


def test_what_does_not_fit_is_refused_by_name(pages: Browser) -> None:
    wrong = {
        f"{AUDIT}?since=yesterday": (400, "since"),
        f"{AUDIT}?sort=at": (400, "sort"),
        f"{AUDIT}?text={'x' * 201}": (400, "text"),
        f"{AUDIT}/event/999999": (404, "999999"),
        f"{AUDIT}/query/nothing": (404, "nothing"),
        "/audit/2031-01": (404, "never opened"),
    }
    for address, (status, word) in wrong.items():
        answer = pages.get(address)
        assert (answer.status_code, word in answer.text) == (status, True), address


def test_hostile_text_in_a_search_is_only_text(pages: Browser) -> None:
    hostile = "%3Cimg%20src=x%20onerror=alert(1)%3E%25_%22"
    text = pages.get(f"{AUDIT}?text={hostile}&about={hostile}").text
    assert "<img" not in text
    assert "No event fits" in text
