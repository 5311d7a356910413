"""What one person proposes and another approves: a rule over a closed month, a misread paper."""

from dataclasses import replace

from playwright.sync_api import expect
from tests.browser.conftest import OfficeAt
from tests.steps.handed_in import typed

from tieout.steps import review
from tieout.steps.match import Given

MONTH = "2026-10"
HOSTILE = "<img src=x onerror=alert(1)> reads 'badly' & \"late\""
GIVEN = Given(provider="openai", account="org-NordlichtLabs", period=MONTH)


def test_a_rule_is_drafted_from_the_backlog_previewed_and_approved_by_another(
    office_at: OfficeAt,
) -> None:
    office = office_at("controller signs")
    ana = office.at("ana", f"/initiatives/{MONTH}/(unallocated)")
    ana.to("/edit?")
    form = ana.page.locator("main form.inline")
    form.get_by_label("Initiative or pool").select_option("internal-tools")
    ana.click(form.get_by_role("button", name="Draft it so"))
    editor = ana.page.locator("form.editor")
    expect(editor.locator("#findings")).to_contain_text("The text is valid")
    editor.get_by_label("Text").press_sequentially(" ")  # the check answers while one types
    expect(ana.page.locator(".live")).to_have_text("checked")
    editor.get_by_label("In force from").fill(f"{MONTH}-01")
    editor.get_by_label("Reason").fill(HOSTILE)
    ana.click(editor.get_by_role("button", name="Propose"))
    ana.to("/classification/2")
    expect(ana.page.get_by_text("You proposed it: another person approves it.")).to_be_visible()
    ana.click(ana.page.get_by_role("button", name="Preview the impact"))
    expect(ana.page.locator("h1")).to_contain_text("it would move")
    assert ana.page.get_by_role("button", name="Approve").count() == 0

    ben = office.at("ben", f"/rules/{MONTH}/classification/2")
    expect(ben.page.get_by_text(HOSTILE).first).to_be_visible()
    word = ben.page.locator("form.inline label code").inner_text()
    ben.page.get_by_label("to confirm").fill(word)
    ben.click(ben.page.get_by_role("button", name="Approve"))
    expect(ben.page.get_by_text("approved by ben").first).to_be_visible()
    ana.page.reload()
    expect(ana.page.get_by_text("approved by ben").first).to_be_visible()


def test_figures_that_one_person_typed_are_approved_by_another(office_at: OfficeAt) -> None:
    office = office_at("request close")
    context = office.world.worker()
    figures = replace(typed(person="ana", given=GIVEN), reason=HOSTILE)
    review.enter(context, typed=figures, evidence_name=HOSTILE, evidence=b"please pay")
    context.close()
    ana, ben = (office.at(one, f"/documents/{MONTH}") for one in ("ana", "ben"))
    ana.refusals = (403,)
    for window in (ana, ben):
        expect(window.page.locator("h1")).to_contain_text("for a person")
        papers = window.page.locator("main").get_by_role("link", name="INV-7.entered.json")
        window.click(papers.first)
        expect(window.page.get_by_text(HOSTILE).first).to_be_visible()
        window.click(window.page.get_by_text("Approve…"))
        window.click(window.page.get_by_role("button", name="Approve the figures"))
    expect(ana.page.locator("h1")).to_be_visible()
    expect(ben.page.get_by_text("typed and approved").first).to_be_visible()
    assert ben.clicks <= 4


def test_an_invoice_that_was_misread_is_corrected_in_place_and_approved_by_another(
    office_at: OfficeAt,
) -> None:
    office = office_at("request close")
    ana = office.at("ana", f"/documents/{MONTH}")
    papers = ana.page.locator("main").get_by_role("link", name="SAMPLE01OA-0010")
    ana.click(papers.first)
    ana.click(ana.page.get_by_text("Correct…"))
    form = ana.page.locator("details.act[open] form")
    assert form.get_by_label("Amount, line 1", exact=True).input_value()
    assert (ana.overflow(), ana.broken_rules()) == (0, [])
    ana.screenshot("correct-light-1280")
    form.get_by_label("What, line 1", exact=True).fill(HOSTILE)
    form.get_by_label("Reason").fill("The first line was misread.")
    ana.click(form.get_by_role("button", name="Propose the correction"))
    expect(ana.page.locator("h1")).to_contain_text("1 document waits for a person")
    assert ana.clicks <= 4

    ben = office.at("ben", f"/documents/{MONTH}")
    ben.click(ben.page.locator("#queue a[href*='/document/']").first)
    expect(ben.page.get_by_text(HOSTILE).first).to_be_visible()
    ben.click(ben.page.get_by_text("Approve…"))
    ben.click(ben.page.get_by_role("button", name="Approve the figures"))
    expect(ben.page.get_by_text("typed and approved").first).to_be_visible()
