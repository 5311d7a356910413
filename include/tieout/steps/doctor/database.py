"""The doctor's look at the ledger's database: reach, schema, logins, grants, server, line, clock.

Owns what is good and what is not; the questions are `store.server`'s. Every login whose URL is in
this environment is tried; who may do what is read from the catalog, so one login is enough for it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from tieout.config import Secret, Settings
from tieout.core.errors import TieoutError
from tieout.steps.context import Context
from tieout.steps.doctor.points import Area, Point
from tieout.store import ledger_sums, migrate, server
from tieout.store.session import Store, Tx

CLOCK_WARN, CLOCK_FAIL = timedelta(seconds=30), timedelta(minutes=5)
OLDEST_SERVER = 150_000
_AREA = Area("database")
_ROLE_OF = {"worker": "t_worker", "web": "t_web", "owner": "t_owner"}
_MUST_BE_ON = {
    "data_checksums": "run `pg_checksums --enable` on the stopped server",
    "fsync": "set fsync = on: without it a power cut may lose posted entries",
    "full_page_writes": "set full_page_writes = on: a torn page is not mended without it",
}
_DURABLE = {"on", "remote_write", "remote_apply"}
_SHOULD_LOG = {
    "log_connections": {"off", ""},
    "log_disconnections": {"off", ""},
    "log_statement": {"none", ""},
}


def look(context: Context) -> Iterator[Point]:
    """All points about the database; without any URL, that one point."""
    settings = context.settings
    urls = {
        "worker": settings.worker_database_url,
        "web": settings.web_database_url,
        "owner": settings.owner_database_url,
    }
    given = {name: url for name, url in urls.items() if url.reveal()}
    if not given:
        mend = "set TIEOUT_WORKER_DATABASE_URL (docs/guides/your-own-postgresql.md)"
        yield _AREA.fail("reachable", "no database URL is set in this environment", mend)
    seen = False
    for name, url in given.items():
        try:
            with Store(url.reveal(), application_name="tieout doctor") as store:
                yield from _through(context, name, store, catalog=not seen)
            seen = True
        except TieoutError as error:
            mend = f"check TIEOUT_{name.upper()}_DATABASE_URL, and that the server is up"
            yield _AREA.fail(f"login {name}", str(error), mend)
        yield _line_mode(settings, name, url)


def _through(context: Context, name: str, store: Store, *, catalog: bool) -> Iterator[Point]:
    with store.transaction() as tx:
        before = context.now()
        session = server.session(tx)
        yield _login(tx, name, session)
        if not catalog:
            return
        yield _clock(context, session.clock, before)
        yield _schema(tx)
        yield from roles(tx)
        yield from settings_of(server.settings(tx))
        yield from objects(tx)


def _login(tx: Tx, name: str, session: server.Session) -> Point:
    """The login is who it should be: a member of its own role, and of no other."""
    held = {one.name: one.roles for one in server.logins(tx)}.get(session.login, ())
    wanted = _ROLE_OF[name]
    found = f"{session.login} is a member of {', '.join(held) or 'none of our roles'}"
    mend = f"give TIEOUT_{name.upper()}_DATABASE_URL a login that holds {wanted} alone"
    return _AREA.judge(f"login {name}", good=held == (wanted,), found=found, mend=mend)


def _line_mode(settings: Settings, name: str, url: Secret) -> Point:
    """TLS with the server's name verified, or a socket of this machine."""
    parts = urlsplit(url.reveal())
    query = parse_qs(parts.query)
    host = parts.hostname or query.get("host", [""])[0]
    mode = query.get("sslmode", ["prefer"])[0]
    point = f"line {name}"
    if not host or host.startswith("/"):
        return _AREA.ok(point, "a socket of this machine")
    if mode == "verify-full":
        return _AREA.ok(point, "sslmode=verify-full")
    if settings.demo:
        return _AREA.warn(point, f"sslmode={mode} in a demo", "use verify-full outside a demo")
    mend = f"add ?sslmode=verify-full&sslrootcert=... to TIEOUT_{name.upper()}_DATABASE_URL"
    return _AREA.fail(point, f"sslmode={mode} does not prove who the server is", mend)


def _clock(context: Context, theirs: datetime, before: datetime) -> Point:
    if context.settings.demo:
        return _AREA.ok("clock", "a demo lives on the sample's days")
    ours = before + (context.now() - before) / 2
    return clock(abs(theirs - ours))


def clock(skew: timedelta) -> Point:
    """30 seconds are worth a warning, five minutes put facts on the wrong day."""
    found = f"{skew.total_seconds():.1f} s between this machine and the database"
    mend = "let both machines follow one time server (chrony, systemd-timesyncd)"
    if skew >= CLOCK_FAIL:
        return _AREA.fail("clock", found, mend)
    return _AREA.warn("clock", found, mend) if skew >= CLOCK_WARN else _AREA.ok("clock", found)


def _schema(tx: Tx) -> Point:
    def revision() -> str:
        migrate.check(tx)
        return f"revision {migrate.HEAD}"

    return _AREA.attempt("schema", revision, mend="run `tieout migrate` as the owner")


def roles(tx: Tx) -> Iterator[Point]:
    """Which logins hold which roles, and that decisions are the web login's alone."""
    logins = server.logins(tx)
    strong = [one.name for one in logins if one.has_power]
    yield _AREA.judge(
        "logins without power",
        good=not strong,
        found=f"{', '.join(strong)} may rule the server" if strong else f"{len(logins)} logins",
        mend="ALTER ROLE ... NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION",
    )
    mixed = [one for one in logins if len(one.roles) > 1]
    shown = "; ".join(f"{one.name} holds {' and '.join(one.roles)}" for one in mixed)
    yield _AREA.judge(
        "one role per login",
        good=not mixed,
        found=shown or "no login holds two roles",
        mend="REVOKE the second role: who computes does not decide, who decides does not own",
    )
    for role in ("t_worker", "t_reader"):
        open_to = sorted(server.allowed(tx, role) & server.DECISIONS)
        yield _AREA.judge(
            f"decisions refused to {role}",
            good=not open_to,
            found=f"{role} may call {', '.join(open_to)}" if open_to else "every one is refused",
            mend=f"REVOKE EXECUTE ON FUNCTION tieout.... FROM {role}, PUBLIC",
        )
    missing = sorted(server.DECISIONS - server.allowed(tx, "t_web"))
    yield _AREA.judge(
        "decisions open to t_web",
        good=not missing,
        found=f"t_web may not call {', '.join(missing)}" if missing else "people can decide",
        mend="run `tieout migrate` as the owner: it makes the functions and grants them",
    )


def settings_of(found: dict[str, str]) -> Iterator[Point]:
    """What the CIS list asks of a server, as far as it can be seen from here."""
    version = int(found["server_version_num"] or 0)
    yield _AREA.judge(
        "version",
        good=version >= OLDEST_SERVER,
        found=f"PostgreSQL {version // 10_000}.{version % 10_000}",
        mend="move to PostgreSQL 15 or newer",
    )
    for name, mend in _MUST_BE_ON.items():
        yield _setting(name, found, good=found[name] == "on", mend=mend)
    level = "synchronous_commit"
    mend = "set synchronous_commit = on: a commit is a promise"
    yield _setting(level, found, good=found[level] in _DURABLE, mend=mend)
    scram = "password_encryption"
    mend = "set password_encryption = 'scram-sha-256' and give the logins new passwords"
    yield _setting(scram, found, good=found[scram] == "scram-sha-256", mend=mend)
    silent = [name for name, values in _SHOULD_LOG.items() if found[name] in values]
    if silent:
        mend = "set log_connections = on, log_disconnections = on, log_statement = 'ddl'"
        yield _AREA.warn("server log", f"not logged: {', '.join(silent)}", mend)
    else:
        yield _AREA.ok("server log", "who comes, who goes, and every change of the schema")


def _setting(name: str, found: dict[str, str], *, good: bool, mend: str) -> Point:
    return _AREA.judge(name, good=good, found=f"{name} is {found[name] or 'unknown'}", mend=mend)


def objects(tx: Tx) -> Iterator[Point]:
    """Our functions and triggers are as the migration made them."""
    weak = server.weak_triggers(tx)
    yield _AREA.judge(
        "facts cannot be changed",
        good=not weak,
        found=f"not always on: {', '.join(weak[:5])}" if weak else "deny triggers are always on",
        mend="ALTER TABLE ... ENABLE ALWAYS TRIGGER ..., and find out who turned them off",
    )
    loose = server.loose_functions(tx)
    yield _AREA.judge(
        "search path pinned",
        good=not loose,
        found=f"not pinned: {', '.join(loose[:5])}" if loose else "in every definer function",
        mend="ALTER FUNCTION ... SET search_path = pg_catalog",
    )
    unlike = ledger_sums.unlike_lines(tx)
    yield _AREA.judge(
        "sums of pages are those of the lines",
        good=not unlike,
        found=f"not so: {', '.join(unlike[:5])}" if unlike else "of every publication",
        mend="trust the published files, not the pages; find out who wrote to tieout.ledger_sum",
    )
    makers = server.makers_of_tables(tx)
    yield _AREA.judge(
        "no objects of applications",
        good=not makers,
        found=f"{', '.join(makers)} may create" if makers else "only the owner creates objects",
        mend="REVOKE CREATE ON SCHEMA public FROM PUBLIC, and from the roles named",
    )
