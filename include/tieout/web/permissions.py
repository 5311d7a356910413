"""Which duty opens which route: the one table, and the dependency that refuses all else.

Owns no decision about an object: the database compares people on the object's own history. A route
without a row is refused, whoever asks. Duties are those that the database keeps of the person,
never a role of Airflow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Depends, Request

from tieout.core.errors import SegregationError
from tieout.store import people
from tieout.web import api
from tieout.web.auth import LoggedInAt, Person
from tieout.web.limits import Kind, Limits
from tieout.web.step_up import require_fresh

Permission = Literal[
    "describe",
    "read_statements",
    "read_work",
    "prepare",
    "take_part",
    "approve",
    "explain",
    "second",
    "sign",
    "reopen",
    "copy_controls",
]

READER, PREPARER, APPROVER = "reader", "preparer", "approver"
CONTROLLER, AUDITOR, ADMINISTRATOR = "controller", "auditor", "administrator"
ROLES: Final = (READER, PREPARER, APPROVER, CONTROLLER, AUDITOR, ADMINISTRATOR)
_CLOSERS: Final = frozenset({PREPARER, APPROVER, CONTROLLER})

HOLDERS: Final[Mapping[Permission, frozenset[str]]] = {
    "describe": frozenset(ROLES),
    "read_statements": _CLOSERS | {READER, AUDITOR},
    "read_work": _CLOSERS | {AUDITOR},
    "prepare": frozenset({PREPARER}),
    "take_part": _CLOSERS,
    "approve": frozenset({APPROVER}),
    "explain": frozenset({PREPARER, CONTROLLER}),
    "second": frozenset({APPROVER, CONTROLLER}),
    "sign": frozenset({PREPARER, CONTROLLER}),
    "reopen": frozenset({CONTROLLER}),
    "copy_controls": _CLOSERS | {ADMINISTRATOR},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a route asks for: a permission, a place under a rate limit, and perhaps a fresh log-in.

    A route with `decides` records a decision that nobody may take from an old session.
    """

    permission: Permission
    kind: Kind = "read"
    decides: bool = False


def _reads(permission: Permission, *paths: str) -> dict[tuple[str, str], Row]:
    return {("GET", path): Row(permission=permission) for path in paths}


def _exports(permission: Permission, *paths: str) -> dict[tuple[str, str], Row]:
    return {("GET", path): Row(permission=permission, kind="export") for path in paths}


def _writes(permission: Permission, *paths: str) -> dict[tuple[str, str], Row]:
    return {("POST", path): Row(permission=permission, kind="write") for path in paths}


def _decides(permission: Permission, *paths: str) -> dict[tuple[str, str], Row]:
    return {
        ("POST", path): Row(permission=permission, kind="write", decides=True) for path in paths
    }


ROUTES: Final[Mapping[tuple[str, str], Row]] = {
    **_reads("describe", "/api/openapi.json", "/", "/go"),
    **_writes("describe", "/preferences"),
    **_reads("read_statements", "/close/{period}"),
    **_decides("sign", "/close/{period}/sign"),
    **_reads(
        "read_statements",
        "/allocation/{period}",
        "/allocation/{period}/(certificate)",
        "/allocation/{period}/{pool}",
        "/initiatives/{period}",
        "/initiatives/{period}/(unallocated)",
        "/initiatives/{period}/{initiative}",
    ),
    **_exports("read_statements", "/allocation/{period}/(certificate)/file"),
    **_reads(
        "read_work",
        "/rules/{period}",
        "/rules/{period}/{kind}",
        "/rules/{period}/{kind}/edit",
        "/rules/{period}/{kind}/{number}",
    ),
    **_writes(
        "take_part",
        "/rules/{period}/{kind}/edit",
        "/rules/{period}/{kind}/propose",
        "/rules/{period}/{kind}/{number}/preview",
    ),
    # asked while a person types, and keeps nothing
    ("POST", "/rules/{period}/{kind}/check"): Row(permission="take_part"),
    **_decides("approve", "/rules/{period}/{kind}/{number}/approve"),
    **_reads(
        "read_work",
        "/audit/{period}",
        "/audit/{period}/access",
        "/audit/{period}/changes",
        "/audit/{period}/checkpoints",
        "/audit/{period}/event/{seq}",
        "/audit/{period}/query/{name}",
        "/ledger/{period}/document/{document}",
    ),
    **_exports(
        "read_work",
        "/audit/{period}/pack.zip",
        "/audit/{period}/verify",
        "/close/{period}/file/{form}",
    ),
    **_reads(
        "read_statements",
        "/ledger/{period}",
        "/ledger/{period}/entry/{document_no}",
        "/ledger/{period}/journal",
        "/ledger/{period}/line/{line}",
        "/ledger/{period}/lines",
    ),
    **_reads(
        "read_work",
        "/documents/{period}",
        "/documents/{period}/document/{document}",
        "/api/documents/{document}/pages/{page}",
        "/reconciliation/{period}",
        "/reconciliation/{period}/account/{account:path}",
        "/reconciliation/{period}/exception/{exception}",
        "/reconciliation/{period}/rows/{section}/{key}/{account:path}",
    ),
    **_exports("read_work", "/api/documents/{document}/file"),
    **_writes("approve", "/documents/{period}/document/{document}/approve"),
    **_writes(
        "take_part",
        "/documents/{period}/document/{document}/correct",
        "/documents/{period}/document/{document}/reject",
    ),
    **_writes("second", "/reconciliation/{period}/exception/{exception}/accept"),
    **_writes(
        "take_part",
        "/reconciliation/{period}/exception/{exception}/assign",
        "/reconciliation/{period}/exception/{exception}/explain",
        "/reconciliation/{period}/exception/{exception}/resolve",
    ),
    **_writes("prepare", "/reconciliation/{period}/matches/{account:path}"),
    **_reads("read_statements", "/api/periods/{period}", "/api/periods/{period}/reopenings"),
    **_reads(
        "read_work",
        "/api/periods/{period}/matches",
        "/api/periods/{period}/causes",
        "/api/periods/{period}/checklist",
        "/api/periods/{period}/movements",
        "/api/policies",
        "/api/documents",
        "/api/previews",
        "/api/previews/{sha256}",
        "/api/exports",
        "/api/exceptions",
        "/api/exceptions/{exception}",
    ),
    **_writes("prepare", "/api/periods/{period}/matches/decisions"),
    **_writes(
        "take_part",
        "/api/exceptions/{exception}/assignment",
        "/api/exceptions/{exception}/explanation",
        "/api/exceptions/{exception}/resolution",
        "/api/exports/{target}/{sha256}/acknowledgement",
    ),
    **_writes("explain", "/api/periods/{period}/movements/explanations"),
    **_writes("approve", "/api/documents/{document}/approval"),
    **_writes(
        "second",
        "/api/exceptions/{exception}/acceptance",
        "/api/periods/{period}/overrides/review",
    ),
    **_writes("copy_controls", "/api/controls/airflow"),
    # changes nothing in the books, and each decision needs one: counted as a read
    ("POST", "/api/confirmations"): Row(permission="take_part", decides=True),
    **_decides(
        "approve",
        "/api/policies/{kind}/{version}/approval",
        "/api/previews/{sha256}/approval",
    ),
    **_decides("sign", "/api/periods/{period}/sign-offs"),
    **_decides("reopen", "/api/periods/{period}/reopenings", "/api/periods/{period}/lock"),
    **_decides("second", "/api/reopenings/{reopening}/approval"),
}


def held_duties(person: Person) -> tuple[str, ...]:
    """The present duties of whoever is logged in; none of a person that nobody registered."""
    with api.web_context().store.transaction() as tx:
        known = people.get(tx, person)
    return known.duties if known else ()


Duties = Annotated[tuple[str, ...], Depends(held_duties)]


def permitted(request: Request, person: Person, duties: Duties, logged_in_at: LoggedInAt) -> None:
    """Let a request through to its route, or refuse it; stands before every route of the app.

    Raises:
        TooManyRequestsError: the person has asked too often.
        SegregationError: the route is in no row, or the person holds none of its duties.
        LogInAgainError: the route records a decision and the log-in is not fresh.
    """
    row = ROUTES.get((request.method, str(getattr(request.scope["route"], "path", ""))))
    limits: Limits = request.app.state.limits
    limits.count(person, row.kind if row else "read")
    if row is None:
        raise SegregationError("Nobody may do this: the address has no permission of its own.")
    refuse_without(HOLDERS[row.permission], person=person, duties=duties)
    if row.decides:
        require_fresh(logged_in_at)


def refuse_without(needed: Iterable[str], *, person: str, duties: Iterable[str]) -> None:
    """Make sure that a person holds one of the duties.

    Raises:
        SegregationError: they hold none of them.
    """
    asked, held = set(needed), set(duties)
    if not asked & held:
        raise SegregationError(
            f"Expected a person with the duty {' or '.join(_ordered(asked))}, found {person} who "
            f"holds {', '.join(_ordered(held)) or 'none'}."
        )


def _ordered(duties: set[str]) -> list[str]:
    return sorted(duties, key=ROLES.index)
