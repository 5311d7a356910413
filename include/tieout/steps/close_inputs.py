"""What the checklist looks at beside the month's evidence: policies, limits, people's decisions.

Owns no figure and no rule: it gathers what is stored and turns it into values of `close`. Shared by
the steps that show, run or explain the checklist.
"""

from datetime import UTC, datetime, time
from typing import Any

from tieout.audit.canonical import canonical_hash
from tieout.close.checks_rollforward import stale_accruals
from tieout.close.difference import changed_json
from tieout.close.difference import difference as changes
from tieout.close.evidence import CloseInputs, ControlReview, PolicyUse, PoolTotal, ReportFile
from tieout.close.exceptions import Acceptance
from tieout.close.flux import FluxReview, moves
from tieout.close.limits import DEFAULT_LIMITS, Limits, parse_limits
from tieout.core.ids import content_key
from tieout.core.money import format_units
from tieout.core.period import Period
from tieout.ledger.fx_rates import Rate
from tieout.ledger.remeasure import currencies
from tieout.steps import evidence, foreign
from tieout.steps.fiscal import plan
from tieout.steps.inputs import optional_policy, policy, stage_snapshots
from tieout.steps.views import lookup_kinds
from tieout.store import exceptions, findings, journal, periods, publications, reopenings, reviews
from tieout.store.policies import Policy
from tieout.store.session import Tx

_MOST_CHANGES = 50


def gather(tx: Tx, found: evidence.MonthEvidence, *, is_watched: bool = False) -> CloseInputs:
    """Everything that the checks of a month need; `is_watched` where Airflow runs the close."""
    period = str(found.month)
    return CloseInputs(
        period=found.month,
        currency=found.currency,
        chart=found.chart,
        accounts=found.accounts,
        pools=_pools(found),
        unallocated_units=found.unallocated_units,
        entries=found.entries,
        fees=found.fees,
        commitments=found.commitments,
        findings=(
            *(one.finding for one in findings.for_period(tx, period)),
            *stale_accruals(
                found.entries,
                chart=found.chart,
                period=found.month,
                limits=limits(tx, found.month),
            ),
        ),
        policies=_policies(tx, found.month),
        reports=_reports(tx, found.month),
        certificate_hash=canonical_hash(found.certificate) if found.certificate else "",
        acceptances=_acceptances(tx, period),
        flux=flux(tx, found),
        controls=controls(tx, found.month),
        is_watched=is_watched,
        limits=limits(tx, found.month),
        plan=plan(tx, found.month),
        closing_rates=_closing_rates(tx, found),
    )


def _closing_rates(tx: Tx, found: evidence.MonthEvidence) -> tuple[tuple[str, Rate], ...]:
    """Of the currencies in which the month leaves something open."""
    wanted = currencies(found.entries, chart=found.chart, period=found.month)
    return tuple(
        (one, foreign.closing_rate(tx, found.month, (one, found.currency)))
        for one in sorted(wanted)
    )


def limits(tx: Tx, month: Period) -> Limits:
    """The tolerances in force for the month, or what holds without a policy."""
    known = optional_policy(tx, "tolerances", month)
    return parse_limits(known.body, name=known.label) if known else DEFAULT_LIMITS


def flux(tx: Tx, found: evidence.MonthEvidence) -> FluxReview | None:
    """The month against the one before it as published; None when that was never closed."""
    before = str(found.month.previous())
    published = publications.head(tx, before)
    if published is None or periods.state(tx, before) != "closed":
        return None
    return FluxReview(
        before=before,
        moves=moves(
            publications.lines(tx, published.publication_id), found.lines, currency=found.currency
        ),
        explained=frozenset(
            one.digest for one in reviews.listing(tx, str(found.month)) if one.kind == reviews.FLUX
        ),
    )


def controls(tx: Tx, month: Period) -> ControlReview | None:
    """Overrides since the last close before this month, or since its start; None if unread."""
    if reviews.last_mirrored(tx) is None:
        return None
    acts = tuple(
        f"{one.airflow_id} {one.action} {one.object} by {one.actor}".strip()
        for one in reviews.overrides(tx, _since(tx, month))
    )
    digest = content_key(acts)
    seen = {one.digest for one in reviews.listing(tx, str(month)) if one.kind == reviews.CONTROLS}
    return ControlReview(acts=acts, digest=digest, reviewed=digest in seen)


def difference(tx: Tx, found: evidence.MonthEvidence) -> dict[str, Any] | None:
    """What the month says otherwise than its last close; None if it was never closed before.

    The entries that were posted to it since, and the published lines against those of now.
    """
    closed = reopenings.closes(tx, str(found.month))
    if not closed:
        return None
    last = closed[-1]
    published = publications.head(tx, str(found.month))
    lines = publications.lines(tx, published.publication_id) if published else found.lines[:0]
    changed = changes(lines, found.lines)
    total = sum(one.now_units - one.before_units for one in changed)
    return {
        "close_no": last.close_no,
        "content_before": last.content_hash,
        "content_now": found.content_hash(),
        "changed_total": format_units(total),
        "changed_lines": len(changed),
        "changes": [changed_json(one) for one in changed[:_MOST_CHANGES]],
        "entries": _entries_since(tx, found.month, last.closed_seq),
    }


def _entries_since(tx: Tx, month: Period, seq: int) -> list[str]:
    before = {entry["idempotency_key"] for entry in journal.entries(tx, upto_seq=seq)}
    return sorted(
        f"{entry['journal_type']} {entry['posting_on']} {entry['description']}"
        for entry in journal.entries(tx)
        if entry["idempotency_key"] not in before
        and str(month) in (entry["service_period"], str(entry["posting_on"])[:7])
    )


def _since(tx: Tx, month: Period) -> datetime:
    closed = [
        one.closed_at
        for known in periods.listing(tx)
        if known.period < str(month)
        for one in reopenings.closes(tx, known.period)
    ]
    return max(closed, default=datetime.combine(month.start_on, time(), UTC))


def _pools(found: evidence.MonthEvidence) -> tuple[PoolTotal, ...]:
    return tuple(
        PoolTotal(
            pool_id=pool["pool_id"],
            amount_in_units=int(pool["amount_in_units"]),
            amount_out_units=int(pool["amount_out_units"]),
        )
        for pool in found.certificate.get("pools", [])
    )


def _policies(tx: Tx, month: Period) -> tuple[PolicyUse, ...]:
    used = [policy(tx, kind, month) for kind in evidence.POLICY_KINDS]
    tables = lookup_kinds(policy(tx, "classification", month))
    optional = (*evidence.OPTIONAL_POLICIES, *tables)
    known = [optional_policy(tx, kind, month) for kind in optional]
    return tuple(_use(one) for one in (*used, *known) if one is not None)


def _use(one: Policy) -> PolicyUse:
    return PolicyUse(
        label=one.label,
        sha256=one.sha256,
        proposed_by=one.proposed_by,
        approved_by=one.approved_by,
    )


def _reports(tx: Tx, month: Period) -> tuple[ReportFile, ...]:
    return tuple(
        ReportFile(
            subject=one.account.subject,
            content_sha256=one.snapshot.content_sha256,
            rows=one.file.rows_in,
        )
        for one in stage_snapshots(tx, month, "final")
    )


def _acceptances(tx: Tx, period: str) -> tuple[Acceptance, ...]:
    return tuple(
        Acceptance(exception_id=one.exception_id, type=one.type, subject=one.subject)
        for one in exceptions.listing(tx, period)
        if one.accepted
    )
