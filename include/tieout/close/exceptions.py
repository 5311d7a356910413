"""Exceptions: the same problem keeps one identity over runs and amounts, and has a type and an age.

Owns identity, type and ageing. Who owns and accepts an exception is kept by the store.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tieout.core.finding import Finding, Severity
from tieout.core.ids import content_key

_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "blocking")
# An amount, a count, a day or a hash is what changes from run to run; the words around it stay.
_CHANGING = re.compile(r"\b(?=[0-9a-f]*[a-f])[0-9a-f]{12,64}\b|[-+]?\d[\d.,:TZ-]*")
_TYPES: dict[str, str] = {
    "unmapped": "unmapped",
    "unmapped_meter": "unmapped",
    "unknown_line_item_type": "unmapped",
    "unknown_service_category": "unmapped",
    "unallocated": "unattributed",
    "missing_days": "missing_source",
    "invoice_not_arrived": "missing_source",
    "missing_invoice": "unmatched_invoice",
    "invoice_line_unmatched": "unmatched_invoice",
    "document_not_counted": "unmatched_invoice",
    "duplicate_document": "duplicate",
    "repeated_event": "duplicate",
    "only_in_estimate": "unmatched_estimate",
    "only_in_report": "unmatched_estimate",
    "currency_mismatch": "currency_mismatch",
    "exchange_gap": "currency_mismatch",
    "list_price_gap": "price_mismatch",
    "unpriced": "rate_missing",
    "missing_rate": "rate_missing",
    "accrual_missing": "stale_accrual",
    "accrual_stale": "stale_accrual",
    "rollforward_untied": "control_total",
    "total_differs": "control_total",
    "reports_differ": "control_total",
    "bad_row": "control_total",
    "credit_below_zero": "credit_unapplied",
    "balance_not_stated": "credit_unapplied",
}
# An account in arrears without its invoice stands accrued under an accepted one of these.
MISSING_INVOICE = ("missing_source", "unmatched_invoice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one thing of a month, whatever run found it.

    `amount_units` (1e-12) is the sum over the findings that say the same; severity the worst of
    them, message the first's.
    """

    exception_id: str
    type: str
    kind: str
    subject: str
    severity: Severity
    message: str
    amount_units: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """An exception of the month that a person has accepted, and whose acceptance holds today."""

    exception_id: str
    type: str
    subject: str


def identity(period: str, finding: Finding) -> str:
    """Fingerprint of month, kind, subject and what is wrong; amounts, days and counts are left out.

    64 hex digits, the same in every run that finds it.
    """
    what = _CHANGING.sub("#", finding.message)
    return content_key((period, finding.kind, finding.subject, what, finding.currency))


def exception_type(kind: str) -> str:
    """The type of an exception, by the kind of its finding; a kind without one is its own type."""
    return _TYPES.get(kind, kind)


def problems(period: str, findings: Iterable[Finding]) -> tuple[Problem, ...]:
    """One problem for each identity, by identity; informative findings are none."""
    found: dict[str, list[Finding]] = {}
    for one in findings:
        if one.severity != "info":
            found.setdefault(identity(period, one), []).append(one)
    return tuple(_problem(key, same) for key, same in sorted(found.items()))


def unaccepted(
    period: str, findings: Iterable[Finding], acceptances: Sequence[Acceptance]
) -> tuple[Finding, ...]:
    """The blocking findings that no acceptance covers."""
    accepted = {one.exception_id for one in acceptances}
    return tuple(
        one
        for one in findings
        if one.severity == "blocking" and identity(period, one) not in accepted
    )


def ageing_bucket(age_days: int, upper_days: Sequence[int]) -> str:
    """The bucket of an age: with 30, 60 these are `0-30`, `31-60` and `over 60`."""
    lower = 0
    for upper in upper_days:
        if age_days <= upper:
            return f"{lower}-{upper}"
        lower = upper + 1
    return f"over {upper_days[-1]}"


def _problem(key: str, same: Sequence[Finding]) -> Problem:
    first = same[0]
    return Problem(
        exception_id=key,
        type=exception_type(first.kind),
        kind=first.kind,
        subject=first.subject,
        severity=max((one.severity for one in same), key=_SEVERITIES.index),
        message=first.message,
        amount_units=sum(one.amount_units for one in same),
        currency=first.currency,
    )
