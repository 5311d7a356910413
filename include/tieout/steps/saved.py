"""Saved: a provider's report that somebody saved elsewhere becomes a version, as if it was pulled.

Owns which saved documents make up which version, and the proof that they can be read before any of
them is kept. What they mean is the provider's plug-in's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tieout import log as logs
from tieout.core.errors import UnknownSubjectError, UsageError
from tieout.core.finding import Finding
from tieout.core.period import Period, parse_period
from tieout.ledger.billing_accounts import BillingAccount
from tieout.sources.base import Provider, RawDocument, RawKind, load_provider
from tieout.steps import keep
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts

Kind = Literal["cost", "usage"]
_BELONGS: dict[Kind, frozenset[RawKind]] = {
    "cost": frozenset({"cost", "names", "prices", "manifest", "data"}),
    "usage": frozenset({"usage", "estimate"}),
}
_PROOF: dict[Kind, frozenset[RawKind]] = {
    "cost": frozenset({"cost", "data"}),
    "usage": frozenset({"usage", "estimate"}),
}
log = logs.get("saved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was saved, for which account and month, and who says so.

    `through` is the last day (UTC) for which the files speak; None: the last day that has rows,
    because a file does not say when it was saved.
    """

    provider: str
    account: str
    period: str
    documents: Sequence[RawDocument]
    through: date | None = None
    person: str | None = None


def run(context: Context, *, saved: Saved, kind: Kind | None = None) -> StepResult:
    """Keep saved answers as the next version of an account's month; `kind` None keeps both kinds.

    The same bytes again change nothing.

    Raises:
        UsageError: no document of that kind, no such account, or a day outside the month.
        SourceAnswerError, DocumentUnreadableError: they cannot be read, or more than 5 % of their
            rows cannot; nothing was kept.
    """
    month = parse_period(saved.period)
    module = load_provider(saved.provider)
    last = keep.last_day(month, context.now())
    if saved.through is not None and not month.start_on <= saved.through <= last:
        raise UsageError(
            f"Expected a finished day of {month}, found {saved.through}: correct --through."
        )
    account = _account(context, saved, month)
    versions = _versions(saved, kind)
    through = {
        one: _checked(module, one, versions, account=account, month=month) for one in versions
    }
    fresh = sum(
        keep.answers(
            context,
            account,
            month,
            one,
            received=documents,
            through_on=saved.through or through[one],
            actor=saved.person,
        )
        for one, documents in versions.items()
    )
    log.info("saved_answers_kept", provider=saved.provider, period=saved.period, versions=fresh)
    return StepResult(
        step="saved",
        subject=f"{saved.period}/{account.subject}",
        status="done" if fresh else "unchanged",
        summary={
            "documents": sum(len(one) for one in versions.values()),
            "kinds": ", ".join(versions),
            "through": str(saved.through or max(through.values())),
            "new_versions": fresh,
        },
    )


def _account(context: Context, saved: Saved, month: Period) -> BillingAccount:
    with context.store.transaction() as tx:
        registered = accounts(tx, month)
    for one in registered:
        if (one.provider, one.billing_account_id) == (saved.provider, saved.account):
            return one
    raise UnknownSubjectError(
        f"No registered account is {saved.provider}/{saved.account}: expected one of "
        f"{', '.join(one.subject for one in registered)}; correct --account, or register it."
    )


def _versions(saved: Saved, kind: Kind | None) -> dict[Kind, tuple[RawDocument, ...]]:
    wanted: tuple[Kind, ...] = ("cost", "usage") if kind is None else (kind,)
    found = {
        one: tuple(raw for raw in saved.documents if raw.kind in _BELONGS[one]) for one in wanted
    }
    kept = {
        one: documents
        for one, documents in found.items()
        if any(raw.kind in _PROOF[one] for raw in documents)
    }
    if not kept:
        kinds = ", ".join(sorted({raw.kind for raw in saved.documents})) or "nothing"
        raise UsageError(
            f"Expected saved answers of kind {' or '.join(wanted)}, found {kinds}: name the files "
            "as docs/guides/billing-documents.md says."
        )
    return kept


def _checked(
    module: Provider,
    kind: Kind,
    versions: dict[Kind, tuple[RawDocument, ...]],
    *,
    account: BillingAccount,
    month: Period,
) -> date:
    """The last day that has rows; refuses what the plug-in cannot read, as `normalise` would."""
    name = account.billing_account_id
    if kind == "cost" or module.ESTIMATE == "reported":
        read = module.to_focus if kind == "cost" else module.to_estimate
        charges = read(versions[kind], account=name, period=month)
        charges.totals.check()
        rows, bad = charges.totals.rows_in, charges.totals.rows_bad
        return _last_day(
            charges.charges, month, account, bad=bad, rows=rows, found=charges.findings
        )
    if module.ESTIMATE == "none":
        raise UsageError(
            f"Provider {module.NAME} has no usage: expected its cost report only; use --kind cost."
        )
    both = (*versions.get("cost", ()), *versions[kind])
    usage = module.to_usage(both, account=name, period=month)
    return _last_day(
        usage.usage, month, account, bad=usage.rows_bad, rows=usage.rows_in, found=usage.findings
    )


def _last_day(
    table: pa.Table,
    month: Period,
    account: BillingAccount,
    *,
    bad: int,
    rows: int,
    found: tuple[Finding, ...],
) -> date:
    keep.refuse_too_many(account, bad, rows, found)
    days = [
        day
        for day in pc.unique(table.column("charge_period_start").cast(pa.date32())).to_pylist()
        if month.contains(day)
    ]
    if not days:
        raise UsageError(
            f"The saved answers hold no row of {month} for {account.subject}: expected at least "
            "one; check the month and the account."
        )
    return date.fromisoformat(str(max(days)))
