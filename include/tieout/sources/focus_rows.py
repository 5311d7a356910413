"""FOCUS 1.0 to 1.4 Cost and Usage, from CSV, gzip or Parquet: what its rows mean as charges.

Owns checks and values; `focus_columns` owns names. FOCUS is the charge table's own model, so most
columns are taken as they are. Times without a zone are UTC (FOCUS, Date/Time Format); dates such as
5/1/25 are month, day, year, as in the specification's own examples.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.finding import Finding
from tieout.core.period import Period
from tieout.focus.coded import Texts
from tieout.focus.columns import CHARGE_CATEGORIES, SERVICE_CATEGORIES
from tieout.sources.ai_columns import UnmappedRow, unmapped_rows
from tieout.sources.ai_meters import Cloud, unmapped_findings
from tieout.sources.amounts import Amounts, Mask, no_amounts, read_alike, read_amounts
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.columns import (
    ChargeTable,
    Reading,
    Wrong,
    check_once,
    constant,
    derived,
    first_rows,
    flagged,
    instants,
    mapped,
    text_column,
)
from tieout.sources.coverage_days import Coverage
from tieout.sources.focus_ai import CLOUDS, ai_of_details, recognised
from tieout.sources.focus_columns import (
    AMOUNT_COLUMNS,
    FOCUS_COLUMNS,
    OLD_PROVIDER,
    FocusLayout,
    FocusMapping,
    layout_of,
)
from tieout.sources.tables import Batch, Wanted, read_batches
from tieout.sources.tag_columns import TagColumns, map_tags, text_tags

_CATEGORY_BY_WORD = {one.casefold(): one for one in SERVICE_CATEGORIES}
_OTHER = "Other"
_WORDS = {"ChargeCategory": CHARGE_CATEGORIES, "ChargeClass": ("Correction",)}
_FINAL_WITH_INVOICE = frozenset({"aws"})
_SPECIAL = frozenset(
    {
        "BillingAccountId",
        "BillingPeriodStart",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "InvoiceIssuerName",
        "ServiceCategory",
        "ServiceProviderName",
        "Tags",
    }
)
_SHORT_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})")
_CENTURY = 2000


@dataclass(slots=True, kw_only=True)
class _Notes:
    """What the findings beside bad rows are made of, and how far the file reaches."""

    coverage: Coverage
    unread_tags: int = 0
    first_unread: tuple[str, int] | None = None
    categories: dict[str, tuple[str, int]] = field(default_factory=dict)
    unmapped: list[UnmappedRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Whose file of which month is read."""

    provider: str
    account: str
    period: Period


class FocusRows:
    """One batch by FOCUS names; texts are coded once, however often they are used."""

    def __init__(self, batch: Batch, layout: FocusLayout) -> None:
        self.batch = batch
        self._layout = layout
        self._texts: dict[str, pa.DictionaryArray] = {}

    def get(self, name: str) -> Any:
        """The column as the file has it, the mapping's constant, or None."""
        if name in self._layout.constants:
            return constant(self._layout.constants[name], self.batch.rows)
        return self.batch.columns.get(self._layout.names.get(name, ""))

    def text(self, name: str) -> pa.DictionaryArray:
        """The column as coded text, null where it is empty, a word for null, or missing."""
        if name not in self._texts:
            self._texts[name] = text_column(self.get(name), self.batch.rows)
        return self._texts[name]


def read_focus(
    files: Sequence[RawDocument],
    *,
    provider: str,
    account: str,
    period: Period,
    mapping: FocusMapping | None = None,
) -> Normalised:
    """One charge for each row of the files, in their order.

    `provider` is the plug-in's name; rows of another billing account or month are findings.

    Raises:
        SourceAnswerError: a file is there twice or lacks a column of FOCUS.
        DocumentUnreadableError: a file is truncated, too large, or no table.
    """
    check_once(files)
    asked = _Asked(provider=provider, account=account, period=period)
    coverage = Coverage(invoice_means_final=provider in _FINAL_WITH_INVOICE)
    table, notes = ChargeTable(provider=provider), _Notes(coverage=coverage)
    for document in files:
        layouts: list[FocusLayout] = []
        choose = partial(_choose, layouts, document.name, provider, mapping or FocusMapping())
        for batch in read_batches(document, choose):
            _add(table, notes, FocusRows(batch, layouts[0]), asked)
    more = [*_tag_findings(notes, provider), *_category_findings(notes, provider)]
    if provider in CLOUDS:
        cloud = cast("Cloud", provider)
        more += unmapped_findings(cloud, notes.unmapped, currency=table.currency())
    return table.finish(more=more, complete_through=notes.coverage.through(period))


def _choose(
    layouts: list[FocusLayout],
    name: str,
    provider: str,
    mapping: FocusMapping,
    header: tuple[str, ...],
) -> Wanted:
    layouts.append(layout_of(header, name=name, provider=provider, mapping=mapping))
    return layouts[0].wanted()


def _add(table: ChargeTable, notes: _Notes, rows: FocusRows, asked: _Asked) -> None:
    starts, wrong_starts = _times(rows, "ChargePeriodStart")
    ends, wrong_ends = _times(rows, "ChargePeriodEnd")
    tags = _tags(rows)
    columns = {
        **_plain_columns(rows),
        **_own_columns(rows, asked),
        **ai_of_details(rows.text("SkuPriceDetails")),
        "tags": tags.tags,
        "source_tags": tags.source,
        "charge_period_start": starts,
        "charge_period_end": ends,
    }
    found = None
    if asked.provider in CLOUDS:
        cloud = cast("Cloud", asked.provider)
        more, found = recognised(cloud, rows.text, columns, period=asked.period)
        columns |= more
    amounts = _amounts(rows)
    billed = amounts.pop("billed_cost")
    wrong = (*_wrong_place(rows, asked), *_wrong_words(rows), wrong_starts, wrong_ends)
    reading = Reading(billed=billed, amounts=amounts, columns=columns, wrong=wrong)
    kept = table.add(rows.batch, reading)
    if found is not None:
        notes.unmapped += unmapped_rows(found, billed.units, kept, rows.batch)
    _note(notes, rows, reading, kept, tags)


def _plain_columns(rows: FocusRows) -> dict[str, pa.Array]:
    return {
        ours: rows.text(focus)
        for focus, ours in FOCUS_COLUMNS.items()
        if focus not in AMOUNT_COLUMNS and focus not in _SPECIAL
    }


def _amounts(rows: FocusRows) -> dict[str, Amounts]:
    billed = rows.get("BilledCost")
    found = {"billed_cost": read_amounts(billed, required=True)}
    known = [(billed, found["billed_cost"])]
    nothing = no_amounts(rows.batch.rows)
    for focus, ours in AMOUNT_COLUMNS.items():
        column = rows.get(focus)
        if ours in found:
            continue
        if column is None:
            found[ours] = nothing
        else:
            found[ours] = read_alike(column, known)
            known.append((column, found[ours]))
    return found


def _own_columns(rows: FocusRows, asked: _Asked) -> dict[str, pa.Array]:
    """Columns that FOCUS has under older names, or that are checked."""
    count = rows.batch.rows
    names = ("ServiceProviderName", OLD_PROVIDER, "InvoiceIssuerName")
    provider, issuer = derived([rows.text(name) for name in names], _sellers, 2)
    return {
        "billing_account_id": constant(asked.account, count),
        "billing_period_start": pa.nulls(count, pa.date32()).fill_null(asked.period.start_on),
        "service_category": mapped(rows.text("ServiceCategory"), _service_category, null=_OTHER),
        "service_provider_name": provider,
        "invoice_issuer_name": issuer,
    }


def _sellers(provider: str | None, older: str | None, issuer: str | None) -> Texts:
    seller = provider or older
    return (seller, issuer or seller)


def _service_category(word: str) -> str:
    return _CATEGORY_BY_WORD.get(word.casefold(), _OTHER)


def _tags(rows: FocusRows) -> TagColumns:
    column = rows.get("Tags")
    if column is not None and pa.types.is_map(column.type):
        return map_tags(column)
    return text_tags(rows.text("Tags"))


def _wrong_place(rows: FocusRows, asked: _Asked) -> list[Wrong]:
    accounts = rows.text("BillingAccountId")
    billed, wrong = _times(rows, "BillingPeriodStart")
    months = billed.cast(pa.date32())
    is_other = pc.fill_null(pc.not_equal(months, pa.scalar(asked.period.start_on)), False)

    def account(row: int) -> str:
        found = accounts[row].as_py() or ""
        return (
            f"The billing account is {found[:60]!r}: expected {asked.account}, the account that "
            "this file was asked for."
        )

    def month(row: int) -> str:
        return (
            f"The row is billed in {months[row].as_py():%Y-%m}: expected {asked.period}; a row of "
            "another month belongs to that month's file."
        )

    return [
        Wrong(rows=~flagged(accounts, asked.account.__eq__), reason=account),
        wrong,
        Wrong(rows=is_other.to_numpy(zero_copy_only=False), reason=month),
    ]


def _wrong_words(rows: FocusRows) -> list[Wrong]:
    """Rows whose category or class is no word of FOCUS: nobody knows what they would book."""
    found = []
    for name, words in _WORDS.items():
        column = rows.text(name)
        wrong = ~(flagged(column, words.__contains__) | _is_null(column))
        found.append(Wrong(rows=wrong, reason=partial(_wrong_word, column, name, words)))
    return found


def _is_null(column: pa.Array) -> Mask:
    found: Mask = column.is_null().to_numpy(zero_copy_only=False)
    return found


def _wrong_word(column: pa.DictionaryArray, name: str, words: Sequence[str], row: int) -> str:
    return (
        f"{name} is {str(column[row])[:40]!r}: expected {', '.join(words)} (FOCUS); correct it at "
        "the source."
    )


def _times(rows: FocusRows, name: str) -> tuple[pa.Array, Wrong]:
    """A column of instants, and the rows that have none."""
    column = rows.get(name)
    found = instants(column, focus_instant)

    def reason(row: int) -> str:
        return (
            f"{name} is {str(column[row].as_py() or '')[:40]!r}: expected an instant such as "
            "2026-10-01T00:00:00Z; correct it at the source."
        )

    return found, Wrong(rows=found.is_null().to_numpy(zero_copy_only=False), reason=reason)


@lru_cache(maxsize=1 << 16)
def focus_instant(text: str) -> datetime | None:
    """An instant as FOCUS files write it, None if it is none."""
    short = _SHORT_DATE.fullmatch(text.strip())
    try:
        if short:
            month, day, year = (int(part) for part in short.groups())
            century = 0 if len(short[3]) > len("25") else _CENTURY
            return datetime(century + year, month, day, tzinfo=UTC)
        instant = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _note(notes: _Notes, rows: FocusRows, reading: Reading, kept: Mask, tags: TagColumns) -> None:
    unread = [row for row in tags.unreadable.tolist() if kept[row]]
    if unread and notes.first_unread is None:
        notes.first_unread = (rows.batch.document, rows.batch.first_row + unread[0])
    notes.unread_tags += len(unread)
    words = rows.text("ServiceCategory")
    unknown = flagged(words, lambda word: word.casefold() not in _CATEGORY_BY_WORD) & kept
    for word, row in first_rows(words, unknown).items():
        place = (rows.batch.document, rows.batch.first_row + row)
        notes.categories.setdefault(word, place)
    notes.coverage.add(
        reading.columns["charge_period_start"],
        reading.columns["charge_period_end"],
        usage=kept & flagged(rows.text("ChargeCategory"), "Usage".__eq__),
        invoices=reading.columns["invoice_id"],
    )


def _tag_findings(notes: _Notes, provider: str) -> tuple[Finding, ...]:
    """A warning about rows whose tags cannot be read; the rows themselves are loaded."""
    if notes.first_unread is None:
        return ()
    document, row = notes.first_unread
    return (
        Finding(
            kind="unreadable_tags",
            severity="warning",
            subject=f"{provider} tags",
            message=(
                f"Tags of {notes.unread_tags} rows are no JSON object: expected "
                '{"key":"value"}; the rows are loaded without tags, their text is kept.'
            ),
            source_document=document,
            source_row=row,
        ),
    )


def _category_findings(notes: _Notes, provider: str) -> tuple[Finding, ...]:
    """A warning for each service category that FOCUS does not have."""
    return tuple(
        Finding(
            kind="unknown_service_category",
            severity="warning",
            subject=f"{provider} service category {word[:40]}",
            message=(
                f"ServiceCategory {word[:40]!r} is not one of FOCUS: loaded as {_OTHER}; ask the "
                "sender to correct it."
            ),
            source_document=document,
            source_row=row,
        )
        for word, (document, row) in sorted(notes.categories.items())
    )
