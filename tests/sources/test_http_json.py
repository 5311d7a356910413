"""The transport of providers without a client: repeats, limits, redirects, no secret shown."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.sources.json_stub import Asked, Reply, serving

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import (
    SettingError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.sources import http_json
from tieout.sources.http_json import Api, get, get_if_there, open_api, post

LOOPBACK = ip_address("127.0.0.1")
CANARY = "canary-7f3a-key"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the client would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(http_json, "sleep", waited.append)
    return waited


def api(endpoint: str, *, key: str = CANARY, pace_s: int = 0) -> Api:
    connection = ProviderConnection(name="tieout_github", endpoint=endpoint, secret=Secret(key))
    return open_api(
        connection,
        provider="github",
        endpoint="https://api.github.com",
        headers={"Authorization": f"Bearer {key}"},
        pace_s=pace_s,
    )


def script(*replies: Reply) -> Iterator[Reply]:
    yield from replies


def test_a_get_sends_query_and_headers_and_gives_the_bytes() -> None:
    with serving(lambda _: Reply(body='{"a": 1.10}')) as stub:
        assert get(api(stub.url), "/x", {"year": 2026, "q": "a b"}) == b'{"a": 1.10}'
    (asked,) = stub.asked
    assert (asked.method, asked.path, dict(asked.query)) == (
        "GET",
        "/x",
        {"year": "2026", "q": "a b"},
    )
    assert asked.headers["Authorization"] == f"Bearer {CANARY}"
    assert asked.headers["User-Agent"] == "tieout"


def test_a_post_sends_its_body_as_json() -> None:
    with serving(lambda _: Reply(body="{}")) as stub:
        post(api(stub.url), "/x", {"page": 2})
    assert (stub.asked[0].method, stub.asked[0].body) == ("POST", {"page": 2})
    assert stub.asked[0].headers["Content-Type"] == "application/json"


def test_a_throttle_is_waited_out_as_long_as_the_provider_says(waits: list[float]) -> None:
    replies = script(Reply(status=429, headers={"Retry-After": "7"}), Reply(body="{}"))
    with serving(lambda _: next(replies)) as stub:
        assert get(api(stub.url), "/x", {}) == b"{}"
    assert waits == [7]


def test_a_throttle_of_an_hour_is_not_waited_out(waits: list[float]) -> None:
    with (
        serving(lambda _: Reply(status=429, headers={"Retry-After": "3600"})) as stub,
        pytest.raises(SourceUnreachableError, match="try again in 3600 s"),
    ):
        get(api(stub.url), "/x", {})
    assert (waits, len(stub.asked)) == ([], 1)


def test_server_errors_are_repeated_with_growing_waits_and_then_reported(
    waits: list[float],
) -> None:
    with (
        serving(lambda _: Reply(status=503, body="<html>")) as stub,
        pytest.raises(SourceUnreachableError, match="HTTP 503"),
    ):
        get(api(stub.url), "/x", {})
    assert (waits, len(stub.asked)) == ([1, 2], 3)


def test_nobody_there_is_worth_a_retry(waits: list[float]) -> None:
    with pytest.raises(SourceUnreachableError, match="ConnectionRefusedError"):
        get(api("http://127.0.0.1:9"), "/x", {})
    assert waits == [1, 2]


def test_a_pull_ends_at_its_deadline(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: Reply(status=500)) as stub:
        slow = api(stub.url)
        monkeypatch.setattr(http_json, "monotonic", lambda: slow.ends_at - 1)
        with pytest.raises(SourceUnreachableError, match="no end after 900 s"):
            get(slow, "/x", {})
    assert (waits, len(stub.asked)) == ([1], 2)


def test_requests_keep_the_pace_that_the_provider_asks_for(
    waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda _: Reply(body="{}")) as stub:
        paced = api(stub.url, pace_s=3)
        at = paced.ends_at - 500
        monkeypatch.setattr(http_json, "monotonic", lambda: at)
        get(paced, "/x", {})
        get(paced, "/x", {})
    assert waits == [3]


def test_a_redirect_is_never_followed() -> None:
    with (
        serving(lambda _: Reply(body="{}")) as other,
        serving(lambda _: Reply(status=302, headers={"Location": f"{other.url}/x"})) as stub,
        pytest.raises(SourceAnswerError, match="HTTP 302"),
    ):
        get(api(stub.url), "/x", {})
    assert other.asked == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, SourceRefusedError), (403, SourceRefusedError), (404, SourceAnswerError)],
)
def test_a_refusal_names_the_connection_and_no_secret(
    status: int, error: type[SourceError]
) -> None:
    def echo(asked: Asked) -> Reply:
        return Reply(status=status, body=dict(asked.headers))

    with serving(echo) as stub, pytest.raises(error, match=r"github at 127\.0\.0\.1") as caught:
        get(api(stub.url), "/x", {"token": CANARY})
    shown = repr(caught.value) + repr(api(stub.url)) + str(caught.value.__cause__)
    assert CANARY not in shown


def test_an_address_that_may_be_absent_gives_none() -> None:
    def reply(asked: Asked) -> Reply:
        return Reply(status=404 if asked.path == "/gone" else 500)

    with serving(reply) as stub:
        assert get_if_there(api(stub.url), "/gone", {}) is None


def test_an_answer_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_json, "MAX_JSON_BYTES", 10)
    with (
        serving(lambda _: Reply(body="x" * 11)) as stub,
        pytest.raises(SourceAnswerError, match="more than 10 bytes"),
    ):
        get(api(stub.url), "/x", {})


def test_a_key_that_is_no_header_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingError, match="characters that no key has") as caught:
        get(api("http://127.0.0.1:9", key=f"{CANARY}\r\nX-Evil: 1"), "/x", {})
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIEOUT_ALLOW_LOOPBACK")
    with pytest.raises(SettingError, match="private network"):
        api("http://127.0.0.1:9")


def test_an_unknown_certificate_is_refused_and_a_trusted_one_is_not(
    waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    with serving(lambda _: Reply(body="{}"), certificate=certificate) as stub:
        assert stub.url.startswith("https://")
        with pytest.raises(SourceUnreachableError, match="SSLCertVerificationError"):
            get(api(stub.url), "/x", {})
        assert (waits, stub.asked) == ([1, 2], [])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert get(api(stub.url), "/x", {}) == b"{}"


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "loopback.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file
