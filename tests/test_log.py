"""The log: one line a fact, and no secret in it, wherever the secret came from."""

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from tieout import log as logs
from tieout.config import ProviderConnection, Secret

EARLY = logs.get("made_when_imported")


class Lines(io.StringIO):
    """What was logged, as a reader of JSON lines sees it."""

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(one) for one in self.getvalue().splitlines()]

    def only(self) -> dict[str, Any]:
        (event,) = self.events()
        return event


@pytest.fixture
def lines() -> Iterator[Lines]:
    before = structlog.get_config()
    stream = Lines()
    logs.configure(stream)
    yield stream
    structlog.configure(**before)


def test_an_event_is_one_json_line_with_its_step_level_and_time(lines: Lines) -> None:
    logs.get("post").info("posted", period="2026-10", entries=13, new=True, share=None)
    event = lines.only()
    assert (event["event"], event["step"], event["level"]) == ("posted", "post", "info")
    assert (event["period"], event["entries"], event["new"]) == ("2026-10", 13, True)
    assert event["share"] is None
    assert event["timestamp"].endswith("Z")


def test_a_logger_made_before_the_set_up_is_scrubbed_and_goes_to_the_same_place(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    EARLY.info("pulled", url="https://maria:hunter2@api.example.com")
    assert lines.only()["step"] == "made_when_imported"
    assert "hunter2" not in lines.getvalue()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["two\nlines", "\r\n", "\u2028\u2029\x85\x0b\x0c", "\x1b[31m\x00"])
def test_one_event_is_one_line_whatever_is_in_its_values(lines: Lines, text: str) -> None:
    logs.get("pull").info("pulled", name=text, names=[text, {"deep": text}])
    logs.get("pull").info("pulled", name="next")
    assert len(lines.getvalue().splitlines()) == 2
    assert lines.events()[0]["name"] == text


SECRETS = {
    "OpenAI key": ("sk-proj-abcDEF123_456-789", "abcDEF123"),
    "Anthropic key": ("sk-ant-admin01-abcDEF123", "abcDEF123"),
    "AWS key": ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
    "AWS session key": ("ASIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
    "web token": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-hunter2", "hunter2"),
    "log-in in a URL": ("postgresql://maria:hunter2@db:5432/tieout", "hunter2"),
    "password without a user": ("redis://:hunter2@db", "hunter2"),
    "user alone": ("https://hunter2token@example.com/x", "hunter2"),
    "password with a slash": ("postgresql://maria:a/hunter2@db/x", "hunter2"),
    "password with an at": ("postgresql://maria:a@hunter2@db/x", "hunter2"),
    "bearer": ("Authorization: Bearer abc.hunter2.def", "hunter2"),
    "basic": ("basic bWFyaWE6aHVudGVyMg==", "bWFyaWE"),
    "header": ("{'x-api-key': 'hunter2'}", "hunter2"),
    "header line": ("x-api-key: hunter2", "hunter2"),
    "query": ("GET /v1?page=2&api_key=hunter2&limit=1", "hunter2"),
    "signed address": ("https://x.example.com/c?sv=1&sig=hunter2%3D", "hunter2"),
    "presigned": ("https://s3/x?X-Amz-Signature=hunter2&X-Amz-Date=1", "hunter2"),
    "conninfo": ("host=db user=maria password=hunter2 dbname=x", "hunter2"),
    "quoted conninfo": ("host=db password='hunter2'", "hunter2"),
    "JSON": ('{"login": "maria", "password": "hunter2"}', "hunter2"),
    "private key": ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "hunter2"),
}


@pytest.mark.parametrize(("text", "hidden"), SECRETS.values(), ids=SECRETS)
def test_what_has_the_shape_of_a_secret_is_hidden_wherever_it_stands(
    lines: Lines, text: str, hidden: str
) -> None:
    log = logs.get("pull")
    log.info("pulled", request=f"before {text} after")
    log.info("pulled", deep={"list": [{"in": text}], "pair": ("a", text)})
    log.info("pulled", error=ValueError(text))
    log.info(text)
    try:
        _fail(text)
    except RuntimeError:
        log.exception("pull_failed")
    assert hidden not in lines.getvalue()
    assert len(lines.events()) == 5
    assert "***" in lines.events()[0]["request"]
    assert lines.events()[0]["request"].startswith("before ")


def _fail(text: str) -> None:
    raise RuntimeError(f"cannot reach {text}") from ValueError(text)


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "secret", "client_secret", "password", "passwd", "access_token",
     "sig", "x_amz_sig", "salt", "Authorization", "credentials", "cookie"],
)  # fmt: skip
def test_a_field_with_a_sensitive_name_is_hidden_whatever_it_holds(lines: Lines, name: str) -> None:
    logs.get("pull").info("pulled", **{name: "hunter2"}, headers={name: ["hunter2"]})
    event = lines.only()
    assert (event[name], event["headers"]) == ("***", {name: "***"})


def test_what_is_no_secret_stays_readable(lines: Lines) -> None:
    facts = {
        "idempotency_key": "c0ffee",
        "input_tokens": 1200,
        "url": "https://api.example.com:8443/v1/costs?page=2",
        "message": "No connection tieout_openai: expected it in Airflow.",
        "lake": "s3://bucket/raw/ab/abc.json",
        "sha256": "ab" * 32,
    }
    logs.get("pull").info("pulled", **facts)
    event = lines.only()
    assert {name: event[name] for name in facts} == facts


def test_values_of_other_types_are_logged_as_their_text(lines: Lines) -> None:
    logs.get("pull").info("pulled", cost=Decimal("12.340"), days={3}, path=Path("a/b"))
    event = lines.only()
    assert (event["cost"], event["days"], event["path"]) == ("12.340", [3], "a/b")


def test_a_secret_and_its_connection_are_logged_without_it(lines: Lines) -> None:
    made = ProviderConnection(
        name="tieout_aws", secret=Secret("hunter2"), extra={"session": "swordfish"}
    )
    logs.get("pull").info("pulled", connection=made, found=Secret("hunter2"))
    assert "hunter2" not in lines.getvalue()
    assert "swordfish" not in lines.getvalue()
    assert "tieout_aws" in lines.getvalue()


def test_the_scrubber_keeps_the_event_that_it_was_given() -> None:
    event = {"event": "pulled", "api_key": "hunter2"}
    assert logs.scrub(None, "info", event) is event
    assert event == {"event": "pulled", "api_key": "***"}
