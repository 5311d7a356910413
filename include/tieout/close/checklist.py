"""The close checklist: each check recomputes its figures and says pass or fail with the reason.

Owns the list and its order. Numbers follow the house's checklist; a task without an automatic
check is not on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tieout.close.checks_data import (
    allocation_conserves,
    control_totals_agree,
    days_received,
    findings_settled,
    unallocated_within_limit,
)
from tieout.close.checks_ledger import (
    accruals_posted,
    expense_ties,
    tax_ties,
    trial_balance_is_zero,
)
from tieout.close.checks_match import bridges_explain, invoices_matched, prepaid_ties
from tieout.close.evidence import AccountEvidence, CloseInputs, PoolTotal

__all__ = ["AccountEvidence", "Check", "CloseInputs", "PoolTotal", "check_json", "checks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the checklist; `detail` names what failed, or what was compared."""

    check_id: str
    title: str
    passed: bool
    blocking: bool
    detail: str


# A check gives its problems (none: passed) and what it compared.
_Outcome = tuple[list[str], str]
_CHECKS: tuple[tuple[str, str, Callable[[CloseInputs], _Outcome]], ...] = (
    ("C01", "Every day of every account is received", days_received),
    ("C02", "Control totals agree between source and lake", control_totals_agree),
    ("C05", "Unallocated spend is below its limit", unallocated_within_limit),
    ("C06", "Allocation conserves every pool", allocation_conserves),
    ("C07", "Accruals are posted", accruals_posted),
    ("C08", "Prepaid credit and upfront fees tie to what is left of them", prepaid_ties),
    ("C09", "Invoices and receipts are matched and posted", invoices_matched),
    ("C10", "Variance bridges are explained within tolerance", bridges_explain),
    ("C12", "Tax ties to invoices", tax_ties),
    ("C15", "Journal expense equals the sub-ledger to the cent", expense_ties),
    ("C17", "No blocking finding is open", findings_settled),
    ("TB", "Trial balance sums to zero", trial_balance_is_zero),
)


def checks(inputs: CloseInputs) -> tuple[Check, ...]:
    """All checks in the order of the checklist; every one of them blocks the close."""
    results = []
    for check_id, title, run in _CHECKS:
        problems, compared = run(inputs)
        results.append(
            Check(
                check_id=check_id,
                title=title,
                passed=not problems,
                blocking=True,
                detail="; ".join(problems) or compared,
            )
        )
    return tuple(results)


def check_json(check: Check) -> dict[str, Any]:
    """Plain JSON values of a check."""
    return {
        "check_id": check.check_id,
        "title": check.title,
        "passed": check.passed,
        "blocking": check.blocking,
        "detail": check.detail,
    }
