"""What people decide about matches: each decision is one more record, and nothing is erased.

Owns the human pass and its refusals. A decision that no longer fits the data becomes a finding: an
id is made from members and amounts, so a restated charge voids what was decided about the old one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tieout.core.finding import Finding
from tieout.reconciliation.match_values import Decision, Match, Matching, Member

HUMAN = "human"


def decide(found: Matching, decisions: Sequence[Decision]) -> Matching:
    """Apply decisions in their order.

    `confirm` makes a suggestion stand; `reject` answers it with no: its members stay open, and with
    the same amounts they are not suggested again. `match` binds open members of both sides whatever
    the difference, `unmatch` sets the members of a standing match free again.
    """
    for decision in decisions:
        found = _applied(found, decision)
    return found


def _applied(found: Matching, decision: Decision) -> Matching:
    if not decision.person or not decision.reason:
        return _refused(found, decision, "it names no person or no reason")
    if decision.kind == "unmatch":
        return _unmatched(found, decision)
    if decision.kind == "confirm":
        return _confirmed(found, decision)
    if decision.kind == "reject":
        return _rejected(found, decision)
    return _matched(found, decision)


def _unmatched(found: Matching, decision: Decision) -> Matching:
    old = _with_id(found.standing, decision.match_id)
    if old is None:
        return _refused(found, decision, "no such match stands")
    record = old._replace(
        pass_name=HUMAN,
        decision="unmatched",
        person=decision.person,
        reason=decision.reason,
        replaces=decision.match_id,
    )
    return replace(
        found,
        records=(*found.records, record),
        open_earlier=tuple(sorted((*found.open_earlier, *old.earlier))),
        open_later=tuple(sorted((*found.open_later, *old.later))),
    )


def _confirmed(found: Matching, decision: Decision) -> Matching:
    asked = _with_id(found.suggested, decision.match_id)
    if asked is None:
        return _refused(found, decision, "no such suggestion is open")
    ids = tuple(one.member_id for one in asked.earlier), tuple(one.member_id for one in asked.later)
    named = replace(decision, earlier_ids=ids[0], later_ids=ids[1])
    return _matched(found, named, keys=asked.keys)


def _rejected(found: Matching, decision: Decision) -> Matching:
    asked = _with_id(found.suggested, decision.match_id)
    if asked is None:
        return _refused(found, decision, "no such suggestion is open")
    record = asked._replace(
        pass_name=HUMAN,
        decision="rejected",
        person=decision.person,
        reason=decision.reason,
        replaces=decision.match_id,
    )
    return replace(found, records=(*found.records, record))


def _matched(
    found: Matching, decision: Decision, *, keys: tuple[tuple[str, str | None], ...] = ()
) -> Matching:
    earlier = _members(found.open_earlier, decision.earlier_ids)
    later = _members(found.open_later, decision.later_ids)
    if earlier is None or later is None:
        return _refused(found, decision, "not every member that it names is open, and once")
    record = Match(
        pass_name=HUMAN,
        keys=keys,
        earlier=earlier,
        later=later,
        decision="confirmed",
        person=decision.person,
        reason=decision.reason,
        replaces=decision.match_id,
    )
    return replace(
        found,
        records=(*found.records, record),
        open_earlier=_without(found.open_earlier, earlier),
        open_later=_without(found.open_later, later),
    )


def _with_id(matches: Iterable[Match], match_id: str | None) -> Match | None:
    return next((one for one in matches if one.match_id == match_id), None)


def _members(among: tuple[Member, ...], ids: tuple[str, ...]) -> tuple[Member, ...] | None:
    known = {member.member_id: member for member in among}
    if not ids or len(set(ids)) < len(ids) or not set(ids) <= known.keys():
        return None
    return tuple(known[one] for one in sorted(ids))


def _without(members: tuple[Member, ...], gone: tuple[Member, ...]) -> tuple[Member, ...]:
    left = set(gone)
    return tuple(member for member in members if member not in left)


def _refused(found: Matching, decision: Decision, why: str) -> Matching:
    named = decision.match_id or ", ".join((*decision.earlier_ids, *decision.later_ids))
    finding = Finding(
        kind="decision_not_applied",
        severity="warning",
        subject=f"{found.earlier_name} to {found.later_name}: {named[:60]}",
        message=(
            f"The decision of {decision.person or 'nobody'} to {decision.kind} {named[:60]} was "
            f"not applied: {why}; look at the members as they are now and decide again."
        ),
    )
    return replace(found, findings=(*found.findings, finding))
