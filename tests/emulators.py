"""Emulators as fixtures: Azurite, a BigQuery emulator, Prism, and the FOCUS conformance validator.

`demo/tools.sh` installs them under `.tools/` (or `$TIEOUT_TOOLS`). A test whose tool is absent is
skipped with the reason. Every process is a child of the test run, on a free port of the loopback
interface, and is ended with the session.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(os.environ.get("TIEOUT_TOOLS", Path(__file__).resolve().parents[1] / ".tools"))
LOOPBACK = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 90, 10
# the account that every Azurite has; its key is printed in Azurite's manual and guards nothing
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
FOCUS_DRIVER = Path(__file__).with_name("focus_driver.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """A running Azurite: Azure Blob Storage with one account."""

    account: str
    key: str
    blob_url: str  # with the account in its path: http://127.0.0.1:PORT/ACCOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class BigQueryEmulator:
    """A running BigQuery emulator. Use `client_options={"api_endpoint": rest_url}`."""

    rest_url: str
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRule:
    """A FOCUS rule that a file breaks: rule id, the rule's sentence, what the validator saw."""

    rule: str
    text: str
    message: str
    violations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusResult:
    """Verdict of the FOCUS validator on one file."""

    checked: int  # rules that were applied, composite rules included
    skipped: int  # rules that do not apply, or that no program can check
    failed: tuple[FailedRule, ...]


Prism = Callable[[Path], str]
FocusValidator = Callable[..., FocusResult]


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite without any container."""
    program = _tool("node/node_modules/.bin/azurite-blob", "Azurite")
    home = tmp_path_factory.mktemp("azurite")
    port = free_port()
    flags = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    command = [str(program), *flags, "--blobHost", LOOPBACK, "--blobPort", str(port)]
    with _running([*command, "--location", str(home)], home=home, port=port):
        url = f"http://{LOOPBACK}:{port}/{AZURITE_ACCOUNT}"
        yield Azurite(account=AZURITE_ACCOUNT, key=AZURITE_KEY, blob_url=url)


@pytest.fixture(scope="session")
def bigquery_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    """A BigQuery emulator without any dataset; tests make datasets under names of their own."""
    program = _tool("bq/bin/bqemulator", "the BigQuery emulator")
    home = tmp_path_factory.mktemp("bigquery")
    rest, grpc, project = free_port(), free_port(), "nordlicht-billing"
    command = f"{program} start --ephemeral --log-level warning --project {project}".split()
    ports = ["--rest-port", str(rest), "--grpc-port", str(grpc)]
    # the DuckDB extensions of the emulator were unpacked under this home
    extensions = {"HOME": str(TOOLS / "bq" / "home")}
    with _running([*command, *ports], home=home, port=rest, environment=extensions):
        yield BigQueryEmulator(rest_url=f"http://{LOOPBACK}:{rest}", project=project)


@pytest.fixture(scope="session")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prism]:
    """Gives a function: path of an OpenAPI file -> address of a server with its examples."""
    program = _tool("node/node_modules/.bin/prism", "Prism")
    started: dict[Path, str] = {}
    with ExitStack() as stack:

        def serve(specification: Path) -> str:
            path = specification.resolve()
            if path not in started:
                port = free_port()
                flags = f"mock --errors --host {LOOPBACK} --port {port}".split()
                home = tmp_path_factory.mktemp("prism")
                command = [str(program), *flags, str(path)]
                stack.enter_context(_running(command, home=home, port=port))
                started[path] = f"http://{LOOPBACK}:{port}"
            return started[path]

        yield serve


@pytest.fixture(scope="session")
def focus_validator() -> FocusValidator:
    """Gives a function: path of a CSV or Parquet file -> the validator's verdict.

    Keywords: `version` ("1.2" is the only one that comes with the validator), and `criteria`: which
    optional abilities the file claims ("ALL", or ids of the validator with commas).
    """
    python = _tool("focus/bin/python", "the FOCUS validator")

    def check(path: Path, *, version: str = "1.2", criteria: str = "ALL") -> FocusResult:
        # the validator opens files of its own package by a relative name
        (packages,) = (TOOLS / "focus" / "lib").glob("python3*/site-packages")
        answer = subprocess.run(
            [str(python), str(FOCUS_DRIVER), str(path.resolve()), version, criteria],
            cwd=packages,
            env=_environment({}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if answer.returncode != 0:
            raise RuntimeError(f"the FOCUS validator stopped: {answer.stderr[-2000:]}")
        verdict = json.loads(answer.stdout.rsplit("\n", 2)[-2])
        failed = tuple(FailedRule(**rule) for rule in verdict.pop("failed"))
        return FocusResult(failed=failed, **verdict)

    return check


def free_port() -> int:
    """A TCP port that nobody on the loopback interface uses at the moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _tool(inside: str, name: str) -> Path:
    path = TOOLS / inside
    if not path.exists():
        pytest.skip(f"{name} is not installed: demo/tools.sh puts it under {TOOLS.name}/")
    if "node_modules" in inside and shutil.which("node") is None:
        pytest.skip(f"{name} needs Node.js, which is not on PATH")
    return path


@contextmanager
def _running(
    command: Sequence[str],
    *,
    home: Path,
    port: int,
    environment: Mapping[str, str] | None = None,
    seconds: int = START_SECONDS,
) -> Iterator[None]:
    # where setpriv exists (util-linux), a killed test run takes its tools with it
    tied = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
    with (home / "output.log").open("w") as log:
        process = subprocess.Popen(
            [*tied, *command],
            cwd=home,
            env=_environment(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(process, port, home / "output.log", seconds)
            yield
        finally:
            _end(process)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The tools see the path and the locale, and neither credentials nor proxies."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    return kept | {"NO_PROXY": "*", "PYTHONDONTWRITEBYTECODE": "1"} | dict(extra)


def _wait_for(process: subprocess.Popen[Any], port: int, log: Path, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    tail = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} did not listen on port {port}: {tail}")


def _end(process: subprocess.Popen[Any]) -> None:
    """Ends the process and the children it started: all are in its own process group."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, ending)
            process.wait(timeout=STOP_SECONDS)
        except ProcessLookupError:
            process.wait(timeout=STOP_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
