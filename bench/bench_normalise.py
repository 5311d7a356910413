"""How much it takes to normalise a large bill: `python -m bench.bench_normalise`.

For a Cost and Usage Report (195 columns, gzipped CSV) and a FOCUS export (Parquet) it measures,
each alone in a process, (a) the bare rewrite of the file to zstd Parquet by DuckDB, (b) ours: bytes
to charges, findings and totals, attribute ids and the lake's Parquet, and (c) peers, if `--peers`
names a virtual environment that holds them. Medians of several runs, taken in turns.
"""

import argparse
import csv
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

from bench.normalise_files import write_cur, write_focus

GOAL_CPU = "1.5x the bare rewrite in CPU, peak below 2,000 MB, 50x the peers' rows a second"

_ROOT = Path(__file__).parents[1]
_TIMEOUT_S = 1_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of one program on one file."""

    file: str
    program: str
    rows: int
    cpu_s: float
    wall_s: float
    peak_mb: float


def main() -> None:
    """Make the files, run the programs in turns, and say the medians."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(dir=asked.folder) as scratch:
        folder = Path(scratch)
        files = {"CUR csv.gz": folder / "cur.csv.gz", "FOCUS parquet": folder / "focus.parquet"}
        write_cur(files["CUR csv.gz"], asked.rows)
        write_focus(files["FOCUS parquet"], asked.rows)
        runs = [
            _child(name, program, source, folder / "out.parquet")
            for _ in range(asked.runs)
            for name, source in files.items()
            for program in ("rewrite", "ours")
        ]
        peers, skipped = _peers(asked.peers, folder, asked.peer_rows)
    found = [*_medians(runs), *peers]
    _say(found, skipped, asked)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.bench_normalise")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", type=Path, help="virtual environment with the peers' programs")
    parser.add_argument("--peer-rows", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, help="where the files go; else the temporary folder")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    return parser.parse_args()


def _child(name: str, program: str, source: Path, target: Path) -> Measured:
    done = subprocess.run(
        [sys.executable, "-m", "bench.normalise_child", program, str(source), str(target)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": f"{_ROOT / 'include'}{os.pathsep}{_ROOT}"},
        capture_output=True,
        check=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    return Measured(file=name, program=program, **json.loads(done.stdout))


def _medians(runs: Sequence[Measured]) -> list[Measured]:
    groups: dict[tuple[str, str], list[Measured]] = {}
    for one in runs:
        groups.setdefault((one.file, one.program), []).append(one)
    return [
        Measured(
            file=file,
            program=program,
            rows=some[0].rows,
            cpu_s=statistics.median(one.cpu_s for one in some),
            wall_s=statistics.median(one.wall_s for one in some),
            peak_mb=max(one.peak_mb for one in some),
        )
        for (file, program), some in groups.items()
    ]


def _peers(venv: Path | None, folder: Path, rows: int) -> tuple[list[Measured], list[str]]:
    """The peers on the same rows, fewer of them, because they take long."""
    if venv is None:
        return [], ["no peers: name a virtual environment with --peers"]
    cur, focus, out = folder / "peer_cur.csv", folder / "peer_focus.csv", folder / "peer_out"
    out.mkdir()
    converter = ["--provider", "aws-cur", "--data-format", "csv", "--data-path", str(cur)]
    toolkit = ["--cost-and-usage", str(focus), "--source-version", "1.2", "--mode", "synthetic"]
    commands = {
        ("CUR csv.gz", "focus-converter"): [
            *("convert", *converter, "--export-path", str(out), "--export-format", "parquet")
        ],
        ("FOCUS parquet", "focus-toolkit"): [
            *("convert", *toolkit, "--no-validate", "--exit-policy", "pipeline"),
            *("--out", str(out / "toolkit")),
        ],
    }
    found, skipped = [], []
    for (file, program), arguments in commands.items():
        if not (venv / "bin" / program).exists():
            skipped.append(f"no {program} in {venv / 'bin'}")
            continue
        if program == "focus-converter":
            _plain_cur(folder, cur, rows)
        else:
            _plain_focus(folder, focus, rows)
        try:
            found.append(_peer(file, program, [str(venv / "bin" / program), *arguments], rows))
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            skipped.append(f"{program} did not finish: {str(error)[-200:]}")
    return found, skipped


def _peer(file: str, program: str, command: list[str], rows: int) -> Measured:
    """CPU and memory of the program and its children, as the system counted them."""
    timed = (
        "import json,resource,subprocess,sys;"
        f"subprocess.run(sys.argv[1:],check=True,capture_output=True,timeout={_TIMEOUT_S});"
        "u=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([u.ru_utime+u.ru_stime,u.ru_maxrss/1024]))"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", timed, *command], check=True, capture_output=True, text=True
    )
    wall = time.perf_counter() - started
    cpu, peak = json.loads(done.stdout)
    return Measured(file=file, program=program, rows=rows, cpu_s=cpu, wall_s=wall, peak_mb=peak)


def _plain_cur(folder: Path, target: Path, rows: int) -> None:
    """The same rows unpacked; focus_converter wants a column that the generated report lacks."""
    packed = folder / "peer_cur.csv.gz"
    write_cur(packed, rows)
    with gzip.open(packed, "rt", encoding="utf-8") as source, target.open("w") as sink:
        for number, line in enumerate(source):
            more = "AWS" if number else "bill/InvoicingEntity"
            sink.write(f"{line.rstrip()},{more}\n")


def _plain_focus(folder: Path, target: Path, rows: int) -> None:
    """The same rows as CSV without exponents, which focus-data-toolkit refuses."""
    packed = folder / "peer_focus.parquet"
    write_focus(packed, rows)
    table = pq.read_table(packed)
    with target.open("w", newline="", encoding="utf-8") as sink:
        writer = csv.writer(sink)
        writer.writerow(table.column_names)
        for batch in table.to_batches(max_chunksize=10_000):
            writer.writerows([_cell(one) for one in row.values()] for row in batch.to_pylist())


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, list):
        return json.dumps(dict(value))
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return "" if value is None else str(value)


def _say(found: Sequence[Measured], skipped: Sequence[str], asked: argparse.Namespace) -> None:
    names = ("tieout", "pyarrow", "duckdb", "numpy")
    lines = [
        f"{asked.rows:,} rows, medians of {asked.runs} runs; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
        + f"; {os.cpu_count()} CPUs",
        f"goal: {GOAL_CPU}",
        f"{'file':14} {'program':16} {'rows/s':>10} {'CPU s':>8} {'wall s':>8} {'peak MB':>8}",
    ]
    for one in found:
        speed = one.rows / one.wall_s
        lines.append(
            f"{one.file:14} {one.program:16} {speed:>10,.0f} {one.cpu_s:>8.1f} {one.wall_s:>8.1f} "
            f"{one.peak_mb:>8,.0f}"
        )
    lines += [*_ratios(found), *skipped]
    sys.stdout.write("\n".join(lines) + "\n")


def _ratios(found: Sequence[Measured]) -> list[str]:
    lines = []
    for ours in (one for one in found if one.program == "ours"):
        for other in (one for one in found if one.file == ours.file and one is not ours):
            cpu = (ours.cpu_s / ours.rows) / (other.cpu_s / other.rows)
            speed = (ours.rows / ours.wall_s) / (other.rows / other.wall_s)
            lines.append(
                f"{ours.file}: ours takes {cpu:.2f}x the CPU of {other.program} for a row, and "
                f"does {speed:.1f}x its rows a second"
            )
    return lines


if __name__ == "__main__":
    main()
