"""What people do with documents that nobody could read: correct, enter, reject, approve."""

from pathlib import Path

import pytest
from tests import month
from tests.conftest import Stores
from tests.steps.handed_in import (
    ACCOUNTS,
    LETTER,
    OCTOBER,
    actions,
    blocking,
    csv,
    hand_in,
    read,
    typed,
    versions,
)
from tests.worlds import WorldAt

from tieout.core.errors import (
    DocumentUnreadableError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    UnknownSubjectError,
    UsageError,
)
from tieout.ledger.billing_accounts import parse_accounts
from tieout.steps import close, keep, papers, pull, review
from tieout.steps.context import Context
from tieout.store import intake

OPENAI_INVOICE = "2f5864ef918eb2c1906165f6a1868c04d328a8b78792e96228108203f742df2b"


def fetched_letter(desk: Context, tmp_path: Path) -> str:
    """A letter in the drop folder that was pulled and could not be read; its id."""
    (tmp_path / "drop" / "letter.pdf").write_bytes(LETTER)
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert read(desk) == []
    assert blocking(desk) == [("document_unreadable", "openai/org-1/letter.pdf")]
    (waiting,) = papers.listing(desk, period="2026-10")
    return str(waiting["document"])


def test_a_correction_is_read_instead_once_another_person_approved_it(
    desk: Context, pages: Context, tmp_path: Path
) -> None:
    letter = fetched_letter(desk, tmp_path)
    proposed = review.correct(desk, document=letter[:10], typed=typed())
    assert (proposed.summary["state"], proposed.summary["evidence"]) == ("proposed", letter[:12])
    assert read(desk) == []
    assert blocking(desk) == [("document_unreadable", "openai/org-1/letter.pdf")]
    with pytest.raises(SegregationError):
        review.approve(pages, document=str(proposed.summary["document"]), person="ana")
    review.approve(pages, document=str(proposed.summary["document"]), person="ben")
    assert read(desk) == ["INV-7"]
    assert blocking(desk) == []
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert read(desk) == ["INV-7"]
    assert letter not in versions(desk)[-1]
    shown = papers.show(desk, document=letter)
    assert (shown["state"], [one["state"] for one in shown["typed"]]) == ("replaced", ["approved"])


def test_a_rejected_document_is_not_read_again(desk: Context, tmp_path: Path) -> None:
    letter = fetched_letter(desk, tmp_path)
    made = review.reject(desk, document=letter, person="ana", reason="An advertisement.")
    assert made.summary["state"] == "rejected"
    assert blocking(desk) == []
    assert versions(desk)[-1] == ()
    again = review.reject(desk, document=letter, person="ana", reason="Again.")
    assert again.status == "unchanged"
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert read(desk) == []
    assert blocking(desk) == []
    assert hand_in(desk, LETTER).summary["state"] == "rejected"


def test_one_of_two_fetched_documents_can_be_set_aside(desk: Context, tmp_path: Path) -> None:
    for name, total in (("a.csv", "10.00"), ("b.csv", "11.00")):
        (tmp_path / "drop" / name).write_bytes(csv(amount=total, total=total))
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert read(desk) == ["INV-1", "INV-1"]
    review.reject(desk, document=versions(desk)[-1][1], person="ana", reason="A draft.")
    assert read(desk) == ["INV-1"]


def test_typed_figures_need_a_second_person_and_then_join_their_month(
    desk: Context, pages: Context
) -> None:
    made = review.enter(desk, typed=typed(), evidence_name="mail.txt", evidence=b"12.50 please")
    assert made.summary["state"] == "proposed"
    assert read(desk) == []
    assert blocking(desk) == [("document_unapproved", "openai/org-1/INV-7.entered.json")]
    with pytest.raises(SegregationError, match="may not do this"):
        review.approve(desk, document=str(made.summary["document"]), person="ben")
    review.approve(pages, document=str(made.summary["document"]), person="ben")
    again = review.approve(pages, document=str(made.summary["document"]), person="cem")
    assert again.status == "unchanged"
    assert read(desk) == ["INV-7"]
    assert blocking(desk) == []
    again = review.enter(desk, typed=typed(), evidence_name="mail.txt", evidence=b"12.50 please")
    assert (again.status, again.summary["state"]) == ("unchanged", "approved")


def test_figures_that_went_past_the_review_are_not_read(desk: Context, tmp_path: Path) -> None:
    made = review.enter(desk, typed=typed(), evidence_name="mail.txt", evidence=b"12.50 please")
    with desk.store.transaction() as tx:
        paper = intake.get(tx, str(made.summary["document"]))
    figures = desk.lake.get(paper.lake_path, paper.sha256)
    with pytest.raises(UsageError, match="holds typed figures"):
        hand_in(desk, figures, name="figures.json")
    (tmp_path / "drop" / "figures.json").write_bytes(figures.replace(b"Read it.", b"Believe it."))
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert read(desk) == []
    assert ("document_unreadable", "openai/org-1/figures.json") in blocking(desk)


def test_figures_that_cannot_stand_are_refused(desk: Context, tmp_path: Path) -> None:
    letter = fetched_letter(desk, tmp_path)
    refusals: list[tuple[type[Exception], review.Typed, str]] = [
        (DocumentUnreadableError, typed(total="12.51"), "do not add up"),
        (SegregationError, typed(person="eve"), "Expected a known person"),
        (UsageError, typed(service_start="2026-09-30"), "covers 2026-09-30 to 2026-10-31"),
        (UsageError, typed(seller="Anthropic, PBC"), "expected an invoice for openai/org-1"),
    ]
    for error, wrong, words in refusals:
        with pytest.raises(error, match=words):
            review.correct(desk, document=letter, typed=wrong)
    assert papers.show(desk, document=letter)["typed"] == []


def test_a_correction_on_a_page_is_read_once_another_person_approved_it(
    desk: Context, pages: Context, tmp_path: Path
) -> None:
    letter = fetched_letter(desk, tmp_path)
    proposed = review.correct_on_page(pages, document=letter, typed=typed())
    again = review.correct_on_page(pages, document=letter, typed=typed())
    assert (proposed.summary["state"], again.status) == ("proposed", "unchanged")
    figures = papers.show(desk, document=letter)["typed"][0]["document"]
    with pytest.raises(SegregationError):
        review.approve(pages, document=figures, person="ana")
    review.approve(pages, document=figures, person="ben")
    assert read(desk) == ["INV-7"]
    assert blocking(desk) == []
    assert papers.show(desk, document=letter)["state"] == "replaced"
    assert {"document_corrected", "document_approved"} <= set(actions(desk))


def test_what_is_typed_on_a_page_blocks_the_month_from_the_next_reading_on(
    desk: Context, pages: Context
) -> None:
    made = hand_in(desk, csv())
    document = papers_of(desk, "INV-1")
    assert made.summary["state"] == "accepted"
    assert read(desk) == ["INV-1"]
    review.correct_on_page(pages, document=document, typed=typed("INV-1"))
    assert blocking(desk) == []
    assert is_behind(desk)
    assert read(desk) == ["INV-1"]
    assert blocking(desk) == [("document_unapproved", "openai/org-1/INV-1.corrected.json")]
    assert not is_behind(desk)


def test_a_document_that_is_set_aside_on_a_page_leaves_the_month_when_it_is_read(
    desk: Context, pages: Context, tmp_path: Path
) -> None:
    (tmp_path / "drop" / "a.csv").write_bytes(csv())
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert read(desk) == ["INV-1"]
    (document,) = versions(desk)[-1]
    made = review.reject_on_page(pages, document=document, person="cem", reason="A draft.")
    again = review.reject_on_page(pages, document=document, person="cem", reason="Again.")
    assert (made.summary["state"], again.status) == ("rejected", "unchanged")
    assert is_behind(desk)
    assert read(desk) == []


def test_on_a_page_the_same_is_refused_as_at_the_command_line(
    desk: Context, pages: Context, tmp_path: Path
) -> None:
    letter = fetched_letter(desk, tmp_path)
    with pytest.raises(SegregationError, match="Expected a person with the duty"):
        review.correct_on_page(pages, document=letter, typed=typed(person="dee"))
    with pytest.raises(SegregationError, match="Expected a person with the duty"):
        review.reject_on_page(pages, document=letter, person="dee", reason="No.")
    with pytest.raises(SegregationError, match="may not do this"):
        review.correct_on_page(desk, document=letter, typed=typed())
    with pytest.raises(UnknownSubjectError, match="No billing document 000000000000"):
        review.reject_on_page(pages, document="0" * 64, person="ana", reason="No.")
    first = review.correct_on_page(pages, document=letter, typed=typed())
    with pytest.raises(NotReadyError, match="are proposed: expected none"):
        review.correct_on_page(pages, document=letter, typed=typed("INV-8"))
    figures = papers.show(desk, document=str(first.summary["document"]))["document"]
    review.approve(pages, document=figures, person="ben")
    with pytest.raises(NotReadyError, match="is approved: expected one whose figures nobody"):
        review.reject_on_page(pages, document=figures, person="ana", reason="No.")
    with pytest.raises(NotReadyError, match="correct those figures instead"):
        review.correct_on_page(pages, document=letter, typed=typed("INV-8"))


def test_on_a_page_a_closed_month_stays_too(desk: Context, pages: Context, stores: Stores) -> None:
    hand_in(desk, csv())
    document = papers_of(desk, "INV-1")
    shut(stores)
    with pytest.raises(PeriodClosedError, match="part of 2026-10, which is closed"):
        review.reject_on_page(pages, document=document, person="ana", reason="Too late.")
    with pytest.raises(PeriodClosedError, match="part of 2026-10, which is closed"):
        review.correct_on_page(pages, document=document, typed=typed())


def papers_of(desk: Context, number: str) -> str:
    """The whole id of the document that bears a number."""
    with desk.store.transaction() as tx:
        bearing = intake.bearing(tx, [f"invoice {number} of openai llc"])
    return bearing[0].sha256


def is_behind(desk: Context) -> bool:
    registered = parse_accounts(ACCOUNTS, name="a")
    with desk.store.transaction() as tx:
        return keep.is_behind(desk, tx, registered, OCTOBER)


def shut(stores: Stores) -> None:
    with stores.owner.transaction() as tx:
        tx.exec_driver_sql(
            "UPDATE tieout.period SET state = 'closed', closed_at = now(), closed_seq = 1, "
            "content_hash = 'x' WHERE period = '2026-10'"
        )


def test_a_month_is_not_put_up_for_signature_before_it_is_made_of_what_people_decided(
    world_at: WorldAt,
) -> None:
    world = world_at("request close")
    worker, pages = world.worker(), world.web()
    assert close.request(worker, period=month.PERIOD).status == "unchanged"
    review.reject_on_page(pages, document=OPENAI_INVOICE, person="ana", reason="A draft.")
    with pytest.raises(NotReadyError, match="People have decided about documents of 2026-10"):
        close.request(worker, period=month.PERIOD)
    worker.close()
    pages.close()


def test_a_document_has_one_correction_at_a_time(
    desk: Context, pages: Context, tmp_path: Path
) -> None:
    letter = fetched_letter(desk, tmp_path)
    first = review.correct(desk, document=letter, typed=typed())
    with pytest.raises(NotReadyError, match="are proposed: expected none; have it approved"):
        review.correct(desk, document=letter, typed=typed("INV-8"))
    review.reject(desk, document=str(first.summary["document"]), person="cem", reason="Typo.")
    second = review.correct(desk, document=letter, typed=typed("INV-8"))
    review.approve(pages, document=str(second.summary["document"]), person="ben")
    with pytest.raises(NotReadyError, match="correct those figures instead"):
        review.correct(desk, document=letter, typed=typed("INV-9"))
    with pytest.raises(NotReadyError, match="is approved: expected one whose figures nobody"):
        review.reject(desk, document=str(second.summary["document"]), person="ana", reason="No.")
    third = review.correct(desk, document=str(second.summary["document"]), typed=typed("INV-9"))
    review.approve(pages, document=str(third.summary["document"]), person="ben")
    assert read(desk) == ["INV-9"]


def test_what_a_closed_month_was_made_of_stays(desk: Context, stores: Stores) -> None:
    made = hand_in(desk, csv())
    shut(stores)
    with pytest.raises(PeriodClosedError, match="part of 2026-10, which is closed"):
        review.reject(
            desk, document=str(made.summary["document"]), person="ana", reason="Too late."
        )


def test_everything_that_a_person_does_is_in_the_audit_log(
    desk: Context, pages: Context, tmp_path: Path
) -> None:
    letter = fetched_letter(desk, tmp_path)
    made = review.correct(desk, document=letter, typed=typed())
    review.approve(pages, document=str(made.summary["document"]), person="ben")
    other = hand_in(desk, b"noise \x00")
    review.reject(desk, document=str(other.summary["document"]), person="ana", reason="Only noise.")
    done = actions(desk)
    for action in ("document_queued", "document_corrected", "document_approved",
                   "document_rejected", "review_queue_changed"):  # fmt: skip
        assert action in done
