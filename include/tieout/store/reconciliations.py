"""Variance bridges of a run, line by line; the database checks that each one closes exactly."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from tieout.core.money import from_decimal, to_decimal
from tieout.store.schema import reconciliation_bridge as bridge
from tieout.store.schema import reconciliation_line as line
from tieout.store.session import Tx

_KEY = ("run_id", "provider", "billing_account_id", "section")


def add(tx: Tx, run_id: int, period: str, bridges: Iterable[Mapping[str, Any]]) -> int:
    """Keep the bridges of a run (`reconciliation.bridge.Bridge` as JSON values); gives their count.

    Amounts are units of 1e-12, as int or text.

    Raises (at the end of the transaction):
        ConservationError: start + lines + unexplained is not the end.
        IntegrityError: the run has a bridge of that provider, account and section already.
    """
    count = 0
    for one in bridges:
        key = {"run_id": run_id} | {name: one[name] for name in _KEY[1:]}
        tx.execute(sa.insert(bridge).values(key | {"period": period} | _ends(one)))
        lines = [_line(number, row) for number, row in enumerate(one["lines"], start=1)]
        tx.execute(_INSERT_LINES, key | {"rows": json.dumps(lines)})
        count += 1
    return count


def for_run(tx: Tx, run_id: int) -> list[dict[str, Any]]:
    """The bridges of one run by provider, account and section; amounts are int units."""
    return _all(tx, sa.select(bridge).where(bridge.c.run_id == run_id))


def for_period(tx: Tx, period: str) -> list[dict[str, Any]]:
    """The newest bridge per provider, account and section of a month."""
    key = (bridge.c.provider, bridge.c.billing_account_id, bridge.c.section)
    newest = (
        sa.select(bridge)
        .ext(distinct_on(*key))
        .where(bridge.c.period == period)
        .order_by(*key, bridge.c.run_id.desc())
    )
    return _all(tx, newest)


def _ends(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "currency": one["currency"],
        "start_label": one["start_label"],
        "start_amount": to_decimal(int(one["start_units"])),
        "end_label": one["end_label"],
        "end_amount": to_decimal(int(one["end_units"])),
        "unexplained_amount": to_decimal(int(one["unexplained_units"])),
    }


def _line(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "line_no": number,
        "component": row["component"],
        "cause": row["cause"],
        "amount": str(to_decimal(int(row["amount_units"]))),
        "evidence": list(row["evidence"]),
    }


def _all(tx: Tx, statement: sa.Select[Any]) -> list[dict[str, Any]]:
    found = {
        tuple(row[name] for name in _KEY): _bridge(row) for row in tx.execute(statement).mappings()
    }
    runs = {key[0] for key in found}
    rows = tx.execute(sa.select(line).where(line.c.run_id.in_(runs)).order_by(line.c.line_no))
    for row in rows.mappings():
        key = tuple(row[name] for name in _KEY)
        if key in found:
            found[key]["lines"].append(
                {
                    "component": row["component"],
                    "cause": row["cause"],
                    "amount_units": from_decimal(row["amount"]),
                    "evidence": list(row["evidence"]),
                }
            )
    return [found[key] for key in sorted(found, key=lambda key: key[1:])]


def _bridge(row: sa.RowMapping) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _KEY},
        "period": row["period"],
        "currency": row["currency"],
        "start_label": row["start_label"],
        "start_units": from_decimal(row["start_amount"]),
        "end_label": row["end_label"],
        "end_units": from_decimal(row["end_amount"]),
        "unexplained_units": from_decimal(row["unexplained_amount"]),
        "lines": [],
    }


# One statement per bridge: the check of the sum runs once per statement.
_INSERT_LINES = sa.text("""
    INSERT INTO tieout.reconciliation_line
           (run_id, provider, billing_account_id, section, line_no, component, cause, amount,
            evidence)
    SELECT :run_id, :provider, :billing_account_id, :section, line_no, component, cause, amount,
           ARRAY(SELECT jsonb_array_elements_text(evidence))
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS line (
           line_no integer, component text, cause text, amount numeric(28,12), evidence jsonb)
""")
