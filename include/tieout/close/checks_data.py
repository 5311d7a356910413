"""Checks of what came in and what became of it: completeness, doubles, policies, allocation."""

from collections.abc import Iterable
from fractions import Fraction

from tieout.close.evidence import CloseInputs
from tieout.close.exceptions import exception_type, unaccepted
from tieout.close.flux import NO_MONTH_BEFORE
from tieout.core.money import format_units, round_half_even

_BASIS_POINTS = 10_000


def days_received(inputs: CloseInputs) -> tuple[list[str], str]:
    """C01: the final pull of each account covers every day of the period."""
    wanted = inputs.period.days()
    problems = [] if inputs.accounts else ["no account is in the close"]
    for account in inputs.accounts:
        missing = [day.isoformat() for day in wanted if day not in account.days_received]
        if missing:
            problems.append(f"{account.subject}: {len(missing)} days missing from {missing[0]}")
    return problems, f"{len(inputs.accounts)} accounts x {len(wanted)} days"


def control_totals_agree(inputs: CloseInputs) -> tuple[list[str], str]:
    """C02: rows and cost of the source equal what was loaded or refused with a finding.

    A source with more than 12 decimals is rounded once a row, so half a unit a row may differ.
    """
    problems = [
        f"{account.subject}: source has {account.source_rows} rows and "
        f"{format_units(account.source_units)}, loaded are {account.loaded_rows} rows and "
        f"{format_units(account.loaded_units)} {inputs.currency}"
        for account in inputs.accounts
        if account.source_rows != account.loaded_rows
        or 2 * abs(account.source_units - account.loaded_units) > account.source_rows
    ]
    rows = sum(account.source_rows for account in inputs.accounts)
    units = sum(account.source_units for account in inputs.accounts)
    return problems, f"{rows} rows, {format_units(units)} {inputs.currency}"


def nothing_came_twice(inputs: CloseInputs) -> tuple[list[str], str]:
    """C03: no report and no document serves two accounts, and no document was found again."""
    reports = _shared((one.content_sha256, one.subject) for one in inputs.reports if one.rows)
    documents = _shared(
        (f"{account.provider} {document.number}", account.subject)
        for account in inputs.accounts
        for document in account.documents
    )
    posted = _shared(
        (f"{entry.provider} {entry.source_refs[0]}", f"{entry.provider}/{entry.billing_account_id}")
        for entry in inputs.entries
        if entry.journal_type in ("invoice", "credit_note") and entry.source_refs
    )
    again = [
        f"{one.subject}: {one.message}"
        for one in unaccepted(str(inputs.period), inputs.findings, inputs.acceptances)
        if exception_type(one.kind) == "duplicate"
    ]
    problems = [
        *(f"report {key[:12]} was loaded for {both}" for key, both in reports),
        *(f"document {key} is one of {both}" for key, both in documents),
        *(f"document {key} was posted for {both}" for key, both in posted),
        *again,
    ]
    count = sum(len(account.documents) for account in inputs.accounts)
    return problems, f"{len(inputs.reports)} reports, {count} documents"


def policies_approved(inputs: CloseInputs) -> tuple[list[str], str]:
    """C04: every policy behind the figures is one pinned version, approved by a second person."""
    problems = [] if inputs.policies else ["no policy is pinned to the month"]
    problems += [
        f"{one.label} was proposed by {one.proposed_by} and approved by "
        f"{one.approved_by or 'nobody'}: expected another person"
        for one in inputs.policies
        if one.approved_by in (None, one.proposed_by)
    ]
    return problems, ", ".join(one.label for one in inputs.policies)


def unallocated_within_limit(inputs: CloseInputs) -> tuple[list[str], str]:
    """C05: cost without an initiative, as a share of the month's cost before tax."""
    whole = sum(abs(account.ledger_lines_net_units) for account in inputs.accounts)
    part = abs(inputs.unallocated_units)
    share = f"{format_units(part)} of {format_units(whole)} {inputs.currency}"
    shown = round_half_even(Fraction(part * _BASIS_POINTS, whole)) if whole else 0
    limit = inputs.limits.unallocated_bp
    compared = f"{share}, {shown} basis points, limit {limit} ({inputs.limits.name})"
    too_much = part * _BASIS_POINTS > whole * limit
    return ([f"unallocated: {compared}"] if too_much else []), compared


def allocation_conserves(inputs: CloseInputs) -> tuple[list[str], str]:
    """C06: the shares of each pool add up to the pool, to the last unit."""
    problems = [
        f"pool {pool.pool_id}: {format_units(pool.amount_in_units)} went in, "
        f"{format_units(pool.amount_out_units)} {inputs.currency} came out"
        for pool in inputs.pools
        if pool.amount_in_units != pool.amount_out_units
    ]
    return problems, f"{len(inputs.pools)} pools"


def findings_settled(inputs: CloseInputs) -> tuple[list[str], str]:
    """C17: no open finding is blocking, unless a person has accepted it for a time."""
    blocking = unaccepted(str(inputs.period), inputs.findings, inputs.acceptances)
    problems = [f"{one.kind}: {one.subject}: {one.message}" for one in blocking]
    accepted = f", {len(inputs.acceptances)} accepted" if inputs.acceptances else ""
    return problems, f"{len(inputs.findings)} open findings, none blocking{accepted}"


def flux_explained(inputs: CloseInputs) -> tuple[list[str], str]:
    """C16: what moved against the month before by more than the threshold has an explanation."""
    found = inputs.flux or NO_MONTH_BEFORE
    beyond = found.beyond(inputs.limits.flux)
    problems = [
        f"{one.shown()} has no explanation of these figures"
        for one in beyond
        if one.digest not in found.explained
    ]
    return problems, (
        f"{len(found.moves)} movements against {found.before}, {len(beyond)} beyond the "
        f"threshold ({inputs.limits.name})"
    )


def overrides_reviewed(inputs: CloseInputs) -> tuple[list[str], str]:
    """C18: a person has seen every act in Airflow that overrides a control."""
    found = inputs.controls
    if found is None:
        return ["Airflow's event log was never read: POST /tieout/api/controls/airflow"], ""
    if not found.acts:
        return [], "no act overrides a control"
    if found.reviewed:
        return [], f"{len(found.acts)} acts, reviewed"
    return [f"{len(found.acts)} acts are not reviewed: {'; '.join(found.acts[:5])}"], ""


def _shared(uses: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keys that more than one account uses, with the accounts."""
    found: dict[str, set[str]] = {}
    for key, subject in uses:
        found.setdefault(key, set()).add(subject)
    return [(key, " and ".join(sorted(of))) for key, of in sorted(found.items()) if len(of) > 1]
