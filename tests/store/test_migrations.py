"""The schema that the migrations make, and what the code believes of it."""

import psycopg
import pytest
import sqlalchemy as sa
from demo.postgres import Logins, Server
from psycopg import sql
from tests.conftest import Stores

from tieout.core.errors import SegregationError
from tieout.focus.ledger_columns import LEDGER_SCHEMA
from tieout.ledger.foreign_lines import TRANSACTION_COLUMNS
from tieout.store import migrate
from tieout.store.schema import ledger_line, metadata
from tieout.store.session import Store


def test_every_column_that_the_code_names_is_there_with_its_type(stores: Stores) -> None:
    with stores.reader.transaction() as tx:
        inspector = sa.inspect(tx)
        for table in metadata.sorted_tables:
            columns = inspector.get_columns(table.name, schema="tieout")
            found = {one["name"]: one["type"].compile(tx.dialect) for one in columns}
            known = {column.name: column.type.compile(tx.dialect) for column in table.c}
            assert known.items() <= found.items(), table.name


def test_a_ledger_line_has_the_columns_of_the_ledger_schema() -> None:
    assert [column.name for column in ledger_line.c] == [
        "publication_id",
        *LEDGER_SCHEMA.names,
        *TRANSACTION_COLUMNS,
    ]


def test_migrating_an_empty_database_and_migrating_again(
    postgres_server: Server, postgres_logins: Logins
) -> None:
    url = sa.make_url(postgres_logins.owner_url).set(database="tieout_empty")
    owner_url = url.render_as_string(hide_password=False)
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE tieout_empty OWNER t_owner")
        try:
            for _ in range(2):
                migrate.upgrade(owner_url)
                with Store(owner_url) as store, store.transaction() as tx:
                    migrate.check(tx)
        finally:
            admin.execute("DROP DATABASE tieout_empty WITH (FORCE)")


def test_a_login_that_is_not_the_owners_cannot_migrate(ledger_database: Logins) -> None:
    with pytest.raises(SegregationError, match='permission denied to set role "t_owner"'):
        migrate.upgrade(ledger_database.worker_url)


def test_everything_belongs_to_the_owner_role(ledger_database: Logins) -> None:
    with psycopg.connect(ledger_database.reader_url) as reader:
        owners = reader.execute(
            sql.SQL(
                "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'tieout' UNION "
                "SELECT DISTINCT proowner::regrole::name FROM pg_proc "
                "WHERE pronamespace = 'tieout'::regnamespace"
            )
        ).fetchall()
    assert owners == [("t_owner",)]
