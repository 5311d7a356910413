"""Allocation: who carries the shared cost, and does it add up? Read over a closed month."""

import hashlib
from decimal import Decimal
from typing import Any

from tests.web.conftest import Browser
from tests.web.pages.reading import ReadPage


def rows(browser: Browser, address: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.get(f"{address}.json?table={name}").json()["rows"]
    return found


def test_the_pools_say_who_bears_them_and_that_nothing_is_lost(pages: Browser) -> None:
    read = ReadPage(pages.get("/allocation/2026-10").text)
    assert read.headings[0].startswith("3 initiatives carry the ")
    assert read.headings[0].endswith("and it adds up to the last unit.")
    pools = rows(pages, "/allocation/2026-10", "pools")
    assert {one["state"] for one in pools} == {"conserves"}
    matrix = rows(pages, "/allocation/2026-10", "matrix")
    whole = sum(Decimal(one["amount"]) for one in pools)
    assert sum(Decimal(one["total"]) for one in matrix) == whole
    assert "shared-platform to support-assistant" in read.text()


def test_each_cell_of_the_matrix_is_the_share_on_the_page_of_its_pool(pages: Browser) -> None:
    matrix = {
        one["initiative"]: Decimal(one["p0"])
        for one in rows(pages, "/allocation/2026-10", "matrix")
    }
    shares = rows(pages, "/allocation/2026-10/shared-platform", "shares")
    assert {one["target"]: Decimal(one["amount"]) for one in shares} == matrix


def test_quantity_times_rate_and_the_named_rounding_are_the_amount(pages: Browser) -> None:
    read = ReadPage(pages.get("/allocation/2026-10/shared-platform").text)
    assert "by token spend." in read.headings[0]
    shares = rows(pages, "/allocation/2026-10/shared-platform", "shares")
    for one in shares:
        off = Decimal(one["amount"]) - Decimal(one["exact"])
        assert abs(off - Decimal(one["rounding"]).scaleb(-12)) <= Decimal("1e-12")
    assert abs(sum((Decimal(one["rounding"]) for one in shares), Decimal(0))) < Decimal("1e-9")
    assert abs(sum((Decimal(one["share"]) for one in shares), Decimal(0)) - 100) < Decimal("1e-9")


def test_the_certificate_says_in_out_and_the_hash_of_its_own_file(pages: Browser) -> None:
    answer = pages.get("/allocation/2026-10/(certificate)")
    read = ReadPage(answer.text)
    assert read.headings[0].endswith("came out: difference zero.")
    file = next(one for one in read.links if one.endswith("/file")).removeprefix("/tieout")
    content = pages.get(file)
    assert content.headers["content-disposition"].startswith("attachment; ")
    assert hashlib.sha256(content.content).hexdigest() in answer.text
    for one in rows(pages, "/allocation/2026-10/(certificate)", "certificate"):
        assert (one["in"], Decimal(one["difference"])) == (one["out"], Decimal(0))


def test_a_pool_that_nobody_knows_is_not_there(pages: Browser) -> None:
    answer = pages.get("/allocation/2026-10/nobody")
    assert (answer.status_code, "has no pool" in answer.text) == (404, True)


def test_the_page_says_that_it_follows_no_sequence(pages: Browser) -> None:
    assert "does not follow as_of" in pages.get("/allocation/2026-10?as_of=29").text
    assert "does not follow" not in pages.get("/allocation/2026-10?basis=restated").text
