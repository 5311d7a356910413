"""Confirmations of decisions: one person, one act, one content, one use, ten minutes."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from demo.postgres import Logins
from fastapi.testclient import TestClient
from tests.conftest import Stores
from tests.store.samples import CONTENT, OCTOBER, ask
from tests.web.browser import SAME, asked, browsing, sits_down, typed

from tieout.config import wall_clock
from tieout.core.ids import sha256_hex
from tieout.store import policies
from tieout.store.confirmations import confirmation, confirmation_use

SIGN = f"/api/periods/{OCTOBER}/sign-offs"
OTHER = sha256_hex(b"what was read a moment ago")


@pytest.fixture
def client(
    stores: Stores, ledger_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """Ana has logged in; October is up for signature."""
    with stores.worker.transaction() as tx:
        ask(tx)
    with browsing(ledger_database, tmp_path, monkeypatch) as made:
        sits_down(made, "ana")
        yield made


def sign(client: TestClient, given: dict[str, Any], content: str = CONTENT) -> Any:
    body = {"duty": "preparer", "content_hash": content} | given
    return client.post(SIGN, json=body, headers=SAME)


def refused(answer: Any, sentence: str) -> None:
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == "confirm_again"
    assert sentence in answer.json()["error"]


def test_a_confirmed_signature_counts_and_only_the_hash_of_its_number_is_kept(
    client: TestClient, stores: Stores
) -> None:
    answer = asked(client, "sign", OCTOBER)
    given = answer.json()
    assert (given["content_hash"], given["type_this"]) == (CONTENT, OCTOBER)
    assert sign(client, typed(answer)).json() == {"state": "soft_closed"}
    with stores.reader.transaction() as tx:
        (kept,) = tx.execute(confirmation.select()).mappings()
        (used,) = tx.execute(confirmation_use.select()).mappings()
    assert kept["nonce_sha256"] == used["nonce_sha256"] == sha256_hex(given["nonce"].encode())
    assert (kept["person_id"], kept["act"], kept["subject"]) == ("ana", "sign", OCTOBER)
    assert kept["expires_at"] - kept["issued_at"] == timedelta(minutes=10)


def test_an_old_log_in_is_given_no_number_and_signs_nothing(client: TestClient) -> None:
    given = typed(asked(client, "sign", OCTOBER))
    sits_down(client, "ana", since=lambda: wall_clock() - timedelta(minutes=11))
    for answer in (asked(client, "sign", OCTOBER), sign(client, given)):
        assert (answer.status_code, answer.json()["code"]) == (401, "log_in_again")
    sits_down(client, "ana", since=lambda: wall_clock() + timedelta(minutes=5))
    assert sign(client, given).status_code == 401
    sits_down(client, "ana")
    assert sign(client, given).status_code == 201


def test_a_number_for_another_content_is_refused(client: TestClient, stores: Stores) -> None:
    given = typed(asked(client, "sign", OCTOBER))
    refused(sign(client, given, content=OTHER), f"content {CONTENT[:12]}, found sign {OCTOBER}")
    with stores.worker.transaction() as tx:
        ask(tx, OTHER)
    refused(sign(client, given, content=OTHER), "read it again")


def test_a_number_is_used_once_even_when_the_decision_is_refused(client: TestClient) -> None:
    given = typed(asked(client, "sign", OCTOBER))
    assert sign(client, given).status_code == 201
    refused(sign(client, given), "was used before")
    sits_down(client, "ben")
    late = typed(asked(client, "sign", OCTOBER))
    assert sign(client, late).status_code == 403  # Ben is no preparer
    refused(sign(client, late), "was used before")


def test_a_number_of_somebody_else_or_of_nobody_is_refused(client: TestClient) -> None:
    given = typed(asked(client, "sign", OCTOBER))
    sits_down(client, "cem")
    refused(sign(client, given), "never given to cem")
    given["confirmation"]["nonce"] = "A" * 43
    refused(sign(client, given), "never given to cem")


def test_a_number_for_another_act_or_another_word_is_refused(
    client: TestClient, stores: Stores
) -> None:
    with stores.worker.transaction("ana") as tx:
        policies.propose(tx, "chart", "accounts: 1", valid_from=date(2026, 1, 1))
    sits_down(client, "cem")
    policy = typed(asked(client, "approve_policy", "chart@1"))
    wrong = {"confirmation": policy["confirmation"] | {"typed": OCTOBER}}
    refused(sign(client, wrong), "is for approve_policy chart@1 with content")
    path = "/api/policies/chart/1/approval"
    lazy = {"confirmation": policy["confirmation"] | {"typed": "yes"}}
    refused(client.post(path, json=lazy, headers=SAME), "Expected 'chart@1' to be typed")
    answer = client.post(path, json=policy, headers=SAME)
    assert (answer.status_code, answer.json()) == (201, {"approved_by": "cem"})


def test_a_number_ends_after_ten_minutes(client: TestClient, stores: Stores) -> None:
    nonce, now = "B" * 43, wall_clock()
    with stores.owner.transaction() as tx:
        tx.exec_driver_sql("SET LOCAL ROLE t_owner")
        tx.execute(
            confirmation.insert().values(
                nonce_sha256=sha256_hex(nonce.encode()),
                person_id="ana",
                act="sign",
                subject=OCTOBER,
                content_hash=CONTENT,
                logged_in_at=now - timedelta(minutes=11),
                issued_at=now - timedelta(minutes=10, seconds=1),
                expires_at=now - timedelta(seconds=1),
            )
        )
    given = {"confirmation": {"nonce": nonce, "typed": OCTOBER}}
    refused(sign(client, given), "ended at")


@pytest.mark.parametrize(
    ("act", "subject", "status"),
    [
        ("sign", "2026-09", 409),
        ("reopen", OCTOBER, 409),
        ("lock", "2026-09", 409),
        ("approve_reopening", "7", 404),
        ("approve_policy", "chart@7", 404),
        ("approve_preview", "0" * 64, 404),
        ("approve_reopening", "0", 422),
        ("approve_policy", "chart@99999999999", 422),
        ("approve_preview", "00", 422),
        ("sign", "2026-13", 422),
        ("pay", OCTOBER, 422),
    ],
)
def test_there_is_no_number_for_what_nobody_can_decide(
    client: TestClient, act: str, subject: str, status: int
) -> None:
    assert asked(client, act, subject).status_code == status


def test_whoever_has_no_part_in_the_close_is_given_none(client: TestClient) -> None:
    for person in ("dee", "stranger"):
        sits_down(client, person)
        assert asked(client, "sign", OCTOBER).status_code == 403
