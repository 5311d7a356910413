"""The pages where people meet them: in the frame of Airflow's own UI, behind its own log-in.

A real API server runs on the closed month, without scheduler: pages need nothing else.
"""

import sys
from collections.abc import Iterator

import pytest
from demo import airflow
from playwright.sync_api import Browser, FrameLocator, expect
from tests import month
from tests.browser.windows import DESKTOP, Window, window
from tests.emulators import _running

pytestmark = pytest.mark.airflow

MONTH = "2026-10"
DEEP = f"/plugin/tieout/tieout/close/{MONTH}?basis=restated"
FRAME = "iframe"


@pytest.fixture(scope="module")
def shell(closed_world: month.World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Airflow whose people are those of the test's books."""
    home = tmp_path_factory.mktemp("airflow")
    port = airflow.free_port()
    people = {"ana": "user", "ben": "user"}
    passwords = home / "passwords-of-people.json"
    passwords.write_text('{"ana": "ana-word", "ben": "ben-word"}')
    settings = airflow.AirflowSettings(
        home=home,
        port=port,
        database_url=f"sqlite:///{home}/airflow.db",
        worker={},
        web={"TIEOUT_WEB_DATABASE_URL": closed_world.web_url},
        shared={
            "TIEOUT_HOME": closed_world.home,
            "TIEOUT_LAKE_URL": closed_world.settings().lake_url,
            "TIEOUT_PUBLISH_URL": closed_world.settings().publish_url,
            "TIEOUT_DEMO": "1",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
                f"{name}:{role}" for name, role in people.items()
            ),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        },
    )
    airflow.migrate(settings)
    command = [sys.executable, "-m", "airflow", "api-server"]
    environment = airflow.component_environment(settings, "api-server")
    with _running(command, home=home, port=port, environment=environment, seconds=300):
        yield settings.url


@pytest.fixture
def at_airflow(shell: str, browser: Browser) -> Iterator[Window]:
    """A window of Ana's at Airflow, logged in through its form."""
    context = browser.new_context(
        base_url=shell,
        viewport={"width": DESKTOP[0], "height": DESKTOP[1]},
        color_scheme="light",
    )
    made = window(context)
    made.open(DEEP)
    made.page.get_by_label("Username").fill("ana")
    made.page.locator("input[name=password]").fill("ana-word")
    made.page.get_by_role("button", name="Sign in").click()
    made.page.wait_for_url("**/plugin/tieout/**")
    yield made
    context.close()


def inside(made: Window) -> FrameLocator:
    return made.page.frame_locator(FRAME)


def test_a_deep_link_survives_the_log_in_and_a_reload(at_airflow: Window) -> None:
    headline = inside(at_airflow).locator("h1")
    expect(headline).to_contain_text(f"{MONTH} is closed")
    assert at_airflow.page.url.endswith(DEEP)
    at_airflow.page.reload()
    expect(headline).to_contain_text(f"{MONTH} is closed")
    expect(inside(at_airflow).get_by_label("Basis")).to_have_value("restated")


def test_finance_in_the_navigation_opens_the_pages(at_airflow: Window) -> None:
    at_airflow.open("/")
    at_airflow.click(at_airflow.page.get_by_role("link", name="Finance").first)
    expect(inside(at_airflow).locator("h1")).to_contain_text("is closed")
    inside(at_airflow).get_by_role("button", name="Show").click()
    at_airflow.page.wait_for_url(f"**/plugin/tieout/tieout/close/{MONTH}")
    at_airflow.screenshot("frame-light")


def test_the_pages_take_airflows_choice_of_light_and_dark(at_airflow: Window) -> None:
    root = inside(at_airflow).locator("html")
    expect(root.locator("h1")).to_be_visible()
    for theme in ("dark", "light"):
        at_airflow.page.evaluate(
            "(theme) => { const c = document.documentElement.classList;"
            " c.remove('light', 'dark'); c.add(theme); }",
            theme,
        )
        expect(root).to_have_attribute("data-theme", theme)
        at_airflow.screenshot(f"frame-{theme}")
