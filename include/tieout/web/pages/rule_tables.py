"""Tables of the pages about rules: kinds, versions, what a preview moves, who did what.

Owns columns and links of these tables. Every figure comes from `steps.policy_views`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from tieout.web import elsewhere
from tieout.web.desk import Desk
from tieout.web.table import Cell, Column, State, Table, Tone, totals

_STATES: Final[Mapping[str, Tone]] = {
    "in force": "good",
    "waits": "wait",
    "overtaken": "off",
    "later": "wait",
    "replaced": "off",
}


def kinds_table(desk: Desk, period: str, found: Sequence[Mapping[str, Any]]) -> Table:
    """What waits first, then the kinds by name."""
    ordered = sorted(found, key=lambda one: (one["waiting"] is None, one["kind"]))
    return Table(
        name="kinds",
        caption="Policies",
        columns=(
            Column(name="kind", title="Policy", sorts=True),
            Column(name="state", title="State", kind="state"),
            Column(name="in_force", title="In force", kind="id"),
            Column(name="valid_from", title="Since", kind="date", sorts=True),
            Column(name="proposed_by", title="Proposed by", sorts=True),
            Column(name="approved_by", title="Approved by", sorts=True),
            Column(name="waiting", title="Waits", kind="id"),
            Column(name="versions", title="Versions", kind="count", sorts=True),
        ),
        rows=[
            {
                "kind": Cell(value=one["kind"], link=desk.link(f"/rules/{period}/{one['kind']}")),
                "state": _kind_state(one),
                "in_force": _numbered(desk, period, one["kind"], one["in_force"]),
                "valid_from": one["valid_from"],
                "proposed_by": one["proposed_by"],
                "approved_by": one["approved_by"],
                "waiting": _numbered(
                    desk, period, one["kind"], one["waiting"], note=one["waiting_from"]
                ),
                "versions": one["versions"],
            }
            for one in ordered
        ],
    )


def versions_table(desk: Desk, period: str, found: Sequence[Mapping[str, Any]]) -> Table:
    """All versions of one kind, the newest first."""
    return Table(
        name="versions",
        caption="Versions",
        columns=(
            Column(name="version", title="Version", kind="id"),
            Column(name="state", title="State", kind="state"),
            Column(name="valid_from", title="In force from", kind="date", sorts=True),
            Column(name="proposed_by", title="Proposed by", sorts=True),
            Column(name="proposed_at", title="When", kind="id"),
            Column(name="approved_by", title="Approved by", sorts=True),
            Column(name="approved_at", title="When", kind="id"),
            Column(name="sha256", title="SHA-256", kind="id"),
        ),
        rows=[
            {
                "version": _numbered(desk, period, one["kind"], one["version"]),
                "state": State(one["state"], _STATES[one["state"]]),
                "valid_from": one["valid_from"],
                "proposed_by": one["proposed_by"],
                "proposed_at": _moment(one["proposed_at"]),
                "approved_by": one["approved_by"],
                "approved_at": _moment(one["approved_at"]),
                "sha256": one["sha256"],
            }
            for one in found
        ],
        empty="Nothing was ever proposed: write the first draft.",
    )


def names_table(desk: Desk, period: str, found: Sequence[Mapping[str, str]]) -> Table:
    """What rules may name."""
    return Table(
        name="names",
        caption="What a rule may name under then",
        columns=(
            Column(name="name", title="Name"),
            Column(name="what", title="What it is"),
            Column(name="owner", title="Who answers for it"),
        ),
        rows=[
            {
                "name": Cell(value=one["name"], link=elsewhere.target(desk, period, one["name"])),
                "what": one["what"],
                "owner": one["owner"],
            }
            for one in found
        ],
        empty="No initiative and no pool is registered.",
    )


def impact_tables(
    desk: Desk, period: str, shown: Mapping[str, Any], unit: str
) -> tuple[Table, Table, Table, Table]:
    """What a preview moves: from where to where, months, P&L lines, the largest moves."""
    return (
        _matrix(desk, period, shown["matrix"], unit),
        _months(shown["months"], unit),
        _pl_lines(shown["pl_lines"], unit),
        _largest(shown["largest"], unit),
    )


def money_table(money: Sequence[Mapping[str, Any]], unit: str) -> Table:
    """What each rule decides of a month's charges, and what none does."""
    return Table(
        name="money",
        caption="What each rule decides of the month's charges",
        columns=(
            Column(name="dimension", title="Dimension"),
            Column(name="rule", title="Rule"),
            Column(name="charges", title="Charges", kind="count"),
            Column(name="amount", title="Amount", kind="money", unit=unit),
        ),
        rows=[
            {
                "dimension": one["dimension"].replace("_", " "),
                "rule": one["rule"] or "(no rule)",
                "charges": one["charges"],
                "amount": Decimal(one["amount"]),
            }
            for one in money
        ],
    )


def acts_table(acts: Sequence[Mapping[str, Any]]) -> Table:
    """Who did what with the version, in order."""
    return Table(
        name="acts",
        caption="Who did what",
        columns=(
            Column(name="at", title="When", kind="id"),
            Column(name="act", title="What happened"),
            Column(name="who", title="Who"),
            Column(name="why", title="Why"),
        ),
        rows=[
            {"at": _moment(one["at"]), **{name: one[name] for name in ("act", "who", "why")}}
            for one in acts
        ],
        empty="The log knows nothing about it.",
    )


def _matrix(desk: Desk, period: str, rows: Sequence[Mapping[str, Any]], unit: str) -> Table:
    shown = [
        {
            "from": Cell(value=one["from"], link=elsewhere.target(desk, period, one["from"])),
            "to": Cell(value=one["to"], link=elsewhere.target(desk, period, one["to"])),
            "charges": one["charges"],
            "amount": one["amount"],
        }
        for one in rows
    ]
    return Table(
        name="moved",
        caption="Money that goes to another initiative, before pools are shared",
        columns=(
            Column(name="from", title="From"),
            Column(name="to", title="To"),
            Column(name="charges", title="Charges", kind="count"),
            Column(name="amount", title="Amount", kind="money", unit=unit),
        ),
        rows=shown,
        total={"from": "Total", **totals(shown, ["amount"])},
        empty="No charge goes to another initiative.",
    )


def _months(rows: Sequence[Mapping[str, Any]], unit: str) -> Table:
    return Table(
        name="months",
        caption="Months that it touches; closed ones are never rewritten",
        columns=(
            Column(name="period", title="Month", kind="id"),
            Column(name="state", title="State"),
            Column(name="charges", title="Charges that move", kind="count"),
            Column(name="entries", title="Reclassifications", kind="count"),
            Column(name="reclassified", title="Reclassified", kind="money", unit=unit),
            Column(name="posting_on", title="Posted on", kind="id"),
        ),
        rows=[
            {
                **{
                    name: one[name]
                    for name in ("period", "charges", "entries", "reclassified", "posting_on")
                },
                "state": _touched(one),
            }
            for one in rows
        ],
    )


def _touched(one: Mapping[str, Any]) -> str:
    if one["state"] == "closed" and one["charges"]:
        return "closed: restated beside, reclassified in the open month"
    return str(one["state"])


def _pl_lines(rows: Sequence[Mapping[str, Any]], unit: str) -> Table:
    return Table(
        name="pl_lines",
        caption="P&L lines that change",
        columns=(
            Column(name="period", title="Month", kind="id"),
            Column(name="line", title="P&L line"),
            *(
                Column(name=name, title=name.capitalize(), kind="money", unit=unit)
                for name in ("before", "after", "change")
            ),
        ),
        rows=rows,
        empty="No P&L line changes.",
    )


def _largest(rows: Sequence[Mapping[str, Any]], unit: str) -> Table:
    return Table(
        name="largest",
        caption="The largest moves, one row a dimension",
        columns=(
            Column(name="period", title="Month", kind="id"),
            Column(name="dimension", title="Dimension"),
            Column(name="from", title="From"),
            Column(name="to", title="To"),
            Column(name="rule_before", title="Rule before"),
            Column(name="rule_after", title="Rule after"),
            Column(name="charges", title="Charges", kind="count"),
            Column(name="amount", title="Amount", kind="money", unit=unit),
        ),
        rows=rows,
        empty="No charge changes its class.",
    )


def _kind_state(one: Mapping[str, Any]) -> State:
    if one["waiting"]:
        return State("waits for approval", "wait")
    return State("in force", "good") if one["in_force"] else State("none", "off")


def _numbered(
    desk: Desk, period: str, kind: str, number: int | None, *, note: str = ""
) -> Cell | None:
    if number is None:
        return None
    link = desk.link(f"/rules/{period}/{kind}/{number}")
    return Cell(value=f"version {number}", link=link, note=f"by {note}" if note else "")


def _moment(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
