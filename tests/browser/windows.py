"""Windows of Chromium at the finance pages: who sits there, what was clicked, what went wrong.

Owns the browser of the machine and its windows. What is served is the fixtures' business.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    expect,
    sync_playwright,
)
from playwright.sync_api import Error as PlaywrightError
from tests.emulators import TOOLS

REPOSITORY = Path(__file__).parents[2]
SCREENSHOTS = Path(os.environ.get("TIEOUT_SCREENSHOTS", REPOSITORY / "build" / "screenshots"))
DESKTOP, PHONE = (1280, 800), (318, 836)  # what Airflow's frame leaves on a phone
PATIENCE_MS = 60_000  # of a busy machine; nothing waits longer than it must
Scheme = Literal["light", "dark"]

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_AXE = TOOLS / "node/node_modules/axe-core/axe.min.js"
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_CHECK = """async (tags) => (await axe.run(document, {runOnly: {type: "tag", values: tags}}))
  .violations.filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`)"""


@dataclass(slots=True)
class Window:
    """One person's window; `clicks` counts what the person did to get where they are."""

    page: Page
    clicks: int = 0
    troubles: list[str] = field(default_factory=list)
    refusals: tuple[int, ...] = ()  # statuses that this person is to meet; no trouble

    def open(self, address: str) -> None:
        """Type an address, below the desk's."""
        self.page.goto(address)

    def click(self, target: Locator) -> None:
        """One click of the person on what is there for it."""
        expect(target).to_be_visible()
        target.click()
        self.clicks += 1

    def to(self, part: str) -> None:
        """Click the first link of the page itself whose address has this part."""
        self.click(self.page.locator(f"main a[href*='{part}']").first)

    def choose(self, period: str) -> None:
        """Choose a month in the bar."""
        bar = self.page.locator("form.context")
        bar.get_by_label("Month").select_option(period)
        self.clicks += 1
        self.click(bar.get_by_role("button", name="Show"))

    @property
    def headline(self) -> str:
        """What the page answers first."""
        return self.page.locator("h1").inner_text()

    def broken_rules(self) -> list[str]:
        """What axe-core finds serious or critical on this page: rule and places."""
        self.page.evaluate(axe())
        found: list[str] = self.page.evaluate(_CHECK, list(_RULES))
        return found

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window; 0 where it fits."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return max(wide, 0)

    def screenshot(self, name: str) -> Path:
        """Keep what is seen, under the folder of pictures."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        file = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=file, full_page=False, animations="disabled")
        return file


def axe() -> str:
    """The source of axe-core; the test is skipped where it is not installed."""
    if not _AXE.exists():
        pytest.skip(f"axe-core is not installed: demo/tools.sh puts it under {TOOLS.name}/")
    return _AXE.read_text(encoding="utf-8")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's browser without a screen; the tests are skipped where there is none."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(_PROGRAMS)} is on PATH (see demo/tools.sh)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def window(context: BrowserContext) -> Window:
    """A new window that writes down errors of the console, of scripts, and dialogs."""
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    made = Window(context.new_page())
    troubles = made.troubles

    def heard(message: ConsoleMessage) -> None:
        foreseen = any(f"a status of {one} " in message.text for one in made.refusals)
        if message.type == "error" and not foreseen:
            troubles.append(f"{message.text} ({message.location.get('url', '')})")

    def failed(error: PlaywrightError) -> None:
        troubles.append(f"script: {error.message}")

    def asked(dialog: Any) -> None:
        troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    made.page.on("console", heard)
    made.page.on("pageerror", failed)
    made.page.on("dialog", asked)
    return made
