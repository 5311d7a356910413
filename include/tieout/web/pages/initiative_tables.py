"""Tables of the pages about initiatives: cost by part and month, and what stands behind it.

Owns columns and links of these tables. Every figure comes from `steps.initiatives`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tieout.web import elsewhere
from tieout.web.desk import Desk
from tieout.web.table import Cell, Column, Row, Table, totals

PARTS: Final[Mapping[str, str]] = {
    "direct_ai": "Direct AI",
    "direct_cloud": "Direct cloud",
    "shared": "Shared",
    "credits": "Credits",
}


def overview_tables(desk: Desk, period: str, found: Mapping[str, Any]) -> tuple[Table, Table]:
    """The parts of the month, and the totals of all months of the initiatives on this page."""
    parts = desk.paged(_parts(found, period), lambda row: _linked(desk, period, row))
    shown = [row["of"] for row in parts.rows]
    return parts, _months(desk, period, found, shown)


def months_table(desk: Desk, period: str, row: Mapping[str, Any], unit: str) -> Table:
    """One initiative, the newest month first, with the change against the month before."""
    rows = [
        {
            "month": Cell(
                value=month,
                link=desk.link(f"/initiatives/{month}/{row['initiative']}"),
                note="this month" if month == period else "",
            ),
            **own,
            "total": Cell(
                value=own["total"],
                link=elsewhere.ledger(desk, month, "initiative", row["initiative"]),
            ),
        }
        for month, own in row["by_month"].items()
    ]
    return Table(
        name="months",
        caption="Month by month, before tax",
        columns=(Column(name="month", title="Month", kind="id"), *_part_columns(unit, sorts=False)),
        rows=rows[::-1],
        empty="It never cost anything.",
    )


def behind_tables(
    desk: Desk, period: str, behind: Mapping[str, Any], unit: str
) -> tuple[Table, Table, Table, Table]:
    """Who says so: rules, pools, the versions that were in force with their people, documents."""
    approved = {one["policy"].partition("@")[0]: one for one in behind["policies"]}
    return (
        _rules(desk, period, behind["rules"], approved.get("classification"), unit),
        _pools(desk, period, behind["pools"], approved.get("allocation"), unit),
        _policies(desk, period, behind["policies"]),
        _documents(desk, period, behind["documents"], unit),
    )


def _parts(found: Mapping[str, Any], period: str) -> Table:
    unit = found["currency"]
    rows = [_parts_row(period, row) for row in found["rows"]]
    has_change = len(found["months"]) > 1
    names = [*PARTS, "total", *(["change"] if has_change else [])]
    return Table(
        name="initiatives",
        caption=f"Fully loaded cost in {period}, before tax",
        columns=(
            Column(name="initiative", title="Initiative", sorts=True),
            Column(name="owner", title="Owner", sorts=True),
            *_part_columns(unit)[: None if has_change else -2],
        ),
        rows=rows,
        total={"initiative": "Total", **totals(rows, names)},
        empty="No initiative is registered. Propose a register as policy “initiatives”.",
    )


def _part_columns(unit: str, *, sorts: bool = True) -> tuple[Column, ...]:
    return (
        *(
            Column(name=part, title=title, kind="money", unit=unit, sorts=sorts)
            for part, title in PARTS.items()
        ),
        Column(name="total", title="Total", kind="money", unit=unit, sorts=sorts),
        Column(name="change", title="Change", kind="money", unit=unit, sorts=sorts),
        Column(name="percent", title="in", kind="money", unit="%", digits=1),
    )


def _parts_row(period: str, row: Mapping[str, Any]) -> Row:
    name = row["initiative"]
    return {
        "initiative": Cell(value=row["name"] or name, note=name if row["name"] else ""),
        "owner": row["owner"],
        **row["by_month"][period],
        "of": row,
    }


def _linked(desk: Desk, period: str, row: Row) -> Row:
    link = elsewhere.target(desk, period, row["of"]["initiative"])
    return {
        **row,
        "initiative": replace(row["initiative"], link=link),
        "total": Cell(value=row["total"], link=link),
    }


def _months(
    desk: Desk, period: str, found: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]
) -> Table:
    """Totals of the initiatives that are shown; a file has all of them."""
    months = found["months"]
    names = [_column(month) for month in months]

    def every() -> list[Row]:
        return [_months_row(months, row) for row in found["rows"]]

    is_whole = len(shown) == len(found["rows"])
    rows = []
    for row in shown:
        made = _months_row(months, row)
        for month in months:
            link = elsewhere.target(desk, month, row["initiative"])
            made[_column(month)] = Cell(value=made[_column(month)], link=link)
        link = elsewhere.target(desk, period, row["initiative"])
        rows.append({**made, "initiative": Cell(value=made["initiative"], link=link)})
    return Table(
        name="by_month",
        caption="The same over the months",
        columns=(
            Column(name="initiative", title="Initiative"),
            *(
                Column(name=_column(month), title=month, kind="money", unit=found["currency"])
                for month in months
            ),
        ),
        rows=rows,
        total={"initiative": "Total", **totals(rows, names)} if is_whole else None,
        every=None if is_whole else every,
    )


def _column(month: str) -> str:
    return f"m{month.replace('-', '_')}"


def _rules(
    desk: Desk,
    period: str,
    rules: Sequence[Mapping[str, Any]],
    approved: Mapping[str, Any] | None,
    unit: str,
) -> Table:
    rows = [
        {
            "rule": Cell(
                value=one["rule"] or "(no rule)",
                link=_rule_link(desk, period, approved, one["rule"]),
            ),
            "amount": one["amount"],
            "charges": one["charges"],
            **_people(approved),
        }
        for one in rules
    ]
    return Table(
        name="rules",
        caption="Rules that say: this is its own cost",
        columns=(
            Column(name="rule", title="Rule"),
            Column(name="amount", title="Amount", kind="money", unit=unit),
            Column(name="charges", title="Charges", kind="count"),
            *_PEOPLE,
        ),
        rows=rows,
        total={"rule": "Total", **totals(rows, ["amount"])},
        empty="No rule gives it any charge directly.",
    )


def _rule_link(
    desk: Desk, period: str, approved: Mapping[str, Any] | None, rule: str | None
) -> str:
    link = elsewhere.policy(desk, period, approved["policy"]) if approved else ""
    return f"{link}#rule-{rule}" if link and rule else link


def _pools(
    desk: Desk,
    period: str,
    pools: Sequence[Mapping[str, Any]],
    approved: Mapping[str, Any] | None,
    unit: str,
) -> Table:
    rows = [
        {
            "pool": Cell(value=one["pool"], link=elsewhere.pool(desk, period, one["pool"])),
            "amount": one["amount"],
            **_people(approved),
        }
        for one in pools
    ]
    return Table(
        name="pools",
        caption="Pools that say: this is its share",
        columns=(
            Column(name="pool", title="Pool"),
            Column(name="amount", title="Amount", kind="money", unit=unit),
            *_PEOPLE,
        ),
        rows=rows,
        total={"pool": "Total", **totals(rows, ["amount"])},
        empty="It bears no share of any pool.",
    )


_PEOPLE: Final = (
    Column(name="policy", title="By", kind="id"),
    Column(name="proposed_by", title="Proposed by"),
    Column(name="approved_by", title="Approved by"),
)


def _people(one: Mapping[str, Any] | None) -> Row:
    if one is None:
        return {}
    return {name: one[name] for name in ("policy", "proposed_by", "approved_by")}


def _policies(desk: Desk, period: str, policies: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        name="policies",
        caption="What was in force, and who approved it",
        columns=(
            *_PEOPLE,
            Column(name="approved_at", title="When", kind="id"),
            Column(name="sha256", title="SHA-256", kind="id"),
        ),
        rows=[
            {
                **_people(one),
                "policy": Cell(
                    value=one["policy"], link=elsewhere.policy(desk, period, one["policy"])
                ),
                "approved_at": _moment(one["approved_at"]),
                "sha256": one["sha256"],
            }
            for one in policies
        ],
    )


def _moment(text: str | None) -> str:
    return f"{text[:16].replace('T', ' ')} UTC" if text else ""


def _documents(desk: Desk, period: str, documents: Sequence[Mapping[str, Any]], unit: str) -> Table:
    return Table(
        name="documents",
        caption="Documents of the providers that these figures stand in",
        columns=(
            Column(name="document", title="Document"),
            Column(name="provider", title="Provider"),
            Column(name="for", title="For"),
            Column(name="charges", title="Charges", kind="count"),
            Column(name="amount", title="Amount in it", kind="money", unit=unit),
            Column(name="sha256", title="SHA-256", kind="id"),
        ),
        rows=[
            {
                "document": Cell(
                    value=one["name"], link=elsewhere.document(desk, period, one["sha256"])
                ),
                "provider": one["provider"],
                "for": one["for"],
                "charges": one["charges"],
                "amount": one["amount"],
                "sha256": one["sha256"],
            }
            for one in documents
        ],
        empty="No charge of the month is behind it.",
    )


def _months_row(months: Sequence[str], row: Mapping[str, Any]) -> dict[str, Any]:
    totals_ = {_column(month): row["by_month"][month]["total"] for month in months}
    return {"initiative": row["name"] or row["initiative"], **totals_}
