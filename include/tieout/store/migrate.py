"""Bring the schema up to date, and refuse to work on another one. Owns no SQL; `migrations` does.

Runs as `t_owner` through the deployer's login, never as an application login.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import ProgrammingError

from tieout.core.errors import SettingError
from tieout.store.session import Store, Tx

HEAD = "0020"


def upgrade(owner_url: str) -> None:
    """Run every revision that is missing, in one transaction; nothing to do is fine.

    Raises:
        SettingError: the login is not a member of `t_owner`, or the database is out of reach.
    """
    with (
        Store(owner_url, application_name="tieout migrate", lock_timeout_ms=3_000) as store,
        store.transaction() as tx,
    ):
        tx.exec_driver_sql("SET LOCAL ROLE t_owner")
        tx.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('tieout', 0))")
        tx.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS tieout")
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        tx.exec_driver_sql("GRANT SELECT ON tieout.alembic_version TO t_worker, t_web, t_reader")


def check(tx: Tx) -> None:
    """Refuse a schema that this version was not made for.

    Raises:
        SettingError: the schema is missing, older or newer; says which revision was found.
    """
    try:
        with tx.begin_nested():
            found = tx.scalar(sa.text("SELECT version_num FROM tieout.alembic_version"))
    except ProgrammingError:
        found = None
    if found is None:
        raise SettingError(
            f"The database has no tieout schema (expected revision {HEAD}): run `tieout migrate` "
            "with the owner's login."
        )
    if found != HEAD:
        age = "older" if found < HEAD else "newer"
        remedy = "run `tieout migrate`" if found < HEAD else "install the newer tieout"
        raise SettingError(
            f"The schema is {age} than this version: expected revision {HEAD}, found {found}; "
            f"{remedy}."
        )
