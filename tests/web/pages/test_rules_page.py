"""Rules: what will happen to which cost, and who agreed? A change from draft to approval."""

import html
import re
from collections.abc import Iterator

import pytest
from tests import month
from tests.web.conftest import Browser, browsing
from tests.web.pages.reading import ReadPage

from tieout.steps import preview, reapply

BASE = "/rules/2026-10/classification"
DRAFT = f"{BASE}/edit?provider=aws&service=Amazon%20Simple%20Storage%20Service&then=internal-tools"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def browser(closed_world: month.World) -> Iterator[Browser]:
    """A browser over the closed month; what is proposed stays for the tests after."""
    with browsing(closed_world) as made:
        yield made


def token(browser: Browser, address: str) -> dict[str, str]:
    hidden = ReadPage(browser.get(address).text).hidden
    return {name: hidden[name] for name in ("form_token", "form_key")}


def draft(browser: Browser, address: str = DRAFT) -> str:
    found = re.search(
        r'<textarea id="draft"[^>]*>\n(.*?)</textarea>', browser.get(address).text, re.DOTALL
    )
    assert found
    return html.unescape(found[1])


def written(browser: Browser, text: str, **changed: str) -> dict[str, str]:
    fields = {"text": text.replace("\n", "\r\n"), "valid_from": "2026-10-01", "reason": "Ours."}
    return fields | token(browser, f"{BASE}/edit") | changed


def newest(browser: Browser) -> str:
    link = next(one for one in ReadPage(browser.get(BASE).text).links if f"{BASE}/" in one)
    links = [one for one in ReadPage(browser.get(BASE).text).links if re.search(r"/\d+$", one)]
    assert link
    return links[0].removeprefix("/tieout")


def previewed(browser: Browser, place: str) -> int:
    months = {"first": "2026-10", "last": "2026-10"}
    answered: int = browser.send(f"{place}/preview", **months, **token(browser, place)).status_code
    return answered


def approve(browser: Browser, person: str, place: str, **changed: str) -> int:
    browser.person = person
    hidden = ReadPage(browser.get(place).text).hidden
    fields = {name: hidden[name] for name in ("form_token", "form_key")}
    read = changed.get("preview", hidden.get("preview", ""))
    label = "@".join(place.split("/")[-2:])
    fields |= {"preview": read, "typed": read[:12] or label} | changed
    answered: int = browser.send(f"{place}/approve", **fields).status_code
    return answered


def test_all_policies_stand_with_their_people(browser: Browser) -> None:
    read = ReadPage(browser.get("/rules/2026-10").text)
    assert "policies are in force at the end of 2026-10" in read.headings[0]
    text = ReadPage(browser.get(BASE).text).headings[0]
    assert f"proposed by {month.PREPARER}, approved by {month.CONTROLLER}" in text


def test_a_text_is_checked_while_it_is_written(browser: Browser) -> None:
    good = draft(browser)
    answer = browser.send(f"{BASE}/check", **written(browser, good))
    assert (answer.status_code, "its own tests hold" in answer.text) == (200, True)
    wrong = good.replace("then: internal-tools", f'then: "{HOSTILE}"', 1)
    answer = browser.send(f"{BASE}/check", **written(browser, wrong, reason=""))
    assert "line " in answer.text
    assert HOSTILE not in answer.text
    assert html.escape(HOSTILE).replace("&#x27;", "'") in answer.text
    answer = browser.send(f"{BASE}/check", **written(browser, "rule_set: [\n"))
    assert "not YAML" in answer.text


def test_without_script_a_button_checks_and_keeps_what_was_written(browser: Browser) -> None:
    text = draft(browser).replace("then: internal-tools", "then: nobody", 1)
    answer = browser.send(f"{BASE}/edit", **written(browser, text, reason=HOSTILE))
    assert "1 thing keeps it from being proposed" in answer.text
    assert html.escape(text, quote=False).splitlines()[3] in answer.text
    assert HOSTILE not in answer.text


def test_a_refused_proposal_comes_back_with_its_text(browser: Browser) -> None:
    text = draft(browser).replace("then: internal-tools", "then: nobody", 1)
    answer = browser.send(f"{BASE}/propose", **written(browser, text))
    assert (answer.status_code, "keeps it from being proposed" in answer.text) == (422, True)
    assert "then: nobody" in answer.text
    assert browser.send(f"{BASE}/propose", **written(browser, text, reason=" ")).status_code == 422
    assert (
        browser.send(f"{BASE}/propose", **written(browser, text, form_token="x")).status_code == 403
    )
    assert newest(browser) == f"{BASE}/1"


def test_a_change_is_proposed_previewed_and_approved_by_another_person(browser: Browser) -> None:
    text = draft(browser).replace("Drafted from", f"{HOSTILE} Drafted from")
    answer = browser.send(f"{BASE}/propose", **written(browser, text, reason=f"Ours {HOSTILE}"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/tieout{BASE}")
    place = newest(browser)
    before = ReadPage(browser.get(place).text)
    assert before.headings == ["classification version 2 waits for approval: proposed by ana."]
    assert "You proposed it: another person approves it." in before.text()
    assert previewed(browser, place) == 303
    page = browser.get(place).text
    assert HOSTILE not in page
    shown = ReadPage(page)
    assert "it would move 31 charges from 2026-10 to 2026-10" in shown.headings[0]
    captions = [one.caption for one in shown.tables]
    assert captions[0] == "Money that goes to another initiative, before pools are shared"
    assert "closed: restated beside, reclassified in the open month" in shown.text()
    assert "aws-amazon-simple-storage-service" in shown.text()
    assert approve(browser, "ana", place, preview=_preview(browser, place, "ben")) == 403
    assert approve(browser, "ben", place, preview="0" * 64) == 409
    assert approve(browser, "ben", place) == 303
    after = ReadPage(browser.get(place).text).text()
    assert "approved by ben" in after
    assert "Not applied to past months yet. The workflow reapply" in after
    assert "policy proposed ana Ours <script>alert(1)</script>" in after


def test_what_was_applied_is_seen_restated_beside_what_was_reported(
    browser: Browser, closed_world: month.World
) -> None:
    worker = closed_world.worker()
    (kept,) = preview.listing(worker)
    assert reapply.run(worker, preview=kept["preview"]).status == "done"
    worker.close()
    place = newest(browser)
    assert "applied to the months above" in ReadPage(browser.get(place).text).text()
    for page, after in (
        ("/initiatives/2026-10/internal-tools", True),
        ("/allocation/2026-10", False),
    ):
        reported, restated = (
            ReadPage(browser.get(f"{page}{basis}").text).headings[0]
            for basis in ("", "?basis=restated")
        )
        assert (reported != restated) == after


def test_rules_are_looked_at_over_the_charges_of_the_month(browser: Browser) -> None:
    read = ReadPage(browser.get(f"{newest(browser)}?charges=yes").text)
    assert "What each rule decides of the month's charges" in [one.caption for one in read.tables]
    assert "aws-amazon-simple-storage-service" in read.text()


def _preview(browser: Browser, place: str, person: str) -> str:
    browser.person = person
    return ReadPage(browser.get(place).text).hidden["preview"]


def test_an_approval_is_stale_once_another_draft_came(browser: Browser) -> None:
    first = draft(browser).replace("internal-tools", "search-ranking", 1)
    assert browser.send(f"{BASE}/propose", **written(browser, first)).status_code == 303
    place = newest(browser)
    assert previewed(browser, place) == 303
    read = _preview(browser, place, "ben")
    browser.person = "cem"
    later = written(browser, first + "# again\n")
    assert browser.send(f"{BASE}/propose", **later).status_code == 303
    assert approve(browser, "ben", place, preview=read) == 409
    assert "was overtaken by the draft" in ReadPage(browser.get(place).text).headings[0]
    shown = ReadPage(browser.get(f"{newest(browser)}?against=1").text)
    assert "What differs from version 1" in shown.text()


def test_what_is_no_kind_or_version_is_refused(browser: Browser) -> None:
    assert browser.get("/rules/2026-10/wishes").status_code == 422
    assert browser.get(f"{BASE}/99").status_code == 404
    assert browser.get("/rules/2026-10/drivers/1").status_code == 404
    assert "Nothing was ever proposed" in browser.get("/rules/2026-10/drivers").text
    assert "The draft is empty" in browser.get("/rules/2026-10/drivers/edit").text


def test_a_policy_that_moves_nothing_is_approved_without_a_preview(browser: Browser) -> None:
    base = "/rules/2026-10/owners"
    text = draft(browser, f"{base}/edit")
    fields = written(browser, text, valid_from="2026-12-01")
    assert browser.send("/rules/2026-10/tolerances/propose", **fields).status_code == 422
    text = draft(browser, "/rules/2026-10/tolerances/edit")
    fields = written(browser, text, valid_from="2026-12-01")
    assert browser.send("/rules/2026-10/tolerances/propose", **fields).status_code == 303
    place = "/rules/2026-10/tolerances/2"
    assert approve(browser, "ben", place) == 303
    assert "comes into force later" in ReadPage(browser.get(place).text).headings[0]
