"""The sample month through every step: figures against truth.json, repeats, people, evidence."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import (
    NotReadyError,
    SegregationError,
    TieoutError,
    UnknownSubjectError,
)
from tieout.core.period import parse_period
from tieout.focus.columns import AI_SERVICE_CATEGORY
from tieout.steps import audit_log, close, evidence, explain, post, publish, sign, status
from tieout.steps.context import Context

SAMPLE = Path(__file__).parents[2] / "sample"
TRUTH = json.loads((SAMPLE / "truth.json").read_text())
CENT = Decimal("0.01")


@pytest.fixture
def worker(closed_world: month.World) -> Any:
    context = closed_world.worker()
    yield context
    context.close()


@pytest.fixture
def statement(worker: Context) -> dict[str, Any]:
    return status.statement(worker, period=month.PERIOD)


def _truth_of(cloud: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLE / "bills" / cloud / "truth.json").read_text())
    return found


def _bridge(statement: dict[str, Any], provider: str, section: str) -> dict[str, Any]:
    (found,) = [
        bridge
        for bridge in statement["bridges"]
        if (bridge["provider"], bridge["section"]) == (provider, section)
    ]
    return dict(found)


def _amount(bridge: dict[str, Any], component: str) -> Decimal:
    units = sum(
        int(one["amount_units"]) for one in bridge["lines"] if one["component"] == component
    )
    return Decimal(units).scaleb(-12)


def _ends(bridge: dict[str, Any]) -> tuple[Decimal, Decimal]:
    start, end = bridge["start_units"], bridge["end_units"]
    return Decimal(int(start)).scaleb(-12), Decimal(int(end)).scaleb(-12)


def test_openai_meets_the_truth(statement: dict[str, Any]) -> None:
    truth = TRUTH["openai"]
    draft, final = _ends(_bridge(statement, "openai", "draft_to_final"))
    assert abs(draft - Decimal(truth["cost_api_total_when_pulled_on_first"])) < Decimal("1e-9")
    assert abs(final - Decimal(truth["cost_api_total_final"])) < Decimal("1e-9")
    invoice = _bridge(statement, "openai", "report_to_invoice")
    assert _ends(invoice)[1] == Decimal(truth["invoice_total"])
    assert _amount(invoice, "credit") == Decimal(truth["promotional_credit"])
    rounding = Decimal(truth["rounding_invoice_minus_api"])
    assert abs(_amount(invoice, "rounding") - rounding) < Decimal("1e-9")


def test_anthropic_meets_the_truth(statement: dict[str, Any]) -> None:
    truth = TRUTH["anthropic"]
    roll = _bridge(statement, "anthropic", "credit_rollforward")
    opening, closing = _ends(roll)
    assert opening == Decimal(truth["opening_credit"])
    assert closing == Decimal(truth["closing_credit"])
    assert _amount(roll, "purchase") == Decimal(truth["purchased_net"])
    assert _amount(roll, "usage") == -Decimal(truth["usage_usd"])


def test_aws_meets_the_truth(statement: dict[str, Any]) -> None:
    invoice = _bridge(statement, "aws", "report_to_invoice")
    assert _ends(invoice)[1] == Decimal(TRUTH["aws"]["invoice_total"])


def test_google_cloud_meets_the_truth(statement: dict[str, Any]) -> None:
    truth = _truth_of("gcp")
    draft, final = _ends(_bridge(statement, "gcp", "draft_to_final"))
    assert (draft, final) == (
        Decimal(truth["report_total_draft"]),
        Decimal(truth["report_total_final"]),
    )
    assert _ends(_bridge(statement, "gcp", "report_to_invoice"))[1] == Decimal(
        truth["invoice_total"]
    )


def test_azure_meets_the_truth_on_two_invoices(statement: dict[str, Any]) -> None:
    truth = _truth_of("azure")
    bridge = _bridge(statement, "azure", "report_to_invoice")
    assert _ends(bridge) == (Decimal(truth["report_total_final"]), Decimal(truth["invoice_total"]))
    invoices = [line["evidence"][0] for line in bridge["lines"]]
    assert invoices == [truth["marketplace_invoice_number"]]  # the other one needs no rounding


def test_ai_spend_inside_the_clouds_is_recognised(worker: Context) -> None:
    lines = status.ledger_lines(worker, period=month.PERIOD)
    found = {line["provider"] for line in lines if line["service_category"] == AI_SERVICE_CATEGORY}
    assert found == set(month.PROVIDERS)


def test_every_bridge_adds_up_and_nothing_is_unexplained(statement: dict[str, Any]) -> None:
    for bridge in statement["bridges"]:
        lines = sum(int(one["amount_units"]) for one in bridge["lines"])
        unexplained = int(bridge["unexplained_units"])
        assert int(bridge["start_units"]) + lines + unexplained == int(bridge["end_units"])
        assert unexplained == 0


def test_the_expense_of_the_month_is_what_was_billed_to_the_cent(
    statement: dict[str, Any],
) -> None:
    billed = (
        Decimal(TRUTH["openai"]["invoice_total"])
        + Decimal(TRUTH["aws"]["invoice_total"])
        + Decimal(TRUTH["anthropic"]["usage_usd"]).quantize(CENT)
        + Decimal(_truth_of("gcp")["invoice_total"])
        + Decimal(_truth_of("azure")["invoice_total"])
    )
    assert Decimal(statement["expense"]) == billed
    assert Decimal(statement["ledger_total"]).quantize(CENT) == billed
    assert statement["journal_debit"] == statement["journal_credit"]
    assert statement["state"] == "closed"


def test_running_every_step_again_changes_nothing(closed_world: month.World) -> None:
    context = closed_world.worker()
    before = status.statement(context, period=month.PERIOD)
    for name, act in month.acts():
        result = act(closed_world)
        assert result is None or result.status == "unchanged", name
    after = status.statement(context, period=month.PERIOD)
    context.close()
    assert after["content_hash"] == before["content_hash"]
    assert after["ledger_seq"] == before["ledger_seq"]


def test_the_audit_log_is_unbroken(worker: Context) -> None:
    assert int(audit_log.verify(worker).summary["events"] or 0) > 30


def test_bean_check_accepts_the_published_journal(statement: dict[str, Any]) -> None:
    program = Path(sys.executable).with_name("bean-check")
    journal = statement["publication"]["journal.beancount"]
    checked = subprocess.run([program, journal], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_published_files_have_the_hashes_of_their_manifest(
    statement: dict[str, Any],
) -> None:
    manifest = Path(statement["publication"]["SHA256SUMS"])
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", manifest.name],
        cwd=manifest.parent,
        check=False,
        capture_output=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_published_audit_log_passes_the_standalone_verifier(
    statement: dict[str, Any],
) -> None:
    folder = Path(statement["publication"]["SHA256SUMS"]).parent / "evidence"
    verifier = Path(__file__).parents[2] / "include" / "tieout" / "audit" / "verifier.py"
    command = [sys.executable, "-I", str(verifier)]
    command += ["--events", str(folder / "audit-events.jsonl")]
    command += ["--checkpoint", str(folder / "checkpoint.txt")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_every_ledger_line_opens_to_charges_that_add_up_to_it(
    worker: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    with worker.store.transaction() as tx:
        loaded = evidence.load(worker, tx, parse_period(month.PERIOD))
    monkeypatch.setattr(evidence, "load", lambda *_: loaded)  # each line would load the same again
    for line in status.ledger_lines(worker, period=month.PERIOD):
        found = explain.run(worker, period=month.PERIOD, line=line["ledger_line_id"])
        whole = found["allocation"]["of"] if found["allocation"] else line["billed_cost"]
        assert Decimal(found["charges_total"]) == Decimal(whole)
        assert all(charge["verified"] for charge in found["charges"])


def test_a_flipped_bit_in_a_providers_document_is_refused_by_name(worker: Context) -> None:
    line = status.ledger_lines(worker, period=month.PERIOD)[0]
    found = explain.run(worker, period=month.PERIOD, line=line["ledger_line_id"])
    digest = found["charges"][0]["document_sha256"]
    (file,) = (worker.settings.home / "lake" / "raw").rglob(f"{digest}*")
    content = file.read_bytes()
    file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    fresh = Context(
        settings=worker.settings,
        connection=worker.connection,
        now=worker.now,
        database_url=worker.database_url,
    )
    try:
        with pytest.raises(TieoutError, match="changed after it was stored"):
            explain.run(fresh, period=month.PERIOD, line=line["ledger_line_id"])
    finally:
        file.write_bytes(content)
        fresh.close()


def test_an_unknown_line_is_refused(worker: Context) -> None:
    with pytest.raises(UnknownSubjectError, match="expected one"):
        explain.run(worker, period=month.PERIOD, line="000000000000")


def test_a_worker_cannot_sign(worker: Context) -> None:
    asked = status.period_status(worker, period=month.PERIOD)
    with pytest.raises(SegregationError):
        sign.run(
            worker,
            period=month.PERIOD,
            person=month.CONTROLLER,
            duty="controller",
            content_hash=asked["content_hash"],
            comment="forged by a task",
        )


def test_a_closed_month_takes_no_accrual(worker: Context) -> None:
    with worker.store.transaction() as tx:
        asked = status.period_status(worker, period=month.PERIOD)
        assert asked["state"] == "closed"
        assert tx is not None
    result = post.accrue(worker, period=month.PERIOD)
    assert result.status == "unchanged"


def test_the_ledger_views_hold_the_published_lines(
    closed_world: month.World, statement: dict[str, Any]
) -> None:
    with psycopg.connect(closed_world.worker_url) as connection:
        row = connection.execute("SELECT sum(billed_cost) FROM tieout.v_ledger").fetchone()
    assert row is not None
    assert row[0] == Decimal(statement["ledger_total"])


def test_publishing_needs_two_signatures(world_at: WorldAt) -> None:
    context = world_at("request close").worker()
    try:
        with pytest.raises(NotReadyError, match="not closed"):
            publish.run(context, period=month.PERIOD)
        with pytest.raises(NotReadyError, match="An approval in Airflow alone closes nothing"):
            close.verify(context, period=month.PERIOD)
    finally:
        context.close()


def test_every_ledger_line_of_an_invoice_opens_to_accrual_reversal_and_invoice(
    worker: Context,
) -> None:
    lines = status.ledger_lines(worker, period=month.PERIOD)
    line = next(one for one in lines if one["provider"] == "openai" and not one["pool_id"])
    found = explain.run(worker, period=month.PERIOD, line=line["ledger_line_id"])
    entries = [one["entry"] for one in found["journal"]]
    assert {"accrual", "reversal", "invoice"} <= set(entries)
    october = [one for one in found["journal"] if one["posting_on"] < "2026-11-01"]
    amount = sum((Decimal(one["amount"]) for one in october), Decimal(0))
    assert abs(amount - Decimal(line["billed_cost"])) < CENT
