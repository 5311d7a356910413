"""A month is closed by two people, each at a window of their own."""

from datetime import timedelta

from playwright.sync_api import expect
from tests.browser.conftest import OfficeAt
from tests.browser.windows import Window

MONTH = "2026-10"
HOSTILE = "Read <img src=x onerror=alert(1)><script>alert(2)</script> \"and' compared."


def fill(window: Window, duty: str, *, typed: str = MONTH, reason: str = "Read it.") -> None:
    window.click(window.page.get_by_text(f"Sign as {duty}…"))
    form = window.page.locator("details.act[open] form")
    form.get_by_label("Reason").fill(reason)
    form.get_by_label(f"Type {MONTH} to confirm").fill(typed)
    window.click(form.get_by_role("button", name=f"Sign as {duty}"))


def test_a_preparer_and_a_controller_close_the_month_in_two_windows(office_at: OfficeAt) -> None:
    office = office_at("request close")
    ana, ben = office.at("ana"), office.at("ben")
    ana.choose(MONTH)
    ben.choose(MONTH)
    expect(ana.page.locator("h1")).to_contain_text("ready to be signed")
    expect(ben.page.get_by_text("The preparer signs first.")).to_be_visible()

    fill(ana, "preparer", reason=HOSTILE)
    expect(ana.page.get_by_text("signed by ana").first).to_be_visible()
    assert ana.page.url.endswith(f"/tieout/close/{MONTH}")  # a reload sends nothing again
    assert ana.clicks <= 4

    ben.page.reload()
    expect(ben.page.get_by_text(HOSTILE).first).to_be_visible()  # as text, not as markup
    fill(ben, "controller")
    expect(ben.page.locator("h1")).to_contain_text(f"{MONTH} is closed")
    assert ben.clicks <= 4

    ana.page.reload()
    expect(ana.page.locator("h1")).to_contain_text(f"{MONTH} is closed")
    for tab in ana.page.locator("nav.tabs a[data-letter]").all():
        ben.open(str(tab.get_attribute("href")))  # what was written is a text on every page
        expect(ben.page.locator("h1")).to_be_visible()


def test_what_is_refused_is_said_and_nothing_is_signed(office_at: OfficeAt) -> None:
    office = office_at("request close")
    ana = office.at("ana", f"/close/{MONTH}")
    ana.refusals = (403,)
    fill(ana, "preparer", typed="2026-11")
    expect(ana.page.get_by_text("to be typed to confirm")).to_be_visible()

    office.since_log_in = timedelta(minutes=11)
    cem = office.at("cem", f"/close/{MONTH}")
    cem.refusals = (404,)  # there is no Airflow beside these pages
    with cem.page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        fill(cem, "preparer")
    assert answered.value.status == 303
    assert "/auth/login?next=" in answered.value.headers["location"]

    office.since_log_in = timedelta(0)
    ana.open(f"/tieout/close/{MONTH}")
    for person in ("ana", "cem"):
        assert ana.page.get_by_text(f"signed by {person}").count() == 0
