"""What several steps load before they compute: approved policies, charges, documents, runs.

Owns no rule and writes nothing; it turns stored bytes into values, with their hashes checked.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from tieout.allocation.parse import parse_pools
from tieout.core.errors import (
    NotReadyError,
    PeriodClosedError,
    RuleFileError,
)
from tieout.core.period import Period
from tieout.focus.columns import with_current_attr_ids
from tieout.ledger.billing_accounts import BillingAccount, parse_accounts
from tieout.ledger.chart import Chart, parse_chart
from tieout.ledger.entities import Entities, parse_entities
from tieout.ledger.sides import reallocations_of
from tieout.reconciliation.arrears import bills
from tieout.sources.base import RawDocument, RawKind
from tieout.steps.context import Context
from tieout.steps.pins import of_close
from tieout.store import (
    charge_files,
    documents,
    periods,
    policies,
    reconciliations,
    restated,
    runs,
    snapshots,
)
from tieout.store.session import Tx

STAGES = ("draft", "final")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """One account with the version of its cost report that a stage works on."""

    account: BillingAccount
    snapshot: snapshots.Snapshot
    file: charge_files.ChargeFile


def policy(tx: Tx, kind: policies.PolicyKind, month: Period) -> policies.Policy:
    """The approved version in force on the period's last day; of a closed period, as of its close.

    Raises:
        NotReadyError: none has been approved.
    """
    return _required(kind, month, optional_policy(tx, kind, month))


def _required(
    kind: policies.PolicyKind, month: Period, found: policies.Policy | None
) -> policies.Policy:
    if found is None:
        raise NotReadyError(
            f"No approved {kind} policy is in force on {month.last_on}: propose one with "
            f"`tieout policies propose {kind} FILE` and have another person approve it."
        )
    return found


def optional_policy(tx: Tx, kind: policies.PolicyKind, month: Period) -> policies.Policy | None:
    """As `policy`, for a kind that a ledger may do without."""
    return policies.current(tx, kind, month.last_on, known_at=_known_at(tx, month))


def _known_at(tx: Tx, month: Period) -> datetime | None:
    period = periods.find(tx, str(month))
    return period.closed_at if period and period.state == "closed" else None


def refuse_closed(tx: Tx, month: Period, doing: str) -> None:
    """What two people signed is not computed again.

    Raises:
        PeriodClosedError: the month is closed.
    """
    if periods.state(tx, str(month)) == "closed":
        raise PeriodClosedError(
            f"{month} is closed and its inputs have changed: {doing} would change what two people "
            "signed; a new rule reaches it with `tieout rules preview` and `tieout reapply`."
        )


def accounts(tx: Tx, month: Period) -> tuple[BillingAccount, ...]:
    """The registered billing accounts."""
    found = policy(tx, "accounts", month)
    return parse_accounts(found.body, name=found.label)


def currency(tx: Tx, month: Period) -> str:
    """The currency of the books."""
    found = policy(tx, "chart", month)
    return parse_chart(found.body, name=found.label).currency


def chart(tx: Tx, month: Period) -> Chart:
    """The approved chart of accounts, with the legal entities and the pools of the month.

    Raises:
        RuleFileError: entities, accounts, pools and chart do not fit together.
    """
    found = policy(tx, "chart", month)
    return of_service_month(tx, parse_chart(found.body, name=found.label), month)


def currency_and(
    tx: Tx, month: Period, kind: policies.PolicyKind
) -> tuple[str, policies.Policy | None]:
    """The currency of the books of a month, and what `optional_policy` gives.

    Raises:
        NotReadyError: no chart of accounts has been approved.
    """
    known_at = _known_at(tx, month)
    books, found = (
        policies.current(tx, one, month.last_on, known_at=known_at) for one in ("chart", kind)
    )
    required = _required("chart", month, books)
    return parsed_chart(required.body, required.label).currency, found


@lru_cache(maxsize=16)
def parsed_chart(body: str, label: str) -> Chart:
    """A chart without its legal entities; an approved text never changes."""
    return parse_chart(body, name=label)


def of_service_month(tx: Tx, books: Chart, month: Period) -> Chart:
    """A chart with the legal entities and pools that the cost of this month of service goes by.

    Raises:
        RuleFileError: they do not fit the chart.
    """
    pools = standing_policy(tx, "allocation", month)
    books = replace(books, reallocations={})
    books = with_pools(books, pools.body, pools.label) if pools else books
    found = optional_policy(tx, "entities", month)
    if found is None:
        return replace(books, entities=None)
    group = parse_entities(found.body, name=found.label)
    types = {account.code: account.type for account in books.accounts}
    for misfit in group.misfits(types, currency=books.currency):
        raise RuleFileError(f"{found.label}: {misfit}.")
    return replace(books, entities=_several(tx, group, month))


def standing_policy(tx: Tx, kind: policies.PolicyKind, month: Period) -> policies.Policy | None:
    """What a month stands on: of a restated one the version that it was restated with."""
    newest = restated.head(tx, str(month))
    label = newest.rule_versions.get(kind) if newest else None
    if label is None:
        return optional_policy(tx, kind, month)
    return policies.by_label(tx, label)


def with_pools(books: Chart, text: str, name: str) -> Chart:
    """A chart with the posting of the pools of an allocation file.

    Raises:
        RuleFileError: they do not fit the chart.
    """
    return replace(
        books, reallocations=reallocations_of(parse_pools(text, name=name), books, name=name)
    )


def _several(tx: Tx, group: Entities, month: Period) -> Entities | None:
    """The group with what the register bills; one entity alone has nobody to owe."""
    if len(group.members) == 1:
        return None
    named = {(one.provider, one.billing_account_id): one.entity for one in accounts(tx, month)}
    return group.with_accounts({key: entity for key, entity in named.items() if entity})


def snapshot_head(
    tx: Tx, account: BillingAccount, month: Period, kind: snapshots.SnapshotKind
) -> snapshots.Snapshot | None:
    """The newest version of one kind of answer."""
    return snapshots.head(
        tx,
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=str(month),
        kind=kind,
    )


def known_snapshot(
    tx: Tx, account: BillingAccount, month: Period, kind: snapshots.SnapshotKind
) -> snapshots.Snapshot | None:
    """The newest version of an open month; of a closed one the version that its close stood on."""
    pins = of_close(tx, month)
    if pins is None or account.subject not in pins:
        return snapshot_head(tx, account, month, kind)
    kept = pins[account.subject]["snapshots"].get(kind)
    return snapshots.get(tx, kept) if kept else None


def reading(
    tx: Tx, account: BillingAccount, month: Period, kind: snapshots.SnapshotKind
) -> runs.Run | None:
    """How an account's reports or documents were read: newest, or as the close stood on it."""
    pins = of_close(tx, month)
    if pins is None or account.subject not in pins:
        return runs.latest(tx, "normalise", f"{month}/{account.subject}/{kind}")
    kept = pins[account.subject]["runs"].get(kind)
    return runs.get(tx, kept) if kept else None


def estimate_file(tx: Tx, account: BillingAccount, month: Period) -> charge_files.ChargeFile | None:
    """The own estimate of the usage; None where nothing was rated."""
    snapshot = known_snapshot(tx, account, month, "usage")
    return charge_files.get(tx, snapshot.snapshot_id, "estimate") if snapshot else None


def raw_documents(
    context: Context, tx: Tx, snapshot: snapshots.Snapshot
) -> tuple[RawDocument, ...]:
    """The bytes of a version, each verified against its hash."""
    stored = {
        (document.sha256): document
        for sha256 in snapshot.document_sha256s
        for document in documents.get(tx, sha256)
        if document.billing_account_id == snapshot.billing_account_id
        and document.period == snapshot.period
    }
    return tuple(
        RawDocument(
            name=stored[sha256].name,
            kind=cast("RawKind", stored[sha256].kind),
            content=context.lake.get(stored[sha256].lake_path, sha256),
            media_type=stored[sha256].media_type,
            request=stored[sha256].request,
        )
        for sha256 in snapshot.document_sha256s
    )


def stage_snapshots(tx: Tx, month: Period, stage: str) -> tuple[AccountSnapshot, ...]:
    """The normalised cost version of every account for a stage.

    `draft` is what was known when the month-end accrual was made (pinned then, for ever), `final`
    is the newest version, of a closed month the one that its close stood on.

    Raises:
        NotReadyError: an account has no normalised cost report yet.
    """
    pinned = runs.latest(tx, "pin", f"{month}/draft") if stage == "draft" else None
    chosen: dict[str, str] = dict(pinned.outputs["snapshots"]) if pinned else {}
    found = []
    for account in accounts(tx, month):
        snapshot = (
            snapshots.get(tx, chosen[account.subject])
            if account.subject in chosen
            else known_snapshot(tx, account, month, "cost")
        )
        file = charge_files.get(tx, snapshot.snapshot_id, "charges") if snapshot else None
        if snapshot is None or file is None:
            raise NotReadyError(
                f"No normalised cost report of {account.subject} for {month}: expected one per "
                f"registered account; run `tieout pull {account.provider} {month}` and "
                f"`tieout normalise {account.provider} {month}`."
            )
        found.append(AccountSnapshot(account=account, snapshot=snapshot, file=file))
    return tuple(found)


def is_billed(context: Context, tx: Tx, account: BillingAccount, month: Period) -> bool:
    """Whether the report bills anything; a report that was not read may."""
    snapshot = known_snapshot(tx, account, month, "cost")
    file = charge_files.get(tx, snapshot.snapshot_id, "charges") if snapshot else None
    if file is None or file.loaded_units:
        return True
    return bills(context.lake.get_table(file.lake_path, file.file_sha256))


def charges(context: Context, sources: tuple[AccountSnapshot, ...]) -> pa.Table:
    """All charges of the given versions as one table, in account order."""
    return pa.concat_tables(
        [
            with_current_attr_ids(
                context.lake.get_table(source.file.lake_path, source.file.file_sha256)
            )
            for source in sources
        ]
    )


def of_account(lines: pa.Table, provider: str, billing_account_id: str) -> pa.Table:
    """The ledger lines of one billing account."""
    return lines.filter(
        pc.and_(
            pc.equal(lines.column("provider"), provider),
            pc.equal(lines.column("billing_account_id"), billing_account_id),
        )
    )


def latest_outputs(tx: Tx, step: str, subject: str) -> dict[str, Any]:
    """Outputs of the newest run of a step.

    Raises:
        NotReadyError: the step has not run.
    """
    run = runs.latest(tx, step, subject)
    if run is None:
        raise NotReadyError(
            f"Step {step} has not run for {subject}: run `tieout {step}` for it first."
        )
    return dict(run.outputs)


def opening_units(tx: Tx, account: BillingAccount, month: Period) -> int:
    """Credit balance of a prepaid account at the start of a period, in units of 1e-12.

    The first period's comes from the approved register, every later one is the closing balance of
    the roll-forward before it.

    Raises:
        NotReadyError: an earlier period of the account has not been reconciled.
    """
    if account.opening_period == str(month):
        return account.opening_units
    before = [
        bridge
        for bridge in reconciliations.for_period(tx, str(month.previous()))
        if bridge["section"] == "credit_rollforward"
        and (bridge["provider"], bridge["billing_account_id"])
        == (account.provider, account.billing_account_id)
    ]
    if not before:
        raise NotReadyError(
            f"Prepaid account {account.subject} has no opening balance for {month}: expected its "
            f"roll-forward of {month.previous()}, or an opening in the accounts policy."
        )
    return int(before[0]["end_units"])


def matched_run(tx: Tx, period: str) -> runs.Run:
    """The newest matching of a month.

    Raises:
        NotReadyError: there is none.
    """
    found = runs.latest(tx, "matching", period)
    if found is None:
        raise NotReadyError(
            f"Nothing of {period} has been matched yet: run `tieout match {period}` first."
        )
    return found
