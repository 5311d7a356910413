"""Rate: metered usage times a dated rate card gives our own estimate, beside the provider's figure.

Owns which card and contract priced which usage; the multiplication is `rating`, list prices are the
price book's.
"""

import pyarrow as pa

from tieout import log as logs
from tieout.core.ids import sha256_hex
from tieout.core.money import format_units, from_decimal
from tieout.core.period import Period, parse_period
from tieout.focus.columns import with_attr_ids
from tieout.ledger.billing_accounts import BillingAccount, accounts_of
from tieout.rating.card import RateCard, card_json, parse_card
from tieout.rating.contract import ContractRate
from tieout.rating.rate import rate
from tieout.reconciliation.contract_rates import parse_contract_rates
from tieout.sources import pricebook
from tieout.sources.base import load_provider
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts, optional_policy, snapshot_head
from tieout.steps.outputs import begin, done_before, finish
from tieout.store import charge_files, policies
from tieout.store.session import Tx

METHOD_VERSION = "1"
log = logs.get("rate")


def run(context: Context, *, provider: str, period: str) -> StepResult:
    """Price the newest usage of all accounts of a provider; unknown prices become findings."""
    month = parse_period(period)
    if load_provider(provider).ESTIMATE != "rated":
        return StepResult(step="rate", subject=f"{period}/{provider}", status="unchanged")
    done = 0
    with context.store.transaction() as tx:
        for account in accounts_of(accounts(tx, month), provider):
            done += _account(context, tx, account, month)
    log.info("rated", provider=provider, period=period, versions=done)
    return StepResult(
        step="rate",
        subject=f"{period}/{provider}",
        status="done" if done else "unchanged",
        summary={"versions": done},
    )


def draft_card(context: Context, *, period: str) -> str:
    """A rate card for all models and tiers used in a period, from the price book, to be proposed.

    A price that the book learned during the month is held from the month's first day, because the
    provider charged it before the book knew; approving that is a person's decision.
    """
    month = parse_period(period)
    wanted: set[tuple[str, str, str]] = set()
    with context.store.transaction() as tx:
        for account in accounts(tx, month):
            found = _usage(context, tx, account, month)
            wanted |= _models(found[1]) if found else set()
    prices = pricebook.price_rows(sorted(wanted), on=month.last_on)
    held = pricebook.covering(prices, month)
    return card_json(RateCard(version=period, source=pricebook.SOURCE, prices=held))


def _usage(
    context: Context, tx: Tx, account: BillingAccount, month: Period
) -> tuple[charge_files.ChargeFile, pa.Table] | None:
    snapshot = snapshot_head(tx, account, month, "usage")
    file = charge_files.get(tx, snapshot.snapshot_id, "usage") if snapshot else None
    return (file, context.lake.get_table(file.lake_path, file.file_sha256)) if file else None


def _models(usage: pa.Table) -> set[tuple[str, str, str]]:
    names = ("provider", "model", "service_tier")
    return set(zip(*(usage.column(name).to_pylist() for name in names), strict=True))


def _card(tx: Tx, month: Period, usage: pa.Table) -> RateCard:
    """The approved card in force; without one, the pinned price book's dated prices."""
    approved = policies.current(tx, "rate_card", month.last_on)
    if approved is not None:
        return parse_card(approved.body, name=approved.label)
    return pricebook.card_from_price_book(_models(usage), period=month, version=str(month))


def _negotiated(terms: policies.Policy | None) -> tuple[ContractRate, ...]:
    """What the approved contracts change; nothing without any."""
    return parse_contract_rates(terms.body, name=terms.label) if terms else ()


def _account(context: Context, tx: Tx, account: BillingAccount, month: Period) -> int:
    found_usage = _usage(context, tx, account, month)
    if found_usage is None:
        return 0
    file, usage = found_usage
    card = _card(tx, month, usage)
    terms = optional_policy(tx, "contract_rates", month)
    reads = [METHOD_VERSION, sha256_hex(card_json(card).encode()), file.file_sha256]
    reads += [terms.sha256] if terms else []
    work = begin(context, "rate", f"{month}/{account.subject}", reads=reads)
    if done_before(tx, work):
        return 0
    card_file = context.lake.put(card_json(card).encode(), "rate_cards", suffix=".json")
    priced, found = rate(usage, card, currency=account.currency, contract=_negotiated(terms))
    estimate = with_attr_ids(priced)
    stored = context.lake.put_table(estimate, f"estimates/period={month}")
    total = sum(from_decimal(value) for value in estimate.column("billed_cost").to_pylist())
    charge_files.add(
        tx,
        charge_files.ChargeFile(
            snapshot_id=file.snapshot_id,
            kind="estimate",
            file_sha256=stored.sha256,
            lake_path=stored.path,
            rows_in=usage.num_rows,
            rows_out=estimate.num_rows,
            rows_bad=0,
            source_total=None,
            loaded_units=total,
            method_version=METHOD_VERSION,
        ),
    )
    outputs = {
        "snapshot": file.snapshot_id,
        "path": stored.path,
        "sha256": stored.sha256,
        "rate_card": card.source,
        "rate_card_path": card_file.path,
        "rate_card_sha256": card_file.sha256,
        "total": format_units(total),
    }
    if terms:
        outputs["contract_rates"] = terms.label
    finish(context, tx, work, outputs=outputs, action="usage_rated", found=found)
    return 1
