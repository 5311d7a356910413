"""Dimensions of one's own in the published ledger: written, read back, and shown to readers."""

from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from demo.postgres import Logins, Server
from psycopg import sql
from tests.conftest import Stores
from tests.store.samples import OCTOBER, close, ledger_lines, publish

from tieout.focus.ledger_columns import LEDGER_SCHEMA, OWN_DIMENSION_RULES, OWN_DIMENSIONS
from tieout.reports.line_tables import Sum
from tieout.store import ledger_sums, migrate, publications
from tieout.store.session import Store

TEAMS = ['{"team":"search"}', None, '{"country":"Österreich","team":"a \\"b\\"\\t"}']
RULES = ['{"team":"t-1"}', None, '{"country":"c-1","team":"t-1"}']
FILLED = """\
SET ROLE t_owner;
INSERT INTO tieout.period (period) VALUES ('2026-10');
INSERT INTO tieout.run (step, subject, input_key, outputs, code_version, started_at, finished_at)
  VALUES ('allocate', '2026-10', repeat('a', 64), '{}', '0.1.0', now(), now());
INSERT INTO tieout.publication (period, run_id, content_hash, ledger_seq, line_count, total_amount,
                                files, rule_versions)
  SELECT '2026-10', run_id, 'c', 1, 1, 5, '{}', '{}' FROM tieout.run;
INSERT INTO tieout.ledger_line (publication_id, ledger_line_id, period, billed_cost, charge_count)
  SELECT publication_id, 'old', '2026-10', 5, 1 FROM tieout.publication;
"""


def lines() -> pa.Table:
    """Three lines, of which two have own dimensions."""
    table = ledger_lines("1", "2", "3")
    for name, values in ((OWN_DIMENSIONS, TEAMS), (OWN_DIMENSION_RULES, RULES)):
        at = LEDGER_SCHEMA.get_field_index(name)
        table = table.set_column(at, LEDGER_SCHEMA.field(at), pa.array(values, pa.string()))
    return table


def test_own_dimensions_are_published_and_come_back_to_the_byte(
    stores: Stores, ledger_database: Logins
) -> None:
    close(stores)
    with stores.worker.transaction() as tx:
        made, _ = publish(tx, lines())
    with stores.reader.transaction() as tx:
        assert publications.lines(tx, made.publication_id).equals(lines())
    by_team = (
        "SELECT own_dimensions::json->>'team', sum(billed_cost)::text FROM {} GROUP BY 1 ORDER BY 2"
    )
    with psycopg.connect(ledger_database.reader_url) as reader:
        for place in ("tieout.v_ledger", f"tieout.ledger_as_of({made.ledger_seq})"):
            assert reader.execute(by_team.format(place).encode()).fetchall() == [
                ("search", "1.000000000000"),
                (None, "2.000000000000"),
                ('a "b"\t', "3.000000000000"),
            ]


@pytest.mark.parametrize(
    ("own", "rules", "why"),
    [
        ('["search"]', '{"team":"t-1"}', "own_dimensions_check"),
        ('{"team":"search"}', "7", "own_dimension_rules_check"),
        ('{"team":"search"}', None, "own_dimensions_have_rules"),
        ("search", '{"team":"t-1"}', "invalid input syntax for type json"),
    ],
)
def test_what_is_no_object_or_has_no_rules_is_refused(
    stores: Stores, ledger_database: Logins, own: str, rules: str | None, why: str
) -> None:
    close(stores)
    with stores.worker.transaction() as tx:
        publish(tx, ledger_lines("1"))
    late = (
        "INSERT INTO tieout.ledger_line (publication_id, ledger_line_id, period, billed_cost, "
        "charge_count, own_dimensions, own_dimension_rules) "
        "SELECT publication_id, 'late', period, 0, 0, %s, %s FROM tieout.publication"
    )
    with (
        psycopg.connect(ledger_database.worker_url) as worker,
        pytest.raises(psycopg.Error, match=why),
    ):
        worker.execute(late, (own, rules))


def test_lines_that_were_published_before_are_read_with_none(
    postgres_server: Server, postgres_logins: Logins
) -> None:
    name = "tieout_before_own_dimensions"
    url = sa.make_url(postgres_logins.owner_url).set(database=name)
    owner_url = url.render_as_string(hide_password=False)
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER t_owner").format(sql.Identifier(name)))
        try:
            with Store(owner_url) as store, store.transaction() as tx:
                _upgrade_to(tx, "0005")
            with psycopg.connect(owner_url) as owner:
                owner.execute(FILLED.encode())
            migrate.upgrade(owner_url)
            with Store(owner_url) as store, store.transaction() as tx:
                tx.exec_driver_sql("SET LOCAL ROLE t_owner")
                found = publications.head(tx, OCTOBER)
                assert found is not None
                (row,) = publications.lines(tx, found.publication_id).to_pylist()
                shown = tx.scalar(sa.text("SELECT own_dimensions IS NULL FROM tieout.v_ledger"))
                sums = ledger_sums.read(tx, [found.publication_id], ["provider"], ["provider"])
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    assert (row["ledger_line_id"], row[OWN_DIMENSIONS], row[OWN_DIMENSION_RULES]) == (
        "old", None, None,
    )  # fmt: skip
    assert shown is True
    assert sums == {1: [Sum(key=(None,), units=5 * 10**12, count=1)]}


def _upgrade_to(tx: sa.Connection, revision: str) -> None:
    """As `migrate.upgrade`, but not to the newest revision."""
    tx.exec_driver_sql("SET LOCAL ROLE t_owner")
    tx.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS tieout")
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    command.upgrade(config, revision)
