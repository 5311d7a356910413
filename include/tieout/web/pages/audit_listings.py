"""What an auditor asks for besides the log: checkpoints, access, changes, saved journal queries.

Owns what these pages say; everything on them `steps.audit_views` and `steps.checkpoint` read.
"""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from tieout.steps import audit_views, checkpoint
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.table import Cell, Column, State, Table

router = APIRouter()
QueryName = Annotated[str, Path(pattern=r"^[a-z_]{1,60}$")]


@router.get("/{period}/checkpoints")
def checkpoints(period: Period, desk: AtDesk) -> Response:
    """Every checkpoint of the log, with its signatures and where its copies are."""
    desk.view()
    desk.month(period)
    kept = checkpoint.listing(desk.context)
    signed = sum(bool(one["signed_by"]) for one in kept)
    anchored = sum(bool(one["anchors"]) for one in kept)
    table = Table(
        name="checkpoints",
        caption="Checkpoints",
        columns=(
            Column(name="events", title="Events", kind="count", sorts=True),
            Column(name="at", title="When", kind="id"),
            Column(name="root", title="Root", kind="id"),
            Column(name="signed", title="Signed by", kind="state"),
            Column(name="anchors", title="Copies outside", kind="list"),
        ),
        rows=[
            {
                "events": one["events"],
                "at": f"{one['recorded_at'][:16].replace('T', ' ')} UTC",
                "root": one["root"],
                "signed": _signers(one["signed_by"]),
                "anchors": tuple(one["anchors"]),
            }
            for one in reversed(kept)
        ],
        empty="No checkpoint is kept yet: publishing a month makes one, or `tieout checkpoint "
        "make`.",
    )
    said = f"{len(kept):,} checkpoints, {signed:,} signed, {anchored:,} with copies outside."
    return _show(desk, period, said, "Checkpoints", table)


@router.get("/{period}/access")
def access(period: Period, desk: AtDesk) -> Response:
    """Who had which duties since when, and what each database role may do."""
    desk.view()
    desk.month(period)
    found = audit_views.access(desk.context)
    people = Table(
        name="people",
        caption="People and their duties, as they ever were",
        columns=(
            Column(name="person_id", title="Person", sorts=True),
            Column(name="display_name", title="Name", sorts=True),
            Column(name="duties", title="Duties", sorts=True),
            Column(name="since", title="Since", kind="id", sorts=True),
            Column(name="recorded_by", title="Recorded by", sorts=True),
        ),
        rows=found["people"],
        empty="Nobody is registered yet.",
    )
    roles = Table(
        name="roles",
        caption="What the database lets each role do",
        columns=(
            Column(name="role", title="Role"),
            Column(name="kind", title="Kind"),
            Column(name="name", title="On"),
            Column(name="may", title="May"),
        ),
        rows=found["roles"],
    )
    count = len({one["person_id"] for one in found["people"]})
    said = f"{count:,} people hold or held duties; the database itself enforces what each may do."
    return _show(desk, period, said, "Access", people, roles)


@router.get("/{period}/changes")
def changes(period: Period, desk: AtDesk) -> Response:
    """Changes of rules, registers and people since the publication before the month's own."""
    desk.view()
    desk.month(period)
    found = audit_views.changes(desk.context, period=period)
    table = Table(
        name="changes",
        caption="Changes of rules, registers and people",
        columns=(
            Column(name="event", title="Event", kind="count", sorts=True),
            Column(name="at", title="When", kind="id"),
            Column(name="actor", title="Who", sorts=True),
            Column(name="action", title="What", sorts=True),
            Column(name="subject", title="To what", sorts=True),
            Column(name="why", title="Why"),
        ),
        rows=[
            {
                "event": Cell(
                    value=one["seq"], link=desk.link(f"/audit/{period}/event/{one['seq']}")
                ),
                "at": f"{one['at'][:16].replace('T', ' ')} UTC",
                "actor": one["actor"],
                "action": one["action"].replace("_", " "),
                "subject": one["subject"],
                "why": one["why"],
            }
            for one in found
        ],
        empty="Nothing was changed.",
    )
    said = f"{len(found):,} changes of rules, registers or people since the publication before."
    return _show(desk, period, said, "Changes", table)


@router.get("/{period}/query/{name}")
def query(period: Period, name: QueryName, desk: AtDesk) -> Response:
    """One of the saved questions to the journal."""
    desk.view()
    desk.month(period)
    found = audit_views.query(desk.context, name=name, period=period)
    table = Table(
        name="found",
        caption=found["asks"],
        columns=tuple(
            Column(name=one, title=one.replace("_", " ").capitalize(), sorts=True)
            for one in found["columns"]
        ),
        rows=[
            {key: _plain(value) for key, value in row.items()} | _linked(desk, period, row)
            for row in found["rows"]
        ],
        empty="None: the journal has no such entry.",
    )
    count = len(found["rows"])
    said = f"{found['asks']}: {f'{count:,} found' if count else 'none'}."
    return _show(desk, period, said, name.replace("_", " ").capitalize(), table)


def _show(desk: Desk, period: str, said: str, title: str, *tables: Table) -> Response:
    first, *rest = tables
    return desk.show(
        Page(
            name="audit",
            period=period,
            headline=said,
            template="audit/listing.html",
            tables=(desk.paged(first), *rest),
            crumbs=(
                Crumb(title="Audit log", link=desk.link(f"/audit/{period}")),
                Crumb(title=title),
            ),
        )
    )


def _signers(keys: list[str]) -> State:
    if not keys:
        return State("nobody", "off")
    return State(", ".join(key.partition("+")[0] for key in keys), "good")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, (int, Decimal)) else value


def _linked(desk: Desk, period: str, row: dict[str, Any]) -> dict[str, Any]:
    """Entries that a query names are a click away."""
    return {
        key: Cell(value=value, link=desk.link(f"/ledger/{period}/entry/{value}", where=()))
        for key, value in row.items()
        if key in ("document_no", "reverses", "first_no") and value
    }
