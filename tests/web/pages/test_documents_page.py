"""Documents: what came in, what each document says and became, and who approves typed figures."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.steps.handed_in import LETTER, typed
from tests.web.conftest import Browser, browsing
from tests.web.pages.reading import ReadPage
from tests.worlds import WorldAt

from tieout.core.money import format_units
from tieout.sources.typed_document import read_typed
from tieout.steps import arrived, receive, review
from tieout.steps.context import Context
from tieout.steps.match import Given
from tieout.web import document_files
from tieout.web.pages.document_forms import Correction, typed_figures

START = "/documents/2026-10"
INVOICE = "2f5864ef918eb2c1906165f6a1868c04d328a8b78792e96228108203f742df2b"
PAGE = f"{START}/document/{INVOICE}"
BYTES = f"/api/documents/{INVOICE}"
GOOGLE = "5270012db255e1154cc7a4b79cad9d1446d8fd806b8226c17033aa1d9df805aa"
SEVERAL = "f3b4d42bcc939e3fe6143f47ea55a155026957bee9e73123606df57f2202f540"
OPENAI = Given(provider="openai", account="org-NordlichtLabs", period="2026-10")
HOSTILE = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>.pdf"


@pytest.fixture(scope="module")
def asked(world_at: WorldAt) -> Iterator[Browser]:
    """A browser over an open month with a letter that nobody can read and figures of Ana's."""
    world = world_at("request close")
    worker = world.worker()
    receive.invoice(worker, name=HOSTILE, content=LETTER, given=OPENAI)
    figures = replace(typed(person="ana", given=OPENAI), reason=HOSTILE)
    review.enter(worker, typed=figures, evidence_name=HOSTILE, evidence=b"please pay")
    worker.close()
    with browsing(world) as browser:
        yield browser


@pytest.fixture
def corrected(world_at: WorldAt) -> Iterator[Browser]:
    """A browser over an open month of a test's own."""
    with browsing(world_at("request close")) as browser:
        yield browser


def table(browser: Browser, address: str, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = browser.client.get(f"/tieout{address}.json?table={name}").json()[
        "rows"
    ]
    return rows


def link_of(browser: Browser, state: str) -> str:
    listed = table(browser, START, "queue")
    (name,) = [one["name"] for one in listed if one["state"] == state]
    documents = table(browser, START, "documents")
    (found,) = [one["document"] for one in documents if one["name"] == name]
    return f"{START}/document/{found}"


def fields_of(browser: Browser, page: str) -> dict[str, Any]:
    """What the form of a correction sends when nobody changes anything."""
    text = browser.get(page).text
    form = text[text.index("/correct") : text.index("Propose the correction")]
    found: dict[str, Any] = {"kind": "invoice"}
    for name, value in re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', form):
        said = html.unescape(value)
        if name in ("description", "quantity", "unit_price", "amount"):
            found.setdefault(name, []).append(said)
        else:
            found[name] = said
    return found


def again(browser: Browser, page: str) -> dict[str, Any]:
    return fields_of(browser, page) | {"reason": "Read it again."}


def approve(browser: Browser, person: str, page: str) -> int:
    browser.person = person
    hidden = ReadPage(browser.get(page).text).hidden
    tokens = {one: hidden[one] for one in ("form_token", "form_key")}
    answered: int = browser.send(f"{page}/approve", **tokens).status_code
    return answered


def test_a_complete_month_says_so_and_shows_every_day(pages: Browser) -> None:
    read = ReadPage(pages.get(START).text)
    assert read.headings == [
        "October 2026 is complete: every day of every account and 9 documents are here."
    ]
    (calendar,) = [one for one in read.tables if one.caption.startswith("Days with data")]
    assert calendar.rows == 5
    days = table(pages, START, "days")
    assert len(days) == 5 * 31
    assert {one["state"] for one in days} == {"received", "replaced"}
    assert read.text().count("received") > 31


def test_the_list_has_every_billing_document_with_its_state(pages: Browser) -> None:
    listed = {one["name"]: one for one in table(pages, START, "documents")}
    assert listed["SAMPLE01OA-0010"]["total"] == "1689.63"
    assert listed["SAMPLE01OA-0010"]["state"] == "read"
    assert listed["transactions.G104823117.page1.json"]["state"] == "belongs to another"


def test_a_document_is_shown_beside_what_was_read_of_it(pages: Browser) -> None:
    answer = pages.get(PAGE)
    read = ReadPage(answer.text)
    assert read.headings == [
        "Invoice SAMPLE01OA-0010 of Sample Model Lab A, LLC over 1,689.63\u00a0USD adds up."
    ]
    assert [f"/tieout{BYTES}/pages/{one}" in read.links for one in (1, 2)] == [True, True]
    assert [one for one in read.ids if one.startswith("box-")] == [f"box-{at}" for at in range(24)]
    assert "#box-23" in read.links
    lines = table(pages, PAGE, "lines")
    assert sum(Decimal(one["amount"]) for one in lines) == Decimal("1839.63")
    (entry,) = table(pages, PAGE, "entries")
    assert (entry["entry"], entry["amount"]) == ("2026-invoice-000006", "1839.63")
    assert "2 of 2" not in read.text()


def test_in_a_closed_month_nothing_is_corrected(pages: Browser) -> None:
    text = pages.get(PAGE).text
    assert "2026-10 is closed: what corrects this is entered in the open month." in text
    assert "Propose the correction" not in text
    assert "Reject it" not in text
    pages.person = "ana"
    hidden = ReadPage(text).hidden
    fields = {one: hidden[one] for one in ("form_token", "form_key")}
    assert pages.send(f"{PAGE}/reject", reason="Too late.", **fields).status_code == 409


def test_a_report_says_how_many_charges_it_became(pages: Browser) -> None:
    rows = "/reconciliation/2026-10/rows/estimate_to_report/not_metered/anthropic/nordlicht-labs"
    report = next(one for one in ReadPage(pages.get(rows).text).links if "?row=" in one)
    found = ReadPage(pages.get(report.removeprefix("/tieout")).text)
    assert "charges of anthropic/nordlicht-labs" in found.headings[0]
    (charges,) = [one for one in found.tables if one.caption == "Charges read from it"]
    assert charges.rows == 1
    whole = ReadPage(pages.get(report.partition("?")[0].removeprefix("/tieout")).text)
    (charges,) = [one for one in whole.tables if one.caption == "Charges read from it"]
    assert charges.rows == 100


def test_a_page_of_a_pdf_comes_as_a_picture_that_is_drawn_once(
    pages: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def picture(context: Context, **asked: Any) -> bytes:
        drawn.append(asked)
        return real(context, **asked)

    real = arrived.picture
    monkeypatch.setattr(arrived, "picture", picture)
    document_files.forget()
    answers = [pages.get(f"{BYTES}/pages/1") for _ in range(2)]
    assert [one.headers["content-type"] for one in answers] == ["image/png"] * 2
    assert answers[0].content[:4] == b"\x89PNG"
    assert len(drawn) == 1


@pytest.mark.parametrize("path", ["/pages/3", "/pages/0", "/pages/201"])
def test_a_page_that_is_not_there_is_refused(pages: Browser, path: str) -> None:
    assert pages.get(f"{BYTES}{path}").status_code in (404, 422)


def test_the_file_is_saved_and_never_opened(pages: Browser) -> None:
    answer = pages.get(f"{BYTES}/file")
    assert answer.content[:5] == b"%PDF-"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="document-{INVOICE[:12]}.pdf"'
    )
    assert answer.headers["content-security-policy"].endswith(", sandbox")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "address", [f"{START}/document/{'0' * 64}", f"/api/documents/{'0' * 64}/file"]
)
def test_a_document_that_never_came_is_not_there(pages: Browser, address: str) -> None:
    assert pages.get(address).status_code == 404


def test_what_waits_is_in_the_headline_and_typed_figures_need_another_person(
    asked: Browser,
) -> None:
    assert "2 documents wait for a person" in ReadPage(asked.get(START).text).headings[0]
    page = link_of(asked, "waits for approval")
    assert approve(asked, "ana", page) == 403
    assert approve(asked, "dee", page) == 403
    assert approve(asked, "ben", page) == 303
    assert "typed and approved" in ReadPage(asked.get(page).text).text()
    assert "1 document waits for a person" in ReadPage(asked.get(START).text).headings[0]


def test_hostile_names_are_shown_as_words(asked: Browser) -> None:
    for address in (START, link_of(asked, "in review")):
        text = asked.get(address).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text
        assert ReadPage(text).forbidden == []


def test_a_pdf_that_cannot_be_drawn_is_told_on_its_page(asked: Browser) -> None:
    assert "cannot be read" in ReadPage(asked.get(link_of(asked, "in review")).text).text()


def test_a_month_without_invoices_names_the_accounts(world_at: WorldAt) -> None:
    with browsing(world_at("accrue")) as browser:
        read = ReadPage(browser.get(START).text)
    assert read.headings[0].startswith("October 2026 is not complete")
    assert "no invoice of aws/417000000001" in read.headings[0]


def test_the_figures_to_correct_are_what_was_read(corrected: Browser) -> None:
    fields = fields_of(corrected, PAGE)
    form = Correction.model_validate(fields | {"reason": "Read again."})
    typed_again = read_typed(typed_figures(form).decode(), name="form")
    assert (typed_again.number, typed_again.tie_out_gaps()) == ("SAMPLE01OA-0010", [])
    assert format_units(typed_again.total_units) == "1689.63"
    assert len(typed_again.lines) == 24


def test_a_file_of_several_documents_is_corrected_at_the_command_line(corrected: Browser) -> None:
    text = corrected.get(f"{START}/document/{SEVERAL}").text
    assert "Propose the correction" not in text
    assert "tieout review correct f3b4d42b" in ReadPage(text).text()
    assert "Reject it" in text


def test_an_invoice_is_corrected_by_one_person_and_approved_by_another(
    corrected: Browser,
) -> None:
    fields = fields_of(corrected, PAGE) | {"reason": HOSTILE}
    wrong = {"amount": [*fields["amount"][:-4], "1.00", "", "", ""]}
    for person, changed, status in (
        ("dee", {}, 403),
        ("ana", {"form_token": "x"}, 403),
        ("ana", {"reason": " "}, 422),
        ("ana", {"number": ""}, 422),
        ("ana", {"issued_on": "yesterday"}, 422),
        ("ana", {"description": ["one"]}, 422),
        ("ana", {"seller": "Anthropic, PBC"}, 422),
        ("ana", wrong, 422),
    ):
        corrected.person = person
        assert corrected.send(f"{PAGE}/correct", **fields | changed).status_code == status, changed
    assert table(corrected, START, "queue") == []
    first = {"description": [f"{HOSTILE} 1", *fields["description"][1:]]}
    answer = corrected.send(f"{PAGE}/correct", **fields | first)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/tieout{START}#queue")
    figures = link_of(corrected, "waits for approval")
    shown = corrected.get(figures).text
    assert "over 1,689.63" in ReadPage(shown).headings[0]
    assert f"/tieout{BYTES}/pages/1" in ReadPage(shown).links
    assert "<img src=x" not in shown
    assert "<script>alert" not in shown
    assert "are proposed" in corrected.send(f"{PAGE}/correct", **again(corrected, PAGE)).text
    assert approve(corrected, "ana", figures) == 403
    assert approve(corrected, "ben", figures) == 303
    assert "typed and approved" in ReadPage(corrected.get(figures).text).text()
    assert "Propose the correction" not in corrected.get(PAGE).text


def test_proposed_figures_can_be_refused_and_typed_again(corrected: Browser) -> None:
    page = f"{START}/document/{GOOGLE}"
    corrected.person = "ana"
    assert corrected.send(f"{page}/correct", **again(corrected, page)).status_code == 303
    figures = link_of(corrected, "waits for approval")
    corrected.person = "cem"
    hidden = ReadPage(corrected.get(figures).text).hidden
    tokens = {one: hidden[one] for one in ("form_token", "form_key")}
    corrected.person = "dee"
    assert corrected.send(f"{figures}/reject", reason="A typo.", **tokens).status_code == 403
    corrected.person = "cem"
    answer = corrected.send(f"{figures}/reject", reason="A typo.", **tokens)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/tieout{figures}")
    assert "A typo." in corrected.get(figures).text
    assert table(corrected, START, "queue") == []
    assert corrected.send(f"{page}/correct", **again(corrected, page)).status_code == 303
