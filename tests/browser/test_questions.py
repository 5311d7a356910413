"""What each page must answer, found by clicking as its user would, from the first page on."""

import re

import pytest
from playwright.sync_api import expect
from tests import month
from tests.browser.conftest import Office
from tests.browser.windows import Window

from tieout.web.desk import Tab
from tieout.web.pages import TABS

MONTH = "2026-10"
MOST_CLICKS = 4
DOCUMENTS_OF_AI = re.compile(r"(cost|usage)\.page\d\.json")


@pytest.fixture
def ana(office: Office) -> Window:
    """Ana at the first page: Close of the month that is worked on."""
    return office.at(month.PREPARER)


def to_tab(window: Window, title: str) -> None:
    window.click(window.page.locator("nav.tabs").get_by_role("link", name=title, exact=True))


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_each_page_is_near_and_says_its_question_and_its_answer(ana: Window, tab: Tab) -> None:
    ana.choose(MONTH)
    to_tab(ana, tab.title)
    assert ana.clicks < MOST_CLICKS
    assert ana.page.url.partition("?")[0].endswith(f"/tieout/{tab.name}/{MONTH}")
    expect(ana.page.locator(".question")).to_have_text(tab.question)
    assert ana.headline.endswith(".")
    expect(ana.page.locator(".standing")).to_contain_text("As of ledger sequence")


def test_why_did_anthropic_cost_more_than_estimated_in_october(ana: Window) -> None:
    to_tab(ana, "Reconciliation")
    ana.to("/account/anthropic/")
    answer = "cost 213.83\u00a0USD less than estimated in October 2026: negotiated rate"
    expect(ana.page.locator("h1")).to_contain_text(answer)
    expect(ana.page.locator("h1")).to_contain_text("nothing is unexplained")
    ana.screenshot("account-light-1280")
    ana.to("/estimate_to_report/negotiated_rate/")
    expect(ana.page.locator("main table").first).to_contain_text(DOCUMENTS_OF_AI)
    assert ana.clicks <= MOST_CLICKS


def test_what_did_an_initiative_really_cost_and_who_says_so(ana: Window) -> None:
    to_tab(ana, "Initiatives")
    ana.to("/support-assistant")
    expect(ana.page.locator("h1")).to_contain_text("Support assistant really cost ")
    says = ana.page.locator("main")
    expect(says).to_contain_text(f"the policies were approved by {month.CONTROLLER}")
    ana.to("/rules/")
    expect(ana.page.locator("main")).to_contain_text(f"approved by {month.CONTROLLER}")
    assert ana.clicks <= MOST_CLICKS


def test_what_is_this_number_down_to_the_bytes_of_the_document(ana: Window) -> None:
    ana.open(f"/tieout/ledger/{MONTH}?by=provider")
    ana.to("/lines?where=provider:aws")
    expect(ana.page.locator("h1")).to_contain_text("4,847.31")
    ana.to("/line/")
    ana.to("row=")
    expect(ana.page.locator("h1")).to_contain_text("the bytes are those that were received")
    assert ana.clicks <= MOST_CLICKS


def test_who_carries_the_shared_cost_and_does_it_add_up(ana: Window) -> None:
    ana.choose(MONTH)
    to_tab(ana, "Allocation")
    ana.to("/shared-platform")
    expect(ana.page.locator("h1")).to_contain_text("1,698.75")
    assert ana.clicks <= MOST_CLICKS


def test_what_came_in_and_what_a_paper_says(ana: Window) -> None:
    ana.choose(MONTH)
    to_tab(ana, "Documents")
    expect(ana.page.locator("h1")).to_contain_text("is complete: every day of every account")
    ana.to("/document/")
    expect(ana.page.locator("main")).to_contain_text("SHA-256")
    assert ana.clicks <= MOST_CLICKS


def test_who_did_what_and_is_the_log_whole(ana: Window) -> None:
    ana.choose(MONTH)
    to_tab(ana, "Audit")
    expect(ana.page.locator("main table").first).to_contain_text("period signed")
    ana.to("/verify")
    expect(ana.page.locator("h1")).to_contain_text("The audit log holds")
    assert ana.clicks <= MOST_CLICKS
