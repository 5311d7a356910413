"""Matches: what was matched in a month, what is open or waits for a person, and why. Reads only."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tieout.core.money import format_units, from_decimal
from tieout.core.period import parse_period
from tieout.reconciliation.causes.base import load
from tieout.reconciliation.match_records import OPEN, UNEXPLAINED
from tieout.steps.context import Context
from tieout.steps.inputs import matched_run
from tieout.store import matches, reconciliations

Place = tuple[str, str, str]
Values = dict[str, Any]
_AMOUNTS = (
    "earlier_amount", "later_amount", "matched_earlier_amount", "matched_later_amount",
    "open_earlier_amount", "open_later_amount",
)  # fmt: skip
_COUNTS = ("record_count", "suggested_count", "open_earlier_count", "open_later_count")


def listing(context: Context, *, period: str) -> dict[str, Any]:
    """Each pair of figures with its sums, its open rows and how many matches each pass made.

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
    taken = {one["match_id"] for one in decided if one["kind"] == "confirm"}
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


def open_rows(context: Context, *, period: str) -> list[dict[str, Any]]:
    """Every row that no standing match holds: account, section, side, id, amount and what it says.

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
            **json.loads(row["keys"]),
        }
        for found in sets
        for row in _rows(context, found)
        for side in ("earlier", "later")
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
        if _place(one) not in explained:
            found += [
                _cause(one, line["component"], line["amount_units"], line["cause"])
                | {"evidence": line["evidence"]}
                for line in one["lines"]
            ]
            if one["unexplained_units"]:
                told = "No cause explains this difference."
                found.append(_cause(one, UNEXPLAINED, one["unexplained_units"], told))
    return sorted(found, key=lambda one: (one["account"], one["section"]))


def _pair(context: Context, found: Values) -> Values:
    rows = _rows(context, found)
    return {
        "account": _account(found),
        "section": found["section"],
        "currency": found["currency"],
        **{name: format_units(found[name]) for name in _AMOUNTS},
        **{name: found[name] for name in _COUNTS},
        "passes": dict(
            Counter(row["pass"] for row in rows if row["decision"] not in {OPEN, "unmatched"})
        ),
    }


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
