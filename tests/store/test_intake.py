"""Documents for people: what came, what became of it, who may approve typed figures."""

import psycopg
import pytest
from demo.postgres import Logins
from tests.conftest import Stores
from tests.store.samples import OCTOBER, together

from tieout.core.errors import (
    IntegrityError,
    NotReadyError,
    SegregationError,
    UnknownSubjectError,
)
from tieout.core.ids import sha256_hex
from tieout.store import intake
from tieout.store.intake import Content, NewEvent, Origin, Paper

LETTER = sha256_hex(b"a letter")
FIGURES = sha256_hex(b"typed figures")
INVOICE = "invoice INV-1 of openai llc"


def a_content(sha256: str = LETTER, origin: Origin = "imported") -> Content:
    evidence = LETTER if origin in {"corrected", "entered"} else None
    return Content(
        sha256=sha256,
        origin=origin,
        name=f"{sha256[:6]}.pdf",
        media_type="application/pdf",
        size_bytes=8,
        lake_path=f"raw/{sha256[:2]}/{sha256}",
        evidence_sha256=evidence,
        evidence_name="letter.pdf" if evidence else None,
        evidence_path="raw/x" if evidence else None,
    )


def queued(reason: str = "Nobody can read it.", period: str = OCTOBER) -> NewEvent:
    return NewEvent(event="queued", reason=reason, period=period, problem="document_unreadable")


def placed(event: intake.EventKind, reason: str = "It fits.") -> NewEvent:
    return NewEvent(
        event=event,
        reason=reason,
        provider="openai",
        billing_account_id="org-1",
        period=OCTOBER,
        format="stripe_pdf",
        identities=(INVOICE,),
    )


def keep(stores: Stores, content: Content, event: NewEvent, actor: str | None = None) -> Paper:
    with stores.worker.transaction(actor) as tx:
        intake.add(tx, content)
        intake.happened(tx, content.sha256, event)
        return intake.get(tx, content.sha256)


def approve(stores: Stores, sha256: str, actor: str) -> Paper:
    with stores.web.transaction(actor) as tx:
        return intake.approve(tx, sha256)


def state(stores: Stores, sha256: str) -> str:
    with stores.reader.transaction() as tx:
        return intake.get(tx, sha256).state


def typed(stores: Stores, actor: str = "ana") -> Paper:
    """A letter in the queue, and the figures that a person typed for it."""
    keep(stores, a_content(), queued())
    return keep(stores, a_content(FIGURES, "corrected"), placed("corrected", "Read it."), actor)


def test_the_last_event_of_a_content_is_its_state(stores: Stores) -> None:
    assert keep(stores, a_content(), NewEvent(event="received", reason="Came.")).state == "received"
    waiting = keep(stores, a_content(), queued())
    assert (waiting.state, waiting.problem) == ("queued", "document_unreadable")
    assert waiting.author == "service:tieout_worker"
    assert keep(stores, a_content(), placed("accepted")).state == "accepted"
    with stores.reader.transaction() as tx:
        events = intake.history(tx, LETTER)
        assert intake.open_papers(tx) == []
    assert [one.event for one in events] == ["received", "queued", "accepted"]


def test_the_same_bytes_are_one_content(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        assert intake.add(tx, a_content())
        assert not intake.add(tx, a_content())


def test_what_waits_is_listed_by_month(stores: Stores) -> None:
    keep(stores, a_content(), queued(period="2026-09"))
    keep(stores, a_content(FIGURES, "entered"), placed("entered"), "ana")
    with stores.reader.transaction() as tx:
        assert [one.sha256 for one in intake.open_papers(tx)] == [LETTER, FIGURES]
        assert [one.state for one in intake.open_papers(tx, OCTOBER)] == ["proposed"]
        assert [one.period for one in intake.papers(tx, "2026-09")] == ["2026-09"]


def test_typed_figures_replace_their_evidence_once_another_person_approved_them(
    stores: Stores,
) -> None:
    assert typed(stores).state == "proposed"
    assert state(stores, LETTER) == "queued"
    with stores.reader.transaction() as tx:
        assert intake.set_aside(tx, [LETTER, FIGURES]) == set()
    approved = approve(stores, FIGURES, "ben")
    assert (approved.state, approved.approved_by) == ("approved", "ben")
    assert approve(stores, FIGURES, "cem").approved_by == "ben"
    assert state(stores, LETTER) == "replaced"
    with stores.reader.transaction() as tx:
        assert intake.set_aside(tx, [LETTER, FIGURES]) == {LETTER}
        usable = intake.usable(tx, provider="openai", billing_account_id="org-1", period=OCTOBER)
    assert [one.sha256 for one in usable] == [FIGURES]


def test_the_author_does_not_approve_even_with_every_duty(stores: Stores) -> None:
    typed(stores, actor="cem")
    with pytest.raises(SegregationError, match=r"cem typed the figures .* another person"):
        approve(stores, FIGURES, "cem")
    assert state(stores, FIGURES) == "proposed"


@pytest.mark.parametrize(
    ("actor", "message"),
    [
        ("ana", "Expected a person with the duty approver, found ana"),
        ("dee", "found dee who holds auditor"),
        ("eve", "Expected a known person to decide, found eve"),
    ],
)
def test_only_an_approver_approves(stores: Stores, actor: str, message: str) -> None:
    typed(stores, actor="cem")
    with pytest.raises(SegregationError, match=message):
        approve(stores, FIGURES, actor)


def test_the_workers_login_approves_nothing(stores: Stores) -> None:
    typed(stores)
    with (
        pytest.raises(SegregationError, match="may not do this"),
        stores.worker.transaction("ben") as tx,
    ):
        intake.approve(tx, FIGURES)


def test_the_worker_cannot_write_an_approval_past_the_function(
    stores: Stores, ledger_database: Logins
) -> None:
    typed(stores)
    insert = "INSERT INTO tieout.intake_approval (sha256, approved_by) VALUES (%s, 'ben')"
    for url in (ledger_database.worker_url, ledger_database.web_url):
        with psycopg.connect(url) as login, pytest.raises(psycopg.Error) as refusal:
            login.execute(insert, (FIGURES,))
        assert refusal.value.sqlstate == "42501"


def test_what_was_not_typed_is_not_approved(stores: Stores) -> None:
    keep(stores, a_content(), queued())
    for sha256 in (LETTER, FIGURES):
        with pytest.raises(UnknownSubjectError, match="no typed figures"):
            approve(stores, sha256, "ben")


def test_rejected_figures_are_not_approved(stores: Stores) -> None:
    typed(stores)
    keep(stores, a_content(FIGURES, "corrected"), NewEvent(event="rejected", reason="No."), "ana")
    with pytest.raises(NotReadyError, match="are rejected: expected proposed ones"):
        approve(stores, FIGURES, "ben")


def test_a_service_types_no_figures_and_rejects_nothing(stores: Stores) -> None:
    keep(stores, a_content(), queued())
    with pytest.raises(IntegrityError, match="figures_are_typed_by_a_person"):
        keep(stores, a_content(FIGURES, "entered"), placed("entered"))
    with pytest.raises(IntegrityError, match="a_person_rejects"):
        keep(stores, a_content(), NewEvent(event="rejected", reason="No."))


@pytest.mark.parametrize(
    "event",
    [
        NewEvent(event="queued", reason="No month.", problem="document_unmatched"),
        NewEvent(event="queued", reason="No problem.", period=OCTOBER),
        NewEvent(event="accepted", reason="No account.", period=OCTOBER),
        NewEvent(event="received", reason=" "),
    ],
)
def test_an_event_that_says_too_little_is_refused(stores: Stores, event: NewEvent) -> None:
    with pytest.raises(IntegrityError, match="check"):
        keep(stores, a_content(), event)


def test_a_document_is_found_by_how_its_id_begins(stores: Stores) -> None:
    keep(stores, a_content(), queued())
    with stores.reader.transaction() as tx:
        assert intake.get(tx, LETTER[:8].upper()).sha256 == LETTER
        for start in (LETTER[:5], "zzzzzz", "%%%%%%", FIGURES):
            with pytest.raises(UnknownSubjectError, match="found 0"):
                intake.get(tx, start)
        assert intake.find(tx, FIGURES) is None


def test_a_number_is_found_wherever_it_is_in_use(stores: Stores) -> None:
    keep(stores, a_content(), placed("accepted"))
    with stores.reader.transaction() as tx:
        assert [one.sha256 for one in intake.bearing(tx, [INVOICE, "other"])] == [LETTER]
        assert intake.bearing(tx, ["other"]) == []
    keep(stores, a_content(), NewEvent(event="rejected", reason="Wrong."), "ana")
    with stores.reader.transaction() as tx:
        assert intake.bearing(tx, [INVOICE]) == []


def test_approving_and_rejecting_at_the_same_moment_ends_one_way(stores: Stores) -> None:
    typed(stores)

    def reject() -> str:
        with stores.worker.transaction("ana") as tx:
            intake.hold(tx)
            if intake.get(tx, FIGURES).state != "proposed":
                return "too late"
            intake.happened(tx, FIGURES, NewEvent(event="rejected", reason="No."))
            return "rejected"

    outcomes = together([reject, lambda: approve(stores, FIGURES, "ben").state])
    ended = state(stores, FIGURES)
    assert set(outcomes) & {"too late", "rejected"}
    assert ended == ("approved" if "too late" in outcomes else "rejected")
    assert ("approved" in outcomes) == (ended == "approved")
