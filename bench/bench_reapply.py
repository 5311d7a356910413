"""How fast a rule change over a year is answered: `python -m bench.bench_reapply`.

Twelve months of charges (1,000,000 rows, or `--rows`, or the environment's BENCH_ROWS), 200 and
1,000 ordered rules. Every program runs cold, alone in a process, in turns with the others; figures
are medians of CPU-seconds of the process tree. No ratio is printed before the results it compares
were found equal to the last unit. Peers run from `--peers VENV`; one that is not there is named.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.reapply_runs import ROOT, RunFailedError, Runs, in_turns, run
from bench.results import FILE, Result, merge, python_version, table

_FILES_VERSION = 1  # another number makes the files anew
_AGENTFIN_ROWS = 10_000
_ALLOCATOR_POOLS = 20
_SHARES_A_SECOND = 1_000_000
_PEAK_MB = 1_000
_DELTA_AT_MOST, _MEMORY_AT_LEAST, _AGENTFIN_AT_LEAST = 0.5, 4, 1_000  # goals, as ratios
DELTA = "delta of 5 % of 200 rules / our full"
_PEERS = ("pandas", "pyarrow", "agentfin", "openaimeter", "cloud-cost-allocation")


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything is, and what came out of the runs."""

    rows: int
    year: Path
    tenth: Path
    rules: Path
    out: Path
    peer: Path | None
    versions: Mapping[str, str]

    def figure(self, ours: Runs, other: Runs | None, name: str, goal: str, **more: Any) -> Result:
        """A comparison in CPU-seconds; `at_least` or `at_most` is the ratio wanted."""
        name = f"{name}, {self.rows:,} rows"
        if other is None:
            return _unmeasured(name, "CPU-s", goal, self.versions, more["why"])
        ratio, met = _judged(ours.cpu_s(), other.cpu_s(), more)
        note = f"{ours.spread()} against {other.spread()}"
        return Result(
            name=name,
            ours=ours.cpu_s(),
            other=other.cpu_s(),
            unit="CPU-s",
            ratio=ratio,
            goal=goal,
            met=met,
            versions=dict(self.versions),
            note=note,
        )


def main() -> None:
    """Make the files, run everything, check, print and store."""
    asked = _arguments()
    bench = _prepared(asked)
    runs = in_turns(_programs(bench), runs=asked.runs, patience_s=asked.patience)
    _check(bench)
    results = list(_reapplies(bench, runs))
    results += _pandas(bench, runs)
    results += _agentfin(bench, runs["rows"])
    results += _splits(bench)
    merge(results, asked.json)
    sys.stdout.write(f"{asked.rows:,} rows; {json.dumps(bench.versions)}\n{table(results)}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.bench_reapply")
    rows = int(os.environ.get("BENCH_ROWS", "1000000"))
    parser.add_argument("--rows", type=int, default=rows)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers", type=Path, help="virtual environment with the peers")
    parser.add_argument("--patience", type=float, default=400.0, help="CPU-seconds a program")
    folder = Path(tempfile.gettempdir()) / "tieout-bench"
    parser.add_argument("--folder", type=Path, default=folder, help="keeps the made files")
    parser.add_argument("--json", type=Path, default=FILE, help="file to merge the results into")
    return parser.parse_args()


def _prepared(asked: argparse.Namespace) -> Bench:
    """The files, made once for each number of rows."""
    base = asked.folder / f"reapply-{_FILES_VERSION}"
    years = [base / f"rows-{rows}" for rows in (asked.rows, asked.rows // 10)]
    for year, rows in zip(years, (asked.rows, asked.rows // 10), strict=True):
        if not (year / "files.json").exists():
            run(_ours("reapply_data", rows, year))
    run(_ours("reapply_rules", base))
    run(_ours("reapply_split", "make", base / "pools.json"))
    out = base / "out"
    out.mkdir(exist_ok=True)
    peer = asked.peers / "bin" / "python" if asked.peers else None
    counts = json.loads((years[0] / "files.json").read_text())["counts"]
    sys.stderr.write(f"{json.dumps(counts)}\n")
    return Bench(asked.rows, years[0], years[1], base, out, peer, _versions(peer))


def _programs(bench: Bench) -> dict[str, list[str]]:
    year, rules, out = bench.year, bench.rules, bench.out
    changed = rules / "rules_200_changed.yaml"
    reapply, duckdb = "reapply_ours", "reapply_duckdb"
    programs = {
        "full 200": _ours(reapply, "full", year, rules / "rules_200.yaml", out / "200"),
        "full 1000": _ours(reapply, "full", year, rules / "rules_1000.yaml", out / "1000"),
        "full changed": _ours(reapply, "full", year, changed, out / "changed"),
        "full tenth": _ours(reapply, "full", bench.tenth, rules / "rules_200.yaml", out / "10th"),
        "delta": _ours(reapply, "delta", year, changed, out / "delta", rules / "rules_200.yaml"),
        "rows": _ours(reapply, "rows", year, rules / "rules_500.yaml", out / "rows"),
        "start": _ours(reapply, "start", year, changed, out / "start"),
        "floor": _ours(duckdb, "floor", year),
        "case 200": _ours(duckdb, "case", year, rules / "case_200.sql", out / "case_200"),
        "case 1000": _ours(duckdb, "case", year, rules / "case_1000.sql", out / "case_1000"),
    }
    if bench.peer and "pandas" in bench.versions:
        script = ROOT / "bench" / "peers" / "pandas_reapply.py"
        arguments = (year, rules / "rules_200.json", out / "pandas")
        programs["pandas"] = [str(bench.peer), str(script), *map(str, arguments)]
    return programs


def _check(bench: Bench) -> None:
    """Every ledger that is compared is the same ledger."""
    out = bench.out
    same = [("200", "case_200"), ("1000", "case_1000")]
    if "pandas" in bench.versions:
        same.append(("200", "pandas"))
    for ours, other in same:
        run(_ours("reapply_check", "ledgers", out / ours, out / other))
    run(_ours("reapply_check", "moved", out / "200", out / "delta", out / "changed"))


def _reapplies(bench: Bench, runs: Mapping[str, Runs]) -> Iterator[Result]:
    full, many = runs["full 200"], runs["full 1000"]
    compare = bench.figure
    least = [
        (full, "case 200", "reapply 200 rules / CASE", 25),
        (many, "case 1000", "reapply 1,000 rules / CASE", 50),
    ]
    for ours, other, name, times in least:
        yield compare(ours, runs[other], name, f">= {times}x less", at_least=times)
    most = [
        (many, "full 200", "reapply 1,000 rules / our 200", 1.5),
        (full, "floor", "reapply 200 rules / two-column sum", 3),
        (full, "full tenth", "reapply 200 rules / a tenth of the rows", 2),
        (runs["delta"], "full changed", DELTA, 0.5),
    ]
    for ours, other, name, limit in most:
        yield compare(ours, runs[other], name, f"<= {limit}x", at_most=limit)
    yield _warm(bench, runs)
    peak = max(full.peak_mb(), many.peak_mb(), runs["delta"].peak_mb())
    yield Result(
        name=f"peak memory of our reapply, {bench.rows:,} rows",
        ours=peak,
        other=runs["case 200"].peak_mb(),
        unit="MB",
        ratio=runs["case 200"].peak_mb() / peak,
        goal=f"< {_PEAK_MB:,} MB",
        met=peak < _PEAK_MB,
        versions=dict(bench.versions),
        note="other: CASE of 200 rules in DuckDB",
    )


def _warm(bench: Bench, runs: Mapping[str, Runs]) -> Result:
    """The delta again without what every process pays for: start, imports, reading the rules."""
    start = runs["start"].cpu_s()
    delta, full = runs["delta"].cpu_s() - start, runs["full changed"].cpu_s() - start
    return Result(
        name=f"{DELTA}, without start and imports, {bench.rows:,} rows",
        ours=delta,
        other=full,
        unit="CPU-s",
        ratio=delta / full,
        goal="<= 0.5x (for information)",
        met=delta / full <= _DELTA_AT_MOST,
        versions=dict(bench.versions),
        note=f"start, imports and one rule file: {start:.2f} CPU-s",
    )


def _pandas(bench: Bench, runs: Mapping[str, Runs]) -> list[Result]:
    ours, other = runs["full 200"], runs.get("pandas")
    name, why = "reapply 200 rules / pandas, distinct first", "pandas is not in --peers"
    results = [bench.figure(ours, other, name, ">= 15x less", at_least=15, why=why)]
    name, goal = f"{name}, peak memory, {bench.rows:,} rows", ">= 4x less"
    if other is None:
        return [*results, _unmeasured(name, "MB", goal, bench.versions, why)]
    ratio = other.peak_mb() / ours.peak_mb()
    memory = Result(
        name=name,
        ours=ours.peak_mb(),
        other=other.peak_mb(),
        unit="MB",
        ratio=ratio,
        goal=goal,
        met=ratio >= _MEMORY_AT_LEAST,
        versions=dict(bench.versions),
    )
    return [*results, memory]


def _agentfin(bench: Bench, ours: Runs) -> list[Result]:
    """Rows a CPU-second: our whole cold process, against the peer's loop alone."""
    name, goal = f"classify by 500 rules / agentfin, {bench.rows:,} rows", ">= 1,000x rows/s"
    charges, out = bench.year / "charges_2026-01.parquet", bench.out / "agentfin"
    rules = bench.rules / "rules_500.json"
    why = _peer(bench, "agentfin", "agentfin_rows.py", charges, rules, _AGENTFIN_ROWS, out)
    if why:
        return [_unmeasured(name, "rows/CPU-s", goal, bench.versions, why)]
    run(_ours("reapply_check", "rows", bench.out / "rows", out))
    found = json.loads(out.read_text())
    theirs, own = found["rows"] / found["cpu_s"], bench.rows / ours.cpu_s()
    return [
        Result(
            name=name,
            ours=own,
            other=theirs,
            unit="rows/CPU-s",
            ratio=own / theirs,
            goal=goal,
            met=own / theirs >= _AGENTFIN_AT_LEAST,
            versions=dict(bench.versions),
            note=f"equal on {found['rows']:,} rows; ours {ours.spread()} CPU-s",
        )
    ]


def _splits(bench: Bench) -> list[Result]:
    """Shares a CPU-second of the splitting alone, with what is lost, unfair or negative."""
    pools, out = bench.rules / "pools.json", bench.out
    run(_ours("reapply_split", "ours", pools, out / "split"))
    own, ours = _judged_split(pools, out / "split")
    goal = ">= 1M shares/s, 0 units lost, none negative, worst share < 1 unit off"
    met = own >= _SHARES_A_SECOND and not ours["lost"] and not ours["negative"]
    met = met and ours["worst"] < 1
    results = []
    for package, script, more in (
        ("openaimeter", "openaimeter_split.py", []),
        ("cloud-cost-allocation", "cloud_cost_allocation_split.py", [_ALLOCATOR_POOLS]),
    ):
        name = f"split of 1,000,000 shares / {package}"
        why = _peer(bench, package, script, pools, out / package, *more)
        speed, theirs = (None, {}) if why else _judged_split(pools, out / package)
        results.append(
            Result(
                name=name,
                ours=own,
                other=speed,
                unit="shares/CPU-s",
                ratio=own / speed if speed else None,
                goal=goal,
                met=met,
                versions=dict(bench.versions),
                note=f"ours {_exactness(ours)}; {package} {why or _exactness(theirs)}",
            )
        )
    return results


def _judged_split(pools: Path, out: Path) -> tuple[float, dict[str, Any]]:
    """Shares a CPU-second, and the judgement of `reapply_split check`."""
    done = subprocess.run(
        _ours("reapply_split", "check", pools, out),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'include'}{os.pathsep}{ROOT}"},
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout)
    return found["shares"] / json.loads(out.read_text())["cpu_s"], found


def _exactness(found: Mapping[str, Any]) -> str:
    return (
        f"({found['shares']:,} shares: {found['lost']:,.0f} units lost, worst "
        f"{found['worst']:,.2f} units off, {found['negative']} negative)"
    )


def _peer(bench: Bench, package: str, script: str, *arguments: object) -> str:
    """Run a peer's program; the answer says why there is no result, or nothing."""
    if bench.peer is None:
        return "not measured: name a virtual environment with --peers"
    if package not in bench.versions:
        return f"not measured: {package} is not installed in {bench.peer.parents[1].name}"
    path = ROOT / "bench" / "peers" / script
    try:
        run([str(bench.peer), str(path), *map(str, arguments)])
    except RunFailedError as error:
        return f"not measured: it failed: {str(error)[-200:]}"
    return ""


def _ours(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"bench.{module}", *map(str, arguments)]


def _judged(ours: float, other: float, goal: Mapping[str, Any]) -> tuple[float, bool]:
    """The ratio that the goal speaks of: how many times less ours takes, or how many times more."""
    if "at_least" in goal:
        return other / ours, other / ours >= goal["at_least"]
    return ours / other, ours / other <= goal["at_most"]


def _unmeasured(name: str, unit: str, goal: str, versions: Mapping[str, str], why: str) -> Result:
    return Result(
        name=name,
        ours=None,
        other=None,
        unit=unit,
        ratio=None,
        goal=goal,
        met=None,
        versions=dict(versions),
        note=why,
    )


def _versions(peer: Path | None) -> dict[str, str]:
    found = {name: version(name) for name in ("tieout", "duckdb", "pyarrow", "numpy")}
    found |= python_version()
    if peer is not None:
        asked = (
            "import importlib.metadata as m\nfor d in m.distributions(): print(d.name, d.version)"
        )
        done = subprocess.run([str(peer), "-c", asked], capture_output=True, check=True, text=True)
        there = dict(line.split() for line in done.stdout.splitlines())
        found |= {name: there[name] for name in _PEERS if name in there and name not in found}
    return found


if __name__ == "__main__":
    main()
