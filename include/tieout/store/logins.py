"""Databases, roles and logins of a deployment, made by its administrator on any PostgreSQL >= 15.

Owns who exists and their passwords; what each may do is granted by `migrations`. Passwords are
generated once and kept as URLs in `<home>/secrets/<login>.url`, readable by their owner only.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tieout.core.errors import SettingError, SourceUnreachableError

ROLES = ("t_owner", "t_worker", "t_web", "t_reader")
LOGINS = {
    "owner": ("tieout_owner", "t_owner"),
    "worker": ("tieout_worker", "t_worker"),
    "web": ("tieout_web", "t_web"),
    "reader": ("tieout_reader", "t_reader"),
    "airflow": ("airflow", None),
}
_OLDEST = 15
_SUPERUSER = "SELECT 1 FROM pg_roles WHERE rolname = current_user AND rolsuper"
_ROLE = "SELECT 1 FROM pg_roles WHERE rolname = %s"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Logins:
    """One URL per login. Each holds a password: it has no repr, keep it out of logs."""

    owner_url: str
    worker_url: str
    web_url: str
    reader_url: str
    airflow_url: str
    airflow_async_url: str


def prepare(admin_url: str, home: Path, *, database: str = "tieout") -> Logins:
    """Make databases, roles and logins; run twice, it changes nothing.

    The server gets only SCRAM verifiers, so no password stands in its statement log. The tables
    are made later, by `tieout.store.migrate.upgrade(owner_url)`.

    Raises:
        SourceUnreachableError: the server does not let the administrator in.
        SettingError: the server is older, or knows a login whose password is not in this home.
    """
    try:
        with psycopg.connect(admin_url, autocommit=True) as admin:
            return _prepare(admin, admin_url, home, database)
    except psycopg.OperationalError as error:
        raise SourceUnreachableError(
            f"Cannot prepare the server: {str(error).splitlines()[0]}; check TIEOUT_DATABASE_URL."
        ) from error


def keep(path: Path, text: str) -> None:
    """Write a secret so that only its owner can read it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)


def _prepare(admin: psycopg.Connection, admin_url: str, home: Path, database: str) -> Logins:
    found = admin.info.server_version // 10_000
    if found < _OLDEST:
        raise SettingError(
            f"Expected PostgreSQL {_OLDEST} or newer, found {found}: give another server as "
            "TIEOUT_DATABASE_URL."
        )
    for role in ROLES:
        if not _exists(admin, _ROLE, role):
            admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
    urls = {}
    for name, (login, group) in LOGINS.items():
        file = home / "secrets" / f"{name}.url"
        password = _password(admin, login, file)
        target = database if group else "airflow"
        urls[name] = _url(admin_url, login=login, password=password, database=target)
        keep(file, urls[name])  # before the login is made: a crash in between loses nothing
        _make_login(admin, login, password)
        if group:
            names = sql.Identifier(group), sql.Identifier(login)
            admin.execute(sql.SQL("GRANT {} TO {}").format(*names))
    _make_database(admin, database, "t_owner")
    _make_database(admin, "airflow", "airflow")
    tail = urls.pop("airflow").removeprefix("postgresql")
    return Logins(
        **{f"{name}_url": url for name, url in urls.items()},
        airflow_url=f"postgresql+psycopg2{tail}",
        airflow_async_url=f"postgresql+asyncpg{tail}",
    )


def _password(admin: psycopg.Connection, login: str, file: Path) -> str:
    """The password that this home keeps for the login, or a new one for a new login."""
    if file.exists():
        return unquote(urlsplit(file.read_text(encoding="utf-8").strip()).password or "")
    if _exists(admin, _ROLE, login):
        raise SettingError(
            f"The server already has a login {login}, but {file} with its password is missing: "
            "restore the file, or drop the login, then run this again."
        )
    return secrets.token_urlsafe(32)


def _make_login(admin: psycopg.Connection, login: str, password: str) -> None:
    verifier = admin.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
    verb = sql.SQL("ALTER" if _exists(admin, _ROLE, login) else "CREATE")
    names = sql.Identifier(login), sql.Literal(verifier.decode())
    admin.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, *names))


def _make_database(admin: psycopg.Connection, name: str, owner: str) -> None:
    if _exists(admin, "SELECT 1 FROM pg_database WHERE datname = %s", name):
        return
    names = {"name": sql.Identifier(name), "owner": sql.Identifier(owner)}
    if not _exists(admin, _SUPERUSER):  # who gives a database away must belong to its owner
        admin.execute(sql.SQL("GRANT {owner} TO CURRENT_USER").format(**names))
    admin.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**names))
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**names))
    if owner == "t_owner":
        readers = sql.SQL(", ").join(sql.Identifier(role) for role in ROLES[1:])
        admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {name} TO ").format(**names) + readers)


def _exists(admin: psycopg.Connection, query: str, *values: str) -> bool:
    return admin.execute(query.encode(), values or None).fetchone() is not None


def _url(admin_url: str, *, login: str, password: str, database: str) -> str:
    """The administrator's URL for another login and database, with its host and TLS settings."""
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    query = urlencode(parse_qsl(parts.query), safe="/")
    login_part = f"{quote(login, safe='')}:{quote(password, safe='')}@{place}"
    return urlunsplit(("postgresql", login_part, f"/{database}", query, ""))
