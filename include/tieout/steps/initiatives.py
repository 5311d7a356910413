"""Initiatives: what each really cost, month by month, who says so, and what nobody was given.

Owns the gathering; sums are `reports.initiative_cost`'s. Reads only; amounts are exact Decimals in
the currency of the books, cost positive, before tax.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import NotReadyError, UnknownSubjectError
from tieout.core.money import from_decimal, to_decimal
from tieout.core.period import Period, parse_period
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.reports import initiative_cost as cost
from tieout.reports.line_tables import Wanted
from tieout.rules.register import POOL_PREFIX, Initiative, parse_initiatives
from tieout.steps.approvals import approvals
from tieout.steps.context import Context
from tieout.steps.inputs import currency_and
from tieout.steps.month_lines import allocated_run, fitting, lines, places_of, restatement, sums
from tieout.steps.views import rows_of
from tieout.store import documents, runs
from tieout.store.session import Tx

NOBODY = "(unallocated)"


def overview(
    context: Context,
    *,
    period: str,
    months: Sequence[str],
    basis: str,
    as_of: int | None,
    only: str | None = None,
) -> dict[str, Any]:
    """The cost of every initiative in `months` (oldest first), of which `period` is the last.

    Each row has `initiative`, `name`, `owner` and `by_month`: `total`, `change` and `percent`
    against the known month before, and parts, of `period`, or of all months of the one initiative
    that is asked for; the largest first, what no initiative has last.

    Raises:
        NotReadyError: the month has not been allocated.
        UnknownSubjectError: nothing of it was published at that sequence.
    """
    month = parse_period(period)
    wanted = [] if only is None else [Wanted(name="initiative", values=(only,))]
    with context.store.transaction() as tx:
        places = places_of(tx, months, basis=basis, as_of=as_of)
        if period not in places.months():
            lines(context, tx, month, basis=basis, as_of=as_of)  # says why it is not known
        known = [one for one in months if one in places.months()]
        whole = known[-1:] if only is None else known
        detailed = sums(context, tx, places, whole, cost.PARTED_BY, wanted)
        others = known[: -len(whole)]
        rough = sums(context, tx, places, others, cost.TOTALED_BY, wanted)
        currency, names = _register(tx, month)
    parted = {one: cost.parts(found) for one, found in detailed.items()}
    units = {one: cost.totals(rough[one]) for one in others} | {
        one: {key: sum(own.values()) for key, own in parted[one].items()} for one in whole
    }
    ids = {initiative for own in units.values() for initiative in own} | names.keys()
    rows = [_row(one, units, parted, names) for one in (ids if only is None else {only})]
    nobody = units[period].get(None, 0)
    return {
        "currency": currency,
        "months": known,
        "rows": sorted(rows, key=lambda row: _order(row, period)),
        "borne": to_decimal(sum(units[period].values()) - nobody),
        "unallocated": to_decimal(nobody),
    }


def behind(
    context: Context, *, period: str, initiative: str, basis: str, as_of: int | None
) -> dict[str, Any]:
    """Who says what an initiative cost in a month: rules, pools, policies, documents.

    Raises:
        UnknownSubjectError: the month knows no such initiative.
        NotReadyError: the month has not been allocated.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        own = Wanted(name="initiative", values=(initiative,))
        table = fitting(context, tx, month, own, cost.BEHIND, basis=basis, as_of=as_of)
        names = _register(tx, month)[1]
        if initiative not in names and not cost.of_initiative(table, initiative).num_rows:
            raise UnknownSubjectError(
                f"{period} has no initiative {initiative[:60]!r}: expected one of "
                f"{', '.join(sorted(names)) or 'none yet'}."
            )
        files = _files(tx, month, basis=basis, as_of=as_of)
        given, counts = cost.rules_of(table, initiative)
        pools = cost.pools_of(table, initiative)
        return {
            "rules": [
                {"rule": rule, "amount": to_decimal(units), "charges": counts[(rule,)]}
                for (rule,), units in sorted(given.items(), key=_largest)
            ],
            "pools": [
                {"pool": pool, "amount": to_decimal(units)}
                for (pool,), units in sorted(pools.items(), key=_largest)
            ],
            "policies": approvals(tx, files["policies"]),
            "documents": _documents(
                context, tx, month, files, initiative, [str(pool) for (pool,) in pools]
            ),
        }


def backlog(context: Context, *, period: str, basis: str, as_of: int | None) -> dict[str, Any]:
    """What no rule gave an initiative, by where it came from, the largest first.

    Raises:
        NotReadyError: the month has not been allocated.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        nobody = Wanted(name="initiative", values=(None,))
        table = fitting(context, tx, month, nobody, cost.BACKLOG, basis=basis, as_of=as_of)
        currency, _ = currency_and(tx, month, "initiatives")
    left, counts = cost.unallocated(table)
    whole = sum(left.values())
    return {
        "currency": currency,
        "rows": [
            {
                **dict(zip(cost.GROUP, key, strict=True)),
                "amount": to_decimal(units),
                "charges": counts[key],
                "share": cost.percent(units, whole),
            }
            for key, units in left.items()
        ],
        "total": to_decimal(whole),
    }


def _register(tx: Tx, month: Period) -> tuple[str, dict[str, Initiative]]:
    """The currency of the books, and the registered initiatives."""
    currency, found = currency_and(tx, month, "initiatives")
    if found is None:
        return currency, {}
    register = parse_initiatives(found.body, name=found.label)
    return currency, {one.initiative_id: one for one in register}


def _row(
    initiative: str | None,
    units: Mapping[str, Mapping[str | None, int]],
    parted: Mapping[str, Mapping[str | None, Mapping[str, int]]],
    names: Mapping[str, Initiative],
) -> dict[str, Any]:
    registered = names.get(initiative or "")
    by_month: dict[str, dict[str, Any]] = {}
    before = None
    for month, all_units in units.items():
        total = all_units.get(initiative, 0)
        own = by_month[month] = {
            "total": to_decimal(total),
            "change": None if before is None else to_decimal(total - before),
            "percent": None if before is None else cost.percent(total - before, before),
        }
        if month in parted:
            found = parted[month].get(initiative, {})
            own |= {part: to_decimal(found.get(part, 0)) for part in cost.PARTS}
        before = total
    return {
        "initiative": initiative or NOBODY,
        "name": registered.name if registered else "",
        "owner": registered.owner if registered else "",
        "by_month": by_month,
    }


def _order(row: Mapping[str, Any], period: str) -> tuple[bool, Any, str]:
    name = row["initiative"]
    is_own = name != NOBODY and not name.startswith(POOL_PREFIX)
    return (not is_own, -row["by_month"][period]["total"], name)


def _largest(pair: tuple[tuple[str | None, ...], int]) -> tuple[int, str]:
    return (-abs(pair[1]), str(pair[0]))


def _files(tx: Tx, month: Period, *, basis: str, as_of: int | None) -> dict[str, Any]:
    """The assignment, the charges and the policies that the lines of a month came from."""
    view = restatement(tx, month, as_of=as_of) if basis == "restated" else None
    if view is not None:
        return {**view.files, "policies": sorted(view.rule_versions.values())}
    allocated = allocated_run(tx, month)
    classified = runs.latest(tx, "classify", allocated.subject)
    if classified is None:
        raise NotReadyError(
            f"{month} was allocated but its classification is not kept: run `tieout classify`."
        )
    both = {*classified.outputs["policies"], *allocated.outputs["policies"]}
    return {**classified.outputs, "policies": sorted(both)}


def _documents(
    context: Context,
    tx: Tx,
    month: Period,
    files: Mapping[str, Any],
    initiative: str,
    pools: Sequence[str],
) -> list[dict[str, Any]]:
    """The provider's documents behind an initiative and behind the pools that it bears."""
    kept = files["assignment"]
    assignment = with_own_dimensions(context.lake.get_table(kept["path"], kept["sha256"]))
    wanted = pa.array([initiative, *(f"{POOL_PREFIX}{pool}" for pool in pools)])
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for file in files["charges"]:
        charges = context.lake.get_table(file["path"], file["sha256"])
        classes = assignment["initiative"].take(rows_of(charges, assignment))
        taxed = pc.equal(charges["charge_category"], "Tax")
        mine = pc.and_(pc.is_in(classes, wanted), pc.invert(taxed))
        own = charges.append_column("class", classes).filter(pc.fill_null(mine, False))
        for key, units, count in _by_document(own):
            before = sums.get(key, (0, 0))
            sums[key] = (before[0] + units, before[1] + count)
    stored = {one.sha256: one for one in documents.for_period(tx, str(month))}
    found = [
        {
            "sha256": sha256,
            "name": stored[sha256].name if sha256 in stored else sha256,
            "provider": stored[sha256].provider if sha256 in stored else "",
            "for": "its own charges" if target == initiative else target,
            "amount": to_decimal(units),
            "charges": count,
        }
        for (sha256, target), (units, count) in sums.items()
    ]
    return sorted(found, key=lambda row: (row["for"] != "its own charges", -abs(row["amount"])))


def _by_document(charges: pa.Table) -> list[tuple[tuple[str, str], int, int]]:
    grouped = charges.group_by(["source_document", "class"]).aggregate(
        [("billed_cost", "sum"), ("billed_cost", "count")]
    )
    return [
        ((row["source_document"], row["class"]), from_decimal(row["billed_cost_sum"]), count)
        for row in grouped.to_pylist()
        for count in [row["billed_cost_count"]]
    ]
