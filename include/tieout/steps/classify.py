"""Classify: every charge gets its dimensions by the approved rules, and the rule that decided.

Owns the stage's inputs (which version of each report) and the direct ledger lines; the rules decide
in `rules`, the sums are the engine's. What no rule decides stays null and is shown as unallocated.
"""

from dataclasses import replace
from typing import Any

import pyarrow as pa

from tieout import log as logs
from tieout.core.errors import UsageError
from tieout.core.finding import Finding
from tieout.core.money import format_units, from_decimal
from tieout.core.period import Period, parse_period
from tieout.engine.base import days_of, engine_lake_url, load, parse_engine
from tieout.engine.month_cube import month_cube, month_cube_of_files
from tieout.focus.columns import with_attr_ids
from tieout.focus.ledger_columns import total_units, unallocated_units
from tieout.lake.files import LakeFile
from tieout.ledger.foreign_lines import in_books
from tieout.reconciliation.invoice_charges import invoice_only_charges
from tieout.reconciliation.invoice_parts import by_invoice, distinct
from tieout.steps import cubes, foreign
from tieout.steps.bills import billing_documents, invoices_of
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import (
    STAGES,
    AccountSnapshot,
    charges,
    optional_policy,
    policy,
    refuse_closed,
    stage_snapshots,
)
from tieout.steps.outputs import begin, done_before, finish, result, start_run
from tieout.steps.views import (
    CLASSIFYING,
    OPTIONAL,
    Classified,
    Used,
    classified,
    cuts,
    lookup_kinds,
)
from tieout.store import runs
from tieout.store.session import Tx

METHOD_VERSION = "2"  # 2: rules hold by the day of the charge, not by the month
SHOWN = ("line_count", "total", "unallocated")
log = logs.get("classify")


def run(context: Context, *, period: str, stage: str) -> StepResult:
    """Classify the charges of a stage (`draft`: as accrued; `final`: newest, with the invoice).

    Raises:
        NotReadyError: an account has no normalised report, or a policy is not approved.
    """
    month = parse_period(period)
    if stage not in STAGES:
        raise UsageError(f"Expected a stage of {', '.join(STAGES)}, found {stage!r}.")
    with context.store.transaction() as tx:
        rates = foreign.cost_rates(tx, month)
        sources = stage_snapshots(tx, month, stage)
        if stage == "draft":
            _pin(context, tx, month, sources)
        used = policies_used(tx, month)
        extra = _invoice_charges(context, tx, month, sources) if stage == "final" else None
        reads = [*_reads(sources, used, extra), *(f"{key} {one}" for key, one in rates.items())]
        work = begin(context, "classify", f"{month}/{stage}", reads=reads)
        if found := done_before(tx, work):
            return result(work, "unchanged", found.outputs, SHOWN)
        refuse_closed(tx, month, "classifying it again")
        files = _files(context, month, sources, extra)
        cube, kept = _cube(context, sources, extra, files=files, month=month, used=used)
        made = classified(cube, month, used)
        made = replace(made, lines=in_books(made.lines, rates))
        outputs = {"charges": files, "cube": kept, **_store(context, month, made)}
        outputs["policies"] = [one.label for one in used.values()]
        missing = _unallocated(made.lines, work.subject)
        finish(context, tx, work, outputs=outputs, action="charges_classified", found=missing)
    log.info("classified", period=period, stage=stage, lines=made.lines.num_rows)
    return result(work, "done", outputs, SHOWN)


def policies_used(tx: Tx, month: Period) -> Used:
    """The approved policies that classify a month: rules, register and their tables."""
    known = {kind: policy(tx, kind, month) for kind in CLASSIFYING}
    optional = {kind: optional_policy(tx, kind, month) for kind in OPTIONAL}
    tables = {kind: policy(tx, kind, month) for kind in lookup_kinds(known["classification"])}
    return {**known, **{kind: one for kind, one in optional.items() if one is not None}, **tables}


def _pin(context: Context, tx: Tx, month: Period, sources: tuple[AccountSnapshot, ...]) -> None:
    """The draft stays what it was when it was first used, whatever is pulled later."""
    subject = f"{month}/draft"
    if runs.latest(tx, "pin", subject) is not None:
        return
    chosen = {source.account.subject: source.snapshot.snapshot_id for source in sources}
    work = begin(context, "pin", subject, reads=[])
    start_run(context, tx, work, outputs={"snapshots": chosen})


def _invoice_charges(
    context: Context, tx: Tx, month: Period, sources: tuple[AccountSnapshot, ...]
) -> pa.Table | None:
    """Credits, tax and rounding that only the invoice shows, as charges of their own."""
    tables = []
    for source in sources:
        if source.account.mode != "arrears":
            continue
        invoices, _ = distinct(invoices_of(billing_documents(context, tx, source.account, month)))
        own = charges(context, (source,)) if invoices else None
        for invoice, rows in by_invoice(own, invoices) if invoices else ():
            tables.append(
                with_attr_ids(
                    invoice_only_charges(
                        provider=source.account.provider,
                        account=source.account.billing_account_id,
                        period=month,
                        final=rows,
                        invoice=invoice,
                    )
                )
            )
    return pa.concat_tables(tables) if tables else None


def _files(
    context: Context,
    month: Period,
    sources: tuple[AccountSnapshot, ...],
    extra: pa.Table | None,
) -> list[dict[str, str]]:
    """The files of all charges that are classified together."""
    files = [
        {"path": source.file.lake_path, "sha256": source.file.file_sha256} for source in sources
    ]
    if extra is not None:
        files.append(_named(context.lake.put_table(extra, f"charges/period={month}")))
    return files


def _cube(
    context: Context,
    sources: tuple[AccountSnapshot, ...],
    extra: pa.Table | None,
    *,
    files: list[dict[str, str]],
    month: Period,
    used: Used,
) -> tuple[pa.Table, dict[str, Any]]:
    """The cube, made here or on the cluster that the deployment has chosen: equal to the bit."""
    choice, days_cut = parse_engine(context.settings.engine), cuts(used)
    if choice.kind == "duckdb":
        table = charges(context, sources)
        table = table if extra is None else pa.concat_tables([table, extra])
        cube, days = month_cube(table, days_cut), days_of(table)
    else:
        settings = context.settings
        root = engine_lake_url(choice, settings.lake_url, settings.engine_lake_url)
        paths = [f"{root}/{one['path']}" for one in files]
        with load(choice) as engine:
            cube, days = month_cube_of_files(engine, paths, days_cut), engine.days(paths)
    return cube, cubes.keep(context, month, cube, days=days, cuts=days_cut)


def _store(context: Context, month: Period, made: Classified) -> dict[str, Any]:
    return {
        "assignment": _named(
            context.lake.put_table(made.assignment, f"assignments/period={month}")
        ),
        "lines": _named(context.lake.put_table(made.lines, f"lines/period={month}")),
        "line_count": made.lines.num_rows,
        "total": format_units(total_units(made.lines)),
        "unallocated": format_units(unallocated_units(made.lines)),
    }


def _named(file: LakeFile) -> dict[str, str]:
    return {"path": file.path, "sha256": file.sha256}


def _reads(
    sources: tuple[AccountSnapshot, ...],
    used: Used,
    extra: pa.Table | None,
) -> list[str]:
    lines = extra.column("line_id").to_pylist() if extra is not None else []
    return [
        METHOD_VERSION,
        *(source.file.file_sha256 for source in sources),
        *(version.sha256 for version in used.values()),
        *lines,
    ]


def _unallocated(lines: pa.Table, subject: str) -> list[Finding]:
    rows = lines.select(["provider", "service_name", "initiative", "billed_cost"]).to_pylist()
    amounts: dict[tuple[str, str], int] = {}
    for row in rows:
        if row["initiative"] is None:
            name = (row["provider"], row["service_name"])
            amounts[name] = amounts.get(name, 0) + from_decimal(row["billed_cost"])
    return [
        Finding(
            kind="unallocated",
            severity="warning",
            subject=f"{subject}/{provider}/{service}",
            message=(
                f"{service} of {provider}: no rule gives {format_units(units, 2)} USD an "
                "initiative; add a rule or tag the resources."
            ),
            amount_units=units,
        )
        for (provider, service), units in sorted(amounts.items())
    ]
