"""Close: where are we? Read over a closed month; signed by two people from an open one."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests import month
from tests.web.conftest import Browser, browsing
from tests.web.pages.reading import ReadPage
from tests.worlds import WorldAt

from tieout.web.pages import close_files


@pytest.fixture
def asked(world_at: WorldAt) -> Iterator[Browser]:
    """A browser over a month that asks for signatures."""
    with browsing(world_at("request close")) as made:
        yield made


def sign(browser: Browser, person: str, duty: str, **changed: str) -> int:
    browser.person = person
    page = ReadPage(browser.get("/close/2026-10").text)
    fields = {one: page.hidden[one] for one in ("form_token", "form_key")}
    fields |= {"duty": duty, "content_hash": page.hidden.get("content_hash", "0" * 64)}
    fields |= {"reason": "Read and compared."}
    fields |= {"typed": "2026-10"} | changed
    answered: int = browser.send("/close/2026-10/sign", **fields).status_code
    return answered


def test_the_start_page_leads_to_the_newest_month_that_was_begun(pages: Browser) -> None:
    answer = pages.get("/")
    assert answer.url.path == "/tieout/close/2026-10"
    assert [one.status_code for one in answer.history] == [303]


def test_a_closed_month_says_who_signed_and_what_was_checked(pages: Browser) -> None:
    read = ReadPage(pages.get("/close/2026-10").text)
    assert read.headings[0].startswith("2026-10 is closed: ")
    text = read.text()
    assert f"signed by {month.PREPARER}" in text
    assert f"signed by {month.CONTROLLER}" in text
    captions = [one.caption for one in read.tables]
    assert captions[0] == "Checklist"
    assert {"Each balance as three sources have it", "State history"} <= set(captions)
    assert "period signed controller" in text


def test_two_people_sign_and_the_month_is_closed(asked: Browser) -> None:
    before = ReadPage(asked.get("/close/2026-10").text)
    assert "ready to be signed" in before.headings[0]
    assert "The preparer signs first." in before.text()
    assert sign(asked, "dee", "preparer") == 403
    assert sign(asked, "ana", "preparer", content_hash="0" * 64) == 409
    assert sign(asked, "ana", "preparer", reason=" ") == 422
    assert sign(asked, "ana", "preparer", form_token="x") == 403
    assert sign(asked, "ana", "preparer", typed="2026-11") == 403
    assert sign(asked, "ana", "preparer") == 303
    assert "suspended" not in asked.get("/close/2026-10").text
    assert sign(asked, "ana", "controller") == 403
    assert sign(asked, "ben", "controller") == 303
    after = ReadPage(asked.get("/close/2026-10").text)
    assert after.headings[0].startswith("2026-10 is closed: ")
    assert "Read and compared." in after.text()


def test_an_old_log_in_is_asked_for_again_and_leads_back_to_the_page(asked: Browser) -> None:
    asked.since_log_in = timedelta(minutes=11)
    asked.client.headers["Referer"] = "http://testserver/tieout/close/2026-10?basis=restated"
    answer = asked.send("/close/2026-10/sign", duty="preparer")
    assert answer.status_code == 303
    assert answer.headers["location"].endswith("next=/tieout/close/2026-10%3Fbasis%3Drestated")
    del asked.client.headers["Referer"]
    asked.since_log_in = timedelta(0)


def test_the_same_form_sent_twice_signs_once(asked: Browser) -> None:
    page = ReadPage(asked.get("/close/2026-10").text)
    fields = {"duty": "preparer", "content_hash": page.hidden["content_hash"], "reason": "Read."}
    fields |= {"typed": "2026-10"}
    fields |= {one: page.hidden[one] for one in ("form_token", "form_key")}
    sent = [asked.send("/close/2026-10/sign", **fields) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303]
    assert sent[0].headers["location"] == "/tieout/close/2026-10"
    assert ReadPage(asked.get("/close/2026-10").text).text().count("period signed preparer") == 1


def test_a_form_of_another_person_is_refused(asked: Browser) -> None:
    token = ReadPage(asked.get("/close/2026-10").text).hidden["form_token"]
    assert sign(asked, "ben", "preparer", form_token=token) == 403


def test_a_month_that_is_not_reconciled_says_what_it_waits_for(world_at: WorldAt) -> None:
    with browsing(world_at("accrue")) as browser:
        read = ReadPage(browser.get("/close/2026-10").text)
    assert read.headings == ["2026-10 is open and cannot be checked yet."]
    assert "Nothing is up for signature yet" in read.text()


def test_preferences_change_how_credits_look_and_stay(pages: Browser) -> None:
    page = ReadPage(pages.get("/close/2026-10").text)
    fields = {one: page.hidden[one] for one in ("form_token", "form_key", "back")}
    answer = pages.send("/preferences", numbers="minus", density="compact", keys="off", **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/tieout/close/2026-10")
    again = pages.get("/close/2026-10").text
    assert 'class="rows-compact" data-keys="off"' in again
    pages.client.cookies.clear()


def test_a_month_that_was_never_opened_is_not_there(pages: Browser) -> None:
    answer = pages.get("/close/2031-01")
    assert (answer.status_code, "was never opened" in answer.text) == (404, True)


def test_a_context_that_a_page_does_not_follow_is_told(pages: Browser) -> None:
    assert "does not follow entity" in pages.get("/close/2026-10?entity=DE").text


def test_the_context_bar_leads_to_the_one_address_of_a_view(pages: Browser) -> None:
    answer = pages.get("/go?page=close&period=2026-10&as_of=&basis=restated&entity=DE")
    assert str(answer.url).endswith("/tieout/close/2026-10?entity=DE&basis=restated")


def test_what_was_published_can_be_taken_away(pages: Browser) -> None:
    links = ReadPage(pages.get("/close/2026-10").text).links
    for form, begins in (("workbook", b"PK"), ("report-pdf", b"%PDF-"), ("report-html", b"<!doc")):
        assert f"/tieout/close/2026-10/file/{form}" in links
        answer = pages.get(f"/close/2026-10/file/{form}")
        assert answer.content[:5].lower().startswith(begins.lower())
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        assert answer.headers["content-security-policy"].endswith(", sandbox")
    pages.person = "dee"
    again = pages.get("/close/2026-10/file/workbook")
    pages.person = "ana"
    assert again.content == pages.get("/close/2026-10/file/workbook").content


def test_of_an_open_month_the_files_are_made_of_what_stands_now(asked: Browser) -> None:
    text = asked.get("/close/2026-10").text
    assert "As the month stands now; not closed yet." in text
    answer = asked.get("/close/2026-10/file/report-html")
    assert (answer.status_code, "<td>open</td>" in answer.text) == (200, True)


def test_who_may_not_see_the_work_takes_no_file_away(pages: Browser) -> None:
    pages.person = "nobody"
    answer = pages.get("/close/2026-10/file/workbook")
    pages.person = "ana"
    assert (answer.status_code, "Expected a person with the duty" in answer.text) == (403, True)
    assert pages.get("/close/2026-10/file/cube").status_code == 422


def test_what_a_check_looked_at_leads_to_where_it_is_shown(pages: Browser) -> None:
    links = set(ReadPage(pages.get("/close/2026-10").text).links)
    assert "/tieout/allocation/2026-10/(certificate)" in links
    assert "/tieout/rules/2026-10/classification/1" in links
    assert "/tieout/reconciliation/2026-10" in links
    assert any(one.startswith("/tieout/documents/2026-10/document/") for one in links)
    assert any(one.startswith("/tieout/ledger/2026-10/") for one in links)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("entry:accrual/1", "/ledger/2026-10/entry/2026-accrual-000001"),
        ("entry:gone", "/ledger/2026-10"),
        ("31 entrys:0a", "/ledger/2026-10/journal"),
        ("13 documents:0a", "/documents/2026-10"),
        ("14 bridges:0a", "/reconciliation/2026-10"),
        ("bridge:aws/1/draft_to_final=0a", "/reconciliation/2026-10/account/aws/1"),
        ("policy:erp:books@2=0a", "/rules/2026-10/erp:books/2"),
        ("movement:0a", ""),
        ("13 movements:0a", ""),
    ],
)
def test_each_kind_of_evidence_has_its_page(text: str, path: str) -> None:
    known = {"accrual/1": "2026-accrual-000001"}
    assert close_files.path_of("2026-10", text, known) == path
