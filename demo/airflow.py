"""Airflow on this machine: its settings, its four processes, their start and their end.

Owns processes and nothing of finance. Only the API server is given the database login that may
record a signature; only the scheduler, whose children are the tasks, is given the providers.
Start programs that import this as `python -m demo.<name>`: run as a file, the folder demo/ would
stand first on the module path and this module would hide Airflow's own package.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from demo.airflow_api import AirflowApi

REPOSITORY = Path(__file__).resolve().parent.parent
LAST_DAY = "2026-10-31"  # the sample ends here; the scheduler would go on with yesterday
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
DAGS = ("daily_sync", "monthly_close", "reapply")
PROVIDERS = ("aws", "gcp", "azure", "openai", "anthropic")
# More than the workers, so that a worker never waits for the next look of the scheduler.
POOL_SLOTS = 16

# Demo people of Airflow's own simple log-in, on loopback. Roles are Airflow's, not finance's.
ROLES = {"maria": "user", "chen": "user", "admin": "admin"}
PASSWORDS = {name: f"{name}-demo" for name in ROLES}


# Airflow imports this file, by name, in all its processes. Tasks are forked from the scheduler, so
# what the scheduler has imported once, 130 tasks need not import again (0.5 to 1.5 s each).
LOCAL_SETTINGS = """
import sys

if "scheduler" in sys.argv:
    import anthropic, boto3, openai
    from tieout import orchestration
    from tieout.sources.providers import anthropic as _, aws as _, openai as _
    from tieout.steps import allocate, classify, close, normalise, post, publish, pull, rate
    from tieout.steps import reconcile
"""


class AirflowNotUpError(Exception):
    """A process of Airflow ended, or did not become healthy in time; the text says which, why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowSettings:
    """Where this Airflow lives and what each kind of process may know.

    `worker` and `web` hold secrets and reach only the scheduler with its tasks, and only the API
    server; `shared` reaches all four.
    """

    home: Path
    port: int
    database_url: str
    worker: Mapping[str, str]
    web: Mapping[str, str]
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def component_environment(settings: AirflowSettings, component: str) -> dict[str, str]:
    """The whole environment of one process; least knowledge, see `AirflowSettings`."""
    known = {"api-server": settings.web, "scheduler": settings.worker}.get(component, {})
    return _environment(settings) | dict(known)


def migrate(settings: AirflowSettings) -> None:
    """Write the log-in file and create or upgrade Airflow's own tables."""
    home = settings.home / "airflow"
    for folder in (home / "config", settings.home / "logs"):
        folder.mkdir(parents=True, exist_ok=True)
    (home / "config" / "airflow_local_settings.py").write_text(LOCAL_SETTINGS)
    _write_private(home / "passwords.json", json.dumps(PASSWORDS))
    with (settings.home / "logs" / "migrate.log").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=_environment(settings),
            cwd=home,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
        )


@contextmanager
def running(
    settings: AirflowSettings,
    *,
    timeout_s: float = 300,
    pages_are_up: Callable[[], None] | None = None,
) -> Iterator[AirflowApi]:
    """Airflow, healthy, with the DAGs read and the pool made; stopped cleanly on leaving.

    With `pages_are_up` the API server, which is all that pages need, starts before the others, and
    this is called as soon as it answers.

    Yields:
        The REST API, logged in as the administrator.

    Raises:
        AirflowNotUpError: a process ended, or it was not healthy after `timeout_s` seconds.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Told to end."))  # passes the finally below
    processes: dict[str, subprocess.Popen[bytes]] = {}
    give_up_at = time.monotonic() + timeout_s
    try:
        with AirflowApi(settings.url) as api:
            if pages_are_up is not None:
                _start_all(settings, processes, COMPONENTS[:1])
                _wait(settings, processes, api.not_answering, give_up_at)
                pages_are_up()
            _start_all(settings, processes, COMPONENTS)
            healthy = partial(api.not_ready, DAGS, user="admin", password=PASSWORDS["admin"])
            _wait(settings, processes, healthy, give_up_at)
            for provider in PROVIDERS:
                api.make_pool(f"tieout_{provider}", slots=POOL_SLOTS)
            yield api
    finally:
        stop(processes)
        stop_stale(settings.home)


def stop_stale(home: Path) -> None:
    """End what an earlier run in this home left behind because it was killed."""
    file = home / "airflow" / "processes.json"
    if not file.exists():
        return
    groups = set(json.loads(file.read_text()).values())
    listing = subprocess.run(
        ["ps", "-eo", "pgid=,command="], capture_output=True, text=True, check=True
    ).stdout
    for line in listing.splitlines():
        group, command = line.split(maxsplit=1)
        if int(group) in groups and "airflow" in command:
            with suppress(ProcessLookupError):
                os.killpg(int(group), signal.SIGKILL)
    file.unlink()


def stop(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """End the processes and all their children: asked first, killed when they take too long.

    The scheduler goes first, because its tasks still report to the API server. The triggerer
    holds nothing, but would wait ten seconds for its children.
    """
    for names, grace_s in ((("scheduler", "dag-processor"), 15), (("triggerer", "api-server"), 3)):
        ending = [processes[name] for name in names if name in processes]
        for process in ending:
            if process.poll() is None:
                process.terminate()
        give_up_at = time.monotonic() + grace_s
        for process in ending:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, give_up_at - time.monotonic()))
            _kill_group(process)
            process.wait()


def stay() -> None:
    """While it is `running`: wait for Ctrl-C."""
    print("Ctrl-C stops it.", flush=True)
    try:
        signal.pause()
    except (KeyboardInterrupt, SystemExit):
        print("Stopping.")


def _environment(settings: AirflowSettings) -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    home = settings.home / "airflow"
    options = {
        "core": {
            "dags_folder": str(REPOSITORY / "dags"),
            "plugins_folder": str(REPOSITORY / "plugins"),
            "executor": "LocalExecutor",
            "parallelism": "8",
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "hostname_callable": "socket.gethostname",
            "execution_api_server_url": f"{settings.url}/execution/",
            "fernet_key": _secret(home / "fernet_key", size=32),
            "sensitive_var_conn_names": "admin_key,account_key,account_sas,sig,signing_key,salt",
            "simple_auth_manager_users": ",".join(f"{n}:{role}" for n, role in ROLES.items()),
            "simple_auth_manager_passwords_file": str(home / "passwords.json"),
        },
        "database": {"sql_alchemy_conn": settings.database_url},
        "api": {
            "host": "127.0.0.1",
            "port": str(settings.port),
            "base_url": settings.url,
            "workers": "1",
            "expose_config": "False",
            "secret_key": _secret(home / "api_secret"),
        },
        "api_auth": {"jwt_secret": _secret(home / "jwt_secret"), "jwt_expiration_time": "28800"},
        "scheduler": {
            "scheduler_idle_sleep_time": "0.1",
            # a task that was running when everything was killed is found and run again soon
            "scheduler_health_check_threshold": "15",
            "orphaned_tasks_check_interval": "10",
            "task_instance_heartbeat_timeout": "60",
        },
        # a supervisor that misses the end of its task by a hair sleeps this long: 1 s, not 5
        "workers": {"min_heartbeat_interval": "1"},
        "dag_processor": {"parsing_processes": "1", "min_file_process_interval": "300"},
        "usage_data_collection": {"enabled": "False"},
    }
    variables = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": value
        for section, entries in options.items()
        for option, value in entries.items()
    }
    return (
        {name: os.environ[name] for name in kept if name in os.environ}
        | {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(REPOSITORY / "include")}
        | {"PYTHONUNBUFFERED": "1", "TIEOUT_LAST_DAY": LAST_DAY}
        | variables
        | dict(settings.shared)
    )


def _start(settings: AirflowSettings, component: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "airflow", component]
    if component in {"scheduler", "triggerer"}:
        command.append("--skip-serve-logs")  # the API server reads the same log folder
    log_file = settings.home / "logs" / f"{component}.log"
    with log_file.open("ab") as log:
        return subprocess.Popen(
            command,
            env=component_environment(settings, component),
            cwd=settings.home / "airflow",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # one group, so that no child outlives the component
        )


def _start_all(
    settings: AirflowSettings,
    processes: dict[str, subprocess.Popen[bytes]],
    components: Sequence[str],
) -> None:
    """Start those that do not run yet, and write down all that do, for `stop_stale`."""
    for component in components:
        if component not in processes:
            processes[component] = _start(settings, component)
        groups = {name: process.pid for name, process in processes.items()}
        file = settings.home / "airflow" / "processes.json"
        file.write_text(json.dumps(groups))


def _wait(
    settings: AirflowSettings,
    processes: Mapping[str, subprocess.Popen[bytes]],
    missing: Callable[[], str],
    give_up_at: float,
) -> None:
    """Until nothing is `missing` any more, which says what is, in words."""
    waiting_for = "the API server"
    while waiting_for:
        for component, process in processes.items():
            if process.poll() is not None:
                log = settings.home / "logs" / f"{component}.log"
                raise AirflowNotUpError(f"Airflow's {component} ended at its start; see {log}.")
        if time.monotonic() > give_up_at:
            raise AirflowNotUpError(
                f"Airflow waited too long for {waiting_for}; see {settings.home / 'logs'}."
            )
        time.sleep(0.25)
        waiting_for = missing()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _secret(path: Path, *, size: int = 64) -> str:
    """`size` random bytes as base64, kept in a private file that the first call writes."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(path, urlsafe_b64encode(secrets.token_bytes(size)).decode())
    return path.read_text()


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
