"""The close report: a month for people who sign it, as one HTML file and as a PDF of the same.

Owns the chapters, their order and what each says; the figures are the dossier's. The HTML needs
nothing beside it: charts are pictures within it, each with its figures in words.
"""

import base64
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tieout.core.money import UNITS_PER_ONE, to_decimal, to_minor
from tieout.core.period import parse_period
from tieout.publish import report_tables as tables
from tieout.publish.charts import Bar, Chart, stacked, waterfall
from tieout.publish.money_text import plain, shown
from tieout.publish.pdf import pdf_bytes
from tieout.reconciliation.bridge import Bridge
from tieout.reports.dossier import ROLL, Dossier, first_units, headline, last_units
from tieout.reports.tieout_statement import StatementRow

_FOLDER: Final = Path(__file__).parent / "templates"


def report_html(dossier: Dossier) -> bytes:
    """The report as one file that needs no other."""
    made = dossier.statement
    return (
        _environment()
        .get_template("close_report.html")
        .render(
            dossier=dossier,
            month=f"{parse_period(dossier.period).start_on:%B %Y}",
            headline=headline(dossier),
            key_figures=tables.key_figures(dossier),
            statement=tables.statement(dossier),
            totals=tables.totals(dossier),
            accounts=[_account(dossier, row) for row in made.rows],
            rolls=tables.rolls(dossier),
            checklist=tables.checklist(dossier),
            exceptions=tables.exceptions(dossier),
            initiatives=tables.initiatives(dossier),
            by_initiative=_by_initiative(dossier),
            pools=tables.pools(dossier),
            since_accrual=tables.since_accrual(dossier),
            movements=tables.movements(dossier),
        )
        .encode()
    )


def report_pdf(dossier: Dossier) -> bytes:
    """The same as a tagged PDF (PDF/UA-1); the same dossier gives the same bytes.

    Raises:
        ToolMissingError: this machine has no Pango to set text with.
    """
    return pdf_bytes(report_html(dossier))


def picture(chart: Chart) -> str:
    """A chart as an address that holds all of it."""
    drawn = _environment().get_template("chart.svg").render(one=chart)
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


def _account(dossier: Dossier, row: StatementRow) -> dict[str, Any]:
    """One account: its waterfall from the first known figure to the last, and the causes."""
    chain = dossier.chain(row)
    rolled = [
        one
        for one in dossier.bridges
        if one.section == ROLL
        and (one.provider, one.billing_account_id) == (row.provider, row.billing_account_id)
    ]
    return {
        "name": f"{row.provider}/{row.billing_account_id}",
        "sentence": _sentence(dossier, row),
        "charts": [
            *([_chain(row, chain, dossier.currency)] if _moves(chain) else []),
            *(_bridge(one) for one in rolled),
        ],
        "causes": tables.causes(dossier, row, [*chain, *rolled]),
    }


def _sentence(dossier: Dossier, row: StatementRow) -> str:
    first, last = first_units(row), last_units(row)
    known = "estimated" if row.estimated_units is not None else "reported by the provider"
    became = "drawn from prepaid credit" if row.mode == "prepaid" else "invoiced"
    if row.billed_units is None:
        became = "reported, no invoice yet"
    start, end = (plain(to_decimal(units), digits=dossier.digits) for units in (first, last))
    return f"{start} {known}, {end} {became} ({dossier.currency}); {_apart(dossier, row)}."


def _apart(dossier: Dossier, row: StatementRow) -> str:
    change, digits = last_units(row) - first_units(row), dossier.digits
    if not change:
        return "no difference"
    small = not to_minor(change, digits)
    shown_change = (
        "less than the smallest unit" if small else plain(to_decimal(change), digits=digits)
    )
    rest = plain(to_decimal(row.unexplained_units), digits=digits)
    left = f"{rest} of it unexplained" if row.unexplained_units else "all explained"
    return f"a difference of {shown_change}, {left}"


def _moves(chain: list[Bridge]) -> bool:
    """Whether there is anything to see: a cause that is worth at least one unit of the currency."""
    amounts = [line.amount_units for one in chain for line in one.lines]
    amounts += [one.unexplained_units for one in chain]
    return any(abs(units) >= UNITS_PER_ONE for units in amounts)


def _chain(row: StatementRow, chain: list[Bridge], currency: str) -> Chart:
    name = f"{row.provider}/{row.billing_account_id}"
    bars = [Bar(label=chain[0].start_label, amount=to_decimal(chain[0].start_units), is_total=True)]
    for one in chain:
        bars += _steps(one)
    title = f"{name}: from {chain[0].start_label.lower()} to {_end(chain[-1]).lower()}"
    return waterfall("chart", title, bars, unit=currency)


def _bridge(one: Bridge) -> Chart:
    first = Bar(label=one.start_label, amount=to_decimal(one.start_units), is_total=True)
    title = f"{one.provider}/{one.billing_account_id}: prepaid credit"
    return waterfall("chart", title, [first, *_steps(one)], unit=one.currency)


def _steps(one: Bridge) -> list[Bar]:
    bars = [
        Bar(label=tables.words(line.component), amount=to_decimal(line.amount_units))
        for line in one.lines
    ]
    if one.unexplained_units:
        bars.append(Bar(label="Unexplained", amount=to_decimal(one.unexplained_units)))
    end = Bar(label=_end(one), amount=to_decimal(one.end_units), is_total=True)
    return [*bars, end]


def _end(one: Bridge) -> str:
    """What a bridge ends at; the numbers of invoices are in the table, not below a bar."""
    return "Invoice" if one.end_label.startswith("Invoice") else one.end_label


def _by_initiative(dossier: Dossier) -> Chart:
    columns = [
        (
            name,
            [
                Bar(label=label, amount=amount)
                for label, amount in zip(("Charged directly", "Out of pools"), amounts, strict=True)
            ],
        )
        for name, amounts in tables.borne(dossier).items()
    ]
    return stacked("chart", "What every initiative bears", columns, unit=dossier.currency)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["picture"] = picture
    made.globals["shown"] = shown
    return made
