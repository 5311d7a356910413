"""Run programs alone in a process, in turns, and say what each took.

Owns the measuring: CPU-seconds (user and system) and peak memory of the process and its children,
as the kernel counted them. Knows no program. Imports little, because a child starts with the
parent's peak.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

_TIMEOUT_S = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one run took."""

    cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs of one program."""

    used: tuple[Used, ...]

    def cpu_s(self) -> float:
        """The median of the CPU-seconds."""
        return statistics.median(one.cpu_s for one in self.used)

    def peak_mb(self) -> float:
        """The largest peak."""
        return max(one.peak_mb for one in self.used)

    def spread(self) -> str:
        """How many runs, from which to which."""
        seconds = [one.cpu_s for one in self.used]
        return f"{len(seconds)}x {min(seconds):.2f}-{max(seconds):.2f}"


class RunFailedError(Exception):
    """A program did not end well; the text holds the end of what it said."""


def run(command: Sequence[str]) -> Used:
    """Run one program to its end.

    Raises:
        RunFailedError: it ended with an error, or took longer than an hour.
    """
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=said, stderr=said)
        watch = threading.Timer(_TIMEOUT_S, process.kill)
        watch.start()
        _, status, used = os.wait4(process.pid, 0)
        watch.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        if process.returncode:
            said.seek(0)
            raise RunFailedError(f"{' '.join(command[:4])}: {said.read()[-600:].decode()}")
    return Used(cpu_s=used.ru_utime + used.ru_stime, wall_s=wall, peak_mb=used.ru_maxrss / 1024)


def in_turns(
    programs: Mapping[str, Sequence[str]], *, runs: int, patience_s: float
) -> dict[str, Runs]:
    """Run every program `runs` times, in turns, so that a busy hour hits all of them.

    A program stops early when another run would take it over `patience_s` CPU-seconds in all; the
    number of its runs is part of what it says.
    """
    found: dict[str, list[Used]] = {name: [] for name in programs}
    for turn in range(runs):
        for name, command in programs.items():
            spent = [one.cpu_s for one in found[name]]
            if turn and sum(spent) + max(spent) > patience_s:
                continue
            found[name].append(run(command))
            sys.stderr.write(f"{name}: {found[name][-1].cpu_s:.2f} CPU-s\n")
    return {name: Runs(tuple(used)) for name, used in found.items()}


def _environment() -> dict[str, str]:
    """One environment for all: compiled modules are kept, and no program needs linear algebra."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {
        "PYTHONPATH": f"{ROOT / 'include'}{os.pathsep}{ROOT}",
        "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "tieout-bench-bytecode"),
        "OPENBLAS_NUM_THREADS": "1",
    }
