"""A company with one account in euros and one in dollars, month after month; not a test itself.

Its bills are FOCUS files and invoices that the tests write; amounts are texts of two decimals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from demo.story import clock
from tests import month as sample

from tieout.config import ProviderConnection
from tieout.core.period import parse_period
from tieout.ledger.entry import JournalEntry, entry_from_json
from tieout.steps import (
    allocate,
    classify,
    close,
    matching,
    normalise,
    policies,
    post,
    publish,
    pull,
    rate,
    reconcile,
    sign,
    status,
)
from tieout.steps.context import Context, StepResult, make, make_web
from tieout.store import journal

PROVIDER = "focus_file"
EUROS, DOLLARS = "K-EUR", "K-USD"
OWN, SHARED = "Suche", "Plattform"  # services: the account's own initiative, the pool
INITIATIVES = {EUROS: "search", DOLLARS: "assist"}
RATES = """\
from,to,type,date,rate,source
EUR,USD,closing,2026-10-30,1.0850,ECB
EUR,USD,average,2026-10-31,1.0800,ECB
EUR,USD,spot,2026-11-03,1.0910,ECB
EUR,USD,closing,2026-11-30,1.0740,ECB
EUR,USD,spot,2026-12-03,1.0800,ECB
USD,EUR,closing,2026-10-30,0.9200,ECB
USD,EUR,spot,2026-11-03,0.9100,ECB
"""
CHART = """\
chart: two-currencies
currency: {currency}
accounts:
  - {{code: "1000", name: Cash, type: asset}}
  - {{code: "1300", name: Prepaid, type: asset}}
  - {{code: "1400", name: Input tax, type: asset}}
  - {{code: "2000", name: Payable, type: liability}}
  - {{code: "2100", name: Accrued, type: liability}}
  - {{code: "3900", name: Opening, type: equity}}
  - {{code: "5100", name: Cost of revenue, type: expense}}
  - {{code: "6900", name: Suspense, type: expense}}
  - {{code: "7800", name: Exchange differences, type: income}}
control:
  {{cash: "1000", prepaid: "1300", input_tax: "1400", payable: "2000", accrued: "2100",
   opening: "3900", suspense: "6900"{role}}}
expense: [{{pl_category: Cost of revenue, account: "5100"}}]
"""
ACCOUNTS = """\
accounts:
  - {provider: focus_file, billing_account_id: K-EUR, name: Euros, mode: arrears, currency: EUR,
     connection: euros}
  - {provider: focus_file, billing_account_id: K-USD, name: Dollars, mode: arrears, currency: USD,
     connection: dollars}
"""
REGISTER = """\
initiatives:
  - {id: search, name: Search, owner: t, cost_center: C1, pl_category: Cost of revenue}
  - {id: assist, name: Assist, owner: t, cost_center: C2, pl_category: Cost of revenue}
"""
RULES = """\
rule_set: two
dimensions:
  initiative:
    - {id: shared, description: The platform is shared, owner: t,
       when: {column: service_name, equals: Plattform}, then: "pool:platform"}
    - {id: euros, description: Euros are search, owner: t,
       when: {column: billing_account_id, equals: K-EUR}, then: search}
    - {id: dollars, description: Dollars are assist, owner: t,
       when: {column: provider, exists: true}, then: assist}
  pl_category:
    - {id: register, description: As registered, when: {column: provider, exists: true},
       then: {initiative: pl_category}}
"""
POOLS = """\
pools:
  - {id: platform, description: Borne by direct cost, owner: t, method: proportional,
     driver: direct_cost, zero_driver: hold}
"""
_HEADER = (
    "BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,"
    "ChargePeriodEnd,ChargeCategory,ServiceName,ServiceCategory,BilledCost,EffectiveCost,"
    "ListCost,ContractedCost,ChargeDescription,ProviderName,InvoiceIssuerName,InvoiceId"
)
_INVOICE = (
    "number,kind,seller,bill_to,currency,issued_on,service_start,service_end,description,amount,"
    "tax,total"
)


@dataclass(kw_only=True)
class Company:
    """A world with these books; `folder` has a folder of files and one of papers by account."""

    world: sample.World
    folder: Path
    files: dict[str, Path] = field(default_factory=dict)

    def worker(self, day: date) -> Context:
        """A worker on a day."""
        return make(settings=self.world.settings(), connection=self.connection, now=clock(day))

    def web(self) -> Context:
        """The pages."""
        return make_web(settings=self.world.settings(), connection=self.connection)

    def connection(self, name: str) -> ProviderConnection:
        """Where an account's files lie."""
        extra = {
            "files_url": (self.folder / name / "files").as_uri(),
            "documents_url": (self.folder / name / "papers").as_uri(),
            "whole_month": "on",
        }
        return ProviderConnection(name=name, extra=extra)

    def approve(self, kind: str, text: str) -> None:
        """Propose and approve a policy, in force from January on."""
        at, web = self.worker(date(2026, 10, 1)), self.web()
        try:
            made = policies.propose(
                at, kind=kind, text=text, name=kind, valid_from=date(2026, 1, 1), person="ana"
            )
            version = int(made.summary["version"] or 0)
            sign.approve_policy(web, kind=kind, version=version, person="ben")
        finally:
            at.close()
            web.close()

    def bill(self, account: str, period: str, amounts: Mapping[str, str]) -> None:
        """The file of an account's month: the cost of each service."""
        name, currency = _named(account)
        month = parse_period(period)
        folder = self.folder / name / "files" / period
        folder.mkdir(parents=True, exist_ok=True)
        span = f"{month.start_on}T00:00:00Z,{month.end_on}T00:00:00Z"
        rows = [
            f"{account},{currency},{span},{span},Usage,{service},Compute,{cost},{cost},{cost},"
            f"{cost},{service} used,Suchhaus,Suchhaus,"
            for service, cost in amounts.items()
        ]
        (folder / "bill.csv").write_text("\n".join([_HEADER, *rows]) + "\n")

    def paper(
        self, account: str, period: str, *, number: str, amount: str, issued_on: str, tax: str = "0"
    ) -> None:
        """An account's invoice; `amount` is before tax."""
        name, currency = _named(account)
        month = parse_period(period)
        folder = self.folder / name / "papers"
        folder.mkdir(parents=True, exist_ok=True)
        cents = round_total(amount, tax)
        row = (
            f"{number},invoice,Suchhaus,Nordlicht,{currency},{issued_on},{month.start_on},"
            f"{month.last_on},Use,{amount},{tax},{cents}"
        )
        (folder / f"{number}.csv").write_text(f"{_INVOICE}\n{row}\n")

    def draft(self, period: str, day: date) -> None:
        """Up to the accrual."""
        self._steps(day, [*_sync(period, ("cost",)), *_shared(period, "draft"),
                          partial(post.accrue, period=period)])  # fmt: skip

    def final(self, period: str, day: date) -> None:
        """Up to what the documents say."""
        self._steps(day, [*_sync(period, ("cost", "documents")), *_shared(period, "final"),
                          partial(reconcile.run, period=period),
                          partial(matching.run, period=period),
                          partial(post.settle, period=period)])  # fmt: skip

    def close(self, period: str, day: date) -> None:
        """Asked, signed by two and published."""
        self._steps(day, [partial(close.request, period=period)])
        for person, duty in (("ana", "preparer"), ("ben", "controller")):
            web = self.web()
            try:
                content = status.period_status(web, period=period)["content_hash"]
                sign.run(web, period=period, person=person, duty=duty, content_hash=content,
                         comment="checked")  # fmt: skip
            finally:
                web.close()
        self._steps(day, [partial(publish.run, period=period)])

    def entries(self) -> list[JournalEntry]:
        """All that is posted."""
        at = self.worker(date(2026, 10, 1))
        try:
            with at.store.transaction() as tx:
                return [entry_from_json(one) for one in journal.entries(tx)]
        finally:
            at.close()

    def statement(self, period: str) -> dict[str, Any]:
        """The tie-out statement."""
        at = self.worker(date(2026, 10, 1))
        try:
            return dict(status.statement(at, period=period))
        finally:
            at.close()

    def _steps(self, day: date, steps: Sequence[Callable[[Context], StepResult]]) -> None:
        at = self.worker(day)
        try:
            for step in steps:
                step(at)
        finally:
            at.close()


def company(world: sample.World, folder: Path, *, currency: str, role: str = "7800") -> Company:
    """Its books in a currency, with all policies approved."""
    made = Company(world=world, folder=folder)
    named = f', exchange_difference: "{role}"' if role else ""
    made.approve("accounts", ACCOUNTS)
    made.approve("chart", CHART.format(currency=currency, role=named))
    made.approve("initiatives", REGISTER)
    made.approve("allocation", POOLS)
    made.approve("classification", RULES)
    made.approve("fx_rates", RATES)
    return made


def lines_of(entry: JournalEntry) -> list[tuple[str, int, int | None]]:
    """Account, amount in the books and on the paper, of each line, sorted."""
    return sorted((line.account, line.amount_minor, line.transaction_minor) for line in entry.lines)


def round_total(amount: str, tax: str) -> str:
    """Amount and tax together, two decimals."""
    cents = int(amount.replace(".", "")) + int(tax.replace(".", "") if "." in tax else tax + "00")
    return f"{cents // 100}.{cents % 100:02d}"


def _named(account: str) -> tuple[str, str]:
    return ("euros", "EUR") if account == EUROS else ("dollars", "USD")


def _sync(period: str, kinds: Sequence[Any]) -> list[Callable[[Context], StepResult]]:
    return [
        partial(pull.run, provider=PROVIDER, period=period, kinds=kinds),
        partial(normalise.run, provider=PROVIDER, period=period),
        partial(rate.run, provider=PROVIDER, period=period),
    ]


def _shared(period: str, stage: str) -> list[Callable[[Context], StepResult]]:
    return [
        partial(classify.run, period=period, stage=stage),
        partial(allocate.run, period=period, stage=stage),
    ]
