"""The audit log to be looked at: who did what, when and why; one event; the whole log walked again.

Reads only. A walk that finds something does not stop at it: every check says what it found, so that
a page can show the first break beside what still holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieout.audit import chain
from tieout.audit.checkpoint import checkpoint_of, disagreement
from tieout.core.errors import TieoutError
from tieout.lake import anchors
from tieout.steps.anchoring import ORIGIN
from tieout.steps.context import Context
from tieout.store import audit, checkpoints
from tieout.store.audit import AuditEvent, Search
from tieout.store.checkpoints import KeptCheckpoint

_MACHINE = "service:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was compared; `holds` or what was found instead."""

    what: str
    holds: bool
    found: str


def search(
    context: Context, *, wanted: Search, behind: int | None = None, limit: int = 100
) -> dict[str, Any]:
    """Events that fit, the newest first: `rows`, `count` of all, `following` if there are more."""
    with context.store.transaction() as tx:
        events = audit.search(tx, wanted, behind=behind, limit=limit + 1)
        count = audit.count(tx, wanted)
        actors, actions = audit.known(tx)
    shown = events[:limit]
    return {
        "rows": [told(one) for one in shown],
        "count": count,
        "following": shown[-1].seq if len(events) > limit else None,
        "actors": actors,
        "actions": actions,
    }


def event(context: Context, *, seq: int) -> dict[str, Any]:
    """One event with its exact text; `holds`: its hash follows from the event before it.

    Raises:
        UnknownSubjectError: the log has none of that number.
    """
    with context.store.transaction() as tx:
        one = audit.one(tx, seq)
        last = audit.head(tx)[0]
    return {
        **told(one),
        "canonical": one.canonical,
        "payload": one.payload(),
        "hash": one.hash,
        "prev_hash": one.prev_hash,
        "holds": chain.event_hash(one.prev_hash, one.canonical.encode()) == one.hash,
        "last": last,
    }


def told(one: AuditEvent) -> dict[str, Any]:
    """Who did what to what, when and why; `is_machine`: no person, but a service."""
    said = one.content()
    return {
        "seq": one.seq,
        "at": one.recorded_at,
        "actor": said["actor"],
        "is_machine": said["actor"].startswith(_MACHINE),
        "login": one.login,
        "action": said["action"],
        "subject": said["subject"],
        "why": said["why"],
    }


def verify(context: Context) -> dict[str, Any]:
    """Walk the whole log and compare it with each checkpoint, here and outside.

    `root` is that of the log as it is now (base64), `checks` all that was compared, in order;
    the first that does not hold is `broken`.
    """
    with context.store.transaction() as tx:
        events = audit.whole_log(tx)
        kept = checkpoints.listing(tx)
        seq, head = audit.head(tx)
    texts = [one.canonical for one in events]
    checks = [_chain(events, seq)]
    for one in kept:
        checks.append(_agrees(f"checkpoint of {one.size:,} events, kept here", one.body, texts))
        checks += [_anchor(one, place, texts) for place in one.anchors]
    return {
        "events": len(events),
        "head": head,
        "root": checkpoint_of(ORIGIN, texts).text().split("\n")[2],
        "checks": checks,
        "broken": next((one for one in checks if not one.holds), None),
        "anchored": max((one.size for one in kept if one.anchors), default=0),
    }


def _chain(events: Sequence[AuditEvent], last: int) -> Check:
    bad = chain.first_bad(one.link() for one in events)
    if bad is not None:
        return Check(what="chain", holds=False, found=f"it breaks at event {bad:,}")
    if len(events) != last:
        return Check(
            what="chain",
            holds=False,
            found=f"it ends at event {len(events):,}, but its head says {last:,}",
        )
    return Check(what="chain", holds=True, found=f"{len(events):,} events follow from each other")


def _agrees(what: str, text: str, texts: list[str]) -> Check:
    try:
        wrong = disagreement(text, texts)
    except TieoutError as error:
        wrong = str(error)
    return Check(what=what, holds=not wrong, found=wrong or "the log grew out of it")


def _anchor(one: KeptCheckpoint, place: Mapping[str, str], texts: list[str]) -> Check:
    what = f"copy of {one.size:,} events at {place['place']}"
    try:
        copy = anchors.get(place)
    except TieoutError as error:
        return Check(what=what, holds=False, found=str(error))
    if copy is None:
        return Check(what=what, holds=False, found="the copy is gone")
    return _agrees(what, copy, texts)
