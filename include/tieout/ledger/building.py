"""Putting an entry together: heading, control lines and cents. Knows no accounting events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tieout.core.errors import ConservationError, MoneyFormatError
from tieout.core.ids import content_key
from tieout.core.money import format_units, from_minor, minor_digits, to_minor
from tieout.core.period import Period
from tieout.focus.document import BillingDocument
from tieout.ledger.chart import Chart, ControlRole
from tieout.ledger.entry import (
    AdjustmentKind,
    JournalEntry,
    JournalLine,
    JournalType,
    balanced,
    entry_key,
    numbered,
    signed_line,
)
from tieout.ledger.intercompany import by_entity, owned

_TITLES: dict[JournalType, str] = {
    "opening": "Opening balance of prepaid credit",
    "accrual": "Accrual of usage received and not invoiced",
    "true_up": "True-up of the accrual",
    "invoice": "Invoice",
    "credit_note": "Credit note",
    "drawdown": "Prepaid credit consumed",
    "credit_purchase": "Purchase of prepaid credit",
    "breakage": "Prepaid credit expired unused",
    "amortisation": "Upfront fee over its term",
    "manual": "Credit granted by the provider",
    "commitment": "Memo of what is left of a commitment",
    "shortfall": "Shortfall of a commitment",
    "reclass": "Reclassification by a rule that reaches back",
    "fx_reval": "Open items at the closing rate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMonth:
    """One billing account of a provider in one month of service.

    `booked_in` is the accounting month whose books take the entries, where it is a later one.
    """

    provider: str
    billing_account_id: str
    period: Period
    booked_in: Period | None = None

    @property
    def books(self) -> Period:
        """The accounting month of the entries."""
        return self.booked_in or self.period

    def has(self, entry: JournalEntry) -> bool:
        """Whether an entry is of this account and service month, wherever it is posted."""
        return (entry.provider, entry.billing_account_id, entry.service_period) == (
            self.provider,
            self.billing_account_id,
            str(self.period),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands above the lines; `source` is the content that makes the entry the same again."""

    journal_type: JournalType
    posting_on: date
    document_on: date
    source: str
    source_refs: tuple[str, ...]
    adjustment_kind: AdjustmentKind = "none"


def build(
    lines: Sequence[JournalLine], *, heading: Heading, month: AccountMonth, chart: Chart
) -> JournalEntry | None:
    """A balanced entry of the lines that are not zero; None when none is left.

    Of several legal entities each balances by itself (`intercompany`).

    Raises:
        UnbalancedEntryError: the lines do not balance.
    """
    period = str(month.period)
    title = _TITLES[heading.journal_type]
    key = entry_key(
        heading.journal_type,
        service_period=period,
        provider=month.provider,
        account=month.billing_account_id,
        source=heading.source,
    )
    kept = numbered(_in_books(lines, month=month, chart=chart, source=key))
    if not kept:
        return None
    return balanced(
        JournalEntry(
            journal_type=heading.journal_type,
            posting_on=heading.posting_on,
            document_on=heading.document_on,
            service_period=period,
            currency=chart.currency,
            description=f"{title}: {month.provider} {month.billing_account_id}, {period}",
            provider=month.provider,
            billing_account_id=month.billing_account_id,
            lines=kept,
            source_refs=heading.source_refs,
            reverses=None,
            adjustment_kind=heading.adjustment_kind,
            idempotency_key=key,
        )
    )


def posted_lines(
    lines: Sequence[JournalLine], *, month: AccountMonth, chart: Chart
) -> Sequence[JournalLine]:
    """Lines that were posted, as ones of today are compared with: each with its entity, if any."""
    if chart.entities is None:
        return lines
    return owned(lines, chart.entities.payer(month.provider, month.billing_account_id))


def _in_books(
    lines: Sequence[JournalLine], *, month: AccountMonth, chart: Chart, source: str
) -> Sequence[JournalLine]:
    """The lines as they are; of several entities, so that each of them balances."""
    if chart.entities is None:
        return lines
    payer = chart.entities.payer(month.provider, month.billing_account_id)
    return by_entity(
        lines, payer=payer, provider=month.provider, source=source, entities=chart.entities
    )


def control_line(
    role: ControlRole, amount_minor: int, *, month: AccountMonth, chart: Chart
) -> JournalLine:
    """The line on a control account; a positive amount is a debit."""
    code = chart.control_account(role, provider=month.provider)
    return signed_line(
        code,
        amount_minor,
        memo=f"{chart.account(code).name}, {month.provider} {month.billing_account_id}",
        dimensions={"provider": month.provider},
    )


def document_minor(document: BillingDocument, *, chart: Chart) -> tuple[int, int]:
    """A billing document's total before tax (after credit) and its tax, in minor units.

    Raises:
        MoneyFormatError: the document is in another currency than the books.
        ConservationError: an amount is finer than a minor unit: it was not read from the paper.
    """
    if document.currency != chart.currency:
        raise MoneyFormatError(
            f"Document {document.number} is in {document.currency}, chart {chart.name} in "
            f"{chart.currency}: convert with a dated rate first."
        )
    digits = minor_digits(chart.currency)
    net = document.total_units - document.tax_units
    return _exact(net, digits, document=document), _exact(
        document.tax_units, digits, document=document
    )


def document_key(document: BillingDocument) -> str:
    """Identity of a document: seller and number; the same paper scanned again stays the same."""
    return content_key((document.seller, document.number))


def _exact(units: int, digits: int, *, document: BillingDocument) -> int:
    minor = to_minor(units, digits)
    if from_minor(minor, digits) != units:
        raise ConservationError(
            f"Document {document.number} should have amounts of {digits} decimals, found "
            f"{format_units(units)} {document.currency}: read the document again."
        )
    return minor
