"""The close checklist: each check recomputes its figures and says pass or fail with the reason.

Owns the list and its order, and what a check shows: people, due day and evidence. Numbers follow
the house's checklist; `TB` is the trial balance. What follows the signatures is on the list too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tieout.close.check_evidence import EVIDENCE
from tieout.close.checks_data import (
    allocation_conserves,
    control_totals_agree,
    days_received,
    findings_settled,
    flux_explained,
    nothing_came_twice,
    overrides_reviewed,
    policies_approved,
    unallocated_within_limit,
)
from tieout.close.checks_entities import one_entity, pairs_agree
from tieout.close.checks_exchange import no_foreign_account, remeasured
from tieout.close.checks_ledger import (
    accruals_posted,
    expense_ties,
    tax_ties,
    trial_balance_is_zero,
)
from tieout.close.checks_match import bridges_explain, invoices_matched, prepaid_ties
from tieout.close.checks_rollforward import accrued_ties
from tieout.close.evidence import AccountEvidence, CloseInputs, PoolTotal

__all__ = ["AccountEvidence", "Check", "CloseInputs", "PoolTotal", "check_json", "checks"]

CheckState = Literal["passed", "failed", "not_applicable", "to_follow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the checklist; `detail` names what failed, or what was compared, or why not.

    A check that does not apply passes with its reason. One that follows the signatures has not
    passed yet and never blocks. `evidence` are ids and hashes of what was compared; `due_on` a day
    such as 2026-11-05; `owner` and `reviewer` person ids, or duties.
    """

    check_id: str
    title: str
    passed: bool
    blocking: bool
    detail: str
    state: CheckState = "passed"
    owner: str = "preparer"
    reviewer: str = "controller"
    due_on: str = ""
    evidence: tuple[str, ...] = ()


# A check gives its problems (none: passed) and what it compared.
_Outcome = tuple[list[str], str]


# Id, title, how it is computed, and what gives the reason why it does not apply, if it may not.
_Row = tuple[
    str, str, Callable[[CloseInputs], _Outcome], Callable[[CloseInputs], str | None] | None
]


def checks(inputs: CloseInputs) -> tuple[Check, ...]:
    """All checks in the order of the checklist."""
    return (*(_check(row, inputs) for row in _ROWS), *(_following(inputs)))


def check_json(check: Check) -> dict[str, Any]:
    """Plain JSON values of a check."""
    return {
        "check_id": check.check_id,
        "title": check.title,
        "passed": check.passed,
        "blocking": check.blocking,
        "detail": check.detail,
        "state": check.state,
        "owner": check.owner,
        "reviewer": check.reviewer,
        "due_on": check.due_on,
        "evidence": list(check.evidence),
    }


def _check(row: _Row, inputs: CloseInputs) -> Check:
    check_id, title, run, unless = row
    reason = unless(inputs) if unless else None
    if reason is not None:
        return _made(check_id, title, reason, "not_applicable", inputs)
    problems, compared = run(inputs)
    state: CheckState = "failed" if problems else "passed"
    return _made(check_id, title, "; ".join(problems) or compared, state, inputs)


def _made(check_id: str, title: str, detail: str, state: CheckState, inputs: CloseInputs) -> Check:
    task = inputs.plan.tasks[check_id]
    return Check(
        check_id=check_id,
        title=title,
        passed=state in ("passed", "not_applicable"),
        blocking=task.blocking,
        detail=detail,
        state=state,
        owner=task.owner,
        reviewer=task.reviewer,
        due_on=inputs.plan.due_on(check_id, inputs.period).isoformat(),
        evidence=EVIDENCE[check_id](inputs) if check_id in EVIDENCE else (),
    )


def _following(inputs: CloseInputs) -> tuple[Check, ...]:
    pack = "due after the close: `tieout pack` writes it and runs its verifier"
    people = "a preparer and another person as controller sign this content"
    return (
        _made("C19", "Evidence pack is built and verified", pack, "to_follow", inputs),
        _made("C20", "Two people sign and the month is closed", people, "to_follow", inputs),
    )


def _first_month(inputs: CloseInputs) -> str | None:
    return "no month before this one was closed and published" if inputs.flux is None else None


def _not_mirrored(inputs: CloseInputs) -> str | None:
    unread = inputs.controls is None and not inputs.is_watched
    return "Airflow's event log is not mirrored" if unread else None


_ROWS: tuple[_Row, ...] = (
    ("C01", "Every day of every account is received", days_received, None),
    ("C02", "Control totals agree between source and lake", control_totals_agree, None),
    ("C03", "Nothing came in twice", nothing_came_twice, None),
    ("C04", "Policies are approved and pinned", policies_approved, None),
    ("C05", "Unallocated spend is below its limit", unallocated_within_limit, None),
    ("C06", "Allocation conserves every pool", allocation_conserves, None),
    ("C07", "Accruals are posted", accruals_posted, None),
    ("C08", "Prepaid credit, fees and commitments tie to what is left", prepaid_ties, None),
    ("C09", "Invoices and receipts are matched and posted", invoices_matched, None),
    ("C10", "Variance bridges are explained within tolerance", bridges_explain, None),
    ("C11", "Foreign balances are remeasured", remeasured, no_foreign_account),
    ("C12", "Tax ties to invoices", tax_ties, None),
    ("C13", "Intercompany pairs agree", pairs_agree, one_entity),
    ("C14", "Accrued liabilities roll forward and tie", accrued_ties, None),
    ("C15", "Journal expense equals the sub-ledger to the cent", expense_ties, None),
    ("C16", "Movements beyond the threshold are explained", flux_explained, _first_month),
    ("C17", "No blocking finding is open", findings_settled, None),
    ("C18", "Overrides of controls are reviewed", overrides_reviewed, _not_mirrored),
    ("TB", "Trial balance sums to zero", trial_balance_is_zero, None),
)
