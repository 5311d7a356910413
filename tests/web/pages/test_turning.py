"""Any table that a page holds as a whole is searched and sorted, by its address and in files."""

from decimal import Decimal

import pytest
from tests.web.conftest import Browser
from tests.web.pages.reading import ReadPage

PAGE = "/reconciliation/2026-10"


def rows(pages: Browser, query: str) -> list[dict[str, str]]:
    answer = pages.get(f"{PAGE}.json{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


def test_the_first_table_is_searched_and_its_total_re_added(pages: Browser) -> None:
    read = ReadPage(pages.get(f"{PAGE}?find=ANTHROPIC").text)
    assert [read.tables[0].rows, "Only rows with “ANTHROPIC”." in read.text()] == [1, True]
    found = pages.get(f"{PAGE}.json?find=anthropic").json()
    assert [one["account"] for one in found["rows"]] == ["Anthropic Console, Nordlicht Labs"]
    assert found["total"]["difference"] == found["rows"][0]["difference"]


def test_another_table_is_sorted_and_searched_while_the_first_stays(pages: Browser) -> None:
    whole = rows(pages, "?table=exceptions")
    by_amount = rows(pages, "?table=exceptions&sort=-amount")
    assert sorted(map(str, whole)) == sorted(map(str, by_amount))
    amounts = [Decimal(one["amount"]) for one in by_amount if one["amount"]]
    assert amounts == sorted(amounts, reverse=True)
    found = rows(pages, "?table=exceptions&find=Cloud Storage")
    assert 0 < len(found) < len(whole)
    shown = ReadPage(pages.get(f"{PAGE}?table=exceptions&find=Cloud%20Storage").text)
    assert [shown.tables[0].rows, shown.tables[1].rows] == [5, len(found)]
    assert f"/tieout{PAGE}?table=exceptions#exceptions" in shown.links


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        (f"{PAGE}?table=nothing", 404, "has no table"),
        (f"{PAGE}?table=exceptions&sort=colour", 400, "sort"),
        ("/ledger/2026-10/lines?find=x", 400, "narrow this one down with its own fields"),
        (f"{PAGE}?find=%3Cscript%3E", 200, "No row holds &#39;&lt;script&gt;&#39;."),
    ],
)
def test_what_cannot_be_turned_is_said(
    pages: Browser, address: str, status: int, says: str
) -> None:
    answer = pages.get(address)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text[-600:]
