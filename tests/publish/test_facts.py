"""The flat tables of a publication: they add up to what they were made from."""

from decimal import Decimal

import pyarrow as pa

from tieout.focus.ledger_columns import LEDGER_SCHEMA
from tieout.publish.facts import allocation_table, journal_table, reconciliation_table

BRIDGE = {
    "provider": "openai",
    "billing_account_id": "org",
    "section": "report_to_invoice",
    "start_label": "Report",
    "start_units": "1000000000001",
    "end_label": "Invoice",
    "end_units": "900000000000",
    "unexplained_units": "-1",
    "lines": [{"component": "credit", "cause": "Promotion.", "amount_units": "-100000000000"}],
}
ENTRY = {
    "document_no": "ACC-2026-000001",
    "journal_type": "accrual",
    "provider": "openai",
    "service_period": "2026-10",
    "document_on": "2026-10-31",
    "description": "Accrual",
    "reverses": None,
    "idempotency_key": "k",
    "posting_on": "2026-10-31",
    "currency": "USD",
    "lines": [
        {
            "line_no": 1,
            "account": "5100",
            "debit_minor": 1234,
            "credit_minor": 0,
            "memo": "m",
            "dimensions": {"initiative": "search"},
        },
        {
            "line_no": 2,
            "account": "2100",
            "debit_minor": 0,
            "credit_minor": 1234,
            "memo": "m",
            "dimensions": {},
        },
    ],
}


def test_a_bridge_adds_up_in_its_table_with_unexplained_as_a_row() -> None:
    table = reconciliation_table([BRIDGE])
    amounts = sum(table.column("amount").to_pylist())
    assert table.column("component").to_pylist() == ["credit", "unexplained"]
    assert table.column("start")[0].as_py() + amounts == table.column("end")[0].as_py()


def test_journal_lines_balance_in_their_table() -> None:
    table = journal_table([ENTRY], digits=2)
    debit = sum(value or Decimal(0) for value in table.column("debit").to_pylist())
    credit = sum(value or Decimal(0) for value in table.column("credit").to_pylist())
    assert (debit, credit) == (Decimal("12.34"), Decimal("12.34"))
    assert table.column("debit").to_pylist()[1] is None
    assert table.column("initiative").to_pylist() == ["search", None]


def test_only_shares_of_pools_are_allocation_rows() -> None:
    base = dict.fromkeys(LEDGER_SCHEMA.names)
    rows = [
        {
            **base,
            "ledger_line_id": "b",
            "pool_id": "p",
            "pool_line_id": "x",
            "billed_cost": Decimal(2),
            "charge_count": 0,
        },
        {**base, "ledger_line_id": "a", "billed_cost": Decimal(1), "charge_count": 1},
    ]
    table = allocation_table(pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA))
    assert table.column("ledger_line_id").to_pylist() == ["b"]
