"""Every page of the tab bar as people meet it: light and dark, phone, keyboard, no script."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, expect
from tests.browser.conftest import Office, served
from tests.browser.windows import DESKTOP, PHONE, Scheme, Window, window
from tests.web.pages.addresses import ADDRESSES

from tieout.web.desk import Tab
from tieout.web.pages import TABS

MONTH = "2026-10"
FIRST = [f"/{tab.name}/{MONTH}" for tab in TABS]
OTHERS = sorted({one for one in ADDRESSES if one not in FIRST and "." not in one.partition("?")[0]})
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def kept_as(address: str, scheme: str, width: int) -> str:
    """The name of a picture."""
    return f"{address.split('/')[1]}-{scheme}-{width}"


@pytest.mark.parametrize("address", FIRST)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_page_fits_its_window_and_can_be_used_by_everybody(
    office: Office, address: str, scheme: Scheme, size: tuple[int, int]
) -> None:
    sees = office.at("ana", address, size=size, scheme=scheme)
    sees.screenshot(kept_as(address, scheme, size[0]))
    assert sees.overflow() == 0
    assert sees.broken_rules() == []


@pytest.mark.parametrize("address", OTHERS)
def test_a_page_behind_it_does_too(office: Office, address: str) -> None:
    sees = office.at("ana", address, size=PHONE)
    assert sees.overflow() == 0
    assert sees.broken_rules() == []


@pytest.mark.parametrize(("person", "address"), [("ana", "/close/2031-01"), ("nobody", FIRST[0])])
def test_a_refusal_is_a_page_that_everybody_can_read(
    office: Office, person: str, address: str
) -> None:
    sees = office.at(person, address, size=PHONE)
    assert (sees.overflow(), sees.broken_rules()) == (0, [])
    sees.troubles.clear()  # the browser tells the status of the refusal while it opens
    assert sees.headline


@pytest.mark.parametrize("address", FIRST)
def test_the_answer_is_there_without_script(office: Office, address: str) -> None:
    with_script, without = office.at("ana", address), office.at("ana", address, script=False)
    assert without.headline == with_script.headline
    shown, plain = (one.page.locator("table").all_inner_texts() for one in (with_script, without))
    assert plain == shown


def test_the_tab_bar_is_walked_by_keyboard_and_the_focus_is_seen(office: Office) -> None:
    sees = office.at("ana", FIRST[0])
    keys = sees.page.keyboard
    names = []
    for _ in range(len(TABS) + 4):
        keys.press("Tab")
        focus = sees.page.locator(":focus")
        names.append(focus.inner_text())
        outline = focus.evaluate("(one) => getComputedStyle(one).outlineStyle")
        assert outline != "none", names[-1]
    order = [one for one in names if one in {tab.title for tab in TABS}]
    assert order == [tab.title for tab in TABS]


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_two_keys_lead_to_a_page(office: Office, tab: Tab) -> None:
    sees = office.at("ana", FIRST[0])
    sees.page.keyboard.press("g")
    sees.page.keyboard.press(tab.letter)
    sees.page.wait_for_url(f"**/tieout/{tab.name}/{MONTH}*")


def test_rows_are_walked_and_keys_are_listed(office: Office) -> None:
    sees = office.at("ana", FIRST[0])
    sees.page.keyboard.press("j")
    sees.page.keyboard.press("j")
    assert sees.page.evaluate("document.activeElement.rowIndex") == 2
    sees.page.keyboard.press("?")
    expect(sees.page.get_by_role("dialog")).to_be_visible()
    sees.page.keyboard.press("Escape")
    expect(sees.page.get_by_role("dialog")).to_be_hidden()


def test_a_table_is_copied_and_downloaded(office: Office) -> None:
    sees = office.at("ana", FIRST[0])
    sees.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sees.click(sees.page.locator("[data-copies]").first)
    expect(sees.page.locator(".live")).to_contain_text("rows copied")
    copied = str(sees.page.evaluate("navigator.clipboard.readText()"))
    assert copied.splitlines()[0].startswith("Check\tWhat is checked")
    for form in ("csv", "xlsx", "parquet", "json"):
        with sees.page.expect_download() as download:
            sees.page.locator(f"a[href*='.{form}']").first.click()
        assert download.value.suggested_filename.endswith(f".{form}")


@pytest.fixture
def stranger(office: Office, browser: Browser) -> Iterator[Window]:
    """A page of another origin that frames the first of ours."""
    elsewhere = FastAPI()
    frame = f'<!doctype html><title>x</title><iframe src="{office.url}/tieout{FIRST[0]}"></iframe>'
    elsewhere.get("/")(lambda: HTMLResponse(frame))
    with served(elsewhere) as url:
        context = browser.new_context(base_url=url)
        context.add_cookies([{"name": "person", "value": "ana", "url": office.url}])
        yield window(context)
        context.close()


def test_framed_by_another_origin_a_page_stays_blank(stranger: Window) -> None:
    stranger.open("/")
    (framed,) = stranger.page.main_frame.child_frames
    assert "tieout" not in framed.content()
    assert any("frame-ancestors" in one for one in stranger.troubles)
