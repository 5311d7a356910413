"""Gathers the dossier of a month: what its workbook and its report are made of. No step itself.

Owns which stored facts those are; of a closed month they are those that its close knew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa

from tieout.close.checklist import check_json, checks
from tieout.core.money import format_units, from_decimal
from tieout.core.period import Period
from tieout.ledger.entry import JournalEntry, entry_from_json
from tieout.ledger.trial_balance import trial_balance
from tieout.reports.dossier import Balance, Dossier, Share
from tieout.reports.rollforward import RollforwardInputs, rollforward_report
from tieout.steps import close_inputs
from tieout.steps.context import Context
from tieout.steps.evidence import MonthEvidence
from tieout.store import documents, exceptions, journal, periods, reopenings, signoffs
from tieout.store.session import Tx

Row = Mapping[str, Any]


def gather(
    context: Context, tx: Tx, found: MonthEvidence, entries: Sequence[Row], *, upto_seq: int
) -> Dossier:
    """The dossier as of a ledger sequence; `entries` are all posted ones up to there, as stored."""
    period = str(found.month)
    moment = _moment(context, tx, found)
    return Dossier(
        statement=found.statement(),
        content_hash=found.content_hash(),
        ledger_seq=upto_seq,
        moment=moment,
        accounts=found.chart.accounts,
        bridges=found.bridges,
        balances=balances(entries, period),
        entries=[one for one in entries if str(one["posting_on"])[:7] == period],
        rolls=rolls(tx, found),
        exceptions=[_exception(one, moment) for one in exceptions.listing(tx, period)],
        certificate=found.certificate,
        shares=_shares(found.lines),
        documents=[asdict(one) for one in documents.for_period(tx, period)],
        checks=_checks(tx, found),
        signatures=[asdict(one) for one in signoffs.listing(tx, period) if one.is_current],
        flux=_flux(tx, found),
    )


def rolls(tx: Tx, found: MonthEvidence) -> dict[str, Any]:
    """The roll-forwards of a period with their ties; of a closed one as its close knew it."""
    known = periods.find(tx, str(found.month))
    upto = known.closed_seq if known else None
    return rollforward_report(
        RollforwardInputs(
            period=found.month,
            currency=found.currency,
            chart=found.chart,
            entries=found.entries,
            accounts=found.accounts,
            fees=found.fees,
            balances=_in_books(tx, found.month, upto),
            commitments=found.commitments,
            balances_before=_in_books(tx, found.month.previous(), upto),
        )
    )


def balances(entries: Sequence[Row], period: str) -> list[Balance]:
    """Opening and movements of each account of a month, by account."""
    values = [(str(entry["posting_on"])[:7], entry_from_json(entry)) for entry in entries]
    before = _by_account(entry for posted, entry in values if posted < period)
    moved = _by_account(entry for posted, entry in values if posted == period)
    rows = []
    for account in sorted(before.keys() | moved.keys()):
        opening = before.get(account, (0, 0))
        debit, credit = moved.get(account, (0, 0))
        start = opening[0] - opening[1]
        rows.append(
            Balance(account=account, opening_minor=start, debit_minor=debit, credit_minor=credit)
        )
    return rows


def _in_books(tx: Tx, month: Period, upto_seq: int | None) -> Mapping[str, int]:
    rows = journal.trial_balance(tx, period=str(month), upto_seq=upto_seq)
    return {row.account: row.balance_minor for row in rows}


def _by_account(entries: Iterable[JournalEntry]) -> dict[str, tuple[int, int]]:
    rows = trial_balance(entries).to_pylist()
    return {row["account"]: (row["debit_minor"], row["credit_minor"]) for row in rows}


def _moment(context: Context, tx: Tx, found: MonthEvidence) -> datetime:
    """When the month was closed; now, while it is not."""
    closes = reopenings.closes(tx, str(found.month)) if found.state == "closed" else []
    return closes[-1].closed_at if closes else context.now()


def _exception(one: exceptions.StoredException, moment: datetime) -> dict[str, Any]:
    return {
        **asdict(one),
        "amount": format_units(one.amount_units),
        "age_days": max((moment.date() - one.first_seen_at.date()).days, 0),
        "blocks": one.severity == "blocking" and not one.accepted and one.state != "resolved",
    }


def _shares(lines: pa.Table) -> list[Share]:
    """Ledger lines summed by pool, initiative and provider, tax included."""
    keys = ["pool_id", "initiative", "provider"]
    own = lines.append_column("is_share", lines["pool_line_id"].is_valid())
    sums = own.group_by([*keys, "is_share"]).aggregate(
        [("billed_cost", "sum"), ("ledger_line_id", "count")]
    )
    found = [
        Share(
            pool_id=row["pool_id"] if row["is_share"] else None,
            initiative=row["initiative"],
            provider=row["provider"],
            lines=row["ledger_line_id_count"],
            units=from_decimal(row["billed_cost_sum"]),
        )
        for row in sums.to_pylist()
    ]
    return sorted(found, key=lambda one: (one.pool_id or "", one.initiative or "", one.provider))


def _checks(tx: Tx, found: MonthEvidence) -> Sequence[Row]:
    """As they were signed; of a month that nobody asked for yet, as they stand now."""
    asked = signoffs.latest_request(tx, str(found.month))
    if asked is not None:
        return asked.checks
    return [check_json(one) for one in checks(close_inputs.gather(tx, found))]


def _flux(tx: Tx, found: MonthEvidence) -> list[Row] | None:
    review = close_inputs.flux(tx, found)
    if review is None:
        return None
    return [
        {
            "subject": one.subject,
            "before": review.before,
            "before_minor": one.before_minor,
            "now_minor": one.now_minor,
            "explained": one.digest in review.explained,
        }
        for one in review.moves
    ]
