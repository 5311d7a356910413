"""A small chart and small ledger tables for examples."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from tieout.core.ids import content_key
from tieout.core.money import to_decimal, to_units
from tieout.core.period import Period
from tieout.focus.document import BillingDocument, DocumentLine
from tieout.focus.ledger_columns import LEDGER_SCHEMA
from tieout.ledger.building import AccountMonth
from tieout.ledger.chart import parse_chart

CHART_TEXT = """\
chart: nordlicht
currency: USD
accounts:
  - {code: "1000", name: Cash, type: asset}
  - {code: "1300", name: Prepaid AI credits, type: asset}
  - {code: "1400", name: Input tax, type: asset}
  - {code: "2000", name: Accounts payable, type: liability}
  - {code: "2010", name: Accounts payable AWS, type: liability}
  - {code: "2100", name: Accrued cloud and AI cost, type: liability}
  - {code: "3900", name: Opening balances, type: equity}
  - {code: "5100", name: Cost of revenue - AI and hosting, type: expense}
  - {code: "6100", name: Research and development - AI and hosting, type: expense}
  - {code: "6900", name: Suspense - unmapped spend, type: expense}
control:
  cash: "1000"
  prepaid: "1300"
  input_tax: "1400"
  payable: "2000"
  payable.aws: "2010"
  accrued: "2100"
  opening: "3900"
  suspense: "6900"
expense:
  - {pl_category: Cost of revenue, account: "5100"}
  - {pl_category: Research and development, account: "6100"}
  - {pl_category: Cost of revenue, account: "6100"}
"""
CHART = parse_chart(CHART_TEXT, name="chart.yaml")
OCTOBER = Period(2026, 10)
MONTH = AccountMonth(provider="openai", billing_account_id="org-1", period=OCTOBER)
COST_OF_REVENUE, RESEARCH = "Cost of revenue", "Research and development"


def line(cost: str | int, **fields: Any) -> dict[str, Any]:
    """One ledger line; a text is an amount, an int units of 1e-12."""
    units = to_units(cost) if isinstance(cost, str) else cost
    return {
        "period": "2026-10",
        "provider": "openai",
        "billing_account_id": "org-1",
        "service_name": "OpenAI API",
        "service_category": "AI and Machine Learning",
        "charge_category": "Usage",
        "initiative": "support-assistant",
        "pl_category": COST_OF_REVENUE,
        "billed_cost": to_decimal(units),
        "charge_count": 1,
        **fields,
    }


def ledger(*rows: dict[str, Any]) -> pa.Table:
    """A table of LEDGER_SCHEMA; each row has an id of its own."""
    numbered = [
        {"ledger_line_id": content_key((number,)), **row} for number, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(numbered, LEDGER_SCHEMA)


def paper(
    net: str, *, tax: str = "0", lines: Sequence[DocumentLine] = (), **fields: Any
) -> BillingDocument:
    """A billing document of one amount before tax."""
    values: dict[str, Any] = {
        "kind": "invoice",
        "number": "INV-1",
        "seller": "OpenAI",
        "bill_to": "Nordlicht Labs",
        "currency": "USD",
        "issued_on": date(2026, 11, 3),
        "due_on": None,
        "service_start": None,
        "service_end": None,
        "lines": tuple(lines),
        "subtotal_units": to_units(net),
        "credit_units": 0,
        "tax_units": to_units(tax),
        "total_units": to_units(net) + to_units(tax),
        "amount_due_units": to_units(net) + to_units(tax),
        "document": "d" * 64,
    }
    return BillingDocument(**{**values, **fields})
