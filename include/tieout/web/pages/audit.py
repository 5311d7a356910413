"""Audit: who did what, when, why? The log to be searched, one event, and the log walked again.

Owns what these pages say; listings that auditors ask for besides are `audit_listings`'.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from tieout.steps import audit_desk, audit_views, pack_download
from tieout.store.audit import Search
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.pages import audit_listings
from tieout.web.table import Cell, Column, Row, State, Table
from tieout.web.view import QueryError

router = APIRouter(prefix="/audit")
router.include_router(audit_listings.router)
Seq = Annotated[int, Path(ge=1, le=2**62)]

_KEYS: Final = ("person", "act", "about", "text", "since", "until")
_LONGEST: Final = 200
_BATCH: Final = 1_000


@router.get("/{period}")
def log(period: Period, desk: AtDesk) -> Response:
    """The events that fit, the newest first."""
    asked = desk.view(*_KEYS)
    desk.month(period)
    if asked.sort:
        raise QueryError("The log is in the order in which it was written: take the key sort out.")
    wanted = _wanted(asked.own)
    position = desk.position("events")
    behind = int(str(position[0])) if position else None
    found = audit_desk.search(desk.context, wanted=wanted, behind=behind, limit=asked.size)
    return desk.show(
        Page(
            name="audit",
            period=period,
            headline=_headline(found["count"], wanted),
            template="audit/log.html",
            tables=(_events(desk, period, found, wanted, is_first=behind is None),),
            values={
                "actors": found["actors"],
                "actions": found["actions"],
                "asked": {key: asked.own.get(key, "") for key in _KEYS},
                "queries": audit_views.queries(),
                "has_pack": pack_download.folder(desk.context, period=period) is not None,
                "packs": str(desk.context.settings.home / "packs"),
            },
        )
    )


@router.get("/{period}/event/{seq}")
def event(period: Period, seq: Seq, desk: AtDesk) -> Response:
    """One event with its exact text and its hash."""
    desk.view()
    desk.month(period)
    found = audit_desk.event(desk.context, seq=seq)
    on = f"{found['at']:%Y-%m-%d %H:%M:%S} UTC"
    return desk.show(
        Page(
            name="audit",
            period=period,
            headline=f"{found['actor']} did {_words(found['action'])} to {found['subject']} "
            f"on {on}.",
            template="audit/event.html",
            tables=(_payload(found["payload"]),),
            values={"one": found},
            crumbs=(
                Crumb(title="Audit log", link=desk.link(f"/audit/{period}")),
                Crumb(title=f"Event {seq:,}"),
            ),
        )
    )


@router.get("/{period}/verify")
def verify(period: Period, desk: AtDesk) -> Response:
    """Walk the log now, and compare it with every checkpoint and copy."""
    desk.view()
    desk.month(period)
    found = audit_desk.verify(desk.context)
    broken = found["broken"]
    said = (
        f"The audit log does not hold: {broken.what}: {broken.found}."
        if broken
        else f"The audit log holds: {found['events']:,} events, {len(found['checks'])} checks."
    )
    return desk.show(
        Page(
            name="audit",
            period=period,
            headline=said,
            template="audit/verify.html",
            tables=(_checks(found),),
            values={"found": found, "at": desk.context.now()},
            crumbs=(
                Crumb(title="Audit log", link=desk.link(f"/audit/{period}")),
                Crumb(title="Verified now"),
            ),
        )
    )


def _wanted(own: Mapping[str, str]) -> Search:
    for key, text in own.items():
        if len(text) > _LONGEST or "\x00" in text:
            raise QueryError(f"The key {key} of the address is too long: at most {_LONGEST}.")
    until = _day(own.get("until", ""), "until")
    return Search(
        actor=own.get("person", ""),
        action=own.get("act", ""),
        subject=own.get("about", ""),
        text=own.get("text", ""),
        start=_day(own.get("since", ""), "since"),
        end=until + timedelta(days=1) if until else None,
    )


def _day(text: str, key: str) -> datetime | None:
    """The first instant of a day, UTC."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise QueryError(
            f"The key {key} of the address is {text[:40]!r}: expected a day such as 2026-11-03."
        ) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _headline(count: int, wanted: Search) -> str:
    what = "One event" if count == 1 else f"{count:,} events"
    if wanted == Search():
        return f"{what} in the audit log: who did what, when and why."
    parts = [f"by {wanted.actor}"] if wanted.actor else []
    parts += [f"of {_words(wanted.action)}"] if wanted.action else []
    parts += [f"about {wanted.subject}"] if wanted.subject else []
    parts += [f"with “{wanted.text}”"] if wanted.text else []
    parts += [f"from {wanted.start:%Y-%m-%d}"] if wanted.start else []
    parts += [f"until {wanted.end - timedelta(days=1):%Y-%m-%d}"] if wanted.end else []
    return f"{what} {' '.join(parts)}."


def _words(action: str) -> str:
    return action.replace("_", " ")


def _events(
    desk: Desk, period: str, found: Mapping[str, Any], wanted: Search, *, is_first: bool
) -> Table:
    following = found["following"]

    def every() -> list[Row]:
        rows: list[Row] = []
        behind: int | None = None
        while True:
            got = audit_desk.search(desk.context, wanted=wanted, behind=behind, limit=_BATCH)
            rows += [_event_row(desk, period, one) for one in got["rows"]]
            behind = got["following"]
            if behind is None:
                return rows

    return Table(
        name="events",
        caption="Events",
        columns=(
            Column(name="event", title="Event", kind="count"),
            Column(name="at", title="When (UTC)", kind="id"),
            Column(name="who", title="Who", kind="state"),
            Column(name="act", title="What"),
            Column(name="subject", title="To what"),
            Column(name="why", title="Why"),
        ),
        rows=[_event_row(desk, period, one) for one in found["rows"]],
        empty="No event fits: take a filter away.",
        every=None if is_first and following is None else every,
        following=None if following is None else (following,),
    )


def _event_row(desk: Desk, period: str, one: Mapping[str, Any]) -> Row:
    who = one["actor"].removeprefix("service:")
    return {
        "event": Cell(value=one["seq"], link=desk.link(f"/audit/{period}/event/{one['seq']}")),
        "at": f"{one['at']:%Y-%m-%d %H:%M:%S}",
        "who": Cell(
            value=f"{who} (machine)" if one["is_machine"] else who,
            link=desk.here(person=one["actor"], after=None),
        ),
        "act": _words(one["action"]),
        "subject": one["subject"],
        "why": one["why"],
    }


def _payload(payload: Mapping[str, Any]) -> Table:
    return Table(
        name="payload",
        caption="What was written down",
        columns=(Column(name="name", title="Name"), Column(name="value", title="Value")),
        rows=[
            {"name": _words(name), "value": _said(value)} for name, value in sorted(payload.items())
        ],
        empty="The event says nothing besides.",
    )


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_said(one)}" for name, one in value.items())
    return "" if value is None else str(value)


def _checks(found: Mapping[str, Any]) -> Table:
    return Table(
        name="checks",
        caption="What was compared",
        columns=(
            Column(name="what", title="What"),
            Column(name="state", title="State", kind="state"),
            Column(name="found", title="What was found"),
        ),
        rows=[
            {
                "what": one.what,
                "state": State("holds", "good") if one.holds else State("broken", "block"),
                "found": one.found,
            }
            for one in found["checks"]
        ],
    )
