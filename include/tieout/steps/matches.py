"""Matches: what was matched in a month, what is open or waits for a person, and why. Reads only."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tieout.core.errors import UnknownSubjectError
from tieout.core.money import format_units, from_decimal, minor_digits
from tieout.core.period import parse_period
from tieout.reconciliation.causes.base import load
from tieout.reconciliation.commitments import SECTION_PREFIX
from tieout.reconciliation.match_records import OPEN, UNEXPLAINED
from tieout.reconciliation.variance import SECTION
from tieout.steps.context import Context
from tieout.steps.inputs import latest_outputs, matched_run
from tieout.store import matches, reconciliations, runs

Place = tuple[str, str, str]
Values = dict[str, Any]
_AMOUNTS = (
    "earlier_amount",
    "later_amount",
    "matched_earlier_amount",
    "matched_later_amount",
)
_COUNTS = ("record_count", "suggested_count")
_SIDES = ("earlier", "later")
_ANSWERS = ("confirm", "reject")
_NO_MATCH = frozenset({OPEN, "rejected", "unmatched"})


def listing(context: Context, *, period: str) -> dict[str, Any]:
    """Each pair of figures with its sums, its open rows and how many matches each pass made.

    Of what no match holds, `explained` is named by a proven cause, `open` is for a person.
    `records` are those that a person is asked about or has decided; `waiting` says that the record
    is a suggestion and nobody has decided. `pending` counts decisions that no run has applied yet.

    Raises:
        NotReadyError: the month has not been matched yet.
    """
    parse_period(period)
    with context.store.transaction() as tx:
        made = matched_run(tx, period)
        records = matches.records_of(tx, made.run_id)
        decided = matches.decisions(tx, period)
        sets = matches.sets_of(tx, made.run_id)
    taken = {one["match_id"] for one in decided if one["kind"] in _ANSWERS}
    return {
        "period": period,
        "run": made.run_id,
        "pending": len(decided) - int(made.outputs["decisions"]),
        "pairs": [
            {
                **_pair(context, found),
                "records": [
                    _record(one)
                    | {"waiting": one["decision"] == "suggested" and one["match_id"] not in taken}
                    for one in records
                    if _place(one) == _place(found)
                ],
            }
            for found in sets
        ],
    }


def unmatched_rows(context: Context, *, period: str) -> list[dict[str, Any]]:
    """Every row that no standing match holds: where it is, its amount, what it says, its cause.

    `cause` is the proven cause that names it; None: nothing does, and a person has to look.

    Raises:
        NotReadyError: the month has not been matched yet.
    """
    parse_period(period)
    with context.store.transaction() as tx:
        sets = matches.sets_of(tx, matched_run(tx, period).run_id)
    return [
        {
            "account": _account(found),
            "section": found["section"],
            "side": side,
            "row": row[f"{side}_ids"][0],
            "amount": format_units(from_decimal(row[f"{side}_amounts"][0])),
            "currency": found["currency"],
            "cause": _cause_of(row),
            **json.loads(row["keys"]),
        }
        for found in sets
        for row in _rows(context, found)
        for side in _SIDES
        if row["decision"] == OPEN and row[f"{side}_ids"]
    ]


def causes(context: Context, *, period: str) -> list[dict[str, Any]]:
    """Why the figures of each account differ, cause by cause; amounts as text.

    `proofs` are the keys behind a cause, each with the lines that prove it. The causes of a pair
    add up to its difference; what none proves is there as `unexplained`. What an invoice or a
    prepaid balance adds comes from the bridges, whose evidence is documents.

    Raises:
        NotReadyError: the month has not been matched yet.
    """
    parse_period(period)
    with context.store.transaction() as tx:
        made = matched_run(tx, period)
        sets = [
            one for one in matches.sets_of(tx, made.run_id) if one["explained_amount"] is not None
        ]
        proven = matches.causes_of(tx, made.run_id)
        bridges = reconciliations.for_period(tx, period)
    explained = {_place(one): one for one in sets}
    found = _grouped(proven, explained)
    for one in sets:
        if one["rounding_amount"]:
            told = "Rounding inside keys that agree."
            found.append(_cause(one, "rounding", one["rounding_amount"], told))
    for one in bridges:
        if one["section"] != SECTION and _place(one) not in explained:
            found += [
                _cause(one, line["component"], line["amount_units"], line["cause"])
                | {"evidence": line["evidence"]}
                for line in one["lines"]
            ]
            if one["unexplained_units"]:
                told = "No cause explains this difference."
                found.append(_cause(one, UNEXPLAINED, one["unexplained_units"], told))
    return sorted(found, key=lambda one: (one["account"], one["section"]))


def bridges(context: Context, *, period: str, account: str | None = None) -> list[dict[str, Any]]:
    """Why the last figure of each account is not its first, in components; amounts as text.

    The lines and `unexplained` are `end` minus `start`, to the minor unit. `causes` are what the
    matching proved (none before it has run): they stand beside the components, no part of the sum.
    `account` is `provider/account`, or a provider.

    Raises:
        NotReadyError: the month has not been reconciled yet.
        UnknownSubjectError: no such account has a bridge.
    """
    parse_period(period)
    with context.store.transaction() as tx:
        latest_outputs(tx, "reconcile", period)
        found = reconciliations.for_period(tx, period)
        is_matched = runs.latest(tx, "matching", period) is not None
    whole = [one for one in found if one["section"] == SECTION]
    wanted = [one for one in whole if account in {None, one["provider"], _account(one)}]
    if not wanted:
        raise UnknownSubjectError(
            f"No account {str(account)[:60]!r} has a bridge in {period}: expected one of "
            f"{', '.join(map(_account, whole)) or 'none'}."
        )
    proven = causes(context, period=period) if is_matched else []
    return [_bridge(one, proven) for one in wanted]


def _bridge(found: Values, proven: Sequence[Values]) -> Values:
    """Components in whole minor units, causes exact and without their proofs."""
    digits = minor_digits(found["currency"])
    shown = ("cause", "section", "amount", "sentence")
    return {
        "account": _account(found),
        "currency": found["currency"],
        "start_label": found["start_label"],
        "start": format_units(found["start_units"], digits),
        "lines": [
            {
                "component": line["component"],
                "amount": format_units(line["amount_units"], digits),
                "cause": line["cause"],
                "evidence": line["evidence"],
            }
            for line in found["lines"]
        ],
        "unexplained": format_units(found["unexplained_units"], digits),
        "end_label": found["end_label"],
        "end": format_units(found["end_units"], digits),
        "causes": [
            {name: one[name] for name in shown}
            for one in proven
            if one["account"] == _account(found) and not _is_roll(one["section"])
        ],
    }


def _is_roll(section: str) -> bool:
    return section == "credit_rollforward" or section.startswith(SECTION_PREFIX)


def _pair(context: Context, found: Values) -> Values:
    rows = _rows(context, found)
    return {
        "account": _account(found),
        "section": found["section"],
        "currency": found["currency"],
        **{name: format_units(found[name]) for name in _AMOUNTS},
        **{name: found[name] for name in _COUNTS},
        **_left(rows),
        "passes": dict(Counter(row["pass"] for row in rows if row["decision"] not in _NO_MATCH)),
    }


def _left(rows: Sequence[Values]) -> Values:
    """Unmatched rows of each side: `explained` are named by a cause, `open` are for a person."""
    found: Values = {}
    for side in _SIDES:
        left = [row for row in rows if row["decision"] == OPEN and row[f"{side}_ids"]]
        for name, wanted in (("open", True), ("explained", False)):
            own = [row for row in left if (_cause_of(row) is None) is wanted]
            units = sum(from_decimal(row[f"{side}_amounts"][0]) for row in own)
            found[f"{name}_{side}_count"] = len(own)
            found[f"{name}_{side}_amount"] = format_units(units)
    return found


def _cause_of(row: Values) -> str | None:
    """What names an unmatched row; files of earlier versions name nothing."""
    cause: str | None = row.get("cause")
    return cause


def _rows(context: Context, found: Values) -> list[Values]:
    rows: list[Values] = context.lake.get_table(found["lake_path"], found["sha256"]).to_pylist()
    return rows


def _record(one: Values) -> Values:
    shown = ("match_id", "pass", "keys", "decision", "person", "reason", "replaces")
    return {
        **{name: one[name] for name in shown},
        **{
            side: [{"row": row, "amount": format_units(int(units))} for row, units in one[side]]
            for side in ("earlier", "later")
        },
        "difference": format_units(one["later_amount"] - one["earlier_amount"]),
    }


def _grouped(proven: Sequence[Values], sets: Mapping[Place, Values]) -> list[Values]:
    """One entry for each cause of a pair, in the order in which they were proven."""
    groups: dict[tuple[Place, str], list[Values]] = {}
    for one in proven:
        groups.setdefault((_place(one), one["cause"]), []).append(one)
    return [
        _cause(
            sets[place],
            cause,
            sum(one["amount"] for one in group),
            _sentence(cause, sum(len(one["line_ids"]) for one in group)),
        )
        | {"proofs": [_proof(one) for one in group]}
        for (place, cause), group in groups.items()
    ]


def _proof(one: Values) -> Values:
    return {
        "keys": one["keys"],
        "amount": format_units(one["amount"]),
        "line_ids": one["line_ids"],
        "witnesses": one["witnesses"],
        "sentence": one["sentence"],
    }


def _sentence(cause: str, rows: int) -> str:
    if cause == UNEXPLAINED:
        return f"No cause proves this difference ({rows} charges)."
    return load(cause).SENTENCE.format(rows=rows)


def _cause(place: Values, cause: str, units: int, sentence: str) -> Values:
    return {
        "account": _account(place),
        "section": place["section"],
        "cause": cause,
        "amount": format_units(units),
        "currency": place["currency"],
        "sentence": sentence,
    }


def _account(place: Values) -> str:
    return f"{place['provider']}/{place['billing_account_id']}"


def _place(place: Values) -> Place:
    return (place["provider"], place["billing_account_id"], place["section"])
