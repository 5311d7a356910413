"""The tie-out statement: per provider what was estimated, reported and billed, and why they differ.

Owns the figures on the page and their identities; a statement that does not add up is not built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.close.evidence import BillingMode
from tieout.close.states import PeriodState
from tieout.core.errors import ConservationError
from tieout.core.money import (
    SCALE,
    format_units,
    from_decimal,
    from_minor,
    minor_digits,
    round_half_even,
)
from tieout.core.period import Period
from tieout.ledger.chart import Chart
from tieout.ledger.control import control_codes
from tieout.ledger.entry import JournalEntry
from tieout.ledger.grouping import net_units
from tieout.ledger.trial_balance import account_balance, trial_balance
from tieout.reconciliation.bridge import Bridge, Section
from tieout.reports.own_totals import own_totals

_BASIS_POINTS = 10_000
_ENDS_AT_REPORT: tuple[Section, ...] = ("estimate_to_report", "draft_to_final")
_STARTS_AT_REPORT: tuple[Section, ...] = ("report_to_invoice",)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRow:
    """One billing account, in units of 1e-12.

    `billed_units` is the invoice total, or the credit drawn from a prepaid balance; None before
    the invoice is there. The identity: first known figure (estimated, else reported) + explained +
    unexplained = last known figure (billed, else reported). All in `currency`, that of the papers.
    """

    provider: str
    billing_account_id: str
    mode: BillingMode
    estimated_units: int | None
    reported_units: int
    billed_units: int | None
    explained_units: int
    unexplained_units: int
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTotal:
    """What a class of an own dimension comes to, tax included; value None: not decided.

    The classes of one dimension add up to the ledger total.
    """

    dimension: str
    value: str | None
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The month on one page. Journal figures are minor units of entries posted in the period.

    `exchange_minor` is what rates cost in it (a gain is negative), beside the expense; None where
    no entry was translated.
    """

    period: str
    currency: str
    state: PeriodState
    rows: tuple[StatementRow, ...]
    ledger_total_units: int
    ledger_net_units: int
    unallocated_units: int
    unallocated_share_bp: int
    journal_debit_minor: int
    journal_credit_minor: int
    expense_minor: int
    earlier_expense_minor: tuple[tuple[str, int], ...]  # service month, expense; none is zero
    own_totals: tuple[OwnTotal, ...]
    exchange_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementInputs:
    """What a statement is made of; `ledger` is LEDGER_SCHEMA, `entries` those of the books.

    `modes` says how each account (provider, id) bills; one that it lacks is told from its bridges.
    """

    period: Period
    currency: str
    state: PeriodState
    chart: Chart
    ledger: pa.Table
    unallocated_units: int
    bridges: tuple[Bridge, ...]
    entries: tuple[JournalEntry, ...]
    modes: Mapping[tuple[str, str], BillingMode] = field(default_factory=dict)


def build(inputs: StatementInputs) -> Statement:
    """The statement of a period, rows ordered by provider and account.

    The unallocated share is in basis points of |cost before tax|, rounded half-even.

    Raises:
        ConservationError: the bridges of one account do not meet at one reported figure. (That
            they do gives the identity of a row, because every bridge conserves.)
        UnbalancedEntryError: the period's entries do not balance.
    """
    net = net_units(inputs.ledger)
    posted = _posted_in(inputs.entries, inputs.period)
    journal = trial_balance(posted)
    expense = {account.code for account in inputs.chart.accounts if account.type == "expense"}
    lines = journal.to_pylist()
    return Statement(
        period=str(inputs.period),
        currency=inputs.currency,
        state=inputs.state,
        rows=_rows(inputs.bridges, inputs.modes),
        ledger_total_units=_total(inputs.ledger),
        ledger_net_units=net,
        unallocated_units=inputs.unallocated_units,
        unallocated_share_bp=_share_bp(inputs.unallocated_units, net),
        journal_debit_minor=sum(line["debit_minor"] for line in lines),
        journal_credit_minor=sum(line["credit_minor"] for line in lines),
        expense_minor=sum(line["balance_minor"] for line in lines if line["account"] in expense),
        earlier_expense_minor=_earlier(posted, inputs.period, expense),
        own_totals=_own_totals(inputs.ledger),
        exchange_minor=_exchange_minor(posted, inputs.chart),
    )


def statement_json(statement: Statement) -> dict[str, Any]:
    """Plain JSON values: units as text of 12 decimals, journal amounts of the currency's digits."""
    digits = minor_digits(statement.currency)
    made = statement.exchange_minor
    exchange = {} if made is None else {"exchange_difference": _minor_text(made, digits)}
    return {
        **exchange,
        "period": statement.period,
        "currency": statement.currency,
        "state": statement.state,
        "rows": [_row_json(row, statement.currency) for row in statement.rows],
        "ledger_total": _text(statement.ledger_total_units),
        "ledger_net": _text(statement.ledger_net_units),
        "unallocated": _text(statement.unallocated_units),
        "unallocated_share_bp": statement.unallocated_share_bp,
        "journal_debit": _minor_text(statement.journal_debit_minor, digits),
        "journal_credit": _minor_text(statement.journal_credit_minor, digits),
        "expense": _minor_text(statement.expense_minor, digits),
        "earlier_expense": [
            {"service_period": month, "expense": _minor_text(minor, digits)}
            for month, minor in statement.earlier_expense_minor
        ],
        "own_dimensions": [
            {"dimension": one.dimension, "value": one.value, "amount": _text(one.units)}
            for one in statement.own_totals
        ],
    }


def close_content(
    *,
    ledger_hash: str,
    entries_hash: str,
    bridges_hash: str,
    certificate_hash: str,
    policies_hash: str,
) -> dict[str, str]:
    """What both people sign: the hashes of everything that the figures depend on.

    The caller hashes the canonical bytes of this; any change of an entry, a bridge, a certificate,
    a policy or a ledger line makes another hash and so voids the signatures.
    """
    return {
        "ledger_hash": ledger_hash,
        "entries_hash": entries_hash,
        "bridges_hash": bridges_hash,
        "certificate_hash": certificate_hash,
        "policies_hash": policies_hash,
    }


def _rows(
    bridges: tuple[Bridge, ...], modes: Mapping[tuple[str, str], BillingMode]
) -> tuple[StatementRow, ...]:
    accounts: dict[tuple[str, str], dict[str, Bridge]] = {}
    for bridge in bridges:
        key = (bridge.provider, bridge.billing_account_id)
        accounts.setdefault(key, {})[bridge.section] = bridge
    return tuple(_row(key, found, mode=modes.get(key)) for key, found in sorted(accounts.items()))


def _row(
    key: tuple[str, str], found: Mapping[str, Bridge], *, mode: BillingMode | None
) -> StatementRow:
    estimate = found.get("estimate_to_report")
    invoiced = found.get("report_to_invoice")
    rollforward = found.get("credit_rollforward")
    chain = [bridge for bridge in (estimate, invoiced) if bridge]
    reported = _reported(found)
    drawn_gap = rollforward.unexplained_units if rollforward else 0
    return StatementRow(
        provider=key[0],
        billing_account_id=key[1],
        mode=mode or ("prepaid" if rollforward else "arrears"),
        estimated_units=estimate.start_units if estimate else None,
        reported_units=reported,
        billed_units=_billed(found, reported=reported),
        explained_units=sum(bridge.explained_units for bridge in chain),
        unexplained_units=sum(bridge.unexplained_units for bridge in chain) - drawn_gap,
        currency=next(iter(chain or found.values())).currency,
    )


def _reported(found: Mapping[str, Bridge]) -> int:
    figures = [
        *(bridge.end_units for section, bridge in found.items() if section in _ENDS_AT_REPORT),
        *(bridge.start_units for section, bridge in found.items() if section in _STARTS_AT_REPORT),
        *(_drawn(bridge) for section, bridge in found.items() if section == "credit_rollforward"),
    ]
    if len(set(figures)) != 1:
        shown = ", ".join(format_units(units) for units in sorted(set(figures))) or "none"
        raise ConservationError(
            f"Expected all bridges of an account to meet at one reported figure, found {shown}: "
            "reconcile again from one final report."
        )
    return figures[0]


def _drawn(rollforward: Bridge) -> int:
    return -sum(line.amount_units for line in rollforward.lines if line.component == "usage")


def _billed(found: Mapping[str, Bridge], *, reported: int) -> int | None:
    """Credit drawn is the usage that the closing balance implies: the report, when it ties."""
    if "credit_rollforward" in found:
        return reported - found["credit_rollforward"].unexplained_units
    return found["report_to_invoice"].end_units if "report_to_invoice" in found else None


def _posted_in(entries: tuple[JournalEntry, ...], period: Period) -> list[JournalEntry]:
    return [entry for entry in entries if period.contains(entry.posting_on)]


def _earlier(
    posted: list[JournalEntry], period: Period, expense: set[str]
) -> tuple[tuple[str, int], ...]:
    """Expense of this period that was consumed earlier, such as late bills, by service month."""
    found: dict[str, int] = {}
    for entry in posted:
        own = sum(line.amount_minor for line in entry.lines if line.account in expense)
        found[entry.service_period] = found.get(entry.service_period, 0) + own
    return tuple(
        (month, minor) for month, minor in sorted(found.items()) if minor and month < str(period)
    )


def _exchange_minor(posted: list[JournalEntry], chart: Chart) -> int | None:
    """On the accounts of that role; in the period nothing but rates is posted to them."""
    if not any(entry.exchange for entry in posted):
        return None
    codes = control_codes(chart, "exchange_difference")
    return sum(account_balance(posted, account=code) for code in codes)


def _total(ledger: pa.Table) -> int:
    total = pc.sum(ledger["billed_cost"]).as_py()
    return 0 if total is None else from_decimal(total)


def _own_totals(ledger: pa.Table) -> tuple[OwnTotal, ...]:
    """By dimension, then by class; what was not decided comes last."""
    return tuple(
        OwnTotal(dimension=name, value=value, units=totals[value])
        for name, totals in own_totals(ledger).items()
        for value in sorted(totals, key=lambda value: (value is None, value or ""))
    )


def _share_bp(unallocated_units: int, net: int) -> int:
    if not net:
        return 0
    return round_half_even(Fraction(abs(unallocated_units) * _BASIS_POINTS, abs(net)))


def _row_json(row: StatementRow, books: str) -> dict[str, Any]:
    return {
        **({} if row.currency in ("", books) else {"currency": row.currency}),
        "provider": row.provider,
        "billing_account_id": row.billing_account_id,
        "mode": row.mode,
        "estimated": None if row.estimated_units is None else _text(row.estimated_units),
        "reported": _text(row.reported_units),
        "billed": None if row.billed_units is None else _text(row.billed_units),
        "explained": _text(row.explained_units),
        "unexplained": _text(row.unexplained_units),
    }


def _text(units: int) -> str:
    return format_units(units, SCALE)


def _minor_text(minor: int, digits: int) -> str:
    return format_units(from_minor(minor, digits), digits)
