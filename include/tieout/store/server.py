"""How the server and its logins are set up, as any of our logins can see it in the catalog.

Owns the questions; what is good or bad is the doctor's business. It only reads, and shows no
password: the server does not give any to these logins.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tieout.store.session import Tx

# What a person decides: for the web login alone. A test compares this with a fresh schema.
DECISIONS = frozenset(
    {
        "accept_exception",
        "approve_document",
        "approve_policy",
        "approve_preview",
        "approve_reopening",
        "assign_exception",
        "close_period",
        "correct_document",
        "decide_match",
        "explain_exception",
        "issue_confirmation",
        "lock_period_for_good",
        "mirror_airflow_events",
        "record_review",
        "record_signoff",
        "reject_document",
        "request_reopening",
        "resolve_exception",
        "return_to_open",
        "review_document",
        "use_confirmation",
    }
)
SETTINGS = (
    *("server_version_num", "data_checksums", "fsync", "full_page_writes", "synchronous_commit"),
    *("password_encryption", "log_connections", "log_disconnections", "log_statement"),
)
_SETTINGS = sa.text(
    "SELECT name, coalesce(current_setting(name, true), '')"
    " FROM unnest(CAST(:names AS text[])) AS name"
)
_SESSION = sa.text(
    "SELECT session_user AS login, clock_timestamp() AS clock,"
    " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,"
    " inet_server_addr() IS NULL AS is_local"
)
_LOGINS = sa.text(
    "SELECT login.rolname AS login, login.rolsuper OR login.rolbypassrls OR login.rolcreaterole"
    "   OR login.rolcreatedb OR login.rolreplication AS has_power,"
    " ARRAY(SELECT duty.rolname::text FROM pg_roles duty"
    "        WHERE duty.rolname IN ('t_owner', 't_worker', 't_web', 't_reader')"
    "          AND pg_has_role(login.oid, duty.oid, 'member') ORDER BY 1) AS roles"
    " FROM pg_roles login WHERE login.rolcanlogin AND EXISTS (SELECT FROM pg_auth_members held"
    "   JOIN pg_roles duty ON duty.oid = held.roleid"
    "  WHERE held.member = login.oid"
    "    AND duty.rolname IN ('t_owner', 't_worker', 't_web', 't_reader')) ORDER BY 1"
)
_ALLOWED = sa.text(
    "SELECT DISTINCT function.proname::text FROM pg_proc function"
    " JOIN pg_roles role ON role.rolname = :role"
    " WHERE function.pronamespace = to_regnamespace('tieout')"
    "   AND has_function_privilege(role.oid, function.oid, 'EXECUTE')"
    "   AND function.prorettype <> 'trigger'::regtype"
)
_LOOSE_FUNCTIONS = sa.text(
    "SELECT DISTINCT proname::text FROM pg_proc"
    " WHERE pronamespace = to_regnamespace('tieout') AND prosecdef"
    "   AND NOT coalesce(array_to_string(proconfig, ',') LIKE '%search_path=%', false) ORDER BY 1"
)
_WEAK_TRIGGERS = sa.text(
    "SELECT trigger.tgrelid::regclass::text || '.' || trigger.tgname FROM pg_trigger trigger"
    " JOIN pg_proc function ON function.oid = trigger.tgfoid"
    " WHERE function.pronamespace = to_regnamespace('tieout') AND NOT trigger.tgisinternal"
    "   AND function.proname = 'refuse_change' AND trigger.tgenabled <> 'A' ORDER BY 1"
)
_MAKES_TABLES = sa.text(
    "SELECT rolname::text FROM pg_roles role, unnest(ARRAY['public', 'tieout']) place"
    " WHERE rolname IN ('t_worker', 't_web', 't_reader') AND to_regnamespace(place) IS NOT NULL"
    "   AND has_schema_privilege(role.oid, to_regnamespace(place), 'CREATE')"
    " GROUP BY rolname ORDER BY 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who we are to the server, its clock, and how the line is made."""

    login: str
    clock: datetime
    is_encrypted: bool
    is_local: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login that holds one of our roles; `has_power`: it may more than any application should."""

    name: str
    has_power: bool
    roles: tuple[str, ...]


def session(tx: Tx) -> Session:
    """This session, as the server sees it."""
    row = tx.execute(_SESSION).one()
    return Session(
        login=row.login, clock=row.clock, is_encrypted=row.is_encrypted, is_local=row.is_local
    )


def settings(tx: Tx) -> dict[str, str]:
    """The settings that `SETTINGS` names; empty where the server does not know one."""
    rows = tx.execute(_SETTINGS, {"names": list(SETTINGS)})
    return {row.name: row[1] for row in rows}


def logins(tx: Tx) -> list[Login]:
    """All logins that hold a role of ours, directly; superusers hold all roles."""
    rows = tx.execute(_LOGINS)
    return [Login(name=r.login, has_power=r.has_power, roles=tuple(r.roles)) for r in rows]


def allowed(tx: Tx, role: str) -> frozenset[str]:
    """Names of our functions that a role may call, whoever granted it."""
    return frozenset(tx.scalars(_ALLOWED, {"role": role}))


def loose_functions(tx: Tx) -> list[str]:
    """Functions that run as their owner without a search path of their own."""
    return list(tx.scalars(_LOOSE_FUNCTIONS))


def weak_triggers(tx: Tx) -> list[str]:
    """Triggers that keep facts from being changed, and are off or can be turned off."""
    return list(tx.scalars(_WEAK_TRIGGERS))


def makers_of_tables(tx: Tx) -> list[str]:
    """Application roles that may make objects beside ours."""
    return list(tx.scalars(_MAKES_TABLES))
