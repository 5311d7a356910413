"""Classify: every charge gets its dimensions by the approved rules, and the rule that decided.

Owns the stage's inputs (which version of each report) and the direct ledger lines; the rules decide
in `rules`, the sums are the engine's. What no rule decides stays null and is shown as unallocated.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tieout import log as logs
from tieout.core.errors import UsageError
from tieout.core.finding import Finding
from tieout.core.money import format_units, from_decimal
from tieout.core.period import Period, parse_period
from tieout.engine.duckdb import join_and_sum
from tieout.focus.columns import attributes_of, with_attr_ids
from tieout.focus.ledger_columns import LEDGER_SCHEMA, LINE_KEY, ledger_line_ids
from tieout.lake.files import LakeFile
from tieout.reconciliation.invoice_charges import invoice_only_charges
from tieout.reconciliation.invoice_parts import by_invoice, distinct
from tieout.rules.classify import classify
from tieout.rules.parse import in_force, parse_rules
from tieout.rules.register import parse_initiatives
from tieout.rules.tag_map import mapped, parse_owners, parse_tag_map
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import (
    STAGES,
    AccountSnapshot,
    billing_documents,
    charges,
    invoices_of,
    policy,
    refuse_mixed_currencies,
    stage_snapshots,
)
from tieout.steps.outputs import begin, done_before, finish, result, start_run
from tieout.store import policies, runs
from tieout.store.session import Tx

METHOD_VERSION = "1"
LOOKUPS: tuple[policies.PolicyKind, ...] = ("tag_map", "owners")
SHOWN = ("line_count", "total", "unallocated")
log = logs.get("classify")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What one classification makes."""

    assignment: pa.Table
    lines: pa.Table
    total_units: int
    unallocated_units: int


def run(context: Context, *, period: str, stage: str) -> StepResult:
    """Classify the charges of a stage (`draft`: as accrued; `final`: newest, with the invoice).

    Raises:
        NotReadyError: an account has no normalised report, or a policy is not approved.
    """
    month = parse_period(period)
    if stage not in STAGES:
        raise UsageError(f"Expected a stage of {', '.join(STAGES)}, found {stage!r}.")
    with context.store.transaction() as tx:
        refuse_mixed_currencies(tx, month)
        sources = stage_snapshots(tx, month, stage)
        if stage == "draft":
            _pin(context, tx, month, sources)
        rules, initiatives = policy(tx, "classification", month), policy(tx, "initiatives", month)
        extra = _invoice_charges(context, tx, month, sources) if stage == "final" else None
        lookups = tuple(
            one
            for kind in LOOKUPS
            if (one := policies.current(tx, kind, month.last_on)) is not None
        )
        used = (rules, initiatives, *lookups)
        reads = _reads(sources, used, extra)
        work = begin(context, "classify", f"{month}/{stage}", reads=reads)
        if found := done_before(tx, work):
            return result(work, "unchanged", found.outputs, SHOWN)
        table = charges(context, sources)
        made = _classify(table if extra is None else pa.concat_tables([table, extra]), month, used)
        outputs = _store(context, month, sources, extra, made)
        outputs["policies"] = [one.label for one in used]
        missing = _unallocated(made.lines, work.subject)
        finish(context, tx, work, outputs=outputs, action="charges_classified", found=missing)
    log.info("classified", period=period, stage=stage, lines=made.lines.num_rows)
    return result(work, "done", outputs, SHOWN)


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


def _classify(table: pa.Table, month: Period, used: tuple[policies.Policy, ...]) -> _Result:
    by_kind = {one.kind: one for one in used}
    rules, initiatives = by_kind["classification"], by_kind["initiatives"]
    register = {
        initiative.initiative_id: initiative
        for initiative in parse_initiatives(initiatives.body, name=initiatives.label)
    }
    rule_set = in_force(parse_rules(rules.body, name=rules.label), month)
    tags, owners = by_kind.get("tag_map"), by_kind.get("owners")
    attributes = mapped(
        attributes_of(table),
        tags=parse_tag_map(tags.body, name=tags.label) if tags else (),
        owners=parse_owners(owners.body, name=owners.label) if owners else (),
        on=month.last_on,
    )
    assignment = classify(attributes, rule_set, initiatives=register)
    with_period = table.append_column(
        "period", pa.array([str(month)] * table.num_rows, pa.string())
    )
    sums = join_and_sum(with_period, assignment, keys=LINE_KEY, amount="billed_cost")
    nulls = pa.nulls(sums.num_rows, pa.string())
    sums = sums.append_column("pool_id", nulls).append_column("pool_line_id", nulls)
    sums = sums.append_column("ledger_line_id", pa.array(ledger_line_ids(sums), pa.string()))
    lines = sums.select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)
    amounts = [from_decimal(value) for value in lines.column("billed_cost").to_pylist()]
    decided = lines.column("initiative").to_pylist()
    return _Result(
        assignment=assignment,
        lines=lines,
        total_units=sum(amounts),
        unallocated_units=sum(
            abs(amount)
            for amount, initiative in zip(amounts, decided, strict=True)
            if initiative is None
        ),
    )


def _store(
    context: Context,
    month: Period,
    sources: tuple[AccountSnapshot, ...],
    extra: pa.Table | None,
    made: _Result,
) -> dict[str, Any]:
    files = [
        {"path": source.file.lake_path, "sha256": source.file.file_sha256} for source in sources
    ]
    if extra is not None:
        files.append(_named(context.lake.put_table(extra, f"charges/period={month}")))
    return {
        "charges": files,
        "assignment": _named(
            context.lake.put_table(made.assignment, f"assignments/period={month}")
        ),
        "lines": _named(context.lake.put_table(made.lines, f"lines/period={month}")),
        "line_count": made.lines.num_rows,
        "total": format_units(made.total_units),
        "unallocated": format_units(made.unallocated_units),
    }


def _named(file: LakeFile) -> dict[str, str]:
    return {"path": file.path, "sha256": file.sha256}


def _reads(
    sources: tuple[AccountSnapshot, ...],
    used: tuple[policies.Policy, ...],
    extra: pa.Table | None,
) -> list[str]:
    lines = extra.column("line_id").to_pylist() if extra is not None else []
    return [
        METHOD_VERSION,
        *(source.file.file_sha256 for source in sources),
        *(version.sha256 for version in used),
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
