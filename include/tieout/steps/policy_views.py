"""Policies to look at: kinds and versions with their state, one version beside another, drafts.

Owns what is shown of a version and a rule drafted for rows that nobody was given. Reads only;
proposing is `policies`', what would move `preview`'s.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from difflib import SequenceMatcher
from typing import Any

from tieout.allocation.parse import parse_pools
from tieout.core.errors import NotReadyError, UnknownSubjectError
from tieout.core.period import Period, parse_period
from tieout.reports import moved_money
from tieout.rules.parse import parse_rules
from tieout.rules.register import POOL_PREFIX, parse_initiatives
from tieout.rules.rule_diff import rule_diff
from tieout.rules.rule_set import Rule, RuleSet
from tieout.rules.rule_source import UNDECIDED, drafted, source_of, with_rule
from tieout.steps.context import Context
from tieout.steps.inputs import currency, optional_policy
from tieout.steps.past import is_rule_kind
from tieout.store import audit, policies, previews
from tieout.store.policies import Policy
from tieout.store.session import Tx

MOST_MOVES = 20
_CONTEXT = 2
_KINDS = {"equal": "same", "delete": "gone", "insert": "new", "replace": "changed"}


def kinds(context: Context, *, period: str) -> list[dict[str, Any]]:
    """Each kind of policy: the version in force on the month's last day, and what waits."""
    month = parse_period(period)
    with context.store.transaction() as tx:
        found = policies.listing(tx)
    by_kind: dict[str, list[Policy]] = {kind: [] for kind in policies.KINDS}
    for one in found:
        by_kind.setdefault(one.kind, []).append(one)
    return [_kind(kind, own, month) for kind, own in by_kind.items()]


def versions(context: Context, *, kind: str, period: str) -> list[dict[str, Any]]:
    """All versions of a kind, newest first, with their state in the month.

    Raises:
        UsageError: there is no such kind.
    """
    month = parse_period(period)
    known = policies.parse_kind(kind)
    with context.store.transaction() as tx:
        found = policies.versions(tx, known)
    return [_version(one, found, month) for one in found]


def version(
    context: Context, *, kind: str, number: int, against: int | None, period: str
) -> dict[str, Any]:
    """One version with its text, its preview, its people, and how it differs from another.

    `against` is the other version, by default the one before. `diff` has rows of both texts side by
    side, `changes` rules before and after in words (rule sets only).

    Raises:
        UsageError: there is no such kind.
        UnknownSubjectError: there is no such version.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        own = policies.versions(tx, policies.parse_kind(kind))
        one = _of(own, kind, number)
        before = [each for each in own if each.version < number]
        other = _of(own, kind, against) if against else next(iter(before), None)
        shown = _preview(tx, one)
        acts = audit.about(tx, one.label) + (
            audit.about(tx, shown["preview"]) if shown is not None else []
        )
        money = _currency(tx, month)
    return {
        **_version(one, own, month),
        "newest": own[0].version,
        "is_rules": is_rule_kind(one.kind),
        "currency": money,
        "lines": _numbered(one),
        "other": other.version if other else None,
        "diff": _side_by_side(other.body if other else "", one.body) if other else [],
        "changes": _changes(other, one) if other else [],
        "preview": shown,
        "acts": [_act(each) for each in sorted(acts, key=lambda event: event.seq)],
    }


def refuse_stale(context: Context, *, kind: str, number: int, preview: str) -> None:
    """Make sure that what is approved is what was read: the newest draft and its newest preview.

    Raises:
        NotReadyError: another draft or another preview came since.
        UsageError: there is no such kind.
    """
    with context.store.transaction() as tx:
        newest = next(iter(policies.versions(tx, policies.parse_kind(kind))), None)
        shown = previews.of_policy(tx, kind, number)
    if newest is None or newest.version != number:
        raise NotReadyError(
            f"{kind} version {number} is not the newest draft: expected an approval of version "
            f"{newest.version if newest else 0}; look at that one, it may say something else."
        )
    if (shown.sha256 if shown else "") != preview:
        raise NotReadyError(
            f"{kind} version {number} was previewed again since the page was opened: expected an "
            "approval of the newest preview; open the page again and look at it once more."
        )


def names(context: Context, *, period: str) -> list[dict[str, str]]:
    """What rules may name in a month: initiatives and pools, with who answers for them."""
    month = parse_period(period)
    with context.store.transaction() as tx:
        register = optional_policy(tx, "initiatives", month)
        pools = optional_policy(tx, "allocation", month)
    found = [
        {"name": one.initiative_id, "what": one.name, "owner": one.owner}
        for one in (parse_initiatives(register.body, name=register.label) if register else ())
    ]
    return found + [
        {"name": f"{POOL_PREFIX}{one.pool_id}", "what": one.description, "owner": one.owner}
        for one in (parse_pools(pools.body, name=pools.label) if pools else ())
    ]


def draft(
    context: Context, *, kind: str, asked: Mapping[str, str], initiative: str, person: str
) -> dict[str, Any]:
    """The newest text of a kind, to be changed.

    With `asked`, columns and values of charges, a rule for them stands in it; without `initiative`
    that is still to choose. Gives `text`, and `line` of the new rule, None without one.

    Raises:
        UsageError: there is no such kind.
        RuleFileError: the text has no place for a rule.
    """
    with context.store.transaction() as tx:
        newest = next(iter(policies.versions(tx, policies.parse_kind(kind))), None)
    if newest is None or kind != "classification" or not asked:
        return {"text": newest.body if newest else "", "line": None}
    rules = parse_rules(newest.body, name=newest.label)
    rule = drafted(rules, dict(asked), owner=person, initiative=initiative or UNDECIDED)
    text = with_rule(newest.body, rules, rule)
    again = parse_rules(text, name=newest.label)
    line = next(one.line for _, one in again.rules() if one.rule_id == rule.rule_id)
    return {"text": text, "line": line}


def _kind(kind: str, own: Sequence[Policy], month: Period) -> dict[str, Any]:
    current = policies.in_force(own, month.last_on)
    newest = own[0] if own else None
    return {
        "kind": kind,
        "versions": len(own),
        "in_force": current.version if current else None,
        "valid_from": current.valid_from if current else None,
        "proposed_by": current.proposed_by if current else "",
        "approved_by": (current.approved_by or "") if current else "",
        "waiting": newest.version if newest and newest.approved_by is None else None,
        "waiting_from": newest.proposed_by if newest and newest.approved_by is None else "",
    }


def _version(one: Policy, own: Sequence[Policy], month: Period) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "version": one.version,
        "label": one.label,
        "sha256": one.sha256,
        "valid_from": one.valid_from,
        "proposed_by": one.proposed_by,
        "proposed_at": one.proposed_at,
        "approved_by": one.approved_by or "",
        "approved_at": one.approved_at,
        "state": _state(one, own, month.last_on),
    }


def _state(one: Policy, own: Sequence[Policy], on: date) -> str:
    """`in force`, `waits`, `overtaken` (a newer draft came), `later` or `replaced`."""
    if one.approved_by is None:
        return "waits" if one.version == own[0].version else "overtaken"
    current = policies.in_force(own, on)
    if current is not None and current.version == one.version:
        return "in force"
    return "later" if one.valid_from > on else "replaced"


def _of(own: Sequence[Policy], kind: str, number: int) -> Policy:
    found = [one for one in own if one.version == number]
    if not found:
        raise UnknownSubjectError(
            f"There is no {kind} version {number}: expected one of "
            f"{', '.join(str(one.version) for one in own) or 'none yet'}."
        )
    return found[0]


def _preview(tx: Tx, one: Policy) -> dict[str, Any] | None:
    """The newest preview of a version, as tables."""
    found = previews.of_policy(tx, one.kind, one.version)
    if found is None:
        return None
    content = found.content()
    months = content["months"]
    return {
        "preview": found.sha256,
        "first": found.first_period,
        "last": found.last_period,
        "made_by": found.recorded_by,
        "made_at": found.recorded_at,
        "approved_by": found.approved_by or "",
        "charges_moved": content["summary"]["charges_moved"],
        "closed": content["summary"]["closed_periods_touched"],
        "unallocated": content["summary"]["unallocated"],
        "matrix": moved_money.matrix(months),
        "largest": moved_money.largest(months, MOST_MOVES),
        "months": moved_money.touched(months),
        "pl_lines": moved_money.pl_lines(months),
    }


def _currency(tx: Tx, month: Period) -> str:
    return currency(tx, month) if optional_policy(tx, "chart", month) else ""


def _rules_of(one: Policy) -> RuleSet | None:
    return parse_rules(one.body, name=one.label) if one.kind == "classification" else None


def _numbered(one: Policy) -> list[dict[str, Any]]:
    """The lines of the text; the line of a rule carries its id."""
    rules = _rules_of(one)
    at = {rule.line: rule.rule_id for _, rule in rules.rules()} if rules else {}
    return [
        {"number": number, "text": text, "rule": at.get(number, "")}
        for number, text in enumerate(one.body.splitlines(), start=1)
    ]


def _changes(before: Policy, after: Policy) -> list[dict[str, str]]:
    old, new = _rules_of(before), _rules_of(after)
    if old is None or new is None:
        return []
    sources = [(_sources(old), before.body), (_sources(new), after.body)]
    return [
        {
            "rule": change.rule_id or change.dimension,
            "dimension": change.dimension,
            "kind": change.kind,
            "message": change.message,
            "before": _source(*sources[0], change.dimension, change.rule_id),
            "after": _source(*sources[1], change.dimension, change.rule_id),
        }
        for change in rule_diff(old, new)
    ]


def _sources(rules: RuleSet) -> dict[tuple[str, str], list[Rule]]:
    found: dict[tuple[str, str], list[Rule]] = {}
    for dimension, rule in rules.rules():
        found.setdefault((dimension, rule.rule_id), []).append(rule)
    return found


def _source(
    known: Mapping[tuple[str, str], Sequence[Rule]], text: str, dimension: str, rule_id: str
) -> str:
    """All rules of that id in the words of the file: an id may stand for other days again."""
    own = known.get((dimension, rule_id), ())
    return "\n".join(source_of(text, rule) for rule in own)


def _side_by_side(before: str, after: str) -> list[dict[str, Any]]:
    """What differs, with two lines around it: number and line of each text, and one of _KINDS."""
    old, new = before.splitlines(), after.splitlines()
    rows: list[dict[str, Any]] = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT):
        for tag, a, b, c, d in group:
            for step in range(max(b - a, d - c)):
                left, right = a + step, c + step
                row: dict[str, Any] = {
                    "kind": _KINDS[tag],
                    "old_number": None,
                    "old": "",
                    "new_number": None,
                }
                row |= {"old_number": left + 1, "old": old[left]} if left < b else {}
                row |= {"new_number": right + 1, "new": new[right]} if right < d else {"new": ""}
                rows.append(row)
    return rows


def _act(event: audit.AuditEvent) -> dict[str, Any]:
    said = event.content()
    return {
        "at": event.recorded_at,
        "act": said["action"].replace("_", " "),
        "who": said["actor"],
        "why": said["why"],
    }
