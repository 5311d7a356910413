"""A pair of figures as it is kept: every record and open row as a table, every cause as values.

Owns the columns; where they are kept is the business of others.
"""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import to_decimal
from tieout.focus.columns import MONEY
from tieout.reconciliation.breaks import Row
from tieout.reconciliation.causes.base import load
from tieout.reconciliation.explaining import Explained
from tieout.reconciliation.match_causes import Named
from tieout.reconciliation.match_pairs import Pair
from tieout.reconciliation.match_sides import Side
from tieout.reconciliation.match_values import Match, Member

OPEN = "open"
UNEXPLAINED = "unexplained"
_DESCRIBED_BY = (
    "charge_day",
    "sub_account_id",
    "service_name",
    "charge_description",
    "invoice_id",
    "document_part",
)
RECORD_SCHEMA = pa.schema(
    [
        pa.field("match_id", pa.string()),
        pa.field("pass", pa.string()),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("keys", pa.string(), nullable=False),
        pa.field("earlier_ids", pa.list_(pa.string()), nullable=False),
        pa.field("earlier_amounts", pa.list_(MONEY), nullable=False),
        pa.field("later_ids", pa.list_(pa.string()), nullable=False),
        pa.field("later_amounts", pa.list_(MONEY), nullable=False),
        pa.field("person", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("replaces", pa.string()),
        pa.field("cause", pa.string()),
    ]
)


def records_table(pair: Pair, named: Named) -> pa.Table:
    """All records in order, then each open row with what describes it (RECORD_SCHEMA).

    `keys` is a JSON object; the decision of an open row is `open`, its `cause` the one in `named`.
    The rows of standing matches and the open rows are together the two figures.
    """
    found = pair.matching
    rows = [
        *(_record(one) for one in found.records),
        *(
            _open(one, (), told) | {"cause": named.get(("earlier", one[0].member_id))}
            for one, told in _told(pair.earlier, found.open_earlier)
        ),
        *(
            _open((), one, told) | {"cause": named.get(("later", one[0].member_id))}
            for one, told in _told(pair.later, found.open_later)
        ),
    ]
    return pa.Table.from_pylist(rows, RECORD_SCHEMA)


def cause_values(explained: Explained, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each proven cause with key, amount (1e-12), the lines that prove it and a sentence.

    What no cause proves comes last as `unexplained`. The amounts add up to what is explained and
    unexplained; `names` are the columns of the key.
    """
    proven = [
        {
            "cause": one.cause,
            "keys": _key(names, (*one.key[:-1], *one.key.rest)),
            "amount": one.amount_units,
            "line_ids": _ids(one.rows),
            "witnesses": list(one.witnesses),
            "sentence": _sentence(one.cause, len(one.rows), one.remark),
        }
        for one in explained.explanations
    ]
    left = [
        {
            "cause": UNEXPLAINED,
            "keys": _key(names, (*one.key[:-1], *one.key.rest)),
            "amount": one.open_units,
            "line_ids": _ids(one.rows),
            "witnesses": [],
            "sentence": f"No cause proves this difference ({len(one.rows)} charges).",
        }
        for one in explained.open_breaks
    ]
    return proven + left


def _record(one: Match) -> dict[str, Any]:
    return {
        "match_id": one.match_id,
        "pass": one.pass_name,
        "decision": one.decision,
        "keys": json.dumps(dict(one.keys), sort_keys=True),
        **_members(one.earlier, one.later),
        "person": one.person,
        "reason": one.reason,
        "replaces": one.replaces,
    }


def _open(
    earlier: tuple[Member, ...], later: tuple[Member, ...], told: dict[str, Any]
) -> dict[str, Any]:
    return {
        "decision": OPEN,
        "keys": json.dumps(told, sort_keys=True),
        **_members(earlier, later),
    }


def _members(earlier: tuple[Member, ...], later: tuple[Member, ...]) -> dict[str, Any]:
    return {
        "earlier_ids": [one.member_id for one in earlier],
        "earlier_amounts": [to_decimal(one.amount_units) for one in earlier],
        "later_ids": [one.member_id for one in later],
        "later_amounts": [to_decimal(one.amount_units) for one in later],
    }


def _told(
    side: Side, left: tuple[Member, ...]
) -> Iterator[tuple[tuple[Member, ...], dict[str, Any]]]:
    """Each open row by itself, and what its columns say of it."""
    wanted = pa.array([one.member_id for one in left], pa.string())
    rows = side.rows.filter(pc.is_in(side.rows["member_id"], value_set=wanted))
    texts = {
        values.pop("member_id"): {name: text for name, text in values.items() if text}
        for values in rows.select(["member_id", *_DESCRIBED_BY]).to_pylist()
    }
    return (((one,), texts[one.member_id]) for one in left)


def _key(names: tuple[str, ...], parts: tuple[Any, ...]) -> dict[str, str | None]:
    return {
        name: None if part is None else str(part) for name, part in zip(names, parts, strict=True)
    }


def _ids(rows: tuple[Row, ...]) -> list[str]:
    return [row.line_id for row in rows]


def _sentence(cause: str, rows: int, remark: str) -> str:
    told = load(cause).SENTENCE.format(rows=rows)
    return f"{told} {remark[0].upper()}{remark[1:]}." if remark else told
