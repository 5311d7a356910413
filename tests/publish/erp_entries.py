"""Entries and targets for examples of journal exports; not a test itself."""

from typing import Any

from tieout.publish.erp_target import Target, parse_target

SETTINGS = {
    "dynamics_365": "{journal_name: GenJrn}",
    "netsuite": "{subsidiary: Main}",
    "oracle_fbdi": '{ledger_id: "1", journal_source: tieout, journal_category: Accrual, '
    'account_segment: "3"}',
    "quickbooks_online": '{payable_accounts: "2000"}',
    "sage_intacct": "{journal: GJ}",
    "sap_s4hana": '{company_code: "1010"}',
    "xero": "{base_currency: USD, tax_rate: No Tax}",
}
ACCOUNTS = 'accounts: {"2100": "2100", "5100": "5100", "2000": Payable}\n'


def target(erp: str, more: str = "", *, settings: str | None = None) -> Target:
    """A target with the least settings that the format needs."""
    names = ACCOUNTS if erp == "quickbooks_online" and "accounts:" not in more else ""
    text = f"erp: {erp}\nsettings: {settings or SETTINGS[erp]}\n{names}{more}"
    return parse_target(text, name=f"erp:{erp}")


def entry(number: str = "2026-accrual-000001", *amounts: int, **fields: Any) -> dict[str, Any]:
    """A posted entry on 31 October: each amount on account 5100, the balance on 2100."""
    shares = amounts or (1000,)
    lines = [_line(at, "5100", amount) for at, amount in enumerate(shares, start=1)]
    lines.append(_line(len(lines) + 1, "2100", -sum(shares)))
    return {
        "document_no": number,
        "journal_type": "accrual",
        "posting_on": "2026-10-31",
        "document_on": "2026-10-31",
        "service_period": "2026-10",
        "currency": "USD",
        "description": "Accrual of October",
        "provider": "openai",
        "billing_account_id": "org-1",
        "source_refs": [],
        "reverses": None,
        "idempotency_key": number,
        "adjustment_kind": "none",
        "lines": lines,
    } | fields


def _line(number: int, account: str, minor: int) -> dict[str, Any]:
    return {
        "line_no": number,
        "account": account,
        "debit_minor": max(minor, 0),
        "credit_minor": max(-minor, 0),
        "memo": f"Line {number}",
        "dimensions": {"initiative": "search", "cost_center": None, "provider": "openai"},
        "source_line_ref": None,
    }
