"""The audit log in the database: a chain without a gap, whose texts do not lie about who."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from demo.postgres import Logins, Server
from tests.conftest import Stores
from tests.store.samples import together

from tieout.audit import chain, verifier
from tieout.audit.canonical import canonical_bytes
from tieout.audit.checkpoint import checkpoint_of
from tieout.core.errors import IntegrityError, SegregationError
from tieout.store import audit
from tieout.store.audit import AuditEvent


def record(stores: Stores, subject: str) -> AuditEvent:
    with stores.worker.transaction() as tx:
        return audit.record(tx, "post", subject, {"units": "12"})


def read(stores: Stores) -> list[AuditEvent]:
    with stores.reader.transaction() as tx:
        return audit.events(tx)


def test_an_event_says_who_did_what_when_and_why(stores: Stores) -> None:
    with stores.web.transaction("ben") as tx:
        event = audit.record(tx, "sign", "2026-10", {"duty": "controller"}, why="all tied \u00e9")
        assert audit.head(tx) == (1, event.hash)
    text = json.loads(event.canonical)
    at = text.pop("at")
    assert at == event.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert text == {
        "schema": "tieout.audit/1",
        "actor": "ben",
        "login": "tieout_web",
        "action": "sign",
        "subject": "2026-10",
        "payload": {"duty": "controller"},
        "why": "all tied \u00e9",
    }
    assert event.prev_hash == chain.GENESIS
    assert event.hash == chain.event_hash(chain.GENESIS, event.canonical.encode())


def test_the_chain_has_no_gap_under_many_writers_and_rollbacks(stores: Stores) -> None:
    together([partial(record, stores, f"subject {n}") for n in range(8)])
    with pytest.raises(IntegrityError), stores.worker.transaction() as tx:
        audit.record(tx, "", "no action", {})
    record(stores, "last")
    events = read(stores)
    assert [event.seq for event in events] == list(range(1, 10))
    assert chain.first_bad(event.link() for event in events) is None
    with stores.reader.transaction() as tx:
        assert audit.events(tx, after_seq=8, limit=1) == events[8:]
        assert audit.head(tx) == (9, events[8].hash)


@pytest.mark.parametrize("lie", [{"actor": "ben"}, {"login": "tieout_web"}, {"at": "2026-01-01"}])
def test_a_text_that_lies_about_who_or_when_is_refused(
    ledger_database: Logins, lie: dict[str, str]
) -> None:
    with psycopg.connect(ledger_database.worker_url) as worker:
        now = worker.execute("SELECT tieout.utc_text(now())").fetchone()
        assert now
        honest = {
            "schema": "tieout.audit/1",
            "at": now[0],
            "actor": "service:tieout_worker",
            "login": "tieout_worker",
            "action": "post",
            "subject": "x",
        }
        append = "SELECT tieout.append_event(%s)"
        worker.execute(append, (canonical_bytes(honest).decode(),))
        with pytest.raises(psycopg.Error, match="The audit event names") as refusal:
            worker.execute(append, (canonical_bytes(honest | lie).decode(),))
        assert refusal.value.sqlstate == "TO002"


def test_a_worker_that_claims_to_be_a_person_is_seen_by_its_login(stores: Stores) -> None:
    with stores.worker.transaction("ben") as tx:
        event = audit.record(tx, "post", "entry", {})
    assert (event.login, json.loads(event.canonical)["actor"]) == ("tieout_worker", "ben")


def test_a_reader_writes_no_event(stores: Stores) -> None:
    with pytest.raises(SegregationError), stores.reader.transaction() as tx:
        audit.record(tx, "post", "x", {})


@pytest.fixture
def broken_in(
    stores: Stores, postgres_server: Server, ledger_database: Logins
) -> Iterator[psycopg.Connection]:
    """A superuser who has switched the guards off, as only a superuser can."""
    for number in range(1, 6):
        record(stores, f"subject {number}")
    database = ledger_database.worker_url.split("?")[0].rpartition("/")[2]
    url = postgres_server.admin_url.replace("/postgres?", f"/{database}?")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ALTER TABLE tieout.audit_event DISABLE TRIGGER ALL")
        yield admin


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE tieout.audit_event SET canonical = '{}' WHERE seq = 3", 3),
        ("DELETE FROM tieout.audit_event WHERE seq = 2", 2),
        ("UPDATE tieout.audit_event SET hash = sha256('x') WHERE seq = 4", 4),
        ("DELETE FROM tieout.audit_event WHERE seq = 1", 1),
    ],
)
def test_a_superusers_edit_is_named_by_the_chain(
    stores: Stores, broken_in: psycopg.Connection, statement: str, first_bad: int
) -> None:
    broken_in.execute(statement.encode())
    assert chain.first_bad(event.link() for event in read(stores)) == first_bad


def test_a_cut_tail_and_an_exported_log_are_checked_against_the_anchor(
    stores: Stores, broken_in: psycopg.Connection, tmp_path: Path
) -> None:
    anchor = checkpoint_of("tieout", [event.canonical for event in read(stores)])
    (tmp_path / "checkpoint.txt").write_text(anchor.text())

    def verified() -> int:
        lines = [chain.export_line(event.link()) for event in read(stores)]
        (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
        inputs = ["--events", str(tmp_path / "events.jsonl")]
        return verifier.main([*inputs, "--checkpoint", str(tmp_path / "checkpoint.txt")])

    assert verified() == 0
    broken_in.execute("DELETE FROM tieout.audit_event WHERE seq = 5")
    assert chain.first_bad(event.link() for event in read(stores)) is None
    assert verified() == 2
