"""What every page keeps, tried on every address: see the guide in tieout.web.pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute
from tests.web.conftest import Browser
from tests.web.pages.addresses import ADDRESSES
from tests.web.pages.reading import ReadPage, rows_of

from tieout.web import pages as all_pages
from tieout.web.downloads import FORMS
from tieout.web.guard import SECURITY_HEADERS

MOST_STATEMENTS = 12


@contextmanager
def counted() -> Iterator[list[str]]:
    """The SQL statements that run meanwhile."""
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)


def test_every_get_route_of_a_page_has_an_address_here() -> None:
    routes = [
        route
        for tab in all_pages.TABS
        for route in tab.router.routes
        if isinstance(route, APIRoute) and "GET" in route.methods and "file" not in route.tags
    ]
    assert routes
    paths = [one.partition("?")[0] for one in ADDRESSES]
    bare = [r.path for r in routes if not any(r.path_regex.match(path) for path in paths)]
    assert bare == []


def test_tabs_have_names_and_letters_of_their_own() -> None:
    for field in ("name", "title", "letter"):
        values = [getattr(tab, field) for tab in all_pages.TABS]
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_says_its_answer_and_breaks_no_rule_of_the_gate(
    pages: Browser, address: str
) -> None:
    answer = pages.get(address)
    assert answer.status_code == 200, answer.text[:400]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    read = ReadPage(answer.text)
    assert len(read.headings) == 1
    tab = next(one for one in all_pages.TABS if address.startswith(f"/{one.name}"))
    assert read.title == f"{read.headings[0]} · {tab.title} · tieout"
    assert read.forbidden == []
    assert len(read.ids) == len(set(read.ids))
    assert all(one.caption for one in read.tables)
    assert "As of ledger sequence" in read.text()


@pytest.fixture(scope="module")
def followed() -> set[str]:
    """Links that were followed already: pages share most of them."""
    return set()


@pytest.mark.parametrize("address", ADDRESSES)
def test_links_of_a_page_lead_somewhere(pages: Browser, followed: set[str], address: str) -> None:
    found = {one.partition("#")[0] for one in ReadPage(pages.get(address).text).links}
    links = sorted(found - followed - {""})
    followed.update(links)
    assert [one for one in links if not one.startswith("/tieout/")] == []
    wrong = [
        f"{answer.status_code} {link}"
        for link in links
        if (answer := pages.get(link.removeprefix("/tieout"))).status_code != 200
    ]
    assert wrong == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_tables_come_as_files_of_equal_length(pages: Browser, address: str) -> None:
    read = ReadPage(pages.get(address).text)
    sizes = {
        form: [
            rows_of(form, pages.get(link.removeprefix("/tieout")).content)
            for link in read.files(form)
        ]
        for form in FORMS
    }
    assert sizes["csv"]
    assert all(sizes[form] == sizes["csv"] for form in FORMS)


@pytest.mark.parametrize("address", ADDRESSES)
def test_total_rows_re_add_what_is_in_the_table(pages: Browser, address: str) -> None:
    for link in ReadPage(pages.get(address).text).files("json"):
        table = pages.client.get(link).json()
        for column in table["columns"]:
            total = (table["total"] or {}).get(column["name"])
            if column["kind"] == "money" and total is not None:
                parts = [Decimal(row[column["name"]] or 0) for row in table["rows"]]
                assert sum(parts, Decimal(0)) == Decimal(total), (link, column["name"])


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_asks_the_database_little(pages: Browser, address: str) -> None:
    pages.get(address)
    with counted() as seen:
        pages.get(address)
    assert len(seen) <= MOST_STATEMENTS, "\n".join(seen)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_unknown_key_is_named(pages: Browser, address: str) -> None:
    answer = pages.get(f"{address.partition('?')[0]}?colour=red")
    assert (answer.status_code, "unknown key &#39;colour&#39;" in answer.text) == (400, True)
