"""History: every classification that a charge ever had, and whose decision each was.

Owns the list, oldest first; nothing in it is computed again: each class is read from the file that
its run kept, whose hash is verified on the way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import UnknownSubjectError, UsageError
from tieout.core.money import format_units, from_decimal
from tieout.core.period import parse_period
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.rules.own_dimensions import classes_of
from tieout.steps.approvals import approvals
from tieout.steps.context import Context
from tieout.steps.inputs import STAGES
from tieout.steps.views import rows_of
from tieout.store import previews, restated, runs
from tieout.store.session import Tx

LEAST_PREFIX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """One time that the month was classified, and where what came out is kept."""

    basis: str
    run_id: int
    known_at: datetime
    ledger_seq: int | None
    preview: str | None
    assignment: Mapping[str, str]
    charges: tuple[Mapping[str, str], ...]
    policies: tuple[str, ...]


def run(context: Context, *, period: str, charge: str) -> dict[str, Any]:
    """A charge by its line id (or the first characters) and all its classes, oldest first.

    `basis` is `draft` (as accrued), `final` (as closed) or `restated`. Runs that gave the same
    class by the same rules and policies as the one before are left out.

    Raises:
        UnknownSubjectError: no charge of the period has that id, or several begin like it.
    """
    parse_period(period)
    if len(charge) < LEAST_PREFIX:
        raise UsageError(f"Give at least {LEAST_PREFIX} characters of the charge's line id.")
    with context.store.transaction() as tx:
        views = sorted(_views(tx, period), key=lambda one: one.run_id)
        own = _charge(context, views, charge, period)
        (found,) = own.to_pylist()
        return {
            "line_id": found["line_id"],
            "period": period,
            "provider": found["provider"],
            "charge_period_start": found["charge_period_start"].isoformat(),
            "description": found["charge_description"],
            "billed_cost": format_units(from_decimal(found["billed_cost"])),
            "document_sha256": found["source_document"],
            "row": found["source_row"],
            "classifications": list(_classifications(context, tx, views, own)),
        }


def _views(tx: Tx, period: str) -> Iterator[_View]:
    for stage in STAGES:
        for one in runs.every(tx, "classify", f"{period}/{stage}"):
            yield _View(
                basis=stage,
                run_id=one.run_id,
                known_at=one.finished_at,
                ledger_seq=None,
                preview=None,
                assignment=one.outputs["assignment"],
                charges=tuple(one.outputs["charges"]),
                policies=tuple(one.outputs["policies"]),
            )
    for view in restated.listing(tx, period):
        yield _View(
            basis="restated",
            run_id=view.run_id,
            known_at=view.recorded_at,
            ledger_seq=view.ledger_seq,
            preview=view.preview_sha256,
            assignment=view.files["assignment"],
            charges=tuple(view.files["charges"]),
            policies=tuple(sorted(view.rule_versions.values())),
        )


def _charge(context: Context, views: list[_View], wanted: str, period: str) -> pa.Table:
    """The one charge, as a table of one row of a file that holds it."""
    files = {file["sha256"]: file["path"] for view in views for file in view.charges}
    rows: dict[str, pa.Table] = {}
    for sha256, path in files.items():
        table = context.lake.get_table(path, sha256)
        own = table.filter(pc.starts_with(table["line_id"], wanted))
        for place, line_id in enumerate(own["line_id"].to_pylist()):
            rows[line_id] = own.slice(place, 1)
    if len(rows) != 1:
        raise UnknownSubjectError(
            f"{len(rows)} charges of {period} begin with {wanted[:64]!r}: expected one; "
            f"`tieout explain {period} LINE` lists the charges behind a ledger line."
        )
    return next(iter(rows.values()))


def _classifications(
    context: Context, tx: Tx, views: list[_View], own: pa.Table
) -> Iterator[dict[str, Any]]:
    before: object = None
    for view in views:
        table = with_own_dimensions(
            context.lake.get_table(view.assignment["path"], view.assignment["sha256"])
        )
        rows = table.take(rows_of(own, table).drop_null()).to_pylist()
        if not rows:
            continue  # a report of another version, in which the charge had other attributes
        classes = {
            name: {"value": value, "rule": rule}
            for name, (value, rule) in classes_of(rows[0]).items()
        }
        if (classes, view.policies, view.basis) == before:
            continue
        before = (classes, view.policies, view.basis)
        yield {
            "basis": view.basis,
            "run": view.run_id,
            "known_at": view.known_at.isoformat(),
            "ledger_seq": view.ledger_seq,
            "classes": classes,
            "policies": approvals(tx, view.policies),
            "preview": _preview(tx, view.preview),
        }


def _preview(tx: Tx, sha256: str | None) -> dict[str, Any] | None:
    if sha256 is None:
        return None
    found = previews.get(tx, sha256)
    approved_at = found.approved_at.isoformat() if found.approved_at else None
    return {"preview": sha256, "approved_by": found.approved_by, "approved_at": approved_at}
