"""Documents that people hand in: where they go, what stops them; none is lost or doubled."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demo.postgres import Logins
from tests.conftest import Stores
from tests.steps.handed_in import (
    ASSIGNED,
    LETTER,
    NOTHING,
    actions,
    blocking,
    context,
    csv,
    hand_in,
    read,
    versions,
    why,
)

from tieout.core.errors import (
    DocumentUnreadableError,
    PeriodFormatError,
    UnknownSubjectError,
)
from tieout.core.period import Period
from tieout.ledger.billing_accounts import accounts_of
from tieout.sources.limits import MAX_DOCUMENT_BYTES
from tieout.steps import bills, inputs, normalise, pins, pull
from tieout.steps.context import Context, StepResult
from tieout.steps.match import Given
from tieout.store import audit, intake

SAMPLE = Path(__file__).parents[2] / "sample" / "bills" / "invoices"


def test_an_invoice_finds_its_account_and_month_by_what_it_says(desk: Context) -> None:
    made = hand_in(desk, csv())
    assert (made.status, made.summary["state"]) == ("done", "accepted")
    assert (made.summary["account"], made.summary["period"]) == ("openai/org-1", "2026-10")
    assert len(versions(desk)) == 1
    assert read(desk) == ["INV-1"]
    assert blocking(desk) == []
    assert actions(desk) == ["documents_joined", "document_accepted", "documents_read"]


def test_the_same_bytes_again_change_nothing(desk: Context) -> None:
    hand_in(desk, csv())
    again = hand_in(desk, csv(), name="copy.csv")
    assert (again.status, again.summary["state"]) == ("unchanged", "accepted")
    assert len(versions(desk)) == 1
    assert len(actions(desk)) == 2


def test_a_pdf_of_a_seller_that_nobody_knows_is_taken_where_the_person_says(
    desk: Context,
) -> None:
    content = (SAMPLE / "openai-arrears.pdf").read_bytes()
    assert "whose account is not known" in why(hand_in(desk, content, name="a.pdf"))
    assert blocking(desk) == [("document_unmatched", "a.pdf")]
    made = hand_in(desk, content, ASSIGNED, name="a.pdf")
    assert made.summary["state"] == "accepted"
    assert blocking(desk) == []
    assert read(desk) == ["SAMPLE01OA-0010"]


@pytest.mark.parametrize(
    ("facts", "given", "reason"),
    [
        ({"seller": "Anthropic, PBC"}, ASSIGNED, "expected an invoice for openai/org-1"),
        ({"bill_to": "lab-1"}, ASSIGNED, "billed to account lab-1: expected openai/org-1"),
        ({"currency": "EUR"}, NOTHING, "is in EUR: expected USD"),
        ({"seller": "Anthropic, PBC"}, NOTHING, "fits several accounts"),
        ({"seller": "Acme Ltd"}, NOTHING, "Acme Ltd, whose account is not known"),
        ({"service_start": "2026-09-01", "service_end": "2026-09-30"}, ASSIGNED,
         "2026-09-01 to 2026-09-30: expected a document of 2026-10"),
        ({"service_start": "2026-09-15"}, NOTHING, "covers 2026-09-15 to 2026-10-31"),
        ({"service_start": "", "service_end": ""}, NOTHING, "prints no service dates"),
    ],
)  # fmt: skip
def test_what_does_not_fit_exactly_once_waits_for_a_person(
    desk: Context, facts: dict[str, str], given: Given, reason: str
) -> None:
    assert reason in why(hand_in(desk, csv(**facts), given))
    assert versions(desk) == []
    ((kind, _),) = blocking(desk)
    assert kind == "document_unmatched"


def test_an_account_number_on_the_invoice_decides_between_two(desk: Context) -> None:
    made = hand_in(desk, csv(seller="Anthropic, PBC", bill_to="lab-2"))
    assert made.summary["account"] == "anthropic/lab-2"


def test_a_credit_note_without_dates_goes_to_the_month_of_its_invoice(desk: Context) -> None:
    note = csv("CN-1", kind="credit_note", corrects="INV-1", amount="-2.00", total="-2.00",
               service_start="", service_end="")  # fmt: skip
    assert "prints no service dates" in why(hand_in(desk, note))
    hand_in(desk, csv())
    read(desk)
    assert hand_in(desk, note, ASSIGNED).summary["state"] == "accepted"
    assert read(desk) == ["CN-1", "INV-1"]


def test_another_document_of_the_same_number_waits_for_a_person(desk: Context) -> None:
    hand_in(desk, csv())
    other = csv(amount="11.00", total="11.00")
    assert "INV-1 is known from other bytes (invoice.csv" in why(hand_in(desk, other))
    assert [kind for kind, _ in blocking(desk)] == ["document_duplicate"]
    assert len(versions(desk)) == 1
    assert "known from other bytes" in why(hand_in(desk, other, ASSIGNED))


def test_a_number_that_was_fetched_is_known_too(desk: Context, tmp_path: Path) -> None:
    (tmp_path / "drop" / "a.csv").write_bytes(csv())
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert read(desk) == ["INV-1"]
    assert "known from other bytes" in why(hand_in(desk, csv(amount="9.00", total="9.00")))


def test_what_was_handed_in_stays_when_documents_are_pulled(desk: Context, tmp_path: Path) -> None:
    hand_in(desk, csv())
    (tmp_path / "drop" / "b.csv").write_bytes(csv("INV-2"))
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert read(desk) == ["INV-1", "INV-2"]
    (tmp_path / "drop" / "c.csv").write_bytes(csv())
    pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    again = pull.run(desk, provider="openai", period="2026-10", kinds=("documents",))
    assert again.status == "unchanged"
    assert read(desk) == ["INV-1", "INV-2"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("letter.pdf", LETTER, "Document"),
        ("archive.zip", b"PK\x03\x04rest", "ZIP"),
        ("noise.bin", bytes(range(256)) * 9, "no text"),
        ("empty.csv", b"", "nothing"),
        ("untied.csv", csv(total="10.01"), "do not add up"),
    ],
)
def test_what_cannot_be_read_holds_up_the_open_month_and_keeps_its_bytes(
    desk: Context, name: str, content: bytes, words: str
) -> None:
    made = hand_in(desk, content, name=name)
    assert words in why(made)
    assert blocking(desk) == [("document_unreadable", name)]
    assert hand_in(desk, content, name=name).status == "unchanged"
    with desk.store.transaction() as tx:
        paper = intake.get(tx, str(made.summary["document"]))
    assert desk.lake.get(paper.lake_path, paper.sha256) == content


def test_wrong_requests_are_refused_and_nothing_is_kept(desk: Context) -> None:
    with pytest.raises(UnknownSubjectError, match="No registered account is openai/org-9"):
        hand_in(desk, csv(), Given(provider="openai", account="org-9"))
    with pytest.raises(PeriodFormatError):
        hand_in(desk, csv(), Given(period="October"))
    with pytest.raises(DocumentUnreadableError, match="nothing was kept"):
        hand_in(desk, b"x" * (MAX_DOCUMENT_BYTES + 1))
    with desk.store.transaction() as tx:
        assert intake.papers(tx) == []


def test_a_document_of_a_closed_month_is_taken_and_leaves_what_the_close_stood_on(
    desk: Context, stores: Stores
) -> None:
    october, content = Period(2026, 10), "f" * 64
    with desk.store.transaction() as tx:
        (account,) = accounts_of(inputs.accounts(tx, october), "openai")
        pins.pin_close(desk, tx, october, (account,), content)
    with stores.owner.transaction() as tx:
        tx.exec_driver_sql(
            "UPDATE tieout.period SET state = 'closed', closed_at = now(), closed_seq = 1, "
            "content_hash = repeat('f', 64) WHERE period = '2026-10'"
        )
    taken = hand_in(desk, csv()).summary
    assert taken["state"] == "accepted"
    normalise.run(desk, provider="openai", period="2026-10")
    assert "2026-10, which is closed: the open month books it" in str(taken["why"])
    with desk.store.transaction() as tx:
        known = bills.billing_documents(desk, tx, account, october)
        arrived = bills.arrived_documents(desk, tx, account, october)
    assert (known, [one.kind for one in arrived]) == ((), ["invoice"])


def together(calls: list[Callable[[], StepResult]]) -> list[StepResult]:
    gate = threading.Barrier(len(calls))
    found: list[StepResult] = []

    def work(call: Callable[[], StepResult]) -> None:
        gate.wait(10)
        found.append(call())

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(calls)
    return found


def test_two_who_hand_in_the_same_bytes_hand_in_one_document(desk: Context) -> None:
    found = together([lambda: hand_in(desk, csv())] * 4)
    assert sorted(one.status for one in found) == ["done", "unchanged", "unchanged", "unchanged"]
    assert len(versions(desk)) == 1
    assert read(desk) == ["INV-1"]


def test_of_two_documents_with_one_number_at_one_moment_one_waits(desk: Context) -> None:
    found = together([
        lambda: hand_in(desk, csv()),
        lambda: hand_in(desk, csv(amount="11.00", total="11.00")),
    ])  # fmt: skip
    assert sorted(str(one.summary["state"]) for one in found) == ["accepted", "queued"]
    assert read(desk) == ["INV-1"]


def test_a_pull_and_an_import_at_one_moment_keep_both_documents(
    desk: Context, tmp_path: Path
) -> None:
    (tmp_path / "drop" / "b.csv").write_bytes(csv("INV-2"))
    together([
        lambda: hand_in(desk, csv()),
        lambda: pull.run(desk, provider="openai", period="2026-10", kinds=("documents",)),
    ])  # fmt: skip
    assert read(desk) == ["INV-1", "INV-2"]


def _die_before_commit(url: str, home: str) -> None:
    """Hand in an invoice and die when everything is written but the commit."""

    really = audit.record

    def record(tx: Any, action: str, *arguments: Any, **named: Any) -> Any:
        made = really(tx, action, *arguments, **named)
        if action == "document_accepted":
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    audit.record = record
    hand_in(context(url, Path(home)), csv())


@pytest.mark.fault
def test_killed_before_the_commit_nothing_is_lost_and_nothing_doubled(
    desk: Context, ledger_database: Logins, tmp_path: Path
) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_die_before_commit, args=(ledger_database.worker_url, str(tmp_path))
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert versions(desk) == []
    assert [one.name for one in (tmp_path / "lake" / "raw").rglob("*") if one.is_file()]
    assert hand_in(desk, csv()).summary["state"] == "accepted"
    assert len(versions(desk)) == 1
    assert read(desk) == ["INV-1"]
    assert actions(desk).count("document_accepted") == 1
