"""The doctor finds each of Airflow's settings that leaves a door open."""

from collections.abc import Iterable, Mapping
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tieout.steps.doctor import airflow
from tieout.steps.doctor.points import Point

GOOD_AIRFLOW = {
    "AIRFLOW_HOME": "/nowhere",
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.FabAuthManager",
    "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
    "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "admin_key, account_key,account_sas,sig,"
    "signing_key,salt",
    "AIRFLOW__CORE__FERNET_KEY": "k",
}


def _by_name(points: Iterable[Point]) -> dict[str, Point]:
    return {point.name: point for point in points}


def test_a_good_airflow_has_only_good_points() -> None:
    points = list(airflow.look(GOOD_AIRFLOW, demo=False))
    assert {point.state for point in points} == {"ok"}
    assert len(points) == 7


@pytest.mark.parametrize(
    ("change", "name", "state"),
    [
        ({"AIRFLOW__CORE__AUTH_MANAGER": ""}, "auth manager", "fail"),
        ({"AIRFLOW__API_AUTH__JWT_SECRET": "x" * 63}, "jwt secret", "fail"),
        ({"AIRFLOW__API_AUTH__JWT_SECRET": ""}, "jwt secret", "fail"),
        ({"AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "sig"}, "masked names", "fail"),
        ({"AIRFLOW__API__EXPOSE_CONFIG": "True"}, "expose config", "fail"),
        ({"AIRFLOW__API__EXPOSE_CONFIG": "non-sensitive-only"}, "expose config", "fail"),
        ({"AIRFLOW__CORE__FERNET_KEY": ""}, "fernet key", "fail"),
        ({"AIRFLOW__CORE__DEFAULT_TIMEZONE": "Europe/Berlin"}, "time zone", "warn"),
    ],
)
def test_an_airflow_setting_that_opens_a_door_is_found(
    change: Mapping[str, str], name: str, state: str
) -> None:
    assert _by_name(airflow.look({**GOOD_AIRFLOW, **change}, demo=False))[name].state == state


def test_airflow_settings_come_from_environment_then_file_then_elsewhere(tmp_path: Path) -> None:
    file = RawConfigParser()
    file.read_string("[core]\nauth_manager = a.Fab\nfernet_key_cmd = cat k\n[api]\nport = 1\n")
    options = airflow.Options({"AIRFLOW__API_AUTH__JWT_SECRET_SECRET": "jwt"}, file)
    assert options.get("core", "auth_manager") == "a.Fab"
    assert options.get("core", "fernet_key") == airflow.ELSEWHERE
    assert options.get("api_auth", "jwt_secret") == airflow.ELSEWHERE
    assert options.get("api", "expose_config") == ""
    (tmp_path / "airflow.cfg").write_text("[core\nbroken")
    points = _by_name(airflow.look({"AIRFLOW_HOME": str(tmp_path)}, demo=False))
    assert points["settings"].state == "fail"
    none = _by_name(airflow.look({"AIRFLOW_HOME": str(tmp_path / "none")}, demo=False))
    assert none["settings"].state == "warn"


def test_an_airflow_that_is_too_old_fails_and_a_demo_may_use_the_simple_log_in() -> None:
    assert airflow.judged_version("3.0.6").state == "fail"
    assert airflow.judged_version("3.1.0rc1").state == "ok"
    simple = {**GOOD_AIRFLOW, "AIRFLOW__CORE__AUTH_MANAGER": "x.SimpleAuthManager"}
    assert _by_name(airflow.look(simple, demo=True))["auth manager"].state == "warn"
