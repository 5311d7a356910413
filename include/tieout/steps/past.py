"""Months under a policy as if it had always been there: what they are and what would change.

Owns which view of a month is the present one and the policies that a change is computed with. The
preview and the reapplication both come here, so they cannot differ.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa

from tieout.allocation.certificate import Certificate
from tieout.core.errors import NotReadyError, UsageError
from tieout.core.period import Period
from tieout.engine.month_cube import month_cube, segments_of
from tieout.focus.columns import with_current_attr_ids
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.ledger import posting
from tieout.ledger.building import AccountMonth
from tieout.ledger.entry import entry_from_json
from tieout.ledger.foreign import own_view
from tieout.ledger.foreign_lines import in_books, own_lines
from tieout.ledger.reclass import reclass
from tieout.reports.rule_preview import MonthChange
from tieout.steps import cubes, earlier, foreign
from tieout.steps.context import Context
from tieout.steps.inputs import (
    accounts,
    chart,
    latest_outputs,
    of_account,
    standing_policy,
    with_pools,
)
from tieout.steps.pools import allocated
from tieout.steps.views import Classified, Used, classified, cuts, lookup_kinds, moved, rekeyed
from tieout.store import journal, periods, policies, restated, runs
from tieout.store.policies import Policy, PolicyKind
from tieout.store.session import Tx

METHOD_VERSION = "1"
RULE_KINDS: tuple[PolicyKind, ...] = (
    "classification",
    "initiatives",
    "allocation",
    "tag_map",
    "owners",
    "drivers",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One month recomputed: the change, and what a restatement keeps of it."""

    change: MonthChange
    used: Used
    made: Classified
    certificate: Certificate
    charges: tuple[dict[str, str], ...]  # files, as the classification named them
    assignment_before: pa.Table
    postings: tuple[posting.Posting, ...]


def is_rule_kind(kind: PolicyKind) -> bool:
    """Whether policies of this kind decide classes or shares."""
    return kind in RULE_KINDS or kind.startswith(policies.LOOKUP_PREFIX)


def span(first: Period, last: Period) -> list[Period]:
    """The months from first to last.

    Raises:
        UsageError: they are the wrong way round.
    """
    if last < first:
        raise UsageError(f"The months run from {first} to {last}: expected the earlier one first.")
    found = [first]
    while found[-1] < last:
        found.append(found[-1].next())
    return found


def recompute(context: Context, tx: Tx, month: Period, policy: Policy) -> Past | None:
    """A month with this policy in place of the one it had; None: it was never classified.

    The charges are those that the month's own classification read, so that only rules change.

    Raises:
        ConservationError: the lines after come to another total.
    """
    stage = next(
        (one for one in ("final", "draft") if runs.latest(tx, "allocate", f"{month}/{one}")), None
    )
    if stage is None:
        return None
    direct = latest_outputs(tx, "classify", f"{month}/{stage}")
    before, before_assignment = present(context, tx, month, stage)
    used = _used(tx, month, policy)
    files = tuple(dict(one) for one in direct["charges"])
    cube, before_assignment = _cube(context, direct, cuts(used), before_assignment)
    made = classified(cube, month, used)
    made = replace(made, lines=in_books(made.lines, foreign.cost_rates(tx, month)))
    lines, certificate = allocated(made.lines, month, used)
    stored = context.lake.put_table(lines, f"ledger/period={month}")
    state = periods.state(tx, str(month)) or "open"
    refs = (policy.label, stored.sha256)
    postings = _reclass(context, tx, month, lines=lines, pools=used["allocation"], refs=refs)
    return Past(
        change=MonthChange(
            period=str(month),
            state=state,
            before=before.lines,
            before_sha256=before.sha256,
            after=lines,
            after_sha256=before.sha256 if lines.equals(before.lines) else stored.sha256,
            moves=moved(cube, before_assignment, made.assignment),
            reclass=tuple(one.entry for one in postings if one.entry is not None),
            policies=tuple(sorted(one.label for one in used.values())),
        ),
        used=used,
        made=made,
        certificate=certificate,
        charges=files,
        assignment_before=before_assignment,
        postings=postings,
    )


def _cube(
    context: Context, direct: dict[str, Any], days: set[date], before: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """The cube of a month's charges and the assignment before, both by today's ids.

    The kept one, unless rules now change on a day inside the month on which it is not cut.
    """
    days = days.union(segments_of(before))
    cube = cubes.kept(context, direct.get("cube"), days)
    if cube is not None:
        return cube, before
    kept = [context.lake.get_table(one["path"], one["sha256"]) for one in direct["charges"]]
    own = pa.concat_tables([with_current_attr_ids(one) for one in kept])
    return month_cube(own, days), rekeyed(before, pa.concat_tables(kept), own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The lines of a month as they stand now, and the hash of their file."""

    lines: pa.Table
    sha256: str


def present(context: Context, tx: Tx, month: Period, stage: str) -> tuple[Present, pa.Table]:
    """Lines and assignment as they stand: as restated last, else as computed."""
    newest = restated.head(tx, str(month))
    if newest is not None:
        lines, assignment = newest.files["lines"], newest.files["assignment"]
    else:
        lines = latest_outputs(tx, "allocate", f"{month}/{stage}")["lines"]
        assignment = latest_outputs(tx, "classify", f"{month}/{stage}")["assignment"]
    found = Present(
        lines=with_own_dimensions(context.lake.get_table(lines["path"], lines["sha256"])),
        sha256=lines["sha256"],
    )
    return found, with_own_dimensions(
        context.lake.get_table(assignment["path"], assignment["sha256"])
    )


def posting_month(tx: Tx) -> Period:
    """The earliest open month: where a reclassification is posted.

    Raises:
        NotReadyError: no month is open.
    """
    states = {one.period: one.state for one in periods.listing(tx)}
    found = min((period for period, state in states.items() if state == "open"), default=None)
    if found is None:
        raise NotReadyError(
            "No accounting month is open: expected one that takes the reclassification; sync the "
            "month after the last closed one first."
        )
    return Period(int(found[:4]), int(found[5:]))


def _used(tx: Tx, month: Period, policy: Policy) -> Used:
    """The policies that the month has, with this one in the place of its kind.

    A look-up table that a closed month did not know comes as approved today; so does the driver
    table under new pools, which may name drivers that it had not then.
    """

    def of_kind(kind: PolicyKind) -> Policy | None:
        if kind == policy.kind:
            return policy
        known = standing_policy(tx, kind, month)
        is_new = known is None and kind.startswith(policies.LOOKUP_PREFIX)
        if is_new or (kind == "drivers" and policy.kind == "allocation"):
            return policies.current(tx, kind, month.last_on)
        return known

    found = {kind: one for kind in RULE_KINDS if (one := of_kind(kind)) is not None}
    tables = lookup_kinds(found["classification"])
    return found | {kind: one for kind in tables if (one := of_kind(kind)) is not None}


def _reclass(
    context: Context,
    tx: Tx,
    month: Period,
    *,
    lines: pa.Table,
    pools: Policy,
    refs: tuple[str, ...],
) -> tuple[posting.Posting, ...]:
    """What an open month must take so that all that was posted for a closed one is as restated."""
    if periods.state(tx, str(month)) != "closed":
        return ()
    books = with_pools(chart(tx, month), pools.body, pools.label)
    booked = posting_month(tx)
    posted = own_view(entry_from_json(value) for value in journal.entries(tx))
    made = []
    for account in accounts(tx, month):
        own = AccountMonth(
            provider=account.provider,
            billing_account_id=account.billing_account_id,
            period=month,
        )
        one = reclass(
            posted,
            own_lines(of_account(lines, account.provider, account.billing_account_id)),
            month=own,
            chart=foreign.chart_of(tx, own, books),
            bills=earlier.bills(context, tx, account, month),
            on=booked.last_on,
            source_refs=refs,
        )
        made.append(one)
    return tuple(foreign.in_books(tx, booked, books, made))
