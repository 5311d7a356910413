"""Settings of the deployment and the one clock.

Owns what comes from the environment, and nothing of what finance decides: rules, rate cards and
accounts are approved data in the store.

A provider's credentials come from the Airflow connection `tieout_<provider>`; outside Airflow the
same connection is read from `AIRFLOW_CONN_TIEOUT_<PROVIDER>` (JSON or URI).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from tieout.core.errors import ConnectionMissingError, SettingError


class Secret:
    """A text that does not print itself; `reveal()` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("A secret stays in its process: pass the connection's name instead.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConnection:
    """How to reach one provider; endpoint None means the SDK's own."""

    name: str
    endpoint: str | None = None
    login: str | None = None
    secret: Secret = field(default_factory=lambda: Secret(""))
    extra: Mapping[str, str] = field(default_factory=dict)

    def setting(self, key: str) -> str:
        """One required entry of the connection's extra.

        Raises:
            SettingError: the entry is missing.
        """
        try:
            return self.extra[key]
        except KeyError:
            raise SettingError(
                f"Connection {self.name} has no {key!r} in its extra: expected it beside "
                f"{sorted(self.extra) or 'nothing'}; add it to the connection."
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where this deployment keeps things. URLs hold a login; `repr` hides them."""

    home: Path
    lake_url: str
    publish_url: str
    worker_database_url: Secret
    web_database_url: Secret
    owner_database_url: Secret
    allow_loopback: bool
    demo: bool


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read `TIEOUT_*` from the environment; what is unset gets a default below `TIEOUT_HOME`."""
    env = os.environ if environ is None else environ
    home = Path(env.get("TIEOUT_HOME", ".tieout")).resolve()
    return Settings(
        home=home,
        lake_url=env.get("TIEOUT_LAKE_URL", (home / "lake").as_uri()),
        publish_url=env.get("TIEOUT_PUBLISH_URL", (home / "published").as_uri()),
        worker_database_url=Secret(env.get("TIEOUT_WORKER_DATABASE_URL", "")),
        web_database_url=Secret(env.get("TIEOUT_WEB_DATABASE_URL", "")),
        owner_database_url=Secret(env.get("TIEOUT_OWNER_DATABASE_URL", "")),
        allow_loopback=env.get("TIEOUT_ALLOW_LOOPBACK") == "1",
        demo=env.get("TIEOUT_DEMO") == "1",
    )


def connection_from_environment(
    provider: str, environ: Mapping[str, str] | None = None
) -> ProviderConnection:
    """The connection `tieout_<provider>` as Airflow would read it from the environment.

    Raises:
        ConnectionMissingError: `AIRFLOW_CONN_TIEOUT_<PROVIDER>` is not set.
        SettingError: it is set, but is neither a connection URI nor a JSON object.
    """
    env = os.environ if environ is None else environ
    variable = f"AIRFLOW_CONN_TIEOUT_{provider.upper()}"
    text = env.get(variable)
    if not text:
        raise ConnectionMissingError(
            f"No connection tieout_{provider}: expected it in Airflow or in the environment "
            f"variable {variable}; see docs/guides/connect-an-account.md."
        )
    fields = _from_json(text, variable) if text.lstrip().startswith("{") else _from_uri(text)
    return connection_from_fields(f"tieout_{provider}", fields)


def connection_from_fields(name: str, fields: Mapping[str, object]) -> ProviderConnection:
    """Build a connection from Airflow's fields (host, login, password, extra as object or JSON)."""
    extra = fields.get("extra") or {}
    if isinstance(extra, str):
        extra = _from_json(extra, f"{name} extra")
    if not isinstance(extra, Mapping):
        raise SettingError(f"The extra of {name} is not a JSON object: correct the connection.")
    host = fields.get("host")
    login = fields.get("login")
    return ProviderConnection(
        name=name,
        endpoint=str(extra.get("endpoint_url") or host or "") or None,
        login=str(login) if login else None,
        secret=Secret(str(fields.get("password") or "")),
        extra={str(key): str(value) for key, value in extra.items()},
    )


def utc_now() -> datetime:
    """The only clock of the house; everything below steps takes the time as an argument."""
    return datetime.now(UTC)  # noqa: TID251  this is the clock that the ban points to


def _from_json(text: str, name: str) -> Mapping[str, object]:
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingError(f"{name} is not JSON ({error}): correct the connection.") from error
    if not isinstance(fields, dict):
        raise SettingError(f"{name} is not a JSON object: correct the connection.")
    return fields


def _from_uri(text: str) -> Mapping[str, object]:
    parts = urlsplit(text)
    query = dict(parse_qsl(parts.query))
    extra = query.get("__extra__", query)
    return {
        "host": f"{query.get('scheme', 'https')}://{parts.hostname}" if parts.hostname else None,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "extra": extra,
    }
