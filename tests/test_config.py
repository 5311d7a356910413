"""Settings and connections: what the environment says, and that no secret is ever printed."""

import copy
import json
import logging
import pickle
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.config import (
    ProviderConnection,
    Secret,
    administrator_url,
    connection_from_environment,
    connection_from_fields,
    load_settings,
    utc_now,
)
from tieout.core.errors import ConnectionMissingError, SettingError

PASSWORD = "hunter2/ä@:#?"
VARIABLE = "AIRFLOW_CONN_TIEOUT_OPENAI"


def _connection(text: str) -> ProviderConnection:
    return connection_from_environment("openai", {VARIABLE: text})


def test_unset_settings_lie_below_the_home() -> None:
    settings = load_settings({"TIEOUT_HOME": "/srv/tieout"})
    assert settings.home == Path("/srv/tieout")
    assert settings.lake_url == "file:///srv/tieout/lake"
    assert settings.publish_url == "file:///srv/tieout/published"
    assert not settings.worker_database_url.reveal()
    assert (settings.allow_loopback, settings.demo) == (False, False)


def test_an_empty_setting_is_an_unset_one() -> None:
    names = ("TIEOUT_HOME", "TIEOUT_LAKE_URL", "TIEOUT_PUBLISH_URL", "TIEOUT_DEMO")
    empty, unset = load_settings(dict.fromkeys(names, "")), load_settings({})
    assert (empty.home, empty.lake_url, empty.publish_url, empty.demo) == (
        unset.home,
        unset.lake_url,
        unset.publish_url,
        unset.demo,
    )
    assert unset.home == Path(".tieout").resolve()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_LAKE_URL", "s3://bucket/lake")
    monkeypatch.setenv("TIEOUT_WORKER_DATABASE_URL", "postgresql://tieout_worker@db/tieout")
    monkeypatch.setenv("TIEOUT_ALLOW_LOOPBACK", "1")
    monkeypatch.setenv("TIEOUT_DEMO", "yes")
    settings = load_settings()
    assert settings.lake_url == "s3://bucket/lake"
    assert settings.worker_database_url.reveal() == "postgresql://tieout_worker@db/tieout"
    assert settings.allow_loopback
    assert not settings.demo, "only 1 turns a protection off"


def test_settings_do_not_print_the_logins_of_their_databases() -> None:
    names = ("WORKER", "WEB", "OWNER")
    url = "postgresql://maria:hunter2@db/tieout"
    settings = load_settings({f"TIEOUT_{name}_DATABASE_URL": url for name in names})
    assert "hunter2" not in f"{settings!r} {settings}"
    assert settings.owner_database_url.reveal() == url


def _shown(secret: Secret) -> list[str]:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %r", (secret, secret), None)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", record.getMessage()]
    return [*shown, repr([secret]), json.dumps({"a": secret}, default=repr)]


def test_a_secret_prints_itself_nowhere() -> None:
    shown = _shown(Secret("hunter2"))
    assert [text for text in shown if "hunter2" in text] == []
    assert all("***" in text for text in shown)


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_does_not_leave_its_process(leave: Any) -> None:
    with pytest.raises(TypeError, match="stays in its process"):
        leave(Secret("hunter2"))
    with pytest.raises(TypeError, match="stays in its process"):
        asdict(ProviderConnection(name="tieout_openai", secret=Secret("hunter2")))


def test_a_connection_prints_neither_its_password_nor_its_extra() -> None:
    made = connection_from_fields(
        "tieout_aws", {"password": "hunter2", "extra": {"aws_session_token": "swordfish"}}
    )
    assert "hunter2" not in repr(made)
    assert "swordfish" not in repr(made)
    assert (made.secret.reveal(), made.setting("aws_session_token")) == ("hunter2", "swordfish")


def test_a_connection_in_json() -> None:
    made = _connection(
        json.dumps(
            {
                "conn_type": "generic",
                "login": "maria",
                "password": PASSWORD,
                "extra": {"endpoint_url": "https://api.example.com/v1", "project": "p-1"},
            }
        )
    )
    assert (made.name, made.login) == ("tieout_openai", "maria")
    assert made.secret.reveal() == PASSWORD
    assert made.endpoint == "https://api.example.com/v1"
    assert made.setting("project") == "p-1"


def test_an_extra_may_be_json_in_a_text_as_airflow_keeps_it() -> None:
    extra = json.dumps(
        {"bucket": "billing", "pages": 3, "deep": {"b": [1]}, "on": True, "no": None}
    )
    made = connection_from_fields("tieout_aws", {"extra": extra})
    assert made.extra == {"bucket": "billing", "pages": "3", "deep": '{"b": [1]}', "on": "true"}
    assert (made.endpoint, made.login, made.secret.reveal()) == (None, None, "")


@pytest.mark.parametrize("extra", ["[1]", "not json", ["a"]])
def test_an_extra_that_is_no_object_is_refused(extra: object) -> None:
    with pytest.raises(SettingError, match="tieout_aws"):
        connection_from_fields("tieout_aws", {"extra": extra})


@given(password=st.text(min_size=1), login=st.text(min_size=1), value=st.text(min_size=1))
def test_every_percent_encoded_part_of_a_uri_comes_back(
    password: str, login: str, value: str
) -> None:
    user, word, entry = (
        quote(text.encode("utf-8", "replace"), safe="") for text in (login, password, value)
    )
    made = _connection(f"generic://{user}:{word}@/?project={entry}")
    assert made.secret.reveal() == password.encode("utf-8", "replace").decode()
    assert made.login == login.encode("utf-8", "replace").decode()
    assert made.setting("project") == value.encode("utf-8", "replace").decode()
    assert made.endpoint is None


@pytest.mark.parametrize(
    ("place", "endpoint"),
    [
        ("generic://:pw@api.example.com", "https://api.example.com"),
        ("generic://:pw@api.example.com:8443/", "https://api.example.com:8443"),
        ("generic://:pw@127.0.0.1:8080?scheme=http", "http://127.0.0.1:8080"),
        ("generic://:pw@[::1]:8080?scheme=http", "http://[::1]:8080"),
        ("generic://https://:pw@api.example.com:8443", "https://api.example.com:8443"),
        ("generic://:pw@https%3A%2F%2Fapi.example.com%2FV1", "https://api.example.com/V1"),
        ("generic://:pw@?endpoint_url=https%3A%2F%2Fapi", "https://api"),
        ("generic://:pw@host?endpoint_url=https://api", "https://api"),
        ("generic://:pw@?__extra__=%7B%22endpoint_url%22%3A%22https%3A//api%22%7D", "https://api"),
        ("generic://:pw@", None),
    ],
)
def test_a_connection_in_a_uri_says_where_to_go(place: str, endpoint: str | None) -> None:
    made = _connection(place)
    assert (made.endpoint, made.secret.reveal()) == (endpoint, "pw")


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        ({"host": "https://api.example.com"}, "https://api.example.com"),
        ({"host": "api.example.com", "port": 8443}, "https://api.example.com:8443"),
        ({"host": "api", "extra": {"endpoint_url": "https://other"}}, "https://other"),
        ({"port": 8443}, None),
    ],
)
def test_host_and_port_make_the_endpoint(fields: dict[str, object], endpoint: str | None) -> None:
    assert connection_from_fields("tieout_openai", fields).endpoint == endpoint


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}])
def test_a_missing_connection_is_named_with_where_to_put_it(environment: dict[str, str]) -> None:
    with pytest.raises(ConnectionMissingError, match=VARIABLE):
        connection_from_environment("openai", environment)


@pytest.mark.parametrize(
    "text",
    [
        '{"password": "hunter2"',
        '{"password": "hunter2",}',
        "hunter2",
        "generic://",
        "generic:hunter2",
        "generic://maria:hunter2/x@host",
        "generic://maria:hunter2#x@host",
        "generic://maria:hunter2?x@host",
        "generic://maria:123?hunter2@host",
        "generic://[hunter2",
    ],
)
def test_what_is_no_connection_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SettingError, match=VARIABLE) as refusal:
        _connection(text)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_missing_entry_is_named_beside_those_that_are_there() -> None:
    made = connection_from_fields("tieout_aws", {"extra": {"prefix": "cur"}})
    with pytest.raises(SettingError, match=r"no 'bucket' in its extra.*\['prefix'\]"):
        made.setting("bucket")


def test_the_clock_says_its_zone() -> None:
    assert utc_now().utcoffset() is not None


def test_a_demo_may_be_on_a_later_day_but_never_on_an_earlier_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIEOUT_DEMO_TODAY", "2999-12-03")
    monkeypatch.delenv("TIEOUT_DEMO", raising=False)
    assert utc_now().year < 2999
    monkeypatch.setenv("TIEOUT_DEMO", "1")
    assert utc_now().date() == date(2999, 12, 3)
    monkeypatch.setenv("TIEOUT_DEMO_TODAY", "2020-01-01")
    assert utc_now().year > 2020


def test_a_login_may_stand_in_a_file_and_the_variable_itself_wins(tmp_path: Path) -> None:
    file = tmp_path / "web.url"
    file.write_text("postgresql://web@db/tieout\n")
    env = {"TIEOUT_WEB_DATABASE_URL_FILE": str(file)}
    assert load_settings(env).web_database_url.reveal() == "postgresql://web@db/tieout"
    both = {**env, "TIEOUT_WEB_DATABASE_URL": "postgresql://other@db/tieout"}
    assert load_settings(both).web_database_url.reveal() == "postgresql://other@db/tieout"
    admin = administrator_url({"TIEOUT_DATABASE_URL_FILE": str(file)})
    assert admin.reveal() == "postgresql://web@db/tieout"


def test_a_login_s_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.url"
    broken.write_bytes(b"\xff\xfe")
    for file in (tmp_path / "none.url", broken):
        with pytest.raises(SettingError, match="TIEOUT_OWNER_DATABASE_URL_FILE"):
            load_settings({"TIEOUT_OWNER_DATABASE_URL_FILE": str(file)})
    with pytest.raises(SettingError, match="TIEOUT_DATABASE_URL_FILE"):
        administrator_url({})
