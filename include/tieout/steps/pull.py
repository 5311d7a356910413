"""Pull: a provider's answers, byte for byte, into the lake; every changed pull is a new version.

Owns asking; `keep` owns the versions. It reads no figure out of them.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from tieout import log as logs
from tieout.config import ProviderConnection
from tieout.core.errors import NotReadyError
from tieout.core.period import Period, parse_period
from tieout.ledger.billing_accounts import BillingAccount, accounts_of
from tieout.sources.base import Provider, RawDocument, load_provider
from tieout.steps import connections, keep
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts
from tieout.store import snapshots

Kind = Literal["cost", "usage", "documents"]
EVERYTHING: tuple[Kind, ...] = ("cost", "usage", "documents")
DAILY_MAX_AGE_S = 20 * 3600
log = logs.get("pull")


def run(
    context: Context,
    *,
    provider: str,
    period: str,
    through: date | None = None,
    kinds: Sequence[Kind] = ("cost", "usage"),
    max_age_s: int = 0,
) -> StepResult:
    """Pull all registered accounts of a provider for a period.

    A pull asks for the whole period up to yesterday, because recent days change; `through` is the
    day that must be covered. With `max_age_s` a pull is left out when the newest one covers that
    day and is not older. Equal bytes are the same version; changed bytes are the next version.

    Raises:
        SourceError: the provider could not be reached, refused, or answered nonsense; nothing of
            this account was kept.
    """
    month = parse_period(period)
    module = load_provider(provider)
    with context.store.transaction() as tx:
        registered = accounts_of(accounts(tx, month), provider)
    versions, fresh = 0, 0
    for account in registered:
        stale = [
            kind
            for kind in kinds
            if not _is_fresh(context, account, month, kind, through=through, max_age_s=max_age_s)
        ]
        if not stale:
            continue
        connection = context.connection(account.connection)
        for kind in stale:
            answers = _ask(context, module, account, month, kind, connection=connection)
            if kind == "documents":  # what people handed in counts, whether or not any came
                fresh += keep.billing_papers(context, account, month, fetched=answers)
            elif answers:
                fresh += keep.answers(context, account, month, kind, received=answers)
            versions += bool(answers)
        connections.seen(context, account, month, connection)
    log.info("pulled", provider=provider, period=period, versions=versions, new_versions=fresh)
    return StepResult(
        step="pull",
        subject=f"{period}/{provider}",
        status="done" if fresh else "unchanged",
        summary={"accounts": len(registered), "pulls": versions, "new_versions": fresh},
    )


def _is_fresh(
    context: Context,
    account: BillingAccount,
    month: Period,
    kind: Kind,
    *,
    through: date | None,
    max_age_s: int,
) -> bool:
    if not max_age_s or through is None:
        return False
    with context.store.transaction() as tx:
        head = snapshots.head(
            tx,
            provider=account.provider,
            billing_account_id=account.billing_account_id,
            period=str(month),
            kind=kind,
        )
    if head is None or head.through_on < through:
        return kind == "usage" and load_provider(account.provider).ESTIMATE == "none"
    day_over_at = datetime(through.year, through.month, through.day, tzinfo=UTC) + timedelta(days=1)
    age = context.now() - head.fetched_at
    return head.fetched_at >= day_over_at and age <= timedelta(seconds=max_age_s)


def _ask(
    context: Context,
    module: Provider,
    account: BillingAccount,
    month: Period,
    kind: Kind,
    *,
    connection: ProviderConnection,
) -> tuple[RawDocument, ...]:
    now = context.now()
    if kind == "documents":
        return module.fetch_documents(
            connection, account=account.billing_account_id, period=month, now=now
        )
    through = keep.last_day(month, now)
    if through < month.start_on:
        raise NotReadyError(
            f"Period {month} has not begun for {account.provider}: expected at least one finished "
            f"UTC day before {now:%Y-%m-%d}; choose an earlier period."
        )
    fetch = module.fetch_cost if kind == "cost" else module.fetch_usage
    return fetch(
        connection, account=account.billing_account_id, period=month, through=through, now=now
    )
