"""Who may do what, cell by cell; and that facts stay, whoever asks."""

import psycopg
import pytest
from demo.postgres import Logins, Server
from psycopg import sql
from tests.conftest import Stores
from tests.store.match_samples import a_cause, a_decision, a_record, a_set
from tests.store.samples import (
    OCTOBER,
    a_run,
    a_snapshot,
    an_entry,
    close,
    ledger_lines,
    publish,
)

from tieout.core.finding import Finding
from tieout.core.ids import sha256_hex
from tieout.store import (
    audit,
    findings,
    intake,
    journal,
    matches,
    periods,
    policies,
    runs,
    snapshots,
)
from tieout.store.schema import metadata

LOGINS = ("tieout_worker", "tieout_web", "tieout_reader")
DECISIONS = {
    "approve_policy": "'chart', 1",
    "record_signoff": "'2026-10', 'preparer', 'x', ''",
    "close_period": "'2026-10', 'x'",
    "return_to_open": "'2026-10', 'why'",
    "approve_document": "'x'",
    "approve_preview": "'x'",
    "review_document": "'x'",
    "correct_document": "'x', 'y', 'n', 1, 'p', 'openai', 'org-1', '2026-10', '{}', 'why'",
    "reject_document": "'x', 'why'",
    "decide_match": "'2026-10', 'a', 'b', 'c', 'confirm', 'd', '{}', '{}', 'why'",
    "request_reopening": "'2026-10', 'other', 'why', ARRAY['manual'], now() + interval '1 day'",
    "approve_reopening": "1",
    "lock_period_for_good": "'2026-10', 'why'",
    "assign_exception": "'x', 'ana', '2026-11-30', 'why'",
    "explain_exception": "'x', 'why'",
    "accept_exception": "'x', '2026-11-30', 'why'",
    "resolve_exception": "'x', NULL, 'why'",
    "record_review": "'2026-10', 'flux', 'x', 'y', 'why'",
    "mirror_airflow_events": "'[]', 0",
    "issue_confirmation": "'x', 'sign', '2026-10', 'y', now()",
    "use_confirmation": "'x', 'sign', '2026-10', 'y'",
}
FUNCTIONS = {
    "append_event": {"tieout_worker", "tieout_web"},
    "append_events": {"tieout_worker", "tieout_web"},
    "current_actor": {"tieout_worker", "tieout_web"},
    "utc_text": {"tieout_worker", "tieout_web"},
    "ledger_as_of": set(LOGINS),
    "transaction_lines": set(LOGINS),
    "open_period": {"tieout_worker"},
    "post_entry": {"tieout_worker"},
    "post_entries": {"tieout_worker"},
    "request_close": {"tieout_worker"},
    "publish_period": {"tieout_worker"},
    "restate_period": {"tieout_worker"},
    "record_export": {"tieout_worker"},
    "note_exceptions": {"tieout_worker"},
    "acknowledge_export": {"tieout_worker", "tieout_web"},
    **{name: {"tieout_web"} for name in DECISIONS},
}
INSERTS = {
    "document", "snapshot", "charge_file", "coverage", "run", "finding", "policy", "allocation",
    "allocation_pool", "allocation_share", "reconciliation_bridge", "reconciliation_line",
    "ledger_line", "intake", "intake_event", "preview", "match_set", "match_record",
    "explained_cause", "checkpoint", "checkpoint_signature", "connection_seen",
}  # fmt: skip
STAMPS = {"recorded_at", "recorded_by", "proposed_at", "proposed_by", "login"}
CHANGING = {"head", "period", "journal_counter"}  # through functions only


@pytest.fixture
def filled(stores: Stores) -> Stores:
    """A row in (nearly) every table."""
    finding = Finding(kind="late", severity="info", subject="x", message="Came late.")
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        snapshots.add(tx, a_snapshot())
        run = runs.record(tx, a_run())
        findings.add_all(tx, run.run_id, [finding])
        policies.propose(tx, "chart", "accounts: 1", valid_from=a_snapshot().through_on)
        journal.post(tx, an_entry())
        matched = runs.record(tx, a_run("matching")).run_id
        matches.add(tx, a_set(matched), records=[a_record()], causes=[a_cause()])
    with stores.web.transaction("ana") as tx:
        matches.decide(tx, OCTOBER, a_decision())
    hand_in(stores)
    close(stores)
    with stores.worker.transaction() as tx:
        publish(tx, ledger_lines("1"))
        audit.record(tx, "publish", OCTOBER, {})
    return stores


def hand_in(stores: Stores) -> None:
    """Figures that Ana typed for a letter, and that Ben approved."""
    figures = sha256_hex(b"figures")
    with stores.worker.transaction("ana") as tx:
        content = intake.Content(
            sha256=figures,
            origin="entered",
            name="figures.json",
            media_type="application/json",
            size_bytes=7,
            lake_path="raw/x",
            evidence_sha256=sha256_hex(b"letter"),
            evidence_name="letter.pdf",
            evidence_path="raw/y",
        )
        event = intake.NewEvent(
            event="entered",
            reason="Typed from a letter.",
            provider="openai",
            billing_account_id="org-1",
            period=OCTOBER,
            format="entered",
        )
        intake.add(tx, content)
        intake.happened(tx, figures, event)
    with stores.web.transaction("ben") as tx:
        intake.approve(tx, figures)


def rows(logins: Logins, query: str) -> list[tuple[str, ...]]:
    with psycopg.connect(logins.owner_url) as owner:
        owner.execute("SET ROLE t_owner")
        return owner.execute(query.encode()).fetchall()


def test_each_function_is_open_to_exactly_the_logins_that_need_it(
    ledger_database: Logins,
) -> None:
    found = rows(
        ledger_database,
        "SELECT p.proname, login.rolname FROM pg_proc p, pg_roles login "
        "WHERE p.pronamespace = 'tieout'::regnamespace AND login.rolname LIKE 'tieout!_%' "
        "ESCAPE '!' AND login.rolname <> 'tieout_owner' "
        "AND has_function_privilege(login.oid, p.oid, 'EXECUTE')",
    )
    allowed: dict[str, set[str]] = {}
    for function, login in found:
        allowed.setdefault(function, set()).add(login)
    assert allowed == FUNCTIONS


def test_each_table_is_read_by_all_and_written_by_the_worker_only_where_it_adds_facts(
    ledger_database: Logins,
) -> None:
    found = rows(
        ledger_database,
        "SELECT c.relname, c.relkind::text, login.rolname, right_ FROM pg_class c, "
        "pg_roles login, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', "
        "'REFERENCES', 'TRIGGER']) AS right_ WHERE c.relnamespace = 'tieout'::regnamespace "
        "AND c.relkind IN ('r', 'v') AND login.rolname IN ('tieout_worker', 'tieout_web', "
        "'tieout_reader') AND CASE WHEN right_ IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') "
        "THEN has_any_column_privilege(login.oid, c.oid, right_) "
        "ELSE has_table_privilege(login.oid, c.oid, right_) END",
    )
    tables = {table for table, *_ in found}
    reads = {(table, login) for table, _, login, right in found if right == "SELECT"}
    writes = {(table, login, right) for table, _, login, right in found if right != "SELECT"}
    assert reads == {(table, login) for table in tables for login in LOGINS}
    assert writes == {(table, "tieout_worker", "INSERT") for table in INSERTS} | {
        (table, "tieout_web", "INSERT")
        for table in ("policy", "preview", "checkpoint", "checkpoint_signature")
    }


def test_nobody_says_itself_when_and_by_whom_a_row_was_recorded(ledger_database: Logins) -> None:
    found = rows(
        ledger_database,
        "SELECT DISTINCT column_name FROM information_schema.column_privileges "
        "WHERE table_schema = 'tieout' AND privilege_type = 'INSERT' "
        "AND grantee IN ('t_worker', 't_web')",
    )
    assert {name for (name,) in found} & STAMPS == set()


def test_no_login_is_more_than_it_should_be(ledger_database: Logins) -> None:
    found = rows(
        ledger_database,
        "SELECT rolname FROM pg_roles WHERE rolname ~ '^(t_|tieout_|airflow)' AND (rolsuper OR "
        "rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)",
    )
    assert found == []


def test_every_function_that_borrows_rights_pins_its_search_path(ledger_database: Logins) -> None:
    found = rows(
        ledger_database,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'tieout'::regnamespace "
        "AND (proconfig IS NULL OR NOT 'search_path=pg_catalog' = ANY (proconfig))",
    )
    assert found == []


@pytest.mark.parametrize("function", DECISIONS)
def test_a_worker_or_reader_makes_no_decision(ledger_database: Logins, function: str) -> None:
    for url in (ledger_database.worker_url, ledger_database.reader_url):
        with psycopg.connect(url) as connection:
            connection.execute("SELECT set_config('tieout.actor', 'ben', true)")
            with pytest.raises(psycopg.Error) as refusal:
                connection.execute(f"SELECT tieout.{function}({DECISIONS[function]})".encode())
            assert refusal.value.sqlstate == "42501"


def test_the_airflow_login_does_not_even_enter_the_ledger(
    ledger_database: Logins, postgres_server: Server
) -> None:
    url = ledger_database.airflow_url.replace("+psycopg2", "").replace(
        "/airflow?", f"/{ledger_database.worker_url.split('?')[0].rpartition('/')[2]}?"
    )
    with psycopg.connect(url) as airflow, pytest.raises(psycopg.Error) as refusal:
        airflow.execute("SELECT * FROM tieout.period")
    assert refusal.value.sqlstate == "42501"


@pytest.mark.parametrize("login", ["worker_url", "web_url", "reader_url"])
def test_no_login_updates_deletes_or_truncates(ledger_database: Logins, login: str) -> None:
    with psycopg.connect(getattr(ledger_database, login), autocommit=True) as connection:
        for table in metadata.sorted_tables:
            name = sql.Identifier("tieout", table.name)
            column = sql.Identifier(list(table.c)[-1].name)
            for change in (
                sql.SQL("UPDATE {} SET {} = NULL").format(name, column),
                sql.SQL("DELETE FROM {}").format(name),
                sql.SQL("TRUNCATE {} CASCADE").format(name),
            ):
                with pytest.raises(psycopg.Error) as refusal:
                    connection.execute(change)
                assert refusal.value.sqlstate == "42501", change


def test_the_owner_and_a_superuser_in_replica_mode_are_refused_too(
    filled: Stores, ledger_database: Logins, postgres_server: Server
) -> None:
    database = ledger_database.worker_url.split("?")[0].rpartition("/")[2]
    admin_url = postgres_server.admin_url.replace("/postgres?", f"/{database}?")
    names = [row[0] for row in rows(ledger_database, _TABLES)]
    assert len(names) >= 20
    for url, mode in ((ledger_database.owner_url, "origin"), (admin_url, "replica")):
        with psycopg.connect(url, autocommit=True) as connection:
            if mode == "replica":
                connection.execute("SET session_replication_role = replica")
            for name in names:
                for change in _changes(connection, name):
                    with pytest.raises(psycopg.Error) as refusal:
                        connection.execute(change)
                    assert refusal.value.sqlstate == "TO006", change


_TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'tieout' "
    "AND tablename <> 'alembic_version' ORDER BY 1"
)


def _changes(connection: psycopg.Connection, name: str) -> list[sql.Composed]:
    table = sql.Identifier("tieout", name)
    changes = [sql.SQL("TRUNCATE {} CASCADE").format(table)]
    if connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table)).fetchone():
        changes.append(sql.SQL("DELETE FROM {}").format(table))
        if name not in CHANGING:
            first = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table))
            assert first.description
            columns = [column.name for column in first.description if column.name != "seq"]
            plain = sql.Identifier(columns[-1])
            changes.append(sql.SQL("UPDATE {} SET {} = {}").format(table, plain, plain))
    return changes


def test_a_closed_month_is_asked_for_by_the_worker_only(ledger_database: Logins) -> None:
    with psycopg.connect(ledger_database.web_url) as web, pytest.raises(psycopg.Error) as refusal:
        web.execute("SELECT tieout.request_close('2026-10', 'x', '[]')")
    assert refusal.value.sqlstate == "42501"
