"""Ledger: what is this number? From the statement to the provider's document in three clicks."""

import re
from decimal import Decimal

from tests.web.conftest import Browser, browsing
from tests.web.pages.reading import ReadPage
from tests.worlds import WorldAt

LEDGER = "/ledger/2026-10"
TOTAL = "15,821.61"


def link_to(page: ReadPage, pattern: str) -> str:
    """The address of the first link that fits, below the mount point."""
    found = [one for one in page.links if re.search(pattern, one)]
    return found[0].removeprefix("/tieout")


def figures(browser: Browser, address: str) -> dict[str, Decimal]:
    """The last column of money of a downloaded table, by the first column."""
    path, _, query = address.partition("?")
    got = browser.client.get(f"/tieout{path}.json?{query}").json()
    money = [one["name"] for one in got["columns"] if one["kind"] == "money"]
    first = got["columns"][0]["name"]
    return {row[first]: Decimal(row[money[-1]] or 0) for row in got["rows"]}


def test_the_statement_says_what_the_month_cost(pages: Browser) -> None:
    read = ReadPage(pages.get(LEDGER).text)
    assert read.headings == [f"2026-10 cost {TOTAL}\u00a0USD, as reported."]
    assert figures(pages, LEDGER)["5100"] == Decimal("12023.649732844055")


def test_every_dimension_comes_to_the_same_total(pages: Browser) -> None:
    names = ("account", "provider", "initiative", "cost_center", "service_name", "pool_id")
    totals = {sum(figures(pages, f"{LEDGER}?by={one}").values(), Decimal(0)) for one in names}
    assert totals == {Decimal("15821.61069097")}


def test_a_figure_leads_to_its_document_in_three_clicks(pages: Browser) -> None:
    statement = ReadPage(pages.get(f"{LEDGER}?by=provider").text)
    lines = ReadPage(pages.get(link_to(statement, r"/lines\?where=provider:aws")).text)
    assert "2026-10 of provider aws is 4,847.31" in lines.headings[0]
    line = ReadPage(pages.get(link_to(lines, "/line/")).text)
    document = ReadPage(pages.get(link_to(line, r"/document/.*row=")).text)
    assert "the bytes are those that were received" in document.headings[0]
    assert "lineItem/UnblendedCost" in document.text()


def test_a_line_shows_the_whole_way_and_who_approved_it(pages: Browser) -> None:
    lines = ReadPage(pages.get(f"{LEDGER}/lines?where=pool_id:shared-platform").text)
    line = ReadPage(pages.get(link_to(lines, "/line/")).text)
    text = line.text()
    way = text.partition("From the statement to the document")[2]
    steps = ("Statement", "Journal", "Ledger line", "Allocation share", "Charges", "Document")
    places = [way.index(one) for one in steps]
    assert places == sorted(places)
    assert "classification@1 proposed by ana, approved by ben" in text
    assert "the certificate conserves" in text
    assert "2026-invoice-000001" in text


def test_the_lines_of_each_account_are_its_figure(pages: Browser) -> None:
    for account, amount in figures(pages, LEDGER).items():
        rows = figures(pages, f"{LEDGER}/lines?where=account:{account}")
        assert sum(rows.values(), Decimal(0)) == amount


def test_pages_of_lines_follow_each_other_and_give_every_line_once(pages: Browser) -> None:
    address, seen = f"{LEDGER}/lines?size=30", []
    for _ in range(3):
        read = ReadPage(pages.get(address).text)
        seen += [one for one in read.links if re.search(r"/line/", one)]
        further = [one for one in read.links if "after=" in one and "as_of=" not in one]
        address = next((one.removeprefix("/tieout") for one in further), "")
    assert (len(set(seen)), address) == (81, "")


def test_before_it_was_published_the_month_had_no_lines(pages: Browser) -> None:
    answer = pages.get(f"{LEDGER}?as_of=20")
    assert answer.status_code == 409
    assert "has no ledger lines as of sequence 20" in answer.text


def test_two_sequences_of_one_month_stand_beside_each_other(pages: Browser) -> None:
    read = ReadPage(pages.get(f"{LEDGER}?against=28").text)
    assert "has no lines as of sequence 28" in read.text()
    same = ReadPage(pages.get(f"{LEDGER}?against=29&months=1").text)
    assert same.headings == [f"2026-10 cost {TOTAL}\u00a0USD, as reported."] or (
        "the same as" in same.headings[0]
    )


def test_a_month_that_is_not_closed_shows_what_is_allocated_so_far(world_at: WorldAt) -> None:
    with browsing(world_at("accrue")) as browser:
        read = ReadPage(browser.get(LEDGER).text)
        assert "not closed yet" in read.headings[0]
        lines = ReadPage(browser.get(f"{LEDGER}/lines?where=provider:openai&size=2").text)
        line = ReadPage(browser.get(link_to(lines, "/line/")).text)
    assert "Not closed yet." in line.text()
    assert "charge" in line.headings[0]


def test_the_journal_balances_and_leads_to_entries(pages: Browser) -> None:
    read = ReadPage(pages.get(f"{LEDGER}/journal").text)
    assert "debits equal credits" in read.headings[0]
    entry = ReadPage(pages.get(link_to(read, "/entry/2026-reversal-000001")).text)
    text = entry.text()
    assert "2026-accrual-000001" in text
    assert "proven" in text
    only = ReadPage(pages.get(f"{LEDGER}/journal?where=journal_type:drawdown").text)
    assert only.tables[0].rows == 1


def test_a_journal_line_leads_to_the_ledger_lines_that_it_carries(pages: Browser) -> None:
    entry = ReadPage(pages.get(f"{LEDGER}/entry/2026-invoice-000001").text)
    lines = ReadPage(pages.get(link_to(entry, r"/lines\?where=account:5100")).text)
    assert " in one line, as reported." in lines.headings[0]


def test_what_does_not_exist_or_fit_is_refused_by_name(pages: Browser) -> None:
    wrong = {
        f"{LEDGER}?by=colour": (422, "colour"),
        f"{LEDGER}?months=13": (400, "months"),
        f"{LEDGER}?against=x": (400, "against"),
        f"{LEDGER}/lines?sort=provider": (400, "sort"),
        f"{LEDGER}/lines?after=abc": (400, "after"),
        f"{LEDGER}/line/{'0' * 64}": (404, "expected one"),
        f"{LEDGER}/entry/2026-invoice-999999": (404, "2026-invoice-999999"),
        f"{LEDGER}/document/{'0' * 64}": (404, "000000000000"),
        f"{LEDGER}/document/{'0' * 64}?row=x": (400, "row"),
        f"{LEDGER}/journal?sort=debit": (400, "sort"),
        "/ledger/2031-01": (404, "never opened"),
    }
    for address, (status, word) in wrong.items():
        answer = pages.get(address)
        assert (answer.status_code, word in answer.text) == (status, True), address


def test_a_filter_of_another_page_is_told_and_not_applied(pages: Browser) -> None:
    for address in (LEDGER, f"{LEDGER}/lines", f"{LEDGER}/journal"):
        text = ReadPage(pages.get(f"{address}?where=colour:red").text).text()
        assert "have no colour: that filter is not applied here" in text


def test_hostile_text_in_a_filter_is_only_text(pages: Browser) -> None:
    hostile = "%3Cscript%3Ealert(1)%3C/script%3E%22'"
    text = pages.get(f"{LEDGER}/lines?where=initiative:{hostile}").text
    assert "<script>alert" not in text
    assert "No line fits" in text
    assert "&lt;script&gt;alert(1)" in text
