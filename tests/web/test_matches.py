"""Deciding about matches on the finance API: as the person who is logged in, and nobody else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo.postgres import Logins
from fastapi.testclient import TestClient
from tests.conftest import Stores
from tests.store.match_samples import PLACE, SUGGESTED, a_cause, a_record, a_set
from tests.store.samples import OCTOBER, a_run
from tests.web.browser import SAME, browsing, sits_down

from tieout.lake.files import Lake
from tieout.reconciliation.match_records import RECORD_SCHEMA
from tieout.store import matches, periods, runs

CONFIRM = {**PLACE, "kind": "confirm", "match_id": SUGGESTED, "reason": "A cent of rounding."}
DECISIONS = f"/api/periods/{OCTOBER}/matches/decisions"


@pytest.fixture
def ask(
    stores: Stores, ledger_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A browser of Ana, who prepares; October has one suggestion."""
    file = Lake((tmp_path / "lake").as_uri()).put_table(RECORD_SCHEMA.empty_table(), "matches")
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        made = runs.record(tx, matched_run())
        found = a_set(made.run_id, lake_path=file.path, sha256=file.sha256)
        matches.add(tx, found, records=[a_record()], causes=[a_cause()])
    monkeypatch.setenv("TIEOUT_LAKE_URL", (tmp_path / "lake").as_uri())
    with browsing(ledger_database, tmp_path, monkeypatch) as client:
        sits_down(client, "ana")
        yield client


def matched_run() -> runs.NewRun:
    made = a_run("matching")
    return runs.NewRun(
        step=made.step,
        subject=made.subject,
        input_key=made.input_key,
        outputs={"decisions": 0},
        code_version=made.code_version,
        started_at=made.started_at,
        finished_at=made.finished_at,
    )


def decided(stores: Stores) -> list[tuple[str, str]]:
    with stores.reader.transaction() as tx:
        return [(one["kind"], one["decided_by"]) for one in matches.decisions(tx, OCTOBER)]


def test_a_preparer_sees_a_suggestion_and_confirms_it(ask: TestClient, stores: Stores) -> None:
    (pair,) = ask.get(f"/api/periods/{OCTOBER}/matches").json()["pairs"]
    assert [(one["match_id"], one["waiting"]) for one in pair["records"]] == [(SUGGESTED, True)]
    answer = ask.post(DECISIONS, json=[CONFIRM], headers=SAME)
    assert (answer.status_code, answer.json()) == (201, {"decisions": 1})
    assert decided(stores) == [("confirm", "ana")]
    found = ask.get(f"/api/periods/{OCTOBER}/matches").json()
    assert found["pending"] == 1
    assert [one["waiting"] for one in found["pairs"][0]["records"]] == [False]


def test_a_preparer_rejects_a_suggestion_and_it_waits_no_longer(
    ask: TestClient, stores: Stores
) -> None:
    reject = CONFIRM | {"kind": "reject", "reason": "Another contract."}
    answer = ask.post(DECISIONS, json=[reject], headers=SAME)
    assert (answer.status_code, decided(stores)) == (201, [("reject", "ana")])
    (pair,) = ask.get(f"/api/periods/{OCTOBER}/matches").json()["pairs"]
    assert [one["waiting"] for one in pair["records"]] == [False]
    assert ask.post(DECISIONS, json=[CONFIRM], headers=SAME).status_code == 409


def test_causes_are_shown_with_their_lines(ask: TestClient) -> None:
    rate, rounding = ask.get(f"/api/periods/{OCTOBER}/causes").json()
    assert (rate["cause"], rate["amount"]) == ("negotiated_rate", "1.50")
    assert rate["proofs"][0]["line_ids"] == ["line-1", "line-2"]
    assert (rounding["cause"], rounding["amount"]) == ("rounding", "0.10")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"match_id": "0" * 64}, 404),
        ({"section": "credit_rollforward"}, 422),
        ({"reason": ""}, 422),
        ({"match_id": None}, 422),
        ({"earlier_ids": ["line-1"]}, 422),
        ({"kind": "match"}, 422),
        ({"kind": "match", "match_id": None, "earlier_ids": ["a"], "later_ids": ["b"]}, 404),
        ({"person": "ben"}, 422),
    ],
)
def test_what_does_not_fit_is_refused(
    ask: TestClient, stores: Stores, fields: dict[str, Any], status: int
) -> None:
    answer = ask.post(DECISIONS, json=[CONFIRM, CONFIRM | fields], headers=SAME)
    assert answer.status_code == status, answer.text
    assert decided(stores) == []


def test_whoever_is_no_preparer_and_another_site_are_refused(
    ask: TestClient, stores: Stores
) -> None:
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert ask.post(DECISIONS, json=[CONFIRM], headers=cross).status_code == 403
    sits_down(ask, "ben")
    assert ask.post(DECISIONS, json=[CONFIRM], headers=SAME).status_code == 403
    assert decided(stores) == []
