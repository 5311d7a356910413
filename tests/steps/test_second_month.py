"""November on top of the closed October: figures against its truth, late rows, a rule that changes.

The sample's own bills are tested here too: that they are what their builder makes, and that October
is answered as before on the later days of the story.
"""

import filecmp
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from demo.standins import ACCOUNTS, StandIns
from demo.story import CREDIT_MEMO_ON, LATE_INVOICE_ON, NOVEMBER, OCTOBER, SAMPLE
from tests import month

from tieout.config import connection_from_environment, utc_now
from tieout.core.ids import sha256_hex
from tieout.core.money import to_units
from tieout.core.period import parse_period
from tieout.sources.base import RawDocument, load_invoice_format, load_provider
from tieout.steps import preview, status
from tieout.steps.bills import arrived_documents
from tieout.steps.context import Context
from tieout.steps.inputs import accounts
from tieout.store import journal

TRUTH: dict[str, Any] = json.loads((SAMPLE / "truth-2026-11.json").read_text())
ARREARS = ("aws", "azure", "gcp")
DRAFT_TOTALS = {
    **{name: TRUTH[name]["report_total_draft"] for name in ARREARS},
    "openai": TRUTH["openai"]["cost_api_total_when_pulled_on_first"],
}
FINAL_TOTALS = {
    **{name: TRUTH[name]["report_total_final"] for name in ARREARS},
    "openai": TRUTH["openai"]["cost_api_total_final"],
}
PAGE = SAMPLE.parent / "docs" / "second-month.md"
_AMOUNT = re.compile(r"(?<![\w.:-])-?\d{1,3}(?:,\d{3})*\.\d\d(?![\d.])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """November when all its papers are in, before it is settled."""

    worker: Context
    before: dict[str, Any]  # October's statement before November began

    def bridge(self, provider: str, section: str) -> dict[str, Any]:
        found = status.statement(self.worker, period=month.SECOND)["bridges"]
        (one,) = [one for one in found if (one["provider"], one["section"]) == (provider, section)]
        return dict(one)

    def entries(self, journal_type: str) -> list[dict[str, Any]]:
        with self.worker.store.transaction() as tx:
            return [one for one in journal.entries(tx) if one["journal_type"] == journal_type]


@pytest.fixture(scope="module")
def second(closed_world: month.World) -> Iterator[Second]:
    first = closed_world.worker()
    before = status.statement(first, period=month.PERIOD)
    first.close()
    month.run(closed_world, upto=month.place("settle", month.SECOND), period=month.SECOND)
    context = closed_world.worker(day=NOVEMBER.final_on)
    yield Second(worker=context, before=before)
    context.close()


def _ends(bridge: dict[str, Any]) -> list[Decimal]:
    return [Decimal(int(bridge[name])).scaleb(-12) for name in ("start_units", "end_units")]


def _cents(amount: str) -> Decimal:
    return Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _net(entry: dict[str, Any], account: str) -> Decimal:
    own = [line for line in entry["lines"] if line["account"] == account]
    return Decimal(sum(one["debit_minor"] - one["credit_minor"] for one in own)) / 100


@pytest.mark.parametrize("provider", sorted(DRAFT_TOTALS))
def test_draft_and_final_report_are_the_truth(second: Second, provider: str) -> None:
    draft, final = _ends(second.bridge(provider, "draft_to_final"))
    assert abs(draft - Decimal(DRAFT_TOTALS[provider])) < Decimal("1e-9")
    assert abs(final - Decimal(FINAL_TOTALS[provider])) < Decimal("1e-9")


@pytest.mark.parametrize("provider", sorted(DRAFT_TOTALS))
def test_what_came_after_the_draft_is_named_to_the_unit(second: Second, provider: str) -> None:
    bridge = second.bridge(provider, "draft_to_final")
    (line,) = bridge["lines"]
    draft, final = _ends(bridge)
    assert line["component"] == ("restated_rows" if provider == "openai" else "late_rows")
    assert Decimal(int(line["amount_units"])).scaleb(-12) == final - draft
    assert "2026-11-30" in line["cause"]
    assert bridge["unexplained_units"] in {0, "0"}


def test_the_month_is_accrued_by_account_from_the_draft(second: Second) -> None:
    own = [one for one in second.entries("accrual") if one["service_period"] == month.SECOND]
    assert {one["posting_on"] for one in own} == {"2026-11-30"}
    accrued = {one["provider"]: -_net(one, "2100") for one in own}
    assert accrued == {name: _cents(total) for name, total in DRAFT_TOTALS.items()}


def test_octobers_accruals_reverse_in_november(second: Second) -> None:
    reversals = second.entries("reversal")
    assert {one["posting_on"] for one in reversals} == {"2026-11-01"}
    names = {one["provider"] for one in reversals}
    left = {
        name: sum(_net(one, "2100") for one in reversals if one["provider"] == name)
        for name in names
    }
    truth = json.loads((SAMPLE / "truth.json").read_text())
    assert left["aws"] == Decimal(truth["aws"]["invoice_total"])
    assert left["openai"] == Decimal(truth["openai"]["invoice_total"])


@pytest.mark.parametrize("provider", ARREARS)
def test_the_invoices_that_arrived_tie_to_the_final_report(second: Second, provider: str) -> None:
    bridge = second.bridge(provider, "report_to_invoice")
    assert _ends(bridge)[1] == Decimal(TRUTH[provider]["invoice_total"])
    assert bridge["unexplained_units"] in {0, "0"}


def test_openais_invoice_is_missing_and_says_so(second: Second) -> None:
    found = status.statement(second.worker, period=month.SECOND)
    (row,) = [one for one in found["rows"] if one["provider"] == "openai"]
    assert row["billed"] is None
    assert found["findings"]["warning missing_invoice"] == 1
    sections = {one["section"] for one in found["bridges"] if one["provider"] == "openai"}
    assert "report_to_invoice" not in sections


def test_anthropics_credit_goes_on_where_october_ended(second: Second) -> None:
    truth = TRUTH["anthropic"]
    opening, closing = _ends(second.bridge("anthropic", "credit_rollforward"))
    assert (opening, closing) == (
        Decimal(truth["opening_credit"]),
        Decimal(truth["closing_credit"]),
    )


def test_the_price_that_changed_in_mid_month_is_a_cause_of_its_own(second: Second) -> None:
    bridge = second.bridge("anthropic", "estimate_to_report")
    (price,) = [one for one in bridge["lines"] if one["component"] == "price"]
    assert int(price["amount_units"]) < 0  # the rate card in force has the price before
    assert bridge["unexplained_units"] in {0, "0"}


def test_one_project_begins_and_one_server_ends(second: Second) -> None:
    lines = status.ledger_lines(second.worker, period=month.SECOND)
    new = [one for one in lines if one["project"] == "Forecast"]
    assert sum(Decimal(one["billed_cost"]) for one in new) == Decimal(
        TRUTH["openai"]["cost_api_by_project"][TRUTH["openai"]["new_project"]]
    )
    assert {one["initiative"] for one in new} == {"internal-tools"}
    ended = [(one["initiative"], one["environment"]) for one in lines if one["provider"] == "aws"]
    assert ("internal-tools", "dev") in ended  # until 12 November
    unallocated = sum(Decimal(one["billed_cost"]) for one in lines if not one["initiative"])
    assert unallocated == Decimal(
        status.statement(second.worker, period=month.SECOND)["unallocated"]
    )


def test_the_changed_rule_reaches_october_as_a_reclassification_in_november(
    second: Second,
) -> None:
    (entry,) = second.entries("reclass")
    assert (entry["posting_on"], entry["service_period"]) == ("2026-11-30", month.PERIOD)
    moved = {one["account"]: _net(entry, one["account"]) for one in entry["lines"]}
    assert set(moved) == {"5100", "6900"}
    assert moved["5100"] == -moved["6900"] > 0
    restated = status.ledger_lines(second.worker, period=month.PERIOD, basis="restated")
    reported = status.ledger_lines(second.worker, period=month.PERIOD)
    found = [sum(Decimal(one["billed_cost"]) for one in lines) for lines in (reported, restated)]
    assert found[0] == found[1]
    assert reported != restated


def test_the_preview_shows_the_closed_and_the_open_month(second: Second) -> None:
    (known, *_) = preview.listing(second.worker)
    shown = preview.show(second.worker, preview=known["preview"])
    states = [(one["period"], one["state"]) for one in shown["months"]]
    assert states == [(month.PERIOD, "closed"), (month.SECOND, "open")]
    assert shown["approved_by"] == month.CONTROLLER
    assert sum(to_units(one["change"]) for one in shown["summary"]["initiatives"]) == 0


def test_octobers_statement_is_what_it_was(second: Second) -> None:
    after = status.statement(second.worker, period=month.PERIOD)
    same = ("content_hash", "state", "bridges", "rows", "ledger_total", "expense")
    assert {name: after[name] for name in same} == {name: second.before[name] for name in same}


def test_the_credit_note_is_a_paper_of_october(second: Second) -> None:
    wanted = TRUTH["aws"]["october_credit"]
    with second.worker.store.transaction() as tx:
        found = {}
        for name in (month.PERIOD, month.SECOND):
            at = parse_period(name)
            (account,) = [one for one in accounts(tx, at) if one.provider == "aws"]
            found[name] = arrived_documents(second.worker, tx, account, at)
    (note,) = [one for one in found[month.PERIOD] if one.kind == "credit_note"]
    assert (note.number, note.corrects) == (wanted["number"], wanted["corrects"])
    assert note.total_units == to_units(wanted["total"])
    assert {one.kind for one in found[month.SECOND]} == {"invoice"}


def test_running_the_second_month_again_changes_nothing(
    second: Second, closed_world: month.World
) -> None:
    month.act("accrue", month.SECOND)(closed_world)  # the credit note has come since: it is booked
    before = status.statement(second.worker, period=month.SECOND)
    for name, act in month.acts(month.SECOND)[: month.place("settle", month.SECOND)]:
        result = act(closed_world)
        assert result is None or result.status == "unchanged", name
    assert status.statement(second.worker, period=month.SECOND) == before


def test_every_amount_of_the_page_is_one_of_a_real_run(second: Second) -> None:
    found = status.statement(second.worker, period=month.SECOND)
    entries = [*second.entries("accrual"), *second.entries("reclass")]
    credited = Decimal(found["ledger_net"]) + Decimal(TRUTH["aws"]["october_credit"]["total"])
    known = {
        str(credited),  # the month's own expense with October's credit (test_second_close)
        *_texts(found),
        *_texts(second.before),
        *(value for name in ("aws", "azure", "gcp", "openai") for value in _texts(TRUTH[name])),
        *_texts(TRUTH["anthropic"]),
        *(str(abs(_net(one, line["account"]))) for one in entries for line in one["lines"]),
        *(str(end) for one in found["bridges"] for end in _ends(one)),
        *(
            str(Decimal(int(line["amount_units"])).scaleb(-12))
            for one in found["bridges"]
            for line in one["lines"]
        ),
    }
    shown = {f"{_cents(text):,.2f}".lstrip("-") for text in known}
    amounts = [one.lstrip("-") for one in _AMOUNT.findall(PAGE.read_text())]
    assert len(amounts) > 15
    assert [one for one in amounts if one not in shown] == []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
    elif isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        yield value


@pytest.fixture(scope="module")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIns]:
    made = StandIns(tmp_path_factory.mktemp("standins"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIEOUT_ALLOW_LOOPBACK", "1")
        made.start()
        yield made
        made.stop()


def _pulled(world: StandIns, name: str, period: str) -> tuple[RawDocument, ...]:
    provider, at = load_provider(name), parse_period(period)
    connection = connection_from_environment(name, world.connection_environment())
    asked: dict[str, Any] = {"account": ACCOUNTS[name], "period": at, "now": utc_now()}
    cost = provider.fetch_cost(connection, through=at.last_on, **asked)
    return (*cost, *provider.fetch_usage(connection, through=at.last_on, **asked))


def _papers(world: StandIns, name: str, period: str) -> set[str]:
    connection = connection_from_environment(name, world.connection_environment())
    found = load_provider(name).fetch_documents(
        connection, account=ACCOUNTS[name], period=parse_period(period), now=utc_now()
    )
    return {
        bill.number
        for one in found
        for bill in load_invoice_format(one.request["format"]).read(
            one.content, document_sha256=one.sha256
        )
    }


@pytest.mark.parametrize("name", sorted(ACCOUNTS))
def test_october_is_answered_as_before_on_later_days(standins: StandIns, name: str) -> None:
    told = []
    for day in (OCTOBER.final_on, NOVEMBER.draft_on, LATE_INVOICE_ON):
        standins.set_as_of(day)
        answers = [one for one in _pulled(standins, name, month.PERIOD) if one.kind != "names"]
        told.append([one.sha256 for one in answers])
    assert told[0] == told[1] == told[2]


def test_november_is_not_told_before_it_is_over(standins: StandIns) -> None:
    standins.set_as_of(OCTOBER.final_on)
    connection = connection_from_environment("openai", standins.connection_environment())
    with pytest.raises(Exception, match="400"):
        load_provider("openai").fetch_cost(
            connection,
            account=ACCOUNTS["openai"],
            period=parse_period(month.SECOND),
            through=date(2026, 11, 2),
            now=utc_now(),
        )


def test_documents_arrive_on_their_days(standins: StandIns) -> None:
    credit, late = TRUTH["aws"]["october_credit"]["number"], TRUTH["openai"]["invoice_number"]
    standins.set_as_of(OCTOBER.final_on)
    assert credit not in _papers(standins, "aws", month.PERIOD)
    standins.set_as_of(CREDIT_MEMO_ON)
    assert credit in _papers(standins, "aws", month.PERIOD)
    standins.set_as_of(NOVEMBER.final_on)
    assert _papers(standins, "aws", month.SECOND) == set(TRUTH["aws"]["invoices"])
    assert _papers(standins, "azure", month.SECOND) == {
        TRUTH["azure"]["services_invoice_number"],
        TRUTH["azure"]["marketplace_invoice_number"],
    }
    assert TRUTH["gcp"]["invoice_number"] in _papers(standins, "gcp", month.SECOND)
    assert late not in _papers(standins, "openai", month.SECOND)
    standins.set_as_of(LATE_INVOICE_ON)
    assert late in _papers(standins, "openai", month.SECOND)


@pytest.mark.parametrize("path", sorted((NOVEMBER.bills / "invoices").glob("*.pdf")))
def test_a_document_reads_as_what_stands_beside_it(path: Path) -> None:
    content = path.read_bytes()
    wanted = json.loads(path.with_name(f"{path.stem}.expected.json").read_text())
    (found,) = load_invoice_format("stripe_pdf").read(content, document_sha256=sha256_hex(content))
    assert found.number == wanted["number"]
    assert found.total_units == to_units(wanted["total"])
    assert found.credit_units == to_units(wanted.get("credit", "0"))
    lines = [(one.description, one.quantity, one.amount_units) for one in found.lines]
    assert lines == [
        (one["description"], str(one["quantity"]), to_units(one["amount"]))
        for one in wanted["lines"]
    ]


def test_the_bills_are_what_the_builder_makes_of_octobers(tmp_path: Path) -> None:
    copy = tmp_path / "sample"
    shutil.copytree(SAMPLE, copy, ignore=shutil.ignore_patterns("2026-11", "*-2026-11.json"))
    program = [sys.executable, str(copy / "build_november.py")]
    subprocess.run(program, check=True, cwd=tmp_path)
    made = sorted(one.relative_to(copy) for one in (copy / "bills").rglob("*") if one.is_file())
    kept = sorted(one.relative_to(SAMPLE) for one in (SAMPLE / "bills").rglob("*") if one.is_file())
    assert made == kept
    _, different, missing = filecmp.cmpfiles(copy, SAMPLE, [*map(str, made)], shallow=False)
    assert (different, missing) == ([], [])
    name = "truth-2026-11.json"
    assert (copy / name).read_bytes() == (SAMPLE / name).read_bytes()
