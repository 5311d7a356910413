"""How tests call the command line: in this process, or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest import mock

import structlog

from tieout import log
from tieout.cli import main

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a command ended and what it said to a person."""

    code: int
    out: str
    error: str


def in_a_process(arguments: Sequence[str], environment: Mapping[str, str]) -> Answer:
    """Run the command as a shell would; log lines are left out of `error`."""
    done = subprocess.run(
        [sys.executable, "-m", "tieout.cli.main", *arguments],
        env={**_own(environment)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    return Answer(code=done.returncode, out=done.stdout, error="\n".join(said))


def here(arguments: Sequence[str], environment: Mapping[str, str]) -> Answer:
    """The same in this process, which saves the two seconds that importing everything takes."""
    out, error, code = StringIO(), StringIO(), 0
    with (
        mock.patch.dict(os.environ, _own(environment), clear=True),
        mock.patch.object(sys, "argv", ["tieout", *arguments]),
        mock.patch.object(log, "configure"),
        redirect_stdout(out),
        redirect_stderr(error),
    ):
        structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=StringIO()))
        try:
            main.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            structlog.reset_defaults()
    return Answer(code=code, out=out.getvalue(), error=error.getvalue().rstrip("\n"))


def _own(environment: Mapping[str, str]) -> dict[str, str]:
    own = {"PYTHONPATH": str(ROOT / "include"), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return {"PATH": os.environ["PATH"], **own}
