"""Exhibits: what an auditor is given of a month, written when it is published and never again.

Owns one small function per file, in a table by item of the evidence pack: to add one, add a row. A
function that has nothing true to say gives no file. Amounts keep the form of their source.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tieout.close.evidence import AccountEvidence
from tieout.core.money import format_units, from_minor, minor_digits
from tieout.ledger.exchange import rate_json
from tieout.ledger.fx_rates import parse_rates
from tieout.publish.close_files import close_files
from tieout.publish.evidence import documents_csv, json_bytes
from tieout.publish.papers import RATE_COLUMNS, rate_rows, rate_text
from tieout.publish.tables import csv_bytes, spread_out, table_csv
from tieout.reconciliation.bridge import bridge_json
from tieout.reconciliation.commitments import is_commitment
from tieout.steps import dossier
from tieout.steps.context import Context
from tieout.steps.evidence import MonthEvidence
from tieout.steps.inputs import latest_outputs
from tieout.store import (
    analytics,
    audit,
    documents,
    erp_exports,
    findings,
    journal,
    policies,
    runs,
    signoffs,
)
from tieout.store.session import Tx

Row = Mapping[str, Any]
CHANGES = (
    "policy_proposed",
    "policy_approved",
    "preview_made",
    "preview_approved",
    "policy_reapplied",
    "people_loaded",
)
_BALANCES = (
    "account",
    "currency",
    "opening_minor",
    "debit_minor",
    "credit_minor",
    "closing_minor",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What the exhibits are made of; `entries` are all posted ones up to `upto_seq`, as stored."""

    context: Context
    tx: Tx
    found: MonthEvidence
    entries: Sequence[dict[str, Any]]
    upto_seq: int

    @property
    def period(self) -> str:
        """The month's key."""
        return str(self.found.month)


def files(month: Month) -> dict[str, bytes]:
    """The exhibits by name below the publication's folder."""
    made = {name: make(month) for name, make in EXHIBITS.items()}
    made |= {f"13-queries/{one.name}.csv": _query(month, one) for one in analytics.QUERIES}
    made |= close_files(
        dossier.gather(month.context, month.tx, month.found, month.entries, upto_seq=month.upto_seq)
    )
    return {f"evidence/{name}": content for name, content in made.items() if content is not None}


def changes(tx: Tx, *, period: str, upto: int | None = None) -> list[dict[str, Any]]:
    """Who changed rules, registers or people, from the publication before the month's own on."""
    found: list[dict[str, Any]] = []
    for event in audit.whole_log(tx, upto=upto):
        value = json.loads(event.canonical)
        if value["action"] == "period_published" and value["subject"] < period:
            found = []
        if value["action"] in CHANGES:
            row = {name: value[name] for name in ("at", "actor", "login", "action", "subject")}
            found.append({"seq": event.seq, **row, "why": value["why"]})
    return found


def _trial_balance(month: Month) -> bytes:
    currency = month.entries[0]["currency"] if month.entries else ""
    rows = [
        {**asdict(one), "currency": currency, "closing_minor": one.closing_minor}
        for one in dossier.balances(month.entries, month.period)
    ]
    return csv_bytes(_BALANCES, rows)


def _entries(month: Month) -> bytes:
    texts = journal.canonical_texts(month.tx, upto_seq=month.upto_seq)
    rows = [
        {
            "document_no": entry["document_no"],
            "ledger_seq": entry["ledger_seq"],
            "recorded_at": entry["recorded_at"].isoformat(),
            "recorded_by": entry["recorded_by"],
            "canonical": texts[entry["document_no"]],
        }
        for entry in month.entries
    ]
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def _accruals(month: Month) -> bytes:
    rows = []
    for account in month.found.accounts:
        digits = minor_digits(account.own.currency if account.own else month.found.currency)
        own = [
            entry
            for entry in month.entries
            if entry["journal_type"] == "accrual"
            and entry["service_period"] == month.period
            and (entry["provider"], entry["billing_account_id"])
            == (account.provider, account.billing_account_id)
        ]
        accrued = sum(_debit(line, account) for entry in own for line in entry["lines"])
        billed = sum(one.subtotal_units + one.credit_units for one in account.documents)
        rows.append(
            {
                "provider": account.provider,
                "billing_account_id": account.billing_account_id,
                "mode": account.mode,
                "accruals": " ".join(entry["document_no"] for entry in own),
                "accrued": format_units(from_minor(accrued, digits), digits),
                "documents": " ".join(one.number for one in account.documents),
                "billed_before_tax": format_units(billed),
                "billed_less_accrued": format_units(billed - from_minor(accrued, digits)),
            }
        )
    return csv_bytes(tuple(rows[0]), rows)


def _debit(line: Row, account: AccountEvidence) -> int:
    """A line's debit in the currency of the account's papers."""
    return max(line.get("transaction_minor", 0), 0) if account.own else int(line["debit_minor"])


def _rollforwards(month: Month) -> bytes | None:
    bridges = month.found.bridges
    own = [one for one in bridges if one.section == "credit_rollforward" or is_commitment(one)]
    return json_bytes([bridge_json(one) for one in own]) if own else None


def _documents(month: Month) -> bytes:
    return documents_csv([asdict(one) for one in documents.for_period(month.tx, month.period)])


def _bridges(month: Month) -> bytes:
    return json_bytes([bridge_json(one) for one in month.found.bridges])


def _certificate(month: Month) -> bytes:
    return json_bytes(month.found.certificate)


def _direct_lines(month: Month) -> bytes:
    stored = latest_outputs(month.tx, "classify", f"{month.period}/final")["lines"]
    lines = month.context.lake.get_table(stored["path"], stored["sha256"])
    wanted = ("ledger_line_id", "initiative", "pl_category", "charge_category", "billed_cost")
    return table_csv(spread_out(lines).select(list(wanted)))


def _chart(month: Month) -> bytes:
    accounts = [asdict(one) for one in month.found.chart.accounts]
    return csv_bytes(("code", "name", "type"), accounts)


def _policies_used(month: Month) -> bytes:
    return json_bytes(list(month.found.policies))


def _policy_versions(month: Month) -> bytes:
    kinds = sorted({one.rpartition(":")[0] for one in month.found.policies})
    rows = [asdict(one) for kind in kinds for one in policies.versions(month.tx, kind)]
    columns = (
        "kind",
        "version",
        "sha256",
        "valid_from",
        "proposed_by",
        "proposed_at",
        "approved_by",
        "approved_at",
    )
    return csv_bytes(columns, rows)


def _fx_rates(month: Month) -> bytes | None:
    """The rates of all entries that are of the month or posted in it."""
    own = [
        entry
        for entry in month.entries
        if month.period in (entry["service_period"], str(entry["posting_on"])[:7])
    ]
    versions = [
        (one.label, one.sha256, frozenset(map(rate_text, map(rate_json, rates))))
        for one in reversed(policies.versions(month.tx, "fx_rates"))
        if one.approved_by
        for rates in [parse_rates(one.body, name=one.label)]
    ]
    rows = rate_rows(own, versions)
    return csv_bytes(RATE_COLUMNS, rows) if rows else None


def _findings(month: Month) -> bytes | None:
    rows = [
        {
            **asdict(one.finding),
            "step": one.step,
            "run_subject": one.run_subject,
            "amount": format_units(one.finding.amount_units),
        }
        for one in findings.for_period(month.tx, month.period)
    ]
    columns = (
        "step",
        "run_subject",
        "kind",
        "severity",
        "subject",
        "message",
        "amount",
        "currency",
        "source_document",
        "source_row",
    )
    return csv_bytes(columns, rows) if rows else None


def _checklist(month: Month) -> bytes | None:
    asked = signoffs.latest_request(month.tx, month.period)
    if asked is None:
        return None
    about = {
        "content_hash": asked.content_hash,
        "requested_at": asked.requested_at.isoformat(),
        "requested_by": asked.requested_by,
        "ledger_seq": asked.ledger_seq,
    }
    return json_bytes({**about, "checks": list(asked.checks)})


def _sign_offs(month: Month) -> bytes:
    return json_bytes(
        [
            {
                **asdict(one),
                "signed_at": one.signed_at.isoformat(),
                "voided_at": one.voided_at.isoformat() if one.voided_at else None,
            }
            for one in signoffs.listing(month.tx, month.period)
        ]
    )


def _prior_period(month: Month) -> bytes | None:
    late = [
        entry
        for entry in month.entries
        if str(entry["posting_on"])[:7] == month.period and entry["service_period"] < month.period
    ]
    columns = ("document_no", "journal_type", "service_period", "adjustment_kind", "description")
    return csv_bytes(columns, late) if late else None


def _reopenings(month: Month) -> bytes | None:
    events = [json.loads(event.canonical) for event in audit.whole_log(month.tx)]
    own = [one for one in events if "reopen" in one["action"] and one["subject"] == month.period]
    return json_bytes(own) if own else None


def _access_people(month: Month) -> bytes:
    rows = analytics.people(month.tx)
    return csv_bytes(("person_id", "display_name", "duties", "since", "recorded_by"), rows)


def _access_roles(month: Month) -> bytes:
    return csv_bytes(("role", "kind", "name", "may"), analytics.grants(month.tx))


def _changes(month: Month) -> bytes:
    columns = ("seq", "at", "actor", "login", "action", "subject", "why")
    return csv_bytes(columns, changes(month.tx, period=month.period))


def _code_versions(month: Month) -> bytes:
    columns = ("run_id", "step", "subject", "code_version", "started_at", "finished_at")
    return csv_bytes(columns, [asdict(one) for one in runs.for_period(month.tx, month.period)])


def _query(month: Month, query: analytics.Query) -> bytes:
    columns, rows = analytics.run(month.tx, query, period=month.period, upto_seq=month.upto_seq)
    return csv_bytes(columns, rows)


def _erp_exports(month: Month) -> bytes:
    taken = erp_exports.taken(month.tx, month.period)
    return json_bytes([erp_exports.export_json(one) for one in taken])


def _control_reports(month: Month) -> bytes:
    sellers = sorted({one.provider for one in month.found.accounts})
    lines = [
        "Obtain from each provider the SOC 1 Type 2 report that covers this month, a bridge letter",
        "where it ends earlier, and map its user-entity controls to your own.",
        "",
        *(f"{seller}: report, bridge letter, user-entity controls" for seller in sellers),
    ]
    return ("\n".join(lines) + "\n").encode()


EXHIBITS: dict[str, Callable[[Month], bytes | None]] = {
    "01-trial-balance.csv": _trial_balance,
    "02-entries.jsonl": _entries,
    "03-accruals.csv": _accruals,
    "04-rollforwards.json": _rollforwards,
    "05-documents.csv": _documents,
    "06-bridges.json": _bridges,
    "07-certificate.json": _certificate,
    "07-direct-lines.csv": _direct_lines,
    "08-chart.csv": _chart,
    "08-policies-used.json": _policies_used,
    "08-policy-versions.csv": _policy_versions,
    "09-fx-rates.csv": _fx_rates,
    "10-findings.csv": _findings,
    "11-checklist.json": _checklist,
    "11-sign-offs.json": _sign_offs,
    "12-prior-period.csv": _prior_period,
    "12-reopenings.json": _reopenings,
    "13-access-people.csv": _access_people,
    "13-access-roles.csv": _access_roles,
    "13-changes.csv": _changes,
    "13-runs.csv": _code_versions,
    "14-erp-exports.json": _erp_exports,
    "15-control-reports.txt": _control_reports,
}
