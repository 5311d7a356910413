"""Checks of what came in and what became of it: completeness, control totals, allocation."""

from fractions import Fraction

from tieout.close.evidence import CloseInputs
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


def unallocated_within_limit(inputs: CloseInputs) -> tuple[list[str], str]:
    """C05: cost without an initiative, as a share of the month's cost before tax."""
    whole = sum(abs(account.ledger_lines_net_units) for account in inputs.accounts)
    part = abs(inputs.unallocated_units)
    share = f"{format_units(part)} of {format_units(whole)} {inputs.currency}"
    shown = round_half_even(Fraction(part * _BASIS_POINTS, whole)) if whole else 0
    compared = f"{share}, {shown} basis points, limit {inputs.unallocated_limit_bp}"
    too_much = part * _BASIS_POINTS > whole * inputs.unallocated_limit_bp
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
    """C17: no open finding is blocking; warnings are counted."""
    blocking = [finding for finding in inputs.findings if finding.severity == "blocking"]
    problems = [f"{one.kind}: {one.subject}: {one.message}" for one in blocking]
    return problems, f"{len(inputs.findings)} open findings, none blocking"
