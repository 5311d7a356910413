"""A Spark cluster of one master and two workers on the loopback interface, as a context manager.

It runs PySpark's own programs from `.tools/spark` (demo/tools.sh installs it) on Java 17 or later.
Every process is a child of the test run on a free port and is ended with the block, executors too.
"""

import http.client
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.emulators import LOOPBACK, START_SECONDS, _environment, _running, _tool, free_port

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("spark_driver.py")
JAVA_MINOR = 17  # what Spark 4 asks for
WORKERS = 2
DRIVER_SECONDS = 280
# processes that live for seconds: a second compiler, and proving again that Spark's own classes are
# well formed, would cost more than all that is computed
_FLAGS = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC "
    "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)
_DEFAULTS = {
    "spark.cores.max": str(WORKERS),
    "spark.driver.extraJavaOptions": _FLAGS,
    "spark.driver.memory": "512m",
    "spark.executor.cores": "1",
    "spark.executor.extraJavaOptions": _FLAGS,
    "spark.executor.memory": "512m",
    "spark.pyspark.python": "/there/is/none",  # no worker may need Python
    "spark.sql.shuffle.partitions": str(WORKERS),
    "spark.task.maxFailures": "1",  # what must fail fails at once
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running cluster; `environment` is what each of its programs and drivers needs."""

    python: Path
    programs: Path
    url: str
    home: Path
    environment: dict[str, str]

    def run(self, jobs: Sequence[dict[str, Any]], *, engine: str) -> list[str]:
        """What `spark_driver.py` answers: a text a job, empty for success."""
        told = self.home / "jobs.json"
        told.write_text(json.dumps({"engine": engine, "jobs": list(jobs)}))
        answer = subprocess.run(
            [str(self.python), str(DRIVER), str(told)],
            cwd=self.home,
            env=_environment(self.environment | {"PYTHONPATH": str(ROOT / "include")}),
            capture_output=True,
            text=True,
            timeout=DRIVER_SECONDS,
            check=False,
        )
        if answer.returncode != 0:
            raise RuntimeError(f"the Spark driver stopped: {answer.stderr[-4000:]}")
        outcomes: list[str] = json.loads(answer.stdout.rsplit("\n", 2)[-2])
        return outcomes


@contextmanager
def running_cluster(home: Path) -> Iterator[Cluster]:
    """One master and two workers of one core each; skips the test where they cannot run."""
    python = _tool("spark/bin/python", "PySpark")
    _need_java()
    (spark,) = (python.parents[1] / "lib").glob("python3*/site-packages/pyspark")
    environment = {
        "SPARK_HOME": str(spark),
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_CONF_DIR": str(home),
        "SPARK_DAEMON_JAVA_OPTS": _FLAGS,
        "SPARK_DAEMON_MEMORY": "256m",
    }
    lines = [f"{name} {value}\n" for name, value in _DEFAULTS.items()]
    (home / "spark-defaults.conf").write_text("".join(lines))
    port, pages = free_port(), free_port()
    url = f"spark://{LOOPBACK}:{port}"
    with ExitStack() as stack:
        stack.enter_context(
            _daemon(spark, home / "master", environment, port=port, pages=pages, more=())
        )
        for number in range(WORKERS):
            folder = home / f"worker-{number}"
            more = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder), url)
            stack.enter_context(
                _daemon(spark, folder, environment, port=free_port(), pages=0, more=more)
            )
        _wait_for_workers(pages)
        yield Cluster(
            python=python, programs=spark / "bin", url=url, home=home, environment=environment
        )


@contextmanager
def running_connect_server(cluster: Cluster) -> Iterator[str]:
    """A Spark Connect server whose driver uses the cluster: its address for `TIEOUT_ENGINE`."""
    port = free_port()
    home = cluster.home / "connect"
    home.mkdir()
    settings = {"port": str(port), "address": LOOPBACK}
    given = [f"--conf=spark.connect.grpc.binding.{key}={text}" for key, text in settings.items()]
    server = "org.apache.spark.sql.connect.service.SparkConnectServer"
    program = [str(cluster.programs / "spark-submit"), "--master", cluster.url, "--class", server]
    # the program counts as a daemon, and Spark wants more memory for a driver than for those
    environment = cluster.environment | {"SPARK_DAEMON_MEMORY": "640m"}
    command = [*program, *given, "spark-internal"]
    with _running(command, home=home, port=port, environment=environment):
        yield f"sc://{LOOPBACK}:{port}"


def _need_java() -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip(f"Spark needs Java {JAVA_MINOR} or later, and java is not on PATH")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < JAVA_MINOR:
        pytest.skip(f"Spark needs Java {JAVA_MINOR} or later, found {told[:60]!r}")


@contextmanager
def _daemon(
    spark: Path,
    home: Path,
    environment: dict[str, str],
    *,
    port: int,
    pages: int,
    more: Sequence[str],
) -> Iterator[None]:
    home.mkdir()
    kind = "worker.Worker" if more else "master.Master"
    command = [str(spark / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}"]
    where = ["--host", LOOPBACK, "--port", str(port), "--webui-port", str(pages)]
    with _running([*command, *where, *more], home=home, port=port, environment=environment):
        yield


def _wait_for_workers(pages: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    alive = 0
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(LOOPBACK, pages, timeout=10)
        try:
            connection.request("GET", "/json/")
            alive = int(json.load(connection.getresponse())["aliveworkers"])
        finally:
            connection.close()
        if alive == WORKERS:
            return
        time.sleep(0.2)
    raise RuntimeError(f"{alive} workers reached the master, expected {WORKERS}")
