"""Export: a month's charges, periods and invoices as FOCUS files in a folder. Writes no fact.

Owns which charges go out: those of the final stage, with the invoice-only ones and the dimensions
that were decided for them. What the columns mean is `publish.focus_export`'s.
"""

from pathlib import Path

import pyarrow as pa

from tieout import log as logs
from tieout.core.period import Period, parse_period
from tieout.publish.focus_export import focus_files
from tieout.publish.focus_invoice_detail import InvoiceFacts
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts, billing_documents, latest_outputs
from tieout.steps.views import by_row, numbered
from tieout.store import documents, periods
from tieout.store.session import Tx

log = logs.get("export")


def focus(context: Context, *, period: str, folder: Path) -> StepResult:
    """Write Cost and Usage (1.2), Billing Period and Invoice Detail (1.4) as CSV and Parquet.

    Raises:
        NotReadyError: the final stage of the period has not been classified.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        made = latest_outputs(tx, "classify", f"{month}/final")
        files = [*made["charges"], made["assignment"]]
        *charges, assignment = [
            context.lake.get_table(file["path"], file["sha256"]) for file in files
        ]
        written = focus_files(
            pa.concat_tables(by_row(table, assignment) for table in charges),
            _invoices(context, tx, month),
            period=month,
            closed=periods.state(tx, period) == "closed",
            generated_at=context.now(),
            dimensions=numbered(assignment),
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
