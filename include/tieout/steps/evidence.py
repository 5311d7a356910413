"""Everything about a period that the checklist, the statement and the pages look at, loaded once.

Owns no figure: it gathers what the other steps stored and rebuilds the values of the pure packages.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from tieout.audit.canonical import canonical_hash
from tieout.close.evidence import AccountEvidence, CommitmentBalance, FeeBalance, OwnCurrency
from tieout.close.states import PeriodState
from tieout.core.errors import NotReadyError
from tieout.core.money import UNITS_PER_ONE, round_half_even
from tieout.core.period import Period
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import unallocated_units, with_own_dimensions
from tieout.ledger.amortisation import still_prepaid
from tieout.ledger.billing_accounts import BillingAccount
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, entry_from_json, entry_json
from tieout.ledger.foreign_lines import own_lines
from tieout.ledger.grouping import net_units, tax_units
from tieout.reconciliation.bridge import Bridge, bridge_from_json, bridge_json
from tieout.reconciliation.commitments import is_commitment
from tieout.reports.entity_books import of_entity
from tieout.reports.tieout_statement import Statement, StatementInputs, build, close_content
from tieout.steps import commitments, earlier, fees, foreign
from tieout.steps.bills import billing_documents, counted
from tieout.steps.context import Context
from tieout.steps.inputs import (
    AccountSnapshot,
    chart,
    is_billed,
    latest_outputs,
    of_account,
    optional_policy,
    policy,
    reading,
    stage_snapshots,
)
from tieout.steps.views import lookup_kinds
from tieout.store import (
    allocations,
    coverage,
    journal,
    periods,
    reconciliations,
    runs,
)
from tieout.store.policies import PolicyKind
from tieout.store.session import Tx

POLICY_KINDS: tuple[PolicyKind, ...] = (
    "accounts",
    "allocation",
    "chart",
    "classification",
    "initiatives",
)
OPTIONAL_POLICIES: tuple[PolicyKind, ...] = (
    "rate_card",
    "tag_map",
    "owners",
    "drivers",
    "tolerances",
    "close",
    "commitments",
    "contract_rates",
    "entities",
    "fx_rates",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEvidence:
    """One period as it stands now."""

    month: Period
    state: PeriodState
    currency: str
    chart: Chart
    lines: pa.Table
    lines_sha256: str
    unallocated_units: int
    certificate: dict[str, Any]
    bridges: tuple[Bridge, ...]
    entries: tuple[JournalEntry, ...]
    accounts: tuple[AccountEvidence, ...]
    fees: tuple[FeeBalance, ...]
    commitments: tuple[CommitmentBalance, ...]
    policies: tuple[str, ...]

    def statement(self, entity: str | None = None) -> Statement:
        """The tie-out statement of the period, of all entities or of one."""
        return build(self.statement_inputs(entity))

    def statement_inputs(self, entity: str | None = None) -> StatementInputs:
        """What the statement is made of.

        Raises:
            NotReadyError, UnknownSubjectError: there is no such entity.
        """
        whole = StatementInputs(
            period=self.month,
            currency=self.currency,
            state=self.state,
            chart=self.chart,
            ledger=self.lines,
            unallocated_units=self.unallocated_units,
            bridges=self.bridges,
            entries=self.entries,
            modes={(one.provider, one.billing_account_id): one.mode for one in self.accounts},
        )
        return whole if entity is None else of_entity(whole, entity)

    def content_hash(self) -> str:
        """SHA-256 of what both people sign: lines, entries, bridges, certificate and policies.

        The entries are those for the month, wherever they are posted, and those posted in it.
        """
        own = [entry for entry in self.entries if self._is_own(entry)]
        return canonical_hash(
            close_content(
                ledger_hash=self.lines_sha256,
                entries_hash=canonical_hash([entry_json(entry) for entry in _ordered(own)]),
                bridges_hash=canonical_hash([bridge_json(bridge) for bridge in self.bridges]),
                certificate_hash=canonical_hash(self.certificate),
                policies_hash=canonical_hash(list(self.policies)),
            )
        )

    def _is_own(self, entry: JournalEntry) -> bool:
        return entry.service_period == str(self.month) or self.month.contains(entry.posting_on)


def load(context: Context, tx: Tx, month: Period) -> MonthEvidence:
    """Gather a period; of a closed one the entries and policies that its close knew.

    Raises:
        NotReadyError: a step before has not run yet; the message names it.
    """
    subject = f"{month}/final"
    stored = latest_outputs(tx, "allocate", subject)["lines"]
    lines = with_own_dimensions(context.lake.get_table(stored["path"], stored["sha256"]))
    run = runs.latest(tx, "allocate", subject)
    latest_outputs(tx, "reconcile", str(month))
    promised = commitments.balances(tx, month)
    bridges = _bridges(tx, month, promised)
    sources = stage_snapshots(tx, month, "final")
    known = periods.find(tx, str(month))
    books = chart(tx, month)
    return MonthEvidence(
        month=month,
        state=known.state if known else "open",
        currency=books.currency,
        chart=books,
        lines=lines,
        lines_sha256=stored["sha256"],
        unallocated_units=unallocated_units(lines),
        certificate=(allocations.certificate_of(tx, run.run_id) if run else None) or {},
        bridges=bridges,
        entries=tuple(
            entry_from_json(value)
            for value in journal.entries(tx, upto_seq=known.closed_seq if known else None)
        ),
        accounts=tuple(
            _account(context, tx, month, source, lines=lines, bridges=bridges) for source in sources
        ),
        fees=_fees(context, tx, month, books),
        commitments=promised,
        policies=_policies(tx, month),
    )


def _bridges(tx: Tx, month: Period, promised: tuple[CommitmentBalance, ...]) -> tuple[Bridge, ...]:
    """The newest of each section; of commitments those that are in force."""
    known = {one.terms.section for one in promised}
    found = [bridge_from_json(value) for value in reconciliations.for_period(tx, str(month))]
    kept = [one for one in found if one.section in known or not is_commitment(one)]
    return tuple(sorted(kept, key=lambda one: (one.provider, one.billing_account_id, one.section)))


def _fees(context: Context, tx: Tx, month: Period, books: Chart) -> tuple[FeeBalance, ...]:
    return tuple(
        FeeBalance(
            provider=one.provider,
            billing_account_id=one.billing_account_id,
            prepaid_minor=still_prepaid(one.fee, month, chart=books),
        )
        for one in fees.through(context, tx, month)
    )


def _policies(tx: Tx, month: Period) -> tuple[str, ...]:
    used = [f"{kind}:{policy(tx, kind, month).sha256}" for kind in POLICY_KINDS]
    tables = lookup_kinds(policy(tx, "classification", month))
    optional = [(kind, optional_policy(tx, kind, month)) for kind in (*OPTIONAL_POLICIES, *tables)]
    return (*used, *(f"{kind}:{found.sha256}" for kind, found in optional if found))


def _account(
    context: Context,
    tx: Tx,
    month: Period,
    source: AccountSnapshot,
    *,
    lines: pa.Table,
    bridges: tuple[Bridge, ...],
) -> AccountEvidence:
    account = source.account
    own = of_account(lines, account.provider, account.billing_account_id)
    read = _cost_reading(tx, account, month)
    return AccountEvidence(
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        mode=account.mode,
        days_received=frozenset(
            coverage.complete_days(
                tx,
                period=str(month),
                provider=account.provider,
                billing_account_id=account.billing_account_id,
            )
        ),
        source_rows=source.file.rows_in,
        loaded_rows=source.file.rows_out + source.file.rows_bad,
        source_units=_exact_units(read["source_total"]),
        loaded_units=source.file.loaded_units + int(read["refused_units"]),
        ledger_lines_net_units=net_units(own),
        ledger_tax_units=tax_units(own),
        own=_own_currency(tx, month, account, own),
        documents=_documents(context, tx, account, month),
        is_billed=is_billed(context, tx, account, month),
        bridges=tuple(
            bridge
            for bridge in bridges
            if (bridge.provider, bridge.billing_account_id)
            == (account.provider, account.billing_account_id)
        ),
    )


def _documents(
    context: Context, tx: Tx, account: BillingAccount, month: Period
) -> tuple[BillingDocument, ...]:
    """What is booked in the month: the bills of an account in arrears, else the purchases."""
    if account.mode == "arrears":
        return counted(billing_documents(context, tx, account, month), account)
    return earlier.purchases(context, tx, account, month)


def _own_currency(
    tx: Tx, month: Period, account: BillingAccount, lines: pa.Table
) -> OwnCurrency | None:
    """The account's figures before they were translated; None in the books' own currency."""
    pair = (account.currency, chart(tx, month).currency)
    if pair[0] == pair[1]:
        return None
    papers = own_lines(lines)
    return OwnCurrency(
        currency=account.currency,
        net_units=net_units(papers),
        tax_units=tax_units(papers),
        cost_rate=foreign.cost_rate(tx, month, pair),
        closing_rate=foreign.closing_rate(tx, month, pair),
    )


def _cost_reading(tx: Tx, account: BillingAccount, month: Period) -> dict[str, Any]:
    run = reading(tx, account, month, "cost")
    if run is None:
        raise NotReadyError(
            f"The cost report of {account.subject} for {month} has not been read: run "
            f"`tieout normalise {account.provider} {month}` first."
        )
    return dict(run.outputs)


def _exact_units(text: str) -> int:
    return round_half_even(Fraction(Decimal(text)) * UNITS_PER_ONE)


def _ordered(entries: list[JournalEntry]) -> list[JournalEntry]:
    return sorted(entries, key=lambda entry: entry.idempotency_key)
