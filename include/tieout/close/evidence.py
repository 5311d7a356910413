"""What the checklist looks at: one month's figures as plain values, gathered by the step."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from tieout.close.exceptions import MISSING_INVOICE, Acceptance
from tieout.close.flux import FluxReview
from tieout.close.limits import DEFAULT_LIMITS, Limits
from tieout.close.plan import DEFAULT_PLAN, Plan
from tieout.core.finding import Finding
from tieout.core.period import Period
from tieout.focus.document import BillingDocument
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry
from tieout.ledger.fx_rates import Rate
from tieout.reconciliation.bridge import Bridge, Section
from tieout.reconciliation.commitments import Terms

BillingMode = Literal["arrears", "prepaid", "commitment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCurrency:
    """A foreign account's figures as its papers have them: units of its own currency, before tax.

    `cost_rate` is what the month's cost is translated at, `closing_rate` that of its last day.
    """

    currency: str
    net_units: int
    tax_units: int
    cost_rate: Rate
    closing_rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvidence:
    """One billing account in the month.

    `days_received` are the UTC days that the final pull covers. Loaded rows and units include the
    refused ones, so that source = loaded means nothing was lost on the way in. `documents` are the
    invoice, or the receipts of a prepaid account. Ledger figures are sums of ledger lines.
    `is_billed` is False for a report that bills nothing at all, such as a gateway's. Ledger figures
    are in the books' currency, source, documents and bridges in the account's; `own` is None where
    that is the same.
    """

    provider: str
    billing_account_id: str
    mode: BillingMode
    days_received: frozenset[date]
    source_rows: int
    loaded_rows: int
    source_units: int
    loaded_units: int
    ledger_lines_net_units: int
    ledger_tax_units: int
    documents: tuple[BillingDocument, ...]
    bridges: tuple[Bridge, ...]
    is_billed: bool = True
    own: OwnCurrency | None = None

    @property
    def subject(self) -> str:
        """How the account is named on the checklist."""
        return f"{self.provider}/{self.billing_account_id}"

    def bridge(self, section: Section) -> Bridge | None:
        """The bridge of that section, if there is one."""
        return next((bridge for bridge in self.bridges if bridge.section == section), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTotal:
    """What went into a cost pool and what came out as shares."""

    pool_id: str
    amount_in_units: int
    amount_out_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeBalance:
    """What the plan of an upfront fee leaves prepaid at the end of the month, in minor units."""

    provider: str
    billing_account_id: str
    prepaid_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentBalance:
    """A commitment that has begun by the month; `bridge` is None after its term.

    `left_units` is what our own charges leave of it, `lapsed_units` what its last month left
    undrawn (0 before), `eligible_units` what counted from its first month in the books on.
    """

    terms: Terms
    bridge: Bridge | None
    left_units: int
    lapsed_units: int
    eligible_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyUse:
    """A policy version that the month's figures stand on, with its two people."""

    label: str
    sha256: str
    proposed_by: str
    approved_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """The provider's report that an account's month was loaded from; rows as the source counts."""

    subject: str
    content_sha256: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReview:
    """Acts in Airflow that override a control, since the last close, as texts; `reviewed` or not.

    Whoever reviewed saw exactly these: one more asks for another review.
    """

    acts: tuple[str, ...]
    digest: str
    reviewed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseInputs:
    """Everything the checks of one period need.

    `entries` are all posted entries from the opening on; `fees` the upfront fees that were billed
    so far, those of accounts that have left the register too; `commitments` those that have begun;
    `findings` those still open;
    `unallocated_units` the sum of |cost| without an initiative. `acceptances` are the exceptions
    that a person has accepted and whose acceptance holds today. `flux` is None in the first month,
    `controls` where nobody reads Airflow's event log. `closing_rates` are those of the currencies
    in which something is open. `is_watched` says that Airflow runs the close, so that its event log
    must have been read.
    """

    period: Period
    currency: str
    chart: Chart
    accounts: tuple[AccountEvidence, ...]
    pools: tuple[PoolTotal, ...]
    unallocated_units: int
    entries: tuple[JournalEntry, ...]
    findings: tuple[Finding, ...]
    fees: tuple[FeeBalance, ...] = ()
    commitments: tuple[CommitmentBalance, ...] = ()
    policies: tuple[PolicyUse, ...] = ()
    reports: tuple[ReportFile, ...] = ()
    certificate_hash: str = ""
    acceptances: tuple[Acceptance, ...] = ()
    flux: FluxReview | None = None
    controls: ControlReview | None = None
    is_watched: bool = False
    limits: Limits = DEFAULT_LIMITS
    plan: Plan = DEFAULT_PLAN
    closing_rates: tuple[tuple[str, Rate], ...] = ()

    def stands_accrued(self, account: AccountEvidence) -> bool:
        """Whether a person has accepted that the account's invoice comes after the close."""
        return (
            account.mode == "arrears"
            and not account.documents
            and any(
                one.subject == account.subject and one.type in MISSING_INVOICE
                for one in self.acceptances
            )
        )
