"""One demo deployment in one folder: database, lake, stand-ins and Airflow, wired together.

Owns the wiring. `run.py`, `up.py` and `down.py` are its users; nothing of tieout itself imports it.
"""

import fcntl
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from demo import airflow, postgres
from demo.story import OCTOBER, clock
from tieout.config import ProviderConnection, Secret, Settings, connection_from_environment
from tieout.publish import pack_keys
from tieout.steps import context, people
from tieout.store import migrate

REPOSITORY = Path(__file__).resolve().parents[1]
POLICIES = REPOSITORY / "sample" / "policies"
LEAST_FREE_BYTES = 1_000_000_000


class DemoError(Exception):
    """The demo cannot go on; the text is one sentence for a person."""


INVOICE_WAIT_S = "60"  # the story brings what there is well before


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A prepared home: database migrated, people loaded, logins known."""

    home: Path
    logins: postgres.Logins
    own_server: bool

    def calendar(self) -> date:
        """The day of the story that an earlier run came to; it never goes back."""
        file = self.home / "as_of"
        return date.fromisoformat(file.read_text()) if file.exists() else OCTOBER.draft_on

    def move_calendar(self, day: date) -> None:
        """Remember that the story has come to this day."""
        (self.home / "as_of").write_text(str(day))

    def settings(self) -> Settings:
        """What the steps are given when the demo calls them itself."""
        return Settings(
            home=self.home,
            lake_url=(self.home / "lake").as_uri(),
            publish_url=(self.home / "published").as_uri(),
            worker_database_url=Secret(self.logins.worker_url),
            web_database_url=Secret(""),
            owner_database_url=Secret(""),
            allow_loopback=True,
            demo=True,
            signing_key=str(self.signing_key()),
            anchor_url=self.anchor_url,
        )

    def signing_key(self) -> Path:
        """The key of checkpoints, made once; the demo stands for the deployer, no task has it."""
        file = self.home / "checkpoint.key"
        if not file.exists():
            pack_keys.make_key(file)
        return file

    @property
    def anchor_url(self) -> str:
        """Where checkpoints are copied to, out of the database's reach."""
        return (self.home / "anchors").as_uri()

    def worker(self, connections: Mapping[str, str]) -> context.Context:
        """The context of a worker, with connections as the environment would give them."""

        def connection(provider: str) -> ProviderConnection:
            return connection_from_environment(provider, connections)

        return context.make(
            settings=self.settings(), connection=connection, now=clock(self.calendar())
        )

    def airflow(
        self, connections: Mapping[str, str], *, port: int, today: date
    ) -> airflow.AirflowSettings:
        """Airflow over this home, on this day of the story at least.

        Only its API server learns the login that may sign.
        """
        settings = self.settings()
        shared = {
            "TIEOUT_HOME": str(self.home),
            "TIEOUT_LAKE_URL": settings.lake_url,
            "TIEOUT_PUBLISH_URL": settings.publish_url,
            "TIEOUT_DEMO": "1",
            "TIEOUT_DEMO_TODAY": str(today),
            "TIEOUT_PREPARERS": "maria",
            "TIEOUT_CONTROLLERS": "chen",
            "TIEOUT_ANCHOR_URL": self.anchor_url,
            "TIEOUT_INVOICE_POKE_S": "2",
            "TIEOUT_INVOICE_WAIT_S": INVOICE_WAIT_S,
            "TIEOUT_RETRY_DELAY_S": "2",
        }
        return airflow.AirflowSettings(
            home=self.home,
            port=port,
            database_url=self.logins.airflow_url,
            worker={"TIEOUT_WORKER_DATABASE_URL": self.logins.worker_url, **connections},
            web={"TIEOUT_WEB_DATABASE_URL": self.logins.web_url},
            shared=shared,
        )


def home_folder() -> Path:
    """Where this checkout keeps its demo: `TIEOUT_HOME`, or `.tieout` beside the Makefile."""
    return Path(os.environ.get("TIEOUT_HOME", REPOSITORY / ".tieout")).resolve()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One program at a time in a home.

    Raises:
        DemoError: another one works here.
    """
    (home / "logs").mkdir(parents=True, exist_ok=True)
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"Another `make run` or `make up` works in {home}: wait for it, or stop it first."
            ) from None
        yield


def prepare(home: Path) -> Deployment:
    """Database, logins, schema and people; run again it changes nothing.

    Raises:
        DemoError: too little disk.
    """
    free = shutil.disk_usage(home).free
    if free < LEAST_FREE_BYTES:
        raise DemoError(
            f"{home} has {free // 1_000_000} MB free, expected at least "
            f"{LEAST_FREE_BYTES // 1_000_000} MB: make room or set TIEOUT_HOME elsewhere."
        )
    given = os.environ.get("TIEOUT_DATABASE_URL")
    admin_url = given or postgres.start(home).admin_url
    logins = postgres.prepare(admin_url, home)
    migrate.upgrade(logins.owner_url)
    register = POLICIES / "people.yaml"
    people.load(logins.owner_url, register.read_text(encoding="utf-8"), name=register.name)
    made = Deployment(home=home, logins=logins, own_server=given is None)
    _write_shell_file(made)
    return made


def _write_shell_file(made: Deployment) -> None:
    """What a shell needs to run `tieout` on this home while its database is up."""
    settings = made.settings()
    values = {
        "TIEOUT_HOME": str(made.home),
        "TIEOUT_LAKE_URL": settings.lake_url,
        "TIEOUT_PUBLISH_URL": settings.publish_url,
        "TIEOUT_WORKER_DATABASE_URL": made.logins.worker_url,
        "TIEOUT_ALLOW_LOOPBACK": "1",
        "TIEOUT_DEMO": "1",
    }
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in values.items()]
    programs = shlex.quote(str(Path(sys.executable).parent))
    private = os.open(made.home / "env", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(private, "w") as file:
        file.writelines([*lines, f"export PATH={programs}:$PATH\n"])


def release(deployment: Deployment) -> None:
    """Stop the database, if it is ours."""
    if deployment.own_server:
        postgres.stop(deployment.home)
