"""One measured piece of work of bench_normalise, alone in its process.

`python -m bench.normalise_child rewrite|ours SOURCE TARGET` prints one line of JSON with rows,
CPU-seconds (user and system), wall seconds and peak memory of the whole process.
"""

import io
import json
import resource
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from bench.normalise_files import CUR_ACCOUNT, CUR_PERIOD, FOCUS_ACCOUNT, FOCUS_PERIOD

_ROW_GROUP = 1_000_000  # as lake.files writes


def main() -> None:
    """Do the work that the arguments name, then say what it took."""
    work, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    started = time.perf_counter()
    rows = _rewrite(source, target) if work == "rewrite" else _ours(source, target)
    wall = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "rows": rows,
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": wall,
        "peak_mb": used.ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _rewrite(source: Path, target: Path) -> int:
    """The bare minimum: DuckDB reads the file and writes zstd Parquet."""
    import duckdb

    reader = "read_parquet" if source.suffix == ".parquet" else "read_csv"
    con = duckdb.connect()
    con.execute(
        f"COPY (SELECT * FROM {reader}('{source}')) TO '{target}' "  # noqa: S608  our own paths
        "(FORMAT parquet, COMPRESSION zstd)"
    )
    return int(pq.ParquetFile(target).metadata.num_rows)


def _ours(source: Path, target: Path) -> int:
    """Bytes to charges with findings and totals, attribute ids, and the lake's Parquet."""
    from tieout.core.period import Period
    from tieout.focus.columns import with_attr_ids
    from tieout.sources.base import RawDocument

    data = RawDocument(
        name=source.name, kind="data", content=source.read_bytes(), media_type="", request={}
    )
    if source.suffix == ".parquet":
        from tieout.sources.focus_rows import read_focus

        found = read_focus(
            [data], provider="focus_file", account=FOCUS_ACCOUNT, period=Period(*FOCUS_PERIOD)
        )
    else:
        from tieout.sources.aws_report import read_report

        listed = json.dumps({"reportKeys": [source.name]}).encode()
        manifest = RawDocument(
            name="manifest", kind="manifest", content=listed, media_type="", request={}
        )
        found = read_report([manifest, data], account=CUR_ACCOUNT, period=Period(*CUR_PERIOD))
    charges = with_attr_ids(found.charges)
    rows = found.totals.rows_out
    del found
    sink = io.BytesIO()
    pq.write_table(
        charges,
        sink,
        compression="zstd",
        row_group_size=_ROW_GROUP,
        write_page_checksum=True,
        store_schema=True,
    )
    target.write_bytes(sink.getvalue())
    return rows


if __name__ == "__main__":
    main()
