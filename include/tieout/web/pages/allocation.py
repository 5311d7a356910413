"""Allocation: who carries the shared cost, and does it add up?

Owns what the pages say and in which order. Every figure comes from `steps.pool_views`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from tieout.core.errors import NotReadyError
from tieout.publish.money_text import plain
from tieout.steps import pool_views
from tieout.web import elsewhere
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.pages.allocation_tables import (
    certificate_table,
    levels_table,
    matrix,
    pools_table,
    shares_table,
)
from tieout.web.pages.waiting import not_yet
from tieout.web.sankey import Ribbon, sankey

router = APIRouter(prefix="/allocation")
_HONOURS: Final = frozenset({"basis"})
PoolId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]


@router.get("/{period}")
def month(period: Period, desk: AtDesk) -> Response:
    """All pools of a month and where they went."""
    desk.view()
    desk.month(period)
    try:
        found = _overview(desk, period)
    except NotReadyError as error:
        return not_yet(desk, "allocation", period, str(error))
    return desk.show(
        _page(
            desk,
            period,
            headline=_headline(desk, period, found),
            template="allocation/month.html",
            tables=(
                desk.paged(pools_table(desk, period, found)),
                matrix(desk, period, found),
            ),
            values={
                "chart": _chart(desk, period, found),
                "has_credits": any(one["amount"] < 0 for one in found["flows"]),
                "certificate": found["certificate"],
                "certificate_link": desk.link(f"/allocation/{period}/(certificate)"),
            },
        )
    )


@router.get("/{period}/(certificate)")
def certificate(period: Period, desk: AtDesk) -> Response:
    """What went in, what came out, and the hash of the proof."""
    desk.view()
    desk.month(period)
    found = _overview(desk, period)
    sums, unit = found["certificate"], found["currency"]
    conserved = not sums["pools"]["difference"] and not sums["ledger"]["difference"]
    verdict = "difference zero" if conserved else "they differ"
    whole = desk.money(sums["pools"]["in"], unit)
    return desk.show(
        _page(
            desk,
            period,
            headline=(
                f"{whole} went into the pools of {period} and "
                f"{desk.money(sums['pools']['out'], unit)} came out: {verdict}."
            ),
            template="allocation/certificate.html",
            tables=(
                certificate_table(desk, period, found),
                levels_table(found),
            ),
            values={
                "hash": sums["hash"],
                "worst": plain(sums["worst"], digits=3),
                "people": found["policies"],
                "file": desk.link(f"/allocation/{period}/(certificate)/file"),
            },
            crumbs=_crumbs(desk, period, "Certificate", whole),
        )
    )


@router.get("/{period}/(certificate)/file", tags=["file"])
def certificate_file(period: Period, desk: AtDesk) -> Response:
    """The certificate as canonical JSON; its SHA-256 is the hash on the page."""
    view = desk.view()
    desk.month(period)
    content = pool_views.certificate_bytes(desk.context, period=period, basis=view.basis)
    name = f"tieout-certificate-{period}.json"
    return Response(
        content,
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/{period}/{pool}")
def one(period: Period, pool: PoolId, desk: AtDesk) -> Response:
    """One pool: quantity of the driver times rate is each receiver's amount."""
    view = desk.view()
    desk.month(period)
    found = desk.kept(
        f"pool {period} {pool} {view.basis}",
        lambda: pool_views.pool(desk.context, period=period, pool_id=pool, basis=view.basis),
    )
    unit = found["currency"]
    return desk.show(
        _page(
            desk,
            period,
            headline=_pool_sentence(desk, period, found),
            template="allocation/pool.html",
            tables=(desk.paged(shares_table(desk, period, found)),),
            values={
                "found": found,
                "unit": unit,
                "rate": "" if found["rate"] is None else f"{found['rate']:.12f}",
                "driver_unit": unit if found["is_money"] else found["driver"],
                "people": [
                    {**each, "link": elsewhere.policy(desk, period, each["policy"])}
                    for each in found["policies"]
                ],
                "certificate_link": desk.link(f"/allocation/{period}/(certificate)"),
                "ledger": elsewhere.ledger(desk, period, "pool_id", pool),
            },
            crumbs=_crumbs(desk, period, pool, desk.money(found["amount"], unit)),
        )
    )


def _page(desk: Desk, period: str, **given: Any) -> Page:
    is_closed = desk.month(period).state in ("closed", "locked")
    note = "" if is_closed else "Not closed yet."
    return Page(name="allocation", period=period, honours=_HONOURS, note=note, **given)


def _overview(desk: Desk, period: str) -> dict[str, Any]:
    basis = desk.view().basis
    found: dict[str, Any] = desk.kept(
        f"pools {period} {basis}",
        lambda: pool_views.overview(desk.context, period=period, basis=basis),
    )
    return found


def _headline(desk: Desk, period: str, found: Mapping[str, Any]) -> str:
    sums, unit = found["certificate"]["pools"], found["currency"]
    if not found["pools"]:
        return f"No cost of {period} is shared: there is no pool."
    receivers = {one["initiative"] for one in found["flows"]}
    held = [one["pool"] for one in found["pools"] if one["state"] == "held"]
    kept = f"; {', '.join(held)} is held and not shared" if held else ""
    if sums["difference"]:
        return f"The pools of {period} do not add up: {desk.money(sums['difference'], unit)} off."
    return (
        f"{len(receivers)} initiatives carry the {desk.money(sums['in'], unit)} of "
        f"{len(found['pools'])} pools in {period}, and it adds up to the last unit{kept}."
    )


def _pool_sentence(desk: Desk, period: str, found: Mapping[str, Any]) -> str:
    whole = desk.money(found["amount"], found["currency"])
    if found["state"] == "held":
        return f"Pool {found['pool']} holds its {whole} of {period}: nobody bears it yet."
    by = f" by {found['driver'].replace('_', ' ')}" if found["driver"] else ""
    return f"{found['receivers']} initiatives bear the {whole} of pool {found['pool']}{by}."


def _chart(desk: Desk, period: str, found: Mapping[str, Any]) -> Any:
    """Pools to initiatives: what flows is cost; credits have no width and stand in the table."""
    ribbons = [
        Ribbon(
            source=one["pool"],
            target=one["initiative"],
            amount=one["amount"],
            link=desk.link(f"/allocation/{period}/{one['pool']}"),
        )
        for one in found["flows"]
        if one["amount"] > 0
    ]
    if not ribbons:
        return None
    return sankey("flows", "Cost from pools to initiatives", ribbons, unit=found["currency"])


def _crumbs(desk: Desk, period: str, title: str, amount: str) -> tuple[Crumb, ...]:
    return (
        Crumb(title="Allocation", link=desk.link(f"/allocation/{period}")),
        Crumb(title=title, amount=amount),
    )
