"""The tables of the close report as values: titles, rows, totals. Knows no HTML.

Owns which rows each table has; a total is the sum of the rows that stand above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from tieout.core.money import to_decimal
from tieout.publish.workbook_allocation import NOBODY
from tieout.reconciliation.bridge import Bridge
from tieout.reports.dossier import Dossier, first_units, last_units
from tieout.reports.tieout_statement import StatementRow

Value = str | Decimal | int | None
Kind = Literal["text", "money", "count", "state"]
_MOST_ROWS: Final = 200  # setting three thousand takes seven seconds; the workbook has all
_NO_ACCRUAL_YET: Final = "Nothing was accrued from a draft."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable:
    """A table to print; `empty` is said when it has no rows, `more` is how many are not shown."""

    title: str
    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[Value]]
    total: Sequence[Value] = ()
    empty: str = ""
    more: int = 0


def key_figures(dossier: Dossier) -> list[tuple[str, Decimal]]:
    """What the cover says in numbers."""
    made, digits = dossier.statement, dossier.digits
    return [
        ("Cost of the month", to_decimal(made.ledger_total_units)),
        ("Expense in the books", Decimal(made.expense_minor).scaleb(-digits)),
        ("Accrued at the end", Decimal(dossier.rolls["accrued_closing"])),
        ("Prepaid at the end", Decimal(dossier.rolls["prepaid_closing"])),
        ("Unexplained", to_decimal(sum(row.unexplained_units for row in made.rows))),
    ]


def statement(dossier: Dossier) -> ReportTable:
    """One row an account, as on the tie-out statement."""
    names = (
        "Estimated",
        "Reported",
        "Billed",
        "First known",
        "Explained",
        "Unexplained",
        "Last known",
    )
    rows = []
    for one in dossier.statement.rows:
        figures = (
            one.estimated_units,
            one.reported_units,
            one.billed_units,
            first_units(one),
            one.explained_units,
            one.unexplained_units,
            last_units(one),
        )
        shown = [None if units is None else to_decimal(units) for units in figures]
        rows.append((one.provider, one.billing_account_id, *shown))
    return ReportTable(
        title=f"Statement, {dossier.currency}",
        columns=(("Provider", "text"), ("Account", "text"), *((name, "money") for name in names)),
        rows=rows,
        total=("Total", "", *(_sum(rows, place) for place in range(2, 9))),
        empty="No account was reconciled.",
    )


def totals(dossier: Dossier) -> ReportTable:
    """The ledger beside the books."""
    made, digits = dossier.statement, dossier.digits
    rows: list[tuple[str, Decimal]] = [
        ("Cost of the month, tax included", to_decimal(made.ledger_total_units)),
        ("Cost of the month before tax", to_decimal(made.ledger_net_units)),
        ("of it without an initiative", to_decimal(made.unallocated_units)),
        ("Debits posted", Decimal(made.journal_debit_minor).scaleb(-digits)),
        ("Credits posted", Decimal(made.journal_credit_minor).scaleb(-digits)),
        ("Expense in the books", Decimal(made.expense_minor).scaleb(-digits)),
    ]
    rows += [
        (f"of it consumed in {month}", Decimal(minor).scaleb(-digits))
        for month, minor in made.earlier_expense_minor
    ]
    return ReportTable(
        title="The ledger and the books",
        columns=(("Figure", "text"), (dossier.currency, "money")),
        rows=rows,
    )


def causes(dossier: Dossier, row: StatementRow, bridges: Sequence[Bridge]) -> ReportTable:
    """Every cause between the figures of an account, and what none explains."""
    rows: list[tuple[Value, ...]] = []
    for one in bridges:
        start = (one.start_label, "", to_decimal(one.start_units))
        if not rows or rows[-1] != start:  # else the bridge goes on where the one before ended
            rows.append(start)
        rows += [
            (words(line.component), line.cause, to_decimal(line.amount_units)) for line in one.lines
        ]
        rows.append(("Unexplained", "What no cause explains", to_decimal(one.unexplained_units)))
        rows.append((one.end_label, "", to_decimal(one.end_units)))
    return ReportTable(
        title=f"Causes, {row.provider}/{row.billing_account_id}",
        columns=(("Step", "text"), ("Cause", "text"), (dossier.currency, "money")),
        rows=rows,
        empty="There is only one figure of this account, so there is nothing to bridge.",
    )


def rolls(dossier: Dossier) -> list[ReportTable]:
    """Accrued, prepaid, commitments, then each balance as three sources have it."""
    found = dossier.rolls
    prepaid = [{**row, **row["movements"]} for row in found["prepaid"]]
    tables = [
        _roll("Accrued liabilities", found["accrued"], "service_period"),
        _roll("Prepaid credit and fees", prepaid, "what"),
        _roll("Commitments", found["commitments"], "commitment"),
    ]
    ties = ReportTable(
        title="Each balance as three sources have it",
        columns=(
            ("Balance", "text"),
            ("What", "text"),
            ("Rolled forward", "money"),
            ("In the books", "money"),
            ("Still open", "money"),
            ("", "state"),
        ),
        rows=[
            (
                row["subject"],
                row["what"],
                *(Decimal(row[name]) for name in ("rolled", "ledger", "open")),
                "ties" if row["ties"] else "out",
            )
            for row in found["ties"]
        ],
        empty="There is no balance to tie.",
    )
    return [*(one for one in tables if one.rows), ties]


def checklist(dossier: Dossier) -> ReportTable:
    """Every check with the people who answer for it."""
    return ReportTable(
        title="Checklist",
        columns=(
            ("Check", "text"),
            ("What is checked", "text"),
            ("State", "state"),
            ("What was found", "text"),
            ("Owner", "text"),
            ("Reviewer", "text"),
        ),
        rows=[
            (
                one["check_id"],
                one["title"],
                one["state"].replace("_", " "),
                one["detail"],
                one["owner"],
                one["reviewer"],
            )
            for one in dossier.checks
        ],
        empty="Nothing was checked yet.",
    )


def exceptions(dossier: Dossier) -> ReportTable:
    """The queue, what blocks first."""
    ordered = sorted(dossier.exceptions, key=lambda one: (not one["blocks"], -one["amount_units"]))
    return ReportTable(
        title="Exceptions",
        columns=(
            ("Subject", "text"),
            ("State", "state"),
            ("What was found", "text"),
            ("Owner", "text"),
            ("Days", "count"),
            ("Amount", "money"),
        ),
        rows=[
            (
                one["subject"],
                "blocks" if one["blocks"] else one["state"],
                one["message"],
                one["owner"] or "nobody",
                one["age_days"],
                Decimal(one["amount"]),
            )
            for one in ordered[:_MOST_ROWS]
        ],
        more=max(len(ordered) - _MOST_ROWS, 0),
        empty="Nothing was found that needs a decision.",
    )


def borne(dossier: Dossier) -> dict[str, tuple[Decimal, Decimal]]:
    """What every initiative bears: charged directly, and out of pools."""
    found: dict[str, list[int]] = {}
    for one in dossier.shares:
        sums = found.setdefault(one.initiative or NOBODY, [0, 0])
        sums[one.pool_id is not None] += one.units
    return {
        name: (to_decimal(direct), to_decimal(shared))
        for name, (direct, shared) in sorted(found.items(), key=lambda one: -sum(one[1]))
    }


def initiatives(dossier: Dossier) -> ReportTable:
    """Fully loaded cost by initiative, the largest first."""
    rows = [(name, *both, sum(both, Decimal(0))) for name, both in borne(dossier).items()]
    return ReportTable(
        title=f"Initiatives, {dossier.currency}",
        columns=(
            ("Initiative", "text"),
            ("Charged directly", "money"),
            ("Out of pools", "money"),
            ("Total", "money"),
        ),
        rows=rows,
        total=("Total", *(_sum(rows, place) for place in (1, 2, 3))),
        empty="Nothing was allocated.",
    )


def pools(dossier: Dossier) -> ReportTable:
    """What went into every pool and what came out of it."""
    rows = [
        (
            one["pool_id"],
            f"{one['method']} {one['driver'] or ''}".strip(),
            *(to_decimal(int(one[f"{name}_units"])) for name in ("amount_in", "received")),
            to_decimal(int(one["to_initiatives_units"])),
            to_decimal(sum(int(sent) for sent in one["to_pools"].values())),
            to_decimal(int(one["held_units"])),
        )
        for one in dossier.certificate.get("pools", ())
    ]
    return ReportTable(
        title=f"Pools, {dossier.currency}",
        columns=(
            ("Pool", "text"),
            ("Method and driver", "text"),
            ("Own cost", "money"),
            ("Received", "money"),
            ("To initiatives", "money"),
            ("To pools", "money"),
            ("Held", "money"),
        ),
        rows=rows,
        total=("Total", "", *(_sum(rows, place) for place in range(2, 7))) if rows else (),
        empty="No cost is shared.",
    )


def since_accrual(dossier: Dossier) -> ReportTable:
    """How the providers' figures moved between the accrual and the close."""
    rows = [
        (
            f"{one.provider}/{one.billing_account_id}",
            "; ".join(line.cause for line in one.lines) or "Nothing changed.",
            to_decimal(one.start_units),
            to_decimal(one.end_units - one.start_units),
            to_decimal(one.end_units),
        )
        for one in dossier.bridges
        if one.section == "draft_to_final"
    ]
    return ReportTable(
        title="Since the accrual",
        columns=(
            ("Account", "text"),
            ("Why", "text"),
            ("Accrued on", "money"),
            ("Change", "money"),
            ("Final report", "money"),
        ),
        rows=rows,
        total=("Total", "", *(_sum(rows, place) for place in (2, 3, 4))) if rows else (),
        empty=_NO_ACCRUAL_YET,
    )


def movements(dossier: Dossier) -> ReportTable:
    """Cost against the month before, by initiative and account, the largest movement first."""
    digits = dossier.digits
    found = dossier.flux or ()
    moved = sorted(found, key=lambda one: -abs(one["now_minor"] - one["before_minor"]))
    rows = [
        (
            one["subject"],
            *(
                Decimal(minor).scaleb(-digits)
                for minor in (
                    one["before_minor"],
                    one["now_minor"] - one["before_minor"],
                    one["now_minor"],
                )
            ),
            "explained" if one["explained"] else "",
        )
        for one in moved
    ]
    return ReportTable(
        title="Against the month before",
        columns=(
            ("Initiative and account", "text"),
            ("Before", "money"),
            ("Change", "money"),
            ("Now", "money"),
            ("", "state"),
        ),
        rows=rows[:_MOST_ROWS],
        more=max(len(rows) - _MOST_ROWS, 0),
        total=("Total", *(_sum(rows, place) for place in (1, 2, 3)), "") if rows else (),
        empty="The month before was never closed here, so there is nothing to compare with.",
    )


def words(name: str) -> str:
    """A name of the ledger as words."""
    return name.replace("_", " ").capitalize()


def _roll(title: str, rows: Sequence[Mapping[str, Any]], of: str) -> ReportTable:
    """Opening, the movements that any row has, closing."""
    about = ("provider", "billing_account_id", "currency", "entries", "movements", of)
    texts = ("start_on", "end_on", "committed", "forecast_shortfall", "shortfall_accrued")
    names = [name for row in rows for name in row if name not in (*about, *texts)]
    moved = [
        name
        for name in dict.fromkeys(names)
        if name not in ("opening", "closing") and any(Decimal(row[name]) for row in rows)
    ]
    kept = ("opening", *moved, "closing")
    shown = [
        (
            f"{row['provider']}/{row['billing_account_id']}",
            row[of],
            *(Decimal(row[name]) for name in kept),
        )
        for row in rows
    ]
    return ReportTable(
        title=title,
        columns=(("Account", "text"), ("Of", "text"), *((words(name), "money") for name in kept)),
        rows=shown,
        total=("Total", "", *(_sum(shown, place) for place in range(2, len(kept) + 2))),
    )


def _sum(rows: Sequence[Sequence[Any]], place: int) -> Decimal:
    return sum((row[place] for row in rows if row[place] is not None), Decimal(0))
