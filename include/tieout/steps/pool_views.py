"""Pools as they were shared: amounts, drivers, shares, and the certificate that nothing was lost.

Owns the gathering; sums are `reports.pool_shares`'s, the proof the certificate's. Reads only;
amounts are exact Decimals in the currency of the books.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tieout.allocation.certificate import PoolCertificate, pools_from_json
from tieout.allocation.parse import parse_pools
from tieout.allocation.pool import Pool
from tieout.audit.canonical import canonical_bytes
from tieout.core.errors import NotReadyError, UnknownSubjectError
from tieout.core.money import UNITS_PER_ONE, round_half_even, to_decimal
from tieout.core.period import Period, parse_period
from tieout.reports import pool_shares
from tieout.steps.approvals import approvals
from tieout.steps.context import Context
from tieout.steps.inputs import currency_and
from tieout.steps.month_lines import allocated_run, places_of, restatement, sums
from tieout.steps.pools import DRIVERS
from tieout.store import allocations
from tieout.store.session import Tx


def overview(context: Context, *, period: str, basis: str) -> dict[str, Any]:
    """All pools of a month, the flows to initiatives, and the certificate with its sums.

    Raises:
        NotReadyError: the month has not been allocated.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        certificate, labels = _certificate(tx, month, basis)
        flows = _flows(context, tx, month, basis)
        currency, stated = _stated(tx, month)
        people = approvals(tx, labels)
    known = pools_from_json(certificate)
    return {
        "currency": currency,
        "pools": [_pool(one, stated.get(one.pool_id), flows) for one in known.values()],
        "flows": [
            {"pool": pool, "initiative": initiative, "amount": to_decimal(units)}
            for (pool, initiative), units in flows.items()
        ],
        "certificate": _sums(certificate),
        "policies": people,
    }


def pool(context: Context, *, period: str, pool_id: str, basis: str) -> dict[str, Any]:
    """One pool: each receiver's quantity of the driver, rate, share, amount and rounding.

    Raises:
        NotReadyError: the month has not been allocated.
        UnknownSubjectError: the month has no such pool.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        certificate, labels = _certificate(tx, month, basis)
        known = pools_from_json(certificate)
        if pool_id not in known:
            raise UnknownSubjectError(
                f"{period} has no pool {pool_id[:60]!r}: expected one of "
                f"{', '.join(sorted(known)) or 'none'}."
            )
        flows = _flows(context, tx, month, basis)
        currency, stated = _stated(tx, month)
        people = approvals(tx, labels)
    found = known[pool_id]
    is_money = found.driver in DRIVERS
    per_one = pool_shares.rate(found)
    amounts = {target: units for (own, target), units in flows.items() if own == pool_id}
    return {
        "currency": currency,
        **_pool(found, stated.get(pool_id), flows),
        "is_money": is_money,
        "rate": None if per_one is None else _rate(per_one, is_money=is_money),
        "shares": [_share(one, is_money) for one in pool_shares.shares(found, amounts)],
        "to_pools": [
            {"pool": other, "amount": to_decimal(units)} for other, units in found.to_pools
        ],
        "edges": found.policies,
        "decisions": [
            {"policy": one.policy, "outcome": one.outcome, "reason": one.reason}
            for one in found.decisions
        ],
        "policies": people,
    }


def certificate_bytes(context: Context, *, period: str, basis: str) -> bytes:
    """The certificate as canonical JSON: the SHA-256 of these bytes is its hash.

    Raises:
        NotReadyError: the month has not been allocated.
    """
    with context.store.transaction() as tx:
        found, _ = _certificate(tx, parse_period(period), basis)
    return canonical_bytes({key: value for key, value in found.items() if key != "hash"})


def _certificate(tx: Tx, month: Period, basis: str) -> tuple[dict[str, Any], list[str]]:
    """The certificate, and the labels of the policies that the pools were shared by."""
    view = restatement(tx, month, as_of=None) if basis == "restated" else None
    if view is not None:
        return dict(view.files["certificate"]), sorted(view.rule_versions.values())
    run = allocated_run(tx, month)
    found = allocations.certificate_of(tx, run.run_id)
    if found is None:
        raise NotReadyError(
            f"{month} has an allocation without a certificate: expected one with every run; run "
            "`tieout allocate` again."
        )
    return found, list(run.outputs["policies"])


def _flows(context: Context, tx: Tx, month: Period, basis: str) -> pool_shares.Flows:
    places = places_of(tx, [str(month)], basis=basis, as_of=None)
    found = sums(context, tx, places, [str(month)], pool_shares.FLOWS_BY)
    return pool_shares.flows(found[str(month)])


def _stated(tx: Tx, month: Period) -> tuple[str, dict[str, Pool]]:
    """The currency of the books, and the pools as the policy states them."""
    currency, found = currency_and(tx, month, "allocation")
    if found is None:
        return currency, {}
    return currency, {one.pool_id: one for one in parse_pools(found.body, name=found.label)}


def _pool(one: PoolCertificate, stated: Pool | None, flows: pool_shares.Flows) -> dict[str, Any]:
    receivers = [target for own, target in flows if own == one.pool_id]
    return {
        "pool": one.pool_id,
        "description": stated.description if stated else "",
        "owner": stated.owner if stated else "",
        "method": one.method,
        "driver": one.driver or "",
        "state": one.state,
        "level": one.level,
        "amount": to_decimal(one.amount_in_units),
        "out": to_decimal(one.amount_out_units),
        "difference": to_decimal(one.amount_out_units - one.amount_in_units),
        "received": to_decimal(one.received_units),
        "to_initiatives": to_decimal(one.to_initiatives_units),
        "held": to_decimal(one.held_units),
        "receivers": len(receivers),
        "lines_in": one.lines_in,
        "lines_out": one.lines_out,
        "charges": one.charge_count,
        "worst": _decimal(one.worst_distance),
    }


def _sums(certificate: Mapping[str, Any]) -> dict[str, Any]:
    def pair(name: str) -> dict[str, Decimal]:
        units = int(certificate[f"{name}_in_units"]), int(certificate[f"{name}_out_units"])
        return {
            "in": to_decimal(units[0]),
            "out": to_decimal(units[1]),
            "difference": to_decimal(units[1] - units[0]),
        }

    return {
        "pools": pair("total"),
        "ledger": pair("ledger"),
        "levels": [
            {
                "level": one["level"],
                "pools": one["pools"],
                **{
                    name: to_decimal(int(one[f"{name}_units"]))
                    for name in ("own", "received", "to_initiatives", "to_pools", "held")
                },
            }
            for one in certificate["levels"]
        ],
        "worst": _decimal(Fraction(certificate["worst_distance"])),
        "hash": certificate["hash"],
    }


def _share(one: pool_shares.ShareOf, is_money: bool) -> dict[str, Any]:
    return {
        "target": one.target,
        "quantity": _decimal(one.quantity / (UNITS_PER_ONE if is_money else 1)),
        "share": _decimal(one.share * 100),
        "amount": to_decimal(one.amount_units),
        "exact": None if one.exact is None else _decimal(one.exact / UNITS_PER_ONE),
        "rounding": None if one.rounding is None else _decimal(one.rounding),
    }


def _rate(per_one: Fraction, *, is_money: bool) -> Decimal:
    """Major units of cost for one of the driver; of a driver in money for one major unit of it."""
    return _decimal(per_one if is_money else per_one / UNITS_PER_ONE)


def _decimal(value: Fraction) -> Decimal:
    """To 12 places: for the eye, the exact ratio stands in the certificate."""
    return to_decimal(round_half_even(value * UNITS_PER_ONE))
