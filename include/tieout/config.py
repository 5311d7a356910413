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
from datetime import UTC, date, datetime
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
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold keys too

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
    engine: str = ""
    engine_lake_url: str = ""
    signing_key: str = ""
    anchor_url: str = ""
    anchor_git: str = ""
    fingerprint_key: Secret = field(default_factory=lambda: Secret(""))


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read `TIEOUT_*` from the environment; unset or empty is a default below `TIEOUT_HOME`.

    A URL that holds a login may stand in a file instead, named by the variable with `_FILE`.

    Raises:
        SettingError: such a file cannot be read.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("TIEOUT_HOME") or ".tieout").resolve()
    return Settings(
        home=home,
        lake_url=env.get("TIEOUT_LAKE_URL") or (home / "lake").as_uri(),
        publish_url=env.get("TIEOUT_PUBLISH_URL") or (home / "published").as_uri(),
        worker_database_url=_secret(env, "TIEOUT_WORKER_DATABASE_URL"),
        web_database_url=_secret(env, "TIEOUT_WEB_DATABASE_URL"),
        owner_database_url=_secret(env, "TIEOUT_OWNER_DATABASE_URL"),
        allow_loopback=env.get("TIEOUT_ALLOW_LOOPBACK") == "1",
        demo=env.get("TIEOUT_DEMO") == "1",
        engine=env.get("TIEOUT_ENGINE", ""),
        engine_lake_url=env.get("TIEOUT_ENGINE_LAKE_URL", ""),
        signing_key=env.get("TIEOUT_SIGNING_KEY", ""),
        anchor_url=env.get("TIEOUT_ANCHOR_URL", ""),
        anchor_git=env.get("TIEOUT_ANCHOR_GIT", ""),
        fingerprint_key=_secret(env, "TIEOUT_FINGERPRINT_KEY"),
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
    is_json = text.lstrip().startswith("{")
    fields = _from_json(text, variable) if is_json else _from_uri(text, variable)
    return connection_from_fields(f"tieout_{provider}", fields)


def connection_from_fields(name: str, fields: Mapping[str, object]) -> ProviderConnection:
    """Build a connection from Airflow's fields: host, port, login, password, extra.

    The endpoint is the extra's `endpoint_url`, else host and port, with https unless the host names
    another scheme; values of the extra that are no text become JSON text.

    Raises:
        SettingError: the extra is not a JSON object.
    """
    extra = fields.get("extra") or {}
    if isinstance(extra, str):
        extra = _from_json(extra, f"{name} extra")
    if not isinstance(extra, Mapping):
        raise SettingError(f"The extra of {name} is not a JSON object: correct the connection.")
    login = fields.get("login")
    return ProviderConnection(
        name=name,
        endpoint=str(extra.get("endpoint_url") or "") or _address(fields, extra),
        login=str(login) if login else None,
        secret=Secret(str(fields.get("password") or "")),
        extra={str(key): _text(value) for key, value in extra.items() if value is not None},
    )


def utc_now() -> datetime:
    """The clock of the books; everything below steps takes the time as an argument.

    In a demo, `TIEOUT_DEMO_TODAY` may put it on a later day: the sample goes on after today.
    """
    now = wall_clock()
    day = os.environ.get("TIEOUT_DEMO_TODAY") if os.environ.get("TIEOUT_DEMO") == "1" else None
    return max(now, datetime.combine(date.fromisoformat(day), now.timetz())) if day else now


def wall_clock() -> datetime:
    """The only clock of the house, never put forward: what Airflow stamps is compared with it."""
    return datetime.now(UTC)  # noqa: TID251  this is the clock that the ban points to


def administrator_url(environ: Mapping[str, str] | None = None) -> Secret:
    """`TIEOUT_DATABASE_URL` or its file: for the command that makes the logins, and nothing else.

    Raises:
        SettingError: neither is set, or the file cannot be read.
    """
    found = _secret(os.environ if environ is None else environ, "TIEOUT_DATABASE_URL")
    if not found.reveal():
        raise SettingError(
            "Making logins needs the server's administrator: set TIEOUT_DATABASE_URL, or "
            "TIEOUT_DATABASE_URL_FILE to a file that holds it."
        )
    return found


def _secret(env: Mapping[str, str], name: str) -> Secret:
    """The variable itself, else the text of the file that `<name>_FILE` names."""
    file = env.get(f"{name}_FILE")
    if env.get(name) or not file:
        return Secret(env.get(name, ""))
    try:
        return Secret(Path(file).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingError(
            f"Cannot read {file}, which {name}_FILE names: {why}; let this process read it."
        ) from None


def _address(fields: Mapping[str, object], extra: Mapping[str, object]) -> str | None:
    host, port = str(fields.get("host") or ""), fields.get("port")
    if not host:
        return None
    address = host if "://" in host else f"{extra.get('scheme') or 'https'}://{host}"
    return f"{address}:{port}" if port else address


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _from_json(text: str, name: str) -> Mapping[str, object]:
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        wrong = f"{name} is not JSON ({error}): correct the connection."
        raise SettingError(wrong) from None  # the error keeps the text, password and all
    if not isinstance(fields, dict):
        raise SettingError(f"{name} is not a JSON object: correct the connection.")
    return fields


def _from_uri(text: str, name: str) -> Mapping[str, object]:
    """Airflow's form: `type://login:password@host:port/?extra`, the host with or without scheme."""
    rest = text.strip().partition("://")[2]
    try:
        parts = urlsplit(rest if "://" in rest.partition("?")[0] else f"//{rest}")
        is_whole = "@" in parts.netloc or "@" not in rest  # a raw password is cut at its / or ?
        is_uri = parts.port != 0 and is_whole and bool(parts.netloc or parts.query)
    except ValueError:  # a port or an address that is none: the rest of a raw password, mostly
        is_uri = False
    if not is_uri:
        raise SettingError(
            f"{name} is neither a JSON object nor a connection URI: expected "
            "type://login:password@host/?key=value with percent-encoded parts; correct it."
        )
    login, _, place = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query))
    user, _, password = login.partition(":")
    host = unquote(place)
    return {
        "host": f"{parts.scheme}://{host}" if parts.scheme and host else host,
        "login": unquote(user),
        "password": unquote(password),
        "extra": query.get("__extra__", query),
    }
