"""Export: a month's charges, periods and invoices as FOCUS files in a folder. Writes no fact.

Owns which charges go out: those of the final stage, with the invoice-only ones and the dimensions
that were decided for them, and which allocation of them. What the columns mean is
`publish.focus_export`'s.
"""

from pathlib import Path

import pyarrow as pa

from tieout import log as logs
from tieout.allocation.certificate import pools_from_json
from tieout.core.errors import NotReadyError
from tieout.core.period import Period, parse_period
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.publish.focus_allocated import Shared
from tieout.publish.focus_export import focus_files
from tieout.publish.focus_invoice_detail import InvoiceFacts
from tieout.steps.bills import billing_documents
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts, latest_outputs
from tieout.steps.views import Used, by_row, numbered, register
from tieout.store import allocations, documents, periods, policies, runs
from tieout.store.session import Tx

log = logs.get("export")


def focus(context: Context, *, period: str, folder: Path) -> StepResult:
    """Write Cost and Usage (1.2; 1.3 shared out), Billing Period and Invoice Detail (1.4).

    Each as CSV and as Parquet.

    Raises:
        NotReadyError: the final stage of the period has not been classified and allocated.
        IntegrityError: it was classified again since it was allocated.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        made = latest_outputs(tx, "classify", f"{month}/final")
        files = [*made["charges"], made["assignment"]]
        *charges, assignment = [
            context.lake.get_table(file["path"], file["sha256"]) for file in files
        ]
        classes = numbered(with_own_dimensions(assignment))
        written = focus_files(
            pa.concat_tables(by_row(table, assignment) for table in charges),
            _invoices(context, tx, month),
            period=month,
            closed=periods.state(tx, period) == "closed",
            generated_at=context.now(),
            dimensions=classes,
            shared=_shared(context, tx, month, classes),
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        (folder / name).write_bytes(content)
    log.info("focus_exported", period=period, files=len(written))
    return StepResult(
        step="export",
        subject=period,
        status="done",
        summary={
            "files": len(written),
            "charges": sum(table.num_rows for table in charges),
            "folder": str(folder.resolve()),
        },
    )


def _shared(context: Context, tx: Tx, month: Period, assignment: pa.Table) -> Shared:
    """The allocation of the final stage with the register that it was made with."""
    allocated = runs.latest(tx, "allocate", f"{month}/final")
    certificate = None if allocated is None else allocations.certificate_of(tx, allocated.run_id)
    if allocated is None or certificate is None:
        raise NotReadyError(
            f"The final stage of {month} has not been allocated: run `tieout allocate` first."
        )
    made_with = [policies.by_label(tx, label) for label in allocated.outputs["policies"]]
    used: Used = {one.kind: one for one in made_with}
    direct = latest_outputs(tx, "classify", f"{month}/final")["lines"]
    lines = allocated.outputs["lines"]
    return Shared(
        assignment=assignment,
        direct=with_own_dimensions(context.lake.get_table(direct["path"], direct["sha256"])),
        lines=with_own_dimensions(context.lake.get_table(lines["path"], lines["sha256"])),
        pools=pools_from_json(certificate),
        initiatives=register(used),
    )


def _invoices(context: Context, tx: Tx, month: Period) -> list[InvoiceFacts]:
    return [
        InvoiceFacts(
            document=document,
            provider=account.provider,
            billing_account_id=account.billing_account_id,
            received_at=documents.get(tx, document.document)[0].fetched_at,
        )
        for account in accounts(tx, month)
        for document in billing_documents(context, tx, account, month)
    ]
