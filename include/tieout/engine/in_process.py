"""The engine over lake files in this process: Arrow reads, DuckDB joins and sums.

Owns reading and verifying the files; the sum is `engine.duckdb`'s. One file is in memory at a time:
sums of exact decimals may be summed again in any order.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.core.errors import HashMismatchError, NotReadyError
from tieout.core.ids import sha256_hex
from tieout.engine.base import (
    STARTED,
    EngineChoice,
    Span,
    days_of,
    ordered_attributes,
    promised_hash,
    refuse_different_schemas,
    within,
)
from tieout.engine.duckdb import join_and_sum


class InProcess:
    """Implements `engine.base.Engine` for any address that fsspec opens."""

    def __init__(self) -> None:
        self._verified: set[str] = set()

    def distinct_attributes(self, paths: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """See `Engine.distinct_attributes`."""
        names = ["attr_id", *columns]
        found = pa.concat_tables(
            table.group_by(names).aggregate([]) for table in self._tables(paths, names)
        )
        return ordered_attributes(found.group_by(names).aggregate([]))

    def days(self, paths: Sequence[str]) -> tuple[date, date]:
        """See `Engine.days`."""
        found = [days_of(table) for table in self._tables(paths, [STARTED]) if table.num_rows]
        firsts, lasts = [first for first, _ in found], [last for _, last in found]
        return min(firsts, default=date.min), max(lasts, default=date.min)

    def join_and_sum(
        self,
        paths: Sequence[str],
        assignment: pa.Table,
        *,
        keys: Sequence[str],
        amount: str,
        days: Span | None = None,
    ) -> pa.Table:
        """See `Engine.join_and_sum`."""
        theirs = [key for key in keys if key in assignment.column_names and key != "attr_id"]
        ours = [key for key in keys if key not in {*theirs, "attr_id"}]
        classes = assignment.select(["attr_id", *theirs])
        names = ["attr_id", amount, *ours, *([STARTED] if days else [])]
        sums = [
            join_and_sum(table, classes, keys=keys, amount=amount)
            for table in (within(one, days) for one in self._tables(paths, names))
        ]
        return _summed(sums, keys, amount)

    def _tables(self, paths: Sequence[str], names: Sequence[str]) -> Iterator[pa.Table]:
        first: pa.Schema = None
        for path in paths:
            file = pq.ParquetFile(io.BytesIO(self._content(path)), page_checksum_verification=True)
            first = first or file.schema_arrow
            refuse_different_schemas(path, file.schema_arrow, paths[0], first)
            yield file.read(columns=list(names)).select(list(names))

    def _content(self, path: str) -> bytes:
        files, place = fsspec.core.url_to_fs(path)
        try:
            content: bytes = files.cat_file(place)
        except FileNotFoundError:
            raise NotReadyError(
                f"File {path} is missing: expected it because the ledger names it; restore the "
                "lake from its backup, or pull the period again."
            ) from None
        promised = promised_hash(path)
        if promised and path not in self._verified:
            if (found := sha256_hex(content)) != promised:
                raise HashMismatchError(
                    f"File {path} changed after it was stored: found SHA-256 {found}; nothing was "
                    "computed from it. Restore it from the backup."
                )
            self._verified.add(path)
        return content


def _summed(sums: Sequence[pa.Table], keys: Sequence[str], amount: str) -> pa.Table:
    """The sums of all files as one table; Arrow sums decimals in 38 digits, the cast is checked."""
    counts = "charge_count"
    grouped = (
        pa.concat_tables(sums).group_by(list(keys)).aggregate([(amount, "sum"), (counts, "sum")])
    )
    named = grouped.rename_columns([*keys, amount, counts])
    ordered = named.sort_by([(key, "ascending") for key in keys])
    return ordered.cast(sums[0].schema).combine_chunks()


@contextmanager
def open_engine(_choice: EngineChoice) -> Iterator[InProcess]:
    """The engine of this process; nothing is opened."""
    yield InProcess()
