"""What every step is given: settings, store, lake, connections and the clock; nothing global."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from tieout.config import ProviderConnection, Secret, Settings, utc_now
from tieout.core.errors import SettingError
from tieout.lake.files import Lake
from tieout.store.session import Store

# a page answers soon or says that it cannot
WEB_LOCK_TIMEOUT_MS = 2_000
WEB_STATEMENT_TIMEOUT_MS = 10_000

Summary = dict[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a step reports: keys, counts and amounts as text; never rows.

    `status` is `unchanged` when the same inputs had been worked on before and nothing was written.
    """

    step: str
    subject: str
    status: Literal["done", "unchanged"]
    summary: Summary = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Context:
    """The world of one step; store and lake open when first used."""

    settings: Settings
    connection: Callable[[str], ProviderConnection]
    now: Callable[[], datetime]
    database_url: Secret
    lock_timeout_ms: int = 30_000
    statement_timeout_ms: int = 0

    @cached_property
    def store(self) -> Store:
        """The ledger's database under this process's own login."""
        url = self.database_url.reveal()
        if not url:
            raise SettingError(
                "No database: expected TIEOUT_WORKER_DATABASE_URL (or TIEOUT_WEB_DATABASE_URL in "
                "the API server) to be set; `make run` sets both, see docs/reference/settings.md."
            )
        return Store(
            url,
            application_name="tieout",
            lock_timeout_ms=self.lock_timeout_ms,
            statement_timeout_ms=self.statement_timeout_ms,
        )

    @cached_property
    def lake(self) -> Lake:
        """The folder or bucket of immutable files."""
        return Lake(self.settings.lake_url)

    def close(self) -> None:
        """Give back the database connections, if any were opened."""
        if "store" in self.__dict__:
            self.store.close()

    @property
    def code_version(self) -> str:
        """Version of the installed tieout, written into every run."""
        try:
            return version("tieout")
        except PackageNotFoundError:
            return "source"


def make(
    *,
    settings: Settings,
    connection: Callable[[str], ProviderConnection],
    now: Callable[[], datetime] = utc_now,
) -> Context:
    """The context of a worker or of the command line: it can propose, compute and post."""
    return Context(
        settings=settings, connection=connection, now=now, database_url=settings.worker_database_url
    )


def make_web(
    *,
    settings: Settings,
    connection: Callable[[str], ProviderConnection],
    now: Callable[[], datetime] = utc_now,
) -> Context:
    """The context of the API server: its login alone may record a person's decision."""
    return Context(
        settings=settings,
        connection=connection,
        now=now,
        database_url=settings.web_database_url,
        lock_timeout_ms=WEB_LOCK_TIMEOUT_MS,
        statement_timeout_ms=WEB_STATEMENT_TIMEOUT_MS,
    )
