"""What finance decides: rules, charts, cards, as versioned, dated and approved texts.

A body is the text as it was written; its SHA-256 is over the UTF-8 bytes. Proposing is open to a
worker and to the pages, approving to a person in the pages who did not propose it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

import sqlalchemy as sa

from tieout.core.errors import UnknownSubjectError, UsageError
from tieout.core.ids import sha256_hex
from tieout.store.schema import policy as table
from tieout.store.schema import policy_approval as approval
from tieout.store.session import Tx

PolicyKind: TypeAlias = str  # one of KINDS, or a prefix and the name of a table or target
KINDS: tuple[PolicyKind, ...] = (
    "accounts",
    "allocation",
    "chart",
    "classification",
    "close",
    "commitments",
    "contract_rates",
    "drivers",
    "entities",
    "fx_rates",
    "initiatives",
    "owners",
    "rate_card",
    "tag_map",
    "tolerances",
)
LOOKUP_PREFIX = "lookup:"
ERP_PREFIX = "erp:"
_NAMED = re.compile(rf"({LOOKUP_PREFIX}|{ERP_PREFIX})[a-z][a-z0-9_-]{{0,59}}")
_JOINED = table.outerjoin(
    approval, (table.c.kind == approval.c.kind) & (table.c.version == approval.c.version)
)
_COLUMNS = (*table.c, approval.c.approved_by, approval.c.approved_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One version of one kind; applies to service dates from `valid_from` on, once approved."""

    kind: PolicyKind
    version: int
    sha256: str
    body: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    valid_from: date

    @property
    def label(self) -> str:
        """Kind and version as they are stamped on results: `classification@3`."""
        return f"{self.kind}@{self.version}"


def parse_kind(text: str) -> PolicyKind:
    """A kind as a person names it: `classification`, or `lookup:regions` for a table of that name.

    Raises:
        UsageError: it is none.
    """
    if text in KINDS or _NAMED.fullmatch(text):
        return text
    raise UsageError(
        f"Expected a policy of {', '.join(KINDS)}, {LOOKUP_PREFIX}<table> or {ERP_PREFIX}<target>, "
        f"found {text[:20]!r}."
    )


def propose(tx: Tx, kind: PolicyKind, body: str, *, valid_from: date) -> Policy:
    """Keep a text as the next version; the same text and date as the newest is no new version."""
    lock = sa.func.hashtextextended(f"policy {kind}", 0)
    tx.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    known = versions(tx, kind)
    if known and (known[0].body, known[0].valid_from) == (body, valid_from):
        return known[0]
    version = known[0].version + 1 if known else 1
    fields = {"kind": kind, "version": version, "body": body, "valid_from": valid_from}
    tx.execute(sa.insert(table).values(fields | {"sha256": sha256_hex(body.encode())}))
    return get(tx, kind, version)


def approve(tx: Tx, kind: PolicyKind, version: int) -> Policy:
    """Approve as the person of this transaction; approving twice keeps the first approval.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, no known approver, or the proposer themself.
        UnknownSubjectError: no such version.
    """
    tx.execute(sa.select(sa.func.tieout.approve_policy(kind, version)))
    return get(tx, kind, version)


def current(
    tx: Tx, kind: PolicyKind, on: date, *, known_at: datetime | None = None
) -> Policy | None:
    """The approved version that applies to a service date; None when none does.

    With `known_at`, only what had been approved by that instant: what a closed month was made of.
    """
    return in_force(versions(tx, kind), on, known_at=known_at)


def in_force(
    found: Sequence[Policy], on: date, *, known_at: datetime | None = None
) -> Policy | None:
    """Of versions of one kind the approved one that applies to a service date, see `current`."""
    known = [
        one
        for one in found
        if one.approved_at
        and one.valid_from <= on
        and (known_at is None or one.approved_at <= known_at)
    ]
    return max(known, key=lambda one: (one.valid_from, one.version), default=None)


def get(tx: Tx, kind: PolicyKind, version: int) -> Policy:
    """One version.

    Raises:
        UnknownSubjectError: there is none.
    """
    found = _all(tx, table.c.kind == kind, table.c.version == version)
    if not found:
        raise UnknownSubjectError(f"There is no {kind} version {version}: propose it first.")
    return found[0]


def by_label(tx: Tx, label: str) -> Policy:
    """The version that a label such as `classification@3` names.

    Raises:
        UsageError: it is no label of a policy.
        UnknownSubjectError: there is no such version.
    """
    kind, _, number = label.partition("@")
    if not number.isdecimal():
        raise UsageError(
            f"{label[:60]!r} names no policy: expected a kind and a version, such as "
            "classification@3; see `tieout policies list`."
        )
    return get(tx, parse_kind(kind), int(number))


def named(tx: Tx, prefix: str) -> list[PolicyKind]:
    """The kinds with a prefix that were ever proposed: all look-up tables, say, in order."""
    statement = sa.select(table.c.kind).where(table.c.kind.startswith(prefix)).distinct()
    return sorted(tx.execute(statement).scalars())


def versions(tx: Tx, kind: PolicyKind) -> list[Policy]:
    """All versions of a kind, newest first."""
    return _all(tx, table.c.kind == kind)


def listing(tx: Tx) -> list[Policy]:
    """All versions of all kinds, by kind, newest first."""
    return _all(tx)


def pending(tx: Tx) -> list[Policy]:
    """What waits for an approver: per kind the versions newer than its newest approved one."""
    newest = (
        sa.select(approval.c.kind, sa.func.max(approval.c.version).label("version"))
        .group_by(approval.c.kind)
        .subquery()
    )
    approved = sa.select(newest.c.version).where(newest.c.kind == table.c.kind).scalar_subquery()
    return _all(tx, table.c.version > sa.func.coalesce(approved, 0))


def _all(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[Policy]:
    statement = (
        sa.select(*_COLUMNS)
        .select_from(_JOINED)
        .where(*conditions)
        .order_by(table.c.kind, table.c.version.desc())
    )
    return [Policy(**row) for row in tx.execute(statement).mappings()]
