"""One small October: an account in arrears and a prepaid one, posted, matched, ready to close."""

from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
from tests.ledger.books import CHART, OCTOBER, RESEARCH, ledger, line, paper

from tieout.close.evidence import AccountEvidence, CloseInputs, PolicyUse, PoolTotal, ReportFile
from tieout.core.money import to_units
from tieout.ledger.building import AccountMonth
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.grouping import net_units, tax_units
from tieout.ledger.posting import (
    accrual,
    credit_purchase,
    drawdown,
    invoice,
    opening_balance,
    true_up,
)
from tieout.reconciliation.bridge import Bridge, BridgeLine, Section

OPENAI = AccountMonth(provider="openai", billing_account_id="org-1", period=OCTOBER)
ANTHROPIC = AccountMonth(provider="anthropic", billing_account_id="org-2", period=OCTOBER)
DRAFT = ledger(line("90"), line("8", pl_category=RESEARCH))
ADJUSTED = ledger(
    line("100.001"),
    line("8", pl_category=RESEARCH),
    line("-10", charge_category="Credit"),
    line("5", charge_category="Tax"),
    line("-0.001", charge_category="Adjustment"),
)
USED = ledger(line("30.004", provider="anthropic", billing_account_id="org-2"))
INVOICE = paper("98", tax="5")
RECEIPT = paper("40", kind="receipt", number="R-1", issued_on=date(2026, 10, 3))


def whole_ledger() -> pa.Table:
    return pa.concat_tables([ADJUSTED, USED])


def bridge(section: Section, start: str, end: str, causes: dict[str, str], **fields: Any) -> Bridge:
    lines = tuple(
        BridgeLine(
            section=section,
            component=component,
            cause=f"{component}.",
            amount_units=to_units(amount),
            evidence=(),
        )
        for component, amount in causes.items()
    )
    start_units, end_units = to_units(start), to_units(end)
    values: dict[str, Any] = {
        "provider": "openai",
        "billing_account_id": "org-1",
        "section": section,
        "currency": "USD",
        "start_label": "start",
        "start_units": start_units,
        "end_label": "end",
        "end_units": end_units,
        "lines": lines,
        "unexplained_units": end_units - start_units - sum(each.amount_units for each in lines),
    }
    return Bridge(**{**values, **fields})


OPENAI_BRIDGES = (
    bridge("estimate_to_report", "107", "108.001", {"price": "1.001"}),
    bridge("draft_to_final", "98", "108.001", {"late_rows": "10.001"}),
    bridge(
        "report_to_invoice",
        "108.001",
        "103",
        {"credit": "-10", "tax": "5", "rounding": "-0.001"},
    ),
)
_PREPAID = {"provider": "anthropic", "billing_account_id": "org-2"}
ANTHROPIC_BRIDGES = (
    bridge("draft_to_final", "30.004", "30.004", {}, **_PREPAID),
    bridge(
        "credit_rollforward",
        "12.34",
        "22.336",
        {"purchase": "40", "usage": "-30.004"},
        **_PREPAID,
    ),
)


def entries() -> tuple[JournalEntry, ...]:
    accrued = accrual(DRAFT, month=OPENAI, chart=CHART).entry
    assert accrued
    more = true_up([accrued], ADJUSTED, month=OPENAI, chart=CHART, documents=[INVOICE]).entry
    booked = invoice(ADJUSTED, month=OPENAI, chart=CHART, document=INVOICE).entry
    drawn = drawdown(USED, month=ANTHROPIC, chart=CHART).entry
    assert more
    assert booked
    assert drawn
    return (
        opening_balance(1234, month=ANTHROPIC, chart=CHART, source="console"),
        credit_purchase(RECEIPT, month=ANTHROPIC, chart=CHART),
        drawn,
        accrued,
        more,
        reverse(accrued, on=OCTOBER.end_on),
        reverse(more, on=OCTOBER.end_on),
        booked,
    )


def _account(table: pa.Table, **fields: Any) -> AccountEvidence:
    units = net_units(table)
    values: dict[str, Any] = {
        "days_received": frozenset(OCTOBER.days()),
        "source_rows": 10,
        "loaded_rows": 10,
        "source_units": units,
        "loaded_units": units,
        "ledger_lines_net_units": units,
        "ledger_tax_units": tax_units(table),
    }
    return AccountEvidence(**{**values, **fields})


def arrears(**fields: Any) -> AccountEvidence:
    values: dict[str, Any] = {
        "provider": "openai",
        "billing_account_id": "org-1",
        "mode": "arrears",
        "documents": (INVOICE,),
        "bridges": OPENAI_BRIDGES,
    }
    return _account(ADJUSTED, **{**values, **fields})


def prepaid(**fields: Any) -> AccountEvidence:
    values: dict[str, Any] = {
        **_PREPAID,
        "mode": "prepaid",
        "documents": (RECEIPT,),
        "bridges": ANTHROPIC_BRIDGES,
    }
    return _account(USED, **{**values, **fields})


def ready(**fields: Any) -> CloseInputs:
    inputs = CloseInputs(
        period=OCTOBER,
        currency="USD",
        chart=CHART,
        accounts=(arrears(), prepaid()),
        pools=(PoolTotal(pool_id="shared", amount_in_units=7, amount_out_units=7),),
        unallocated_units=to_units("6.4002"),
        entries=entries(),
        findings=(),
        policies=(
            PolicyUse(label="chart@1", sha256="c" * 64, proposed_by="ana", approved_by="ben"),
        ),
        reports=(
            ReportFile(subject="openai/org-1", content_sha256="1" * 64, rows=10),
            ReportFile(subject="anthropic/org-2", content_sha256="2" * 64, rows=10),
        ),
        certificate_hash="d" * 64,
    )
    return replace(inputs, **fields)
