"""`tieout doctor` for a person and for a program, with the exit codes that it promises."""

import json
from pathlib import Path

import pytest
from demo.postgres import Logins
from tests.cli.command import Answer, here

AIRFLOW = {
    "AIRFLOW_HOME": "/nowhere",
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.FabAuthManager",
    "AIRFLOW__API_AUTH__JWT_SECRET": "never shown " * 8,
    "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "admin_key,account_key,account_sas,sig,"
    "signing_key,salt",
    "AIRFLOW__CORE__FERNET_KEY": "k",
}
# the tests' server drops durability to be quick, which the doctor rightly refuses
FAST = {"fsync", "full_page_writes", "synchronous_commit"}


@pytest.fixture
def environment(ledger_database: Logins, tmp_path: Path) -> dict[str, str]:
    """A deployment that is good but for the tests' own haste."""
    url = {"TIEOUT_WORKER_DATABASE_URL": ledger_database.worker_url}
    return {"TIEOUT_HOME": str(tmp_path), "HOME": str(tmp_path), **url, **AIRFLOW}


def _said(answer: Answer) -> list[str]:
    return answer.out.splitlines()


def test_a_person_gets_one_line_a_point_with_what_to_do(environment: dict[str, str]) -> None:
    answer = here(["doctor"], environment)
    lines = _said(answer)
    assert {line[:5] for line in lines[:-1]} == {"ok   ", "warn ", "fail "}
    failing = {line.split(": ")[1] for line in lines if line.startswith("fail")}
    assert (answer.code, failing) == (1, FAST)
    assert all(" -> " in line for line in lines[:-1] if not line.startswith("ok"))
    assert lines[-1].endswith(f"{len(FAST)} fail")
    assert "never shown" not in answer.out


def test_a_program_gets_one_object(environment: dict[str, str]) -> None:
    answer = here(["doctor", "--offline", "--json"], environment)
    found = json.loads(answer.out)
    assert (answer.code, found["verdict"]) == (1, "fail")
    areas = {"database", "files", "proof", "airflow"}
    assert {point["area"] for point in found["points"]} == areas
    assert {point["name"] for point in found["points"] if point["state"] == "fail"} == FAST


def test_nothing_set_up_is_said_point_by_point(tmp_path: Path) -> None:
    answer = here(["doctor", "--json"], {"HOME": str(tmp_path), "TIEOUT_HOME": str(tmp_path)})
    states = {point["name"]: point["state"] for point in json.loads(answer.out)["points"]}
    assert answer.code == 1
    assert states["reachable"] == "fail"
    assert (states["lake"], states["settings"]) == ("ok", "warn")


def test_a_good_set_up_ends_with_0_and_a_wrong_request_with_2(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieout.steps.doctor.database.look", lambda _: iter(()))
    assert here(["doctor", "--offline"], environment).code == 0
    assert here(["doctor", "--sideways"], environment).code == 2
