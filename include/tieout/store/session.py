"""One transaction per step, and the translation of database errors. Owns no table.

A transaction names its actor; the database writes that name, and the login beside it, into every
row that records who. Messages never hold a password or a whole row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tieout.core.errors import (
    ConfirmationError,
    ConservationError,
    IntegrityError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    SettingError,
    SourceUnreachableError,
    TieoutError,
    UnbalancedEntryError,
    UnknownSubjectError,
)

Tx = sa.Connection

# Our own conditions, raised by tieout.fail() and tieout.refuse_change() in the database.
_CONDITIONS: dict[str, type[TieoutError]] = {
    "TO001": PeriodClosedError,
    "TO002": IntegrityError,
    "TO003": UnbalancedEntryError,
    "TO004": SegregationError,
    "TO005": NotReadyError,
    "TO006": IntegrityError,
    "TO007": ConservationError,
    "TO008": UnknownSubjectError,
    "TO009": ConfirmationError,
}
# Serialization, deadlock, lock wait, too many clients, out of time, shutdown, no disk left.
_TRANSIENT = ("08", "40001", "40P01", "53", "55P03", "57014", "57P0", "25P03", "25P04")
_WRONG_LOGIN = ("28", "3D000", "42501")
_REFUSED = ("22", "23")


class Store:
    """A small pool of connections of one login.

    The web passes short time-outs so that a page answers; a worker waits up to 30 s for a lock.

    Raises:
        SettingError: the URL is no database URL.
    """

    def __init__(
        self,
        url: str,
        *,
        application_name: str = "tieout",
        lock_timeout_ms: int = 30_000,
        statement_timeout_ms: int = 0,
    ) -> None:
        self._url = _parse(url)
        options = {
            "lock_timeout": lock_timeout_ms,
            "statement_timeout": statement_timeout_ms,
            "idle_in_transaction_session_timeout": 60_000,
            "TimeZone": "UTC",
        }
        self._engine = sa.create_engine(
            self._url,
            pool_size=5,
            max_overflow=5,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "application_name": application_name,
                "connect_timeout": 10,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
            },
        )

    @contextmanager
    def transaction(self, actor: str | None = None) -> Iterator[Tx]:
        """Run one transaction as `actor`; commits at the end, rolls back on any exception.

        Raises:
            SourceUnreachableError: the server is away, busy or stopped the wait: worth a retry.
            SettingError: it refuses the login or has no such database.
            TieoutError: a guard in the database refused; the class says which.
        """
        try:
            with self._engine.begin() as tx:
                if actor:
                    tx.execute(sa.select(sa.func.set_config("tieout.actor", actor, True)))
                yield tx
        except DBAPIError as error:
            raise self._translated(error.orig) from error
        except psycopg.Error as error:  # COPY speaks to the driver itself
            raise self._translated(error) from error
        except PoolTimeoutError as error:
            raise SourceUnreachableError(
                f"All connections to {self._place()} are in use: try again in a moment."
            ) from error

    def close(self) -> None:
        """Give all connections back to the server."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _place(self) -> str:
        host = self._url.host or self._url.query.get("host", "the default socket")
        return f"database {self._url.database} at {host} as {self._url.username}"

    def _translated(self, error: BaseException | None) -> TieoutError:
        state = getattr(error, "sqlstate", None)
        text = str(error).strip()
        message = text.splitlines()[0][:400] if text else "no reason was given"
        if state in _CONDITIONS:
            return _CONDITIONS[state](message)
        if state == "42501":
            return SegregationError(
                f"The login {self._url.username} may not do this ({message}): expected the login "
                "that holds the duty; decisions are made in the finance pages."
            )
        if _is_login_problem(state, text):
            return SettingError(
                f"Cannot use {self._place()}: {message}; check the database URL and its password."
            )
        if state is None or state.startswith(_TRANSIENT):
            return SourceUnreachableError(
                f"No answer from {self._place()}: {message}; try again when the server is up."
            )
        if state.startswith(_REFUSED):
            return IntegrityError(f"The database refused a row ({state}): {message}")
        return SettingError(
            f"{self._place()} does not fit this version ({state}): {message}; run the migration."
        )


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise SettingError(
            "Expected a database URL such as postgresql://login:password@host/tieout, found "
            "something else (not shown, it may hold a password): correct TIEOUT_*_DATABASE_URL."
        )
    return parsed.set(drivername="postgresql+psycopg")


def _is_login_problem(state: str | None, text: str) -> bool:
    """Whether the server refused the login; a failed connect has no SQLSTATE, only a text."""
    if state is not None:
        return state.startswith(_WRONG_LOGIN)
    words = ("password authentication failed", "does not exist", "no password supplied")
    return "FATAL" in text and any(word in text for word in words)
