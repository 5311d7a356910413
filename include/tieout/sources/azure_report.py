"""Azure's cost details as charges: actual and amortised merged, or a FOCUS export.

Owns which rows of which file count, the proof that both views tell the same bill, and what a person
should know about the delivery; a row's meaning is in `azure_charges`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Context, Decimal
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import MoneyFormatError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources.ai_meters import unmapped_findings
from tieout.sources.azure_charges import (
    KNOWN_TYPES,
    NAME,
    UNUSED,
    charge,
    charge_type,
    is_commitment_purchase,
    is_committed,
    last_part,
    raw_amount,
)
from tieout.sources.azure_columns import tags_of
from tieout.sources.azure_files import Row, file_rows, first_text, holds_focus
from tieout.sources.azure_manifest import DeliveredFile, Delivery, read_delivery
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.focus_rows import read_focus
from tieout.sources.rows import normalise

ACTUAL, AMORTIZED = "actual", "amortized"

_EXACT = Context(prec=200)


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What is counted while rows stream by."""

    actual_total: Decimal = Decimal(0)
    unreadable_tags: dict[str, Row] = field(default_factory=dict)
    unknown_types: dict[str, Row] = field(default_factory=dict)
    unmapped: list[tuple[str, str, int, str, int]] = field(default_factory=list)
    unsplit: Row | None = None


def report_charges(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """Charges of one delivery, in the order of its manifests.

    Raises:
        SourceAnswerError: no manifest, or a listed file is missing or has other counts.
        DocumentUnreadableError: a file is truncated, too large or not a table.
    """
    delivery = read_delivery(documents)
    data = [file.document for file in delivery.files]
    if data and holds_focus(data[0]):
        result = _focus(data, account=account, period=period)
    else:
        result = _classic(delivery, account=account, period=period)
    through = period.last_on if delivery.settled else _reaches(result, period)
    return replace(result, complete_through=through)


def _classic(delivery: Delivery, *, account: str, period: Period) -> Normalised:
    seen = _Seen()
    splits = AMORTIZED in {file.view for file in delivery.files}

    def to_charge(row: Row, amount: Decimal) -> Mapping[str, object]:
        found = charge(row, account=account, period=period, splits_commitments=splits)
        _note(seen, row, found, amount, splits=splits)
        return found

    rows = _rows(delivery.files, seen, splits=splits)
    result = normalise(rows, amount_of=_billed_amount, to_charge=to_charge, provider=NAME)
    more = [*_notes(seen)]
    if delivery.views == {ACTUAL, AMORTIZED}:
        more += _view_findings(seen.actual_total, result.totals.source_total)
    return replace(result, findings=(*result.findings, *more))


def _focus(data: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """FOCUS rows under the ids that the classic files and the cost query use.

    Azure's FOCUS names accounts by their whole path, `/providers/…/billingProfiles/<account>`.
    """
    path = first_text(data[0], "billingaccountid")
    theirs = path if last_part(path) == account.lower() else account
    result = read_focus(data, provider=NAME, account=theirs, period=period)
    charges = result.charges
    for name in ("billing_account_id", "sub_account_id"):
        texts = charges[name].cast(pa.string())
        found = pa.scalar(account) if name == "billing_account_id" else pc.utf8_lower(texts)
        ours = pc.if_else(pc.is_valid(texts), found, None)
        ours = pc.replace_substring_regex(ours, r"^/subscriptions/", "")
        charges = charges.set_column(charges.schema.get_field_index(name), name, ours)
    return replace(result, charges=charges)


def _rows(files: Sequence[DeliveredFile], seen: _Seen, *, splits: bool) -> Iterator[Row]:
    """All amortised rows, and of the actual ones the purchases and refunds of commitments.

    Where both views are the same bytes, the amortised file alone says everything.
    """
    amortized = {file.document.sha256 for file in files if file.view != ACTUAL}
    for file in files:
        is_twin = file.view == ACTUAL and file.document.sha256 in amortized
        count = 0
        for row in file_rows(file.document, view=file.view):
            count += 1
            if file.view == ACTUAL:
                _add_actual(seen, row)
            is_extra = not splits or is_commitment_purchase(row.values)
            if file.view != ACTUAL or (is_extra and not is_twin):
                yield row
        if file.row_count not in {None, count}:
            raise SourceAnswerError(
                f"{file.document.name} has {count:,} rows: expected {file.row_count:,} as its "
                "manifest says; pull the report again."
            )


def _billed_amount(row: Row) -> Decimal:
    """What is invoiced: amortised usage under a commitment was paid with the commitment."""
    amount = raw_amount(row)
    values = row.values
    is_usage = charge_type(values) in {"usage", *UNUSED}
    covered = values["view"] == AMORTIZED and is_usage and is_committed(values)
    return Decimal(0) if covered else amount


def _add_actual(seen: _Seen, row: Row) -> None:
    try:
        seen.actual_total = _EXACT.add(seen.actual_total, raw_amount(row))
    except (MoneyFormatError, SourceAnswerError):
        return  # the same row of the amortised view, or the difference of the views, tells


def _note(
    seen: _Seen, row: Row, found: Mapping[str, object], amount: Decimal, *, splits: bool
) -> None:
    values = row.values
    if tags_of(values.get("tags", "")) is None:
        seen.unreadable_tags.setdefault(row.document, row)
    kind = charge_type(values)
    if kind not in KNOWN_TYPES:
        seen.unknown_types.setdefault(kind, row)
    if not splits and is_committed(values) and seen.unsplit is None:
        seen.unsplit = row
    if "x_model" in found and found["x_model"] is None:
        meter = values["meter"] or values.get("product", "")
        sku = values.get("meter_id", "")
        seen.unmapped.append((meter, sku, to_units(amount), row.document, row.number))


def _notes(seen: _Seen) -> Iterator[Finding]:
    for row in seen.unreadable_tags.values():
        yield _warning(
            "unreadable_tags",
            "azure tags",
            "Tags of this file cannot be read as JSON, here first: the charge is loaded without "
            "tags and keeps the text; correct the tags or allocate by resource group.",
            row,
        )
    for kind, row in sorted(seen.unknown_types.items()):
        yield _warning(
            "unknown_charge_type",
            f"azure charge type {kind[:40] or '(empty)'}",
            f"Charge type {kind[:40]!r} is not known: loaded as an Adjustment with its full "
            "amount; add it to the mapping of the azure plug-in.",
            row,
        )
    if seen.unsplit is not None:
        yield _warning(
            "commitment_not_amortised",
            "azure commitments",
            "The delivery holds reservation or savings plan rows but no amortised view: effective "
            "cost is as billed; add the amortised export to the connection.",
            seen.unsplit,
        )
    yield from unmapped_findings("azure", seen.unmapped)


def _view_findings(actual: Decimal, merged: Decimal) -> tuple[Finding, ...]:
    """Both views bill the same: what they differ by was delivered to one of them only."""
    units = _whole_units(actual - merged)
    if not units:
        return ()
    return (
        Finding(
            kind="azure_views_differ",
            severity="warning",
            subject="azure actual and amortised cost",
            message=(
                f"The actual cost report adds up to {actual:f}, the merged charges to {merged:f}: "
                "expected the same; the two were made at different times, pull both again."
            ),
            amount_units=units,
        ),
    )


def _whole_units(value: Decimal) -> int:
    """Whole units of 1e-12 of an exact sum; less than one unit is none."""
    return int(Fraction(value) * 10**12)


def _warning(kind: str, subject: str, message: str, row: Row) -> Finding:
    return Finding(
        kind=kind,
        severity="warning",
        subject=subject,
        message=message,
        source_document=row.document,
        source_row=row.number,
    )


def _reaches(result: Normalised, period: Period) -> date | None:
    """The month once every row bears an invoice, else the newest day with usage.

    A delivery is a snapshot of the whole month: a day before its newest usage that has no rows was
    quiet. `read_focus` has answered for itself.
    """
    charges = result.charges
    if result.complete_through is not None or not charges.num_rows:
        return result.complete_through
    if not charges["invoice_id"].null_count:
        return period.last_on
    usage = charges.filter(pc.equal(charges["charge_category"], "Usage"))
    newest: datetime | None = pc.max(usage["charge_period_start"]).as_py()
    return newest.date() if newest and period.contains(newest.date()) else None
