"""What every provider and invoice format must offer, and the values that pass between them.

Owns the protocols and the loading by name; knows no provider. Fetching does I/O and keeps the
bytes as received; `to_focus`, `to_usage` and `read` are pure functions of those bytes.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol, cast

import pyarrow as pa

from tieout.config import ProviderConnection
from tieout.core.errors import ConservationError, UnknownPluginError
from tieout.core.finding import Finding
from tieout.core.ids import sha256_hex
from tieout.core.money import UNITS_PER_ONE
from tieout.core.period import Period
from tieout.focus.document import BillingDocument

RawKind = Literal[
    "cost", "usage", "estimate", "names", "prices", "manifest", "data", "billing_document"
]
BillingMode = Literal["arrears", "prepaid", "commitment"]
EstimateKind = Literal["rated", "reported", "none"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """Bytes exactly as a provider sent them; `request` says what was asked, without any secret.

    `says` stands for what the bytes say, where they also hold links or tokens that differ at each
    call: two pulls that say the same are one version. Empty: the bytes themselves.
    """

    name: str
    kind: RawKind
    content: bytes = field(repr=False)
    media_type: str
    request: Mapping[str, str]
    says: str = ""

    @property
    def sha256(self) -> str:
        """The document's identity: 64 hex digits over the content."""
        return sha256_hex(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlTotals:
    """Proof that nothing was lost between the source's rows and the charges.

    `source_total` is the exact sum of every amount that could be read, in the billing currency;
    `loaded_units` what the charges hold; `refused_units` the readable amounts of bad rows.
    """

    rows_in: int
    rows_out: int
    rows_bad: int
    source_total: Decimal
    loaded_units: int
    refused_units: int

    def residual_units(self) -> Fraction:
        """What rounding each row to 1e-12 left over, in units; exact."""
        exact = Fraction(self.source_total) * UNITS_PER_ONE
        return exact - self.loaded_units - self.refused_units

    def check(self) -> None:
        """Refuse totals that rounding cannot explain (half a unit a row).

        Raises:
            ConservationError: rows or money went missing on the way in.
        """
        if self.rows_in != self.rows_out + self.rows_bad:
            raise ConservationError(
                f"The source has {self.rows_in} rows, but {self.rows_out} were loaded and "
                f"{self.rows_bad} refused: expected them to add up; report this file."
            )
        residual = self.residual_units()
        if abs(residual) * 2 > self.rows_in:
            raise ConservationError(
                f"The source adds up to {self.source_total}, the charges differ by "
                f"{residual} units of 1e-12: expected at most half a unit for each of "
                f"{self.rows_in} rows; report this file."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """Charges (CHARGE_SCHEMA without `attr_id`), what was wrong with the rest, and the proof.

    `complete_through` is the last day (UTC, inclusive) for which the source itself vouches, quiet
    days included; None: only days that have rows count as received.
    """

    charges: pa.Table
    findings: tuple[Finding, ...]
    totals: ControlTotals
    complete_through: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalisedUsage:
    """Metered usage (USAGE_SCHEMA) and what was wrong with the rest."""

    usage: pa.Table
    findings: tuple[Finding, ...]
    rows_in: int
    rows_out: int
    rows_bad: int


class Provider(Protocol):
    """A module in `sources/providers/`: `fetch_*` do I/O, `to_*` are pure.

    `ESTIMATE` says what `fetch_usage` brings: `rated` is metered usage that a rate card prices
    (`to_usage`), `reported` the provider's own preliminary figures (`to_estimate`), `none` nothing.
    A plug-in imports what it does not have from `sources.absent`. `INVOICE_FORMAT` reads documents
    whose request names no other format.
    """

    NAME: str
    BILLING: BillingMode
    INVOICE_FORMAT: str
    ESTIMATE: EstimateKind

    def fetch_cost(
        self,
        connection: ProviderConnection,
        *,
        account: str,
        period: Period,
        through: date,
        now: datetime,
    ) -> tuple[RawDocument, ...]:
        """The provider's cost report of the period up to `through` (last day, inclusive)."""
        ...

    def fetch_usage(
        self,
        connection: ProviderConnection,
        *,
        account: str,
        period: Period,
        through: date,
        now: datetime,
    ) -> tuple[RawDocument, ...]:
        """Metered usage or the preliminary figures of the same days; else nothing."""
        ...

    def fetch_documents(
        self, connection: ProviderConnection, *, account: str, period: Period, now: datetime
    ) -> tuple[RawDocument, ...]:
        """Billing documents that exist so far; empty when none was issued yet."""
        ...

    def to_focus(
        self, documents: Sequence[RawDocument], *, account: str, period: Period
    ) -> Normalised:
        """Charges of one pull; documents of kinds it does not need are ignored."""
        ...

    def to_usage(
        self, documents: Sequence[RawDocument], *, account: str, period: Period
    ) -> NormalisedUsage:
        """Usage of one pull; pass the cost documents too, they carry the names."""
        ...

    def to_estimate(
        self, documents: Sequence[RawDocument], *, account: str, period: Period
    ) -> Normalised:
        """The provider's own preliminary figures as charges (`ESTIMATE == "reported"`)."""
        ...


class InvoiceFormat(Protocol):
    """A module in `sources/invoices/`."""

    NAME: str

    def read(self, content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
        """The billing documents in these bytes; a PDF holds exactly one.

        Raises:
            DocumentUnreadableError: not such a document, or it does not tie out inside.
        """
        ...


def load_provider(name: str) -> Provider:
    """Import one provider plug-in by its file name.

    Raises:
        UnknownPluginError: no such file; the message names those that exist.
    """
    _check_known(name, "provider", known_providers())
    module = importlib.import_module(f"tieout.sources.providers.{name}")
    return cast("Provider", module)


def load_invoice_format(name: str) -> InvoiceFormat:
    """Import one invoice format by its file name.

    Raises:
        UnknownPluginError: no such file; the message names those that exist.
    """
    _check_known(name, "invoice format", known_invoice_formats())
    module = importlib.import_module(f"tieout.sources.invoices.{name}")
    return cast("InvoiceFormat", module)


def remarks(name: str, document: RawDocument) -> tuple[Finding, ...]:
    """What a format has to say beside the figures, such as an exchange rate; most have nothing."""
    speak = getattr(load_invoice_format(name), "exchange_findings", None)
    return tuple(speak(document.content, document_sha256=document.sha256)) if speak else ()


def known_providers() -> tuple[str, ...]:
    """Names that `load_provider` takes, sorted."""
    return _modules_in("providers")


def known_invoice_formats() -> tuple[str, ...]:
    """Names that `load_invoice_format` takes, sorted."""
    return _modules_in("invoices")


def _modules_in(folder: str) -> tuple[str, ...]:
    names = (path.stem for path in (_HERE / folder).glob("*.py"))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def _check_known(name: str, what: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise UnknownPluginError(
            f"No {what} is called {name[:40]!r}: expected one of {', '.join(known)}."
        )
