"""Initiatives: what did it really cost, and who says so? In clicks, over a closed month."""

from decimal import Decimal
from typing import Any

import pytest
from tests import month
from tests.web.conftest import Browser, browsing
from tests.web.pages.reading import ReadPage
from tests.worlds import WorldAt

from tieout.steps import status
from tieout.web.api import web_context


def table(browser: Browser, address: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.get(f"{address}.json?table={name}").json()["rows"]
    return found


def test_what_it_cost_and_who_says_so_is_four_clicks_from_the_first_page(pages: Browser) -> None:
    clicks, address = 0, "/"
    ways = ("/initiatives/", "/initiatives/2026-10", "/support-assistant", "/classification/")
    for wanted in ways:
        read = ReadPage(pages.get(address).text)
        address = next(one for one in read.links if wanted in one).removeprefix("/tieout")
        clicks += 1
        if wanted == "/support-assistant":
            cost = ReadPage(pages.get(address).text)
    assert clicks <= 4
    assert cost.headings[0].startswith("Support assistant really cost ")
    text = cost.text()
    assert f"the policies were approved by {month.CONTROLLER}" in text
    assert "openai-supportbot" in text
    assert "costs.page1.json" in text
    assert f'id="{address.partition("#")[2]}"' in pages.get(address).text


def test_all_initiatives_together_are_the_ledger_before_tax(pages: Browser) -> None:
    rows = table(pages, "/initiatives/2026-10", "initiatives")
    whole = Decimal(status.statement(web_context(), period="2026-10")["ledger_net"])
    assert sum(Decimal(row["total"]) for row in rows) == whole
    assert [row["initiative"] for row in rows][-1] == "(unallocated)"
    own = [Decimal(row["total"]) for row in rows[:-1]]
    assert own == sorted(own, reverse=True)
    for row in rows:
        parts = (Decimal(row[name]) for name in ("direct_ai", "direct_cloud", "shared", "credits"))
        assert sum(parts) == Decimal(row["total"])


def test_rules_pools_and_documents_say_the_same_amount(pages: Browser) -> None:
    address = "/initiatives/2026-10/support-assistant"
    (now,) = table(pages, address, "months")
    said = [
        sum(Decimal(row["amount"]) for row in table(pages, address, name))
        for name in ("rules", "pools")
    ]
    assert sum(said) == Decimal(now["total"])
    own = [row for row in table(pages, address, "documents") if row["for"] == "its own charges"]
    assert sum(Decimal(row["amount"]) for row in own) == said[0]


def test_the_backlog_leads_to_a_rule_for_its_rows(pages: Browser) -> None:
    read = ReadPage(pages.get("/initiatives/2026-10/(unallocated)").text)
    assert "is unallocated: no rule gives these charges an initiative" in read.headings[0]
    rows = table(pages, "/initiatives/2026-10/(unallocated)", "unallocated")
    amounts = [abs(Decimal(row["amount"])) for row in rows]
    assert amounts == sorted(amounts, reverse=True)
    editor = next(one for one in read.links if "/edit?" in one).removeprefix("/tieout")
    draft = pages.get(editor).text
    assert "choose-an-initiative" in draft
    assert "A rule for these rows stands in line " in draft


def test_restated_and_as_of_are_followed(pages: Browser) -> None:
    read = ReadPage(pages.get("/initiatives/2026-10").text)
    pinned = next(one for one in read.links if "?as_of=" in one).removeprefix("/tieout")
    shown = ReadPage(pages.get(f"{pinned}&basis=restated").text)
    assert "does not follow" not in shown.text()
    now = ReadPage(pages.get("/initiatives/2026-10").text)
    assert shown.headings == now.headings
    assert pages.get("/initiatives/2026-10?as_of=1").status_code == 404


def test_a_month_without_figures_says_what_it_waits_for(pages: Browser) -> None:
    for name in ("initiatives", "allocation"):
        read = ReadPage(pages.get(f"/{name}/2026-11").text)
        assert read.headings == ["2026-11 has no figures yet."]
        assert "has not been allocated yet" in read.text()
        assert f"/tieout/{name}/2026-10" in read.links


@pytest.mark.parametrize("name", ["nobody", "%3Cscript%3Ealert(1)%3C%2Fscript%3E"])
def test_an_initiative_that_nobody_knows_is_not_there(pages: Browser, name: str) -> None:
    answer = pages.get(f"/initiatives/2026-10/{name}")
    assert answer.status_code in (404, 422)
    assert "<script>alert" not in answer.text


def test_an_open_month_is_told_from_its_draft(world_at: WorldAt) -> None:
    with browsing(world_at("accrue")) as browser:
        read = ReadPage(browser.get("/initiatives/2026-10").text)
    assert "initiatives bear " in read.headings[0]
    assert "Not closed yet." in read.text()
