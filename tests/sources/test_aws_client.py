"""Clients of AWS: whose credentials sign, which endpoints may be asked, what failures show."""

import traceback
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from tests.sources.aws_peer import CANARY, KEY_ID, Peer, connection

from tieout.config import Secret
from tieout.core.errors import SettingError, SourceError, SourceRefusedError
from tieout.core.period import Period
from tieout.sources.aws_client import client
from tieout.sources.base import load_provider

ASKED: dict[str, Any] = {
    "account": "100000000001",
    "period": Period(2026, 10),
    "now": datetime(2026, 11, 4, tzinfo=UTC),
}
THROUGH = date(2026, 10, 31)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def peer() -> Iterator[Peer]:
    one = Peer()
    yield one
    one.stop()


def test_a_role_is_assumed_and_its_session_signs_the_calls(moto: str, peer: Peer) -> None:
    peer.answers("ListInvoiceSummaries", {"InvoiceSummaries": []})
    link = connection(
        role_arn="arn:aws:iam::100000000001:role/tieout-read",
        external_id="nordlicht-7",
        sts_endpoint_url=moto,
        invoicing_endpoint_url=peer.url,
    )
    provider = load_provider("aws")
    assert provider.fetch_documents(link, **ASKED) == ()
    (headers,) = peer.headers
    assert "Credential=ASIA" in headers["Authorization"]
    assert KEY_ID not in headers["Authorization"]
    assert headers["X-Amz-Security-Token"]


def test_without_a_role_the_key_itself_signs(peer: Peer) -> None:
    peer.answers("ListInvoiceSummaries", {"InvoiceSummaries": []})
    link = connection(invoicing_endpoint_url=peer.url)
    load_provider("aws").fetch_documents(link, **ASKED)
    assert f"Credential={KEY_ID}/" in peer.headers[0]["Authorization"]


def test_a_role_that_may_not_be_assumed_is_a_refusal(peer: Peer) -> None:
    body = (
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform "
        "sts:AssumeRole</Message></Error></ErrorResponse>"
    )
    peer.script["AssumeRole"] = [(403, body.encode())]
    link = connection(
        role_arn="arn:aws:iam::100000000001:role/tieout",
        external_id="x-7",
        sts_endpoint_url=peer.url,
    )
    with pytest.raises(SourceRefusedError, match="correct the connection tieout_aws_emea"):
        client(link, "ce", None)
    ((_, asked),) = peer.asked
    assert (asked["ExternalId"], asked["DurationSeconds"]) == ("x-7", "3600")


def test_a_value_that_the_client_does_not_take_is_told_without_showing_it(peer: Peer) -> None:
    link = connection(role_arn="r", external_id="hidden-id", sts_endpoint_url=peer.url)
    with pytest.raises(SettingError, match="expected a 12 digit account id, a role_arn") as caught:
        client(link, "ce", None)
    assert "hidden-id" not in str(caught.value)
    assert peer.asked == []


def test_one_half_of_a_key_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(SettingError, match="one half of an access key"):
        client(replace(connection(), secret=Secret(" ")), "s3", None)


def test_a_machine_without_a_role_of_its_own_is_told_so(
    monkeypatch: pytest.MonkeyPatch, peer: Peer
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    link = replace(connection(invoicing_endpoint_url=peer.url), login=None, secret=Secret(""))
    with pytest.raises(SourceRefusedError, match="has no credentials that work"):
        load_provider("aws").fetch_documents(link, **ASKED)
    assert peer.asked == []


def test_endpoints_that_the_machine_configures_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://169.254.169.254")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://10.0.0.1")
    for service in ("s3", "ce", "sts", "invoicing", "organizations"):
        with closing(client(connection(), service, None)) as api:
            assert api.meta.endpoint_url.endswith((".amazonaws.com", ".api.aws"))


def test_the_billing_interfaces_stay_in_their_region_wherever_the_bucket_is() -> None:
    link = connection(region="eu-central-1")
    with closing(client(link, "s3", None)) as s3_, closing(client(link, "ce", None)) as ce:
        assert s3_.meta.region_name == "eu-central-1"
        assert ce.meta.endpoint_url == "https://ce.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    "setting",
    ["endpoint_url", "invoicing_endpoint_url", "ce_endpoint_url", "sts_endpoint_url"],
)
def test_no_endpoint_of_a_connection_may_point_into_the_own_network(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.delenv("TIEOUT_ALLOW_LOOPBACK")
    link = connection(
        **{setting: "http://10.1.2.3", "cost_explorer": "on"},
        **({"role_arn": "arn:aws:iam::1:role/r"} if setting == "sts_endpoint_url" else {}),
    )
    provider = load_provider("aws")
    calls = {
        "invoicing_endpoint_url": lambda: provider.fetch_documents(link, **ASKED),
        "ce_endpoint_url": lambda: provider.fetch_usage(link, through=THROUGH, **ASKED),
    }
    with pytest.raises(SettingError, match=r"10\.1\.2\.3 is on this machine or a private network"):
        calls.get(setting, lambda: provider.fetch_cost(link, through=THROUGH, **ASKED))()


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "Odd"])
def test_no_failure_shows_the_secret(peer: Peer, code: str) -> None:
    peer.refuses("ListInvoiceSummaries", code)
    link = connection(invoicing_endpoint_url=peer.url)
    with pytest.raises(SourceError) as caught:
        load_provider("aws").fetch_documents(link, **ASKED)
    shown = "".join(traceback.format_exception(caught.value)) + repr(link)
    assert CANARY not in shown
    assert KEY_ID not in shown.replace(repr(link), "")
