"""November settled: reversals, true-ups, a bill that is missing, a credit note for October."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from demo.story import LATE_INVOICE_ON, NOVEMBER
from tests import month

from tieout.core.errors import NotReadyError
from tieout.core.period import Period
from tieout.ledger.entry import JournalEntry, entry_from_json
from tieout.ledger.late import entries_of
from tieout.ledger.trial_balance import account_balance
from tieout.steps import close, earlier, exceptions, inputs, normalise, pack, pull, status
from tieout.steps.context import Context
from tieout.store import journal

ACCRUED, PAYABLE, INPUT_TAX = "2100", "2000", "1400"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """November after `settle`, before anybody asked for its close."""

    world: month.World
    worker: Context
    october: dict[str, Any]

    def entries(self) -> list[JournalEntry]:
        with self.worker.store.transaction() as tx:
            return [entry_from_json(one) for one in journal.entries(tx)]


@pytest.fixture(scope="module")
def settled(closed_world: month.World) -> Iterator[Settled]:
    first = closed_world.worker()
    october = status.statement(first, period=month.PERIOD)
    first.close()
    month.run(closed_world, upto=month.place("settle", month.SECOND) + 1, period=month.SECOND)
    worker = closed_world.worker(day=NOVEMBER.final_on)
    yield Settled(world=closed_world, worker=worker, october=october)
    worker.close()


def on(entry: JournalEntry, account: str) -> Decimal:
    minor = sum(line.amount_minor for line in entry.lines if line.account == account)
    return Decimal(minor) / 100


def by_provider(
    entries: list[JournalEntry], account: str, *, kind: str, day: str, service: str
) -> dict[str, str]:
    found: dict[str, Decimal] = {}
    for one in entries:
        facts = (one.journal_type, str(one.posting_on), one.service_period)
        if facts == (kind, day, service):
            found[one.provider] = found.get(one.provider, Decimal(0)) + on(one, account)
    return {provider: f"{amount:.2f}" for provider, amount in sorted(found.items())}


def test_octobers_accruals_are_gone_and_novembers_follow_the_bills(settled: Settled) -> None:
    made = settled.entries()
    october, november = {"service": month.PERIOD}, {"service": month.SECOND}
    assert by_provider(made, ACCRUED, kind="reversal", day="2026-11-01", **october) == {
        "aws": "4847.31",
        "azure": "2325.03",
        "gcp": "2065.90",
        "openai": "1689.63",
    }
    assert by_provider(made, ACCRUED, kind="true_up", day="2026-11-30", **november) == {
        "aws": "-50.10",
        "azure": "-37.68",
        "gcp": "-35.77",
        "openai": "-68.95",
    }
    assert by_provider(made, ACCRUED, kind="reversal", day="2026-12-01", **november) == {
        "aws": "4688.08",
        "azure": "2320.22",
        "gcp": "2222.38",
        "openai": "1940.44",
    }


def test_the_bills_that_came_are_booked_and_the_missing_one_is_not(settled: Settled) -> None:
    booked = {
        one.source_refs[0]: (one.provider, str(one.posting_on), -on(one, PAYABLE))
        for one in settled.entries()
        if one.journal_type == "invoice" and one.service_period == month.SECOND
    }
    assert booked == {
        "EUINDE26-1163507": ("aws", "2026-12-03", Decimal("4406.62")),
        "EUINDE26-2339120": ("aws", "2026-12-03", Decimal("281.46")),
        "G107240556": ("azure", "2026-12-03", Decimal("1979.34")),
        "G107240557": ("azure", "2026-12-03", Decimal("340.88")),
        "5519846027": ("gcp", "2026-12-01", Decimal("2222.38")),
    }


def test_the_liability_of_the_missing_bill_stands_at_the_end_of_the_month(
    settled: Settled,
) -> None:
    posted = [one for one in settled.entries() if one.posting_on <= NOVEMBER.days[1]]
    openai = account_balance(posted, account=ACCRUED, provider="openai")
    assert Decimal(openai) / 100 == Decimal("-1940.44")
    assert account_balance(posted, account=ACCRUED) == -1_117_112


def test_the_credit_note_for_october_is_novembers_with_its_service_month(
    settled: Settled,
) -> None:
    (note,) = [one for one in settled.entries() if one.journal_type == "credit_note"]
    assert (str(note.posting_on), note.service_period) == ("2026-11-20", "2026-10")
    assert note.adjustment_kind == "change_in_estimate"
    assert note.source_refs[0] == "EUINCN26-0040718"
    assert on(note, PAYABLE) == Decimal("86.40")
    borne = [line.amount_minor for line in note.lines if line.account not in {PAYABLE, INPUT_TAX}]
    assert sum(borne) == -8640
    assert len(borne) > 5  # by all that October's AWS cost was borne by


def test_the_statement_names_what_october_consumed(settled: Settled) -> None:
    found = status.statement(settled.worker, period=month.SECOND)
    assert found["expense"] == "16110.99"
    assert found["earlier_expense"] == [{"service_period": "2026-10", "expense": "-86.40"}]
    assert found["findings"]["warning late_document"] == 1


def test_octobers_statement_stays_as_it_was_signed(settled: Settled) -> None:
    after = status.statement(settled.worker, period=month.PERIOD)
    kept = ("content_hash", "state", "bridges", "rows", "ledger_total", "expense", "publication")
    assert {name: after[name] for name in kept} == {name: settled.october[name] for name in kept}
    assert month.act("publish")(settled.world) is not None


def test_settling_again_and_reapplying_again_post_nothing(settled: Settled) -> None:
    before = len(settled.entries())
    for name in ("accrue", "reapply rules", "settle"):
        again = month.act(name, month.SECOND)(settled.world)
        assert again is not None
        assert again.status == "unchanged", name
    assert len(settled.entries()) == before


def test_the_close_asks_a_person_about_the_missing_bill(settled: Settled) -> None:
    with pytest.raises(NotReadyError, match="no invoice is matched") as refused:
        month.act("request close", month.SECOND)(settled.world)
    assert "openai/org-NordlichtLabs" in str(refused.value)
    month.act("find exceptions", month.SECOND)(settled.world)
    (waiting,) = [
        one
        for one in exceptions.listing(settled.worker, period=month.SECOND)
        if one["kind"] == "missing_invoice"
    ]
    assert waiting["subject"] == "openai/org-NordlichtLabs"
    for name in ("explain what moved", "accept the missing invoice", "request close"):
        month.act(name, month.SECOND)(settled.world)
    asked = status.period_status(settled.worker, period=month.SECOND)
    assert [one for one in asked["checks"] if one["state"] == "failed"] == []


def test_two_people_close_it_and_an_auditor_performs_it_again(
    settled: Settled, tmp_path: Path
) -> None:
    for name in ("preparer signs", "controller signs", "publish"):
        month.act(name, month.SECOND)(settled.world)
    before = {one["check_id"]: one for one in close.checklist(settled.worker, period=month.SECOND)}
    assert before["C19"]["state"] == "to_follow"
    folder = pack.run(settled.worker, period=month.SECOND, folder=tmp_path).summary["folder"]
    program = [sys.executable, "-I", "-S", f"{folder}/verify.py", str(folder)]
    checked = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout.count("FAILED")) == (0, 0), checked.stdout
    checks = {one["check_id"]: one for one in close.checklist(settled.worker, period=month.SECOND)}
    assert (checks["C19"]["state"], "checks held" in checks["C19"]["detail"]) == ("passed", True)
    assert {one["state"] for one in checks.values()} == {"passed", "not_applicable"}
    again = pack.run(settled.worker, period=month.SECOND, folder=tmp_path)
    assert again.status == "unchanged"


def later(settled: Settled, books: Period) -> list[JournalEntry]:
    """What a later month would take for OpenAI's November."""
    worker = settled.world.worker(day=LATE_INVOICE_ON)
    try:
        with worker.store.transaction() as tx:
            chart = inputs.chart(tx, Period(2026, 11))
            found = [
                one
                for one in earlier.found(worker, tx, books, settled.entries())
                if (one.month.provider, str(one.month.period)) == ("openai", month.SECOND)
            ]
    finally:
        worker.close()
    return [made.entry for one in found for made in entries_of(one, chart=chart) if made.entry]


def test_while_no_bill_comes_each_later_month_accrues_it_again(settled: Settled) -> None:
    for books in (Period(2026, 12), Period(2027, 1)):
        (again,) = later(settled, books)
        assert (again.journal_type, again.posting_on) == ("accrual", books.last_on)
        assert (on(again, ACCRUED), again.service_period) == (Decimal("-1940.44"), month.SECOND)


def test_the_bill_that_comes_after_the_close_is_booked_in_the_open_month(
    settled: Settled,
) -> None:
    month._as_of(settled.world, day=LATE_INVOICE_ON)
    worker = settled.world.worker(day=LATE_INVOICE_ON)
    try:
        pull.run(worker, provider="openai", period=month.SECOND, kinds=("documents",))
        normalise.run(worker, provider="openai", period=month.SECOND)
    finally:
        worker.close()
    (bill,) = later(settled, Period(2026, 12))
    assert (bill.journal_type, str(bill.posting_on)) == ("invoice", "2026-12-01")
    assert (bill.service_period, bill.adjustment_kind) == (month.SECOND, "change_in_estimate")
    assert -on(bill, PAYABLE) == Decimal("1820.44")
    after = status.statement(settled.worker, period=month.SECOND)
    assert (after["expense"], after["state"]) == ("16110.99", "closed")
