"""What stands beside the published lines of `bench_pages`: allocations, lake files, entries.

Written past the guards like the lines. A month's allocation is a run with its file and certificate;
its journal is entries of eight lines that name three sources each. There are no charges below the
lines: pages that open them are not measured.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import psycopg
import pyarrow as pa
from psycopg.types.json import Jsonb

from tieout.allocation.certificate import Certificate, PoolCertificate
from tieout.audit.canonical import canonical_bytes
from tieout.core.ids import content_key
from tieout.core.money import from_decimal
from tieout.focus.ledger_columns import LEDGER_SCHEMA, total_units
from tieout.lake.files import Lake

ENTRIES: Final = 1_000  # a month
LINES: Final = 8
_ACCOUNTS: Final = ("5100", "5200", "6100", "6900")
_ENTRY: Final = (
    "entry_id, ledger_seq, journal_type, fiscal_year, number, document_no, period, posting_on,"
    " document_on, service_period, currency, description, provider, billing_account_id,"
    " source_refs, idempotency_key, adjustment_kind, line_count, canonical, content_hash"
)
_LINE: Final = "entry_id, line_no, account, debit_minor, credit_minor, memo, dimensions"


def add_allocation(
    admin: psycopg.Connection[Any], home: Path, month: str, rows: Sequence[Mapping[str, object]]
) -> int:
    """The run that allocated a month, its lines in the lake, its certificate; gives its id."""
    columns = {name: [row.get(name) for row in rows] for name in LEDGER_SCHEMA.names}
    lines = pa.table(columns, schema=LEDGER_SCHEMA)
    kept = Lake((home / "lake").as_uri()).put_table(lines, "lines")
    outputs = {"lines": {"path": kept.path, "sha256": kept.sha256}, "policies": []}
    made = admin.execute(
        "INSERT INTO tieout.run (step, subject, input_key, outputs, code_version, started_at,"
        " finished_at) VALUES ('allocate', %s, %s, %s, 'bench', now(), now()) RETURNING run_id",
        (f"{month}/final", content_key([month]), Jsonb(outputs)),
    ).fetchone()
    if made is None:
        raise RuntimeError("Expected the id of the new run, found no row.")
    admin.execute(
        "INSERT INTO tieout.allocation (run_id, certificate) VALUES (%s, %s)",
        (made[0], Jsonb(_certificate(lines).certificate_json())),
    )
    return int(made[0])


def add_journal(admin: psycopg.Connection[Any], number: int, month: str, first_seq: int) -> None:
    """The entries of a month, numbered from a sequence on."""
    entries = [_entry(number, month, first_seq + place) for place in range(ENTRIES)]
    with admin.cursor().copy(f"COPY tieout.journal_entry ({_ENTRY}) FROM STDIN") as copy:
        for entry in entries:
            copy.write_row(entry)
    with admin.cursor().copy(f"COPY tieout.journal_line ({_LINE}) FROM STDIN") as copy:
        for entry in entries:
            for place in range(LINES):
                amount = 1 + place // 2 + entry[0] % 9_999
                pair = (amount, 0) if place % 2 == 0 else (0, amount)
                account = _ACCOUNTS[(entry[0] + place) % len(_ACCOUNTS)]
                copy.write_row((entry[0], 1 + place, account, *pair, "Usage", "{}"))


def source_of(seq: int, place: int) -> str:
    """One of the three sources that the entry of a sequence names."""
    return content_key(["source", seq, place])


def _entry(number: int, month: str, seq: int) -> tuple[Any, ...]:
    description = f"Usage of {month}, part {seq}"
    canonical = canonical_bytes({"description": description, "period": month, "seq": seq}).decode()
    return (
        seq,
        seq,
        "manual",
        2026,
        seq,
        f"2026-manual-{seq:06d}",
        month,
        f"{month}-28",
        f"{month}-28",
        month,
        "USD",
        description,
        ("aws", "azure", "gcp", "openai", "anthropic")[seq % 5],
        f"account-{seq % 20}",
        [source_of(seq, place) for place in range(3)],
        f"bench-{number}-{seq}",
        "none",
        LINES,
        canonical,
        content_key([canonical]),
    )


def _certificate(lines: pa.Table) -> Certificate:
    shares: dict[str, dict[str, int]] = {}
    counts: dict[str, int] = {}
    for row in lines.select(["pool_id", "initiative", "billed_cost"]).to_pylist():
        if row["pool_id"] is not None:
            own = shares.setdefault(row["pool_id"], {})
            own[row["initiative"]] = own.get(row["initiative"], 0) + _units(row["billed_cost"])
            counts[row["pool_id"]] = counts.get(row["pool_id"], 0) + 1
    pools = [_pool(pool, shares[pool], counts[pool]) for pool in sorted(shares)]
    shared = sum(one.amount_in_units for one in pools)
    whole = total_units(lines)
    return Certificate(
        pools=tuple(pools),
        total_in_units=shared,
        total_out_units=shared,
        ledger_in_units=whole,
        ledger_out_units=whole,
    )


def _pool(pool: str, shares: Mapping[str, int], count: int) -> PoolCertificate:
    whole = sum(shares.values())
    return PoolCertificate(
        pool_id=pool,
        method="proportional",
        driver=None,
        state="allocated",
        level=0,
        amount_in_units=whole,
        amount_out_units=whole,
        received_units=0,
        to_initiatives_units=whole,
        to_pools=(),
        held_units=0,
        lines_in=1,
        lines_out=count,
        charge_count=count,
        worst_distance=Fraction(0),
        weights=tuple((target, Fraction(1)) for target in sorted(shares)),
        policies=(),
        decisions=(),
    )


def _units(amount: Decimal) -> int:
    return from_decimal(amount)
