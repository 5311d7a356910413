"""The real boto3 against moto's S3, STS and Organizations: layouts, credentials, endpoints."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.sources.aws_peer import Peer, connection

from tieout.config import ProviderConnection, utc_now
from tieout.core.errors import (
    NotReadyError,
    SettingError,
    SourceAnswerError,
)
from tieout.core.period import Period
from tieout.sources.aws_exports import delivered_type
from tieout.sources.base import RawDocument, load_provider

BUCKET = "example-bills"
ASKED: dict[str, Any] = {"account": "100000000001", "period": Period(2026, 10)}
THROUGH = date(2026, 10, 31)
DATA = "exports/daily/data/BILLING_PERIOD=2026-10"
META = "exports/daily/metadata/BILLING_PERIOD=2026-10"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(moto: str) -> Iterator[Any]:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    with closing(boto3.client("s3", endpoint_url=moto, region_name="us-east-1", **keys)) as api:
        api.create_bucket(Bucket=BUCKET)
        yield api
        for one in api.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            api.delete_object(Bucket=BUCKET, Key=one["Key"])
        api.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def peer() -> Iterator[Peer]:
    one = Peer()
    yield one
    one.stop()


def put(s3: Any, key: str, body: str = "x") -> str:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
    return f"s3://{BUCKET}/{key}"


def put_manifest(s3: Any, *files: str, folder: str = META) -> None:
    content = {"executionId": "e-1", "columns": [], "dataFiles": list(files)}
    put(s3, f"{folder}/daily-Manifest.json", json.dumps(content))


def fetch(link: ProviderConnection) -> tuple[RawDocument, ...]:
    return load_provider("aws").fetch_cost(link, through=THROUGH, now=utc_now(), **ASKED)


def test_an_export_that_overwrites_leaves_stale_chunks_that_are_not_read(
    s3: Any, moto: str
) -> None:
    listed = [put(s3, f"{DATA}/daily-0000{n}.snappy.parquet", f"chunk {n}") for n in (1, 2)]
    put(s3, f"{DATA}/daily-00003.snappy.parquet", "stale")
    put_manifest(s3, *listed)
    found = fetch(connection(endpoint_url=moto, report_type="cur_2"))
    assert [(one.kind, one.content[:7]) for one in found[1:]] == [
        ("data", b"chunk 1"),
        ("data", b"chunk 2"),
    ]
    assert found[0].kind == "manifest"
    assert {one.media_type for one in found[1:]} == {"application/vnd.apache.parquet"}
    assert {one.request["report_type"] for one in found} == {"cur_2"}


def test_of_an_export_that_keeps_its_refreshes_the_newest_is_read(s3: Any, moto: str) -> None:
    refreshes = ("20261102T0100Z-aa", "20261101T0100Z-bb")  # written in this order: bb is newest
    for refresh in refreshes:
        file = put(s3, f"{DATA}/{refresh}/daily-00001.csv.gz", refresh)
        put_manifest(s3, file, folder=f"{META}/{refresh}")
        time.sleep(1.1)  # S3 stamps whole seconds
    found = fetch(connection(endpoint_url=moto, report_type="focus_1_2"))
    assert [one.content for one in found[1:]] == [b"20261101T0100Z-bb"]


def test_the_partition_of_a_focus_export_is_written_in_small_letters(s3: Any, moto: str) -> None:
    file = put(s3, f"{DATA.lower()}/daily-00001.csv.gz")
    put_manifest(s3, file, folder="exports/daily/metadata/billing_period=2026-10")
    assert len(fetch(connection(endpoint_url=moto, report_type="focus_1_0"))) == 2


def test_the_manifest_of_another_export_or_month_is_not_taken(s3: Any, moto: str) -> None:
    file = put(s3, f"{DATA}/daily-00001.csv.gz")
    put_manifest(s3, file, folder="exports/daily/metadata/BILLING_PERIOD=2026-09")
    put(s3, f"{META}/other-Manifest.json", json.dumps({"dataFiles": [file]}))
    with pytest.raises(NotReadyError, match=r"exports/daily/metadata in bucket example-bills"):
        fetch(connection(endpoint_url=moto, report_type="cur_2"))


def test_a_bucket_that_is_not_there_has_no_report(moto: str) -> None:
    with pytest.raises(NotReadyError, match="check bucket, prefix, report and report_type"):
        fetch(connection(endpoint_url=moto, report_type="cur_2", bucket="nowhere-at-all"))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([f"s3://{BUCKET}/{DATA}/gone.csv.gz"], "gone.csv.gz, which is not in bucket"),
        (["s3://else-where/a.csv.gz"], "lists files in bucket else-where: expected all in"),
        (["a.csv.gz", "a.csv.gz"], "lists a file twice"),
        ([], "lists no reportKeys and no dataFiles"),
        ([7], "lists no reportKeys and no dataFiles"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_refused(
    s3: Any, moto: str, files: list[Any], words: str
) -> None:
    put_manifest(s3, *files)
    with pytest.raises(SourceAnswerError, match=words):
        fetch(connection(endpoint_url=moto, report_type="cur_2"))


def test_files_younger_than_their_manifest_are_a_refresh_in_progress(s3: Any, moto: str) -> None:
    key = f"{DATA}/daily-00001.csv.gz"
    put_manifest(s3, put(s3, key))
    time.sleep(1.1)  # S3 stamps whole seconds
    put(s3, key, "next version")
    link = connection(endpoint_url=moto, report_type="cur_2")
    with pytest.raises(SourceAnswerError, match="AWS is replacing this version"):
        fetch(link)
    # a copied bucket has other times: after some hours the files are taken as they are
    later = utc_now() + timedelta(hours=7)  # moto stamps objects with the clock
    provider = load_provider("aws")
    assert len(provider.fetch_cost(link, through=THROUGH, now=later, **ASKED)) == 2


def test_the_legacy_report_stands_below_dates_and_names_its_assembly(s3: Any, moto: str) -> None:
    folder = "exports/daily/20261001-20261101"
    put(s3, f"{folder}/old-assembly/daily-1.csv.gz", "old")
    put(s3, f"{folder}/new-assembly/daily-1.csv.gz", "new")
    listed = {"reportKeys": [f"{folder}/new-assembly/daily-1.csv.gz"]}
    put(s3, f"{folder}/daily-Manifest.json", json.dumps(listed))
    found = fetch(connection(endpoint_url=moto))
    assert [one.content for one in found if one.kind == "data"] == [b"new"]


def test_an_unknown_report_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match="expected one of cur_legacy, cur_2, focus_1_0"):
        fetch(connection(report_type="cur_3"))


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({"reportKeys": ["a"]}, "cur_legacy"),
        ({"dataFiles": ["a"], "columns": [{"name": "bill_invoice_id"}]}, "cur_2"),
        ({"dataFiles": ["a"], "columns": [{"name": "BilledCost"}, 7]}, "focus_1_0"),
        ({"columns": [{"name": "BilledCost"}, {"name": "InvoiceId"}]}, "focus_1_2"),
    ],
)
def test_a_manifest_that_a_person_saved_tells_its_report_by_its_columns(
    document: Callable[..., RawDocument], manifest: dict[str, Any], expected: str
) -> None:
    assert delivered_type([document("manifest", json.dumps(manifest))]) == expected
    named = document("manifest", json.dumps(manifest), report_type="cur_2")
    assert delivered_type([document("data", "x"), named]) == "cur_2"
    assert delivered_type([]) == "cur_legacy"


def test_a_focus_1_0_export_names_its_meter_in_a_column_of_aws(
    document: Callable[..., RawDocument],
) -> None:
    row = {
        "BilledCost": "1.25",
        "BillingAccountId": ASKED["account"],
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-10-01 00:00:00",
        "ChargeCategory": "Usage",
        "ChargePeriodEnd": "2026-10-02 00:00:00",
        "ChargePeriodStart": "2026-10-01 00:00:00",
        "EffectiveCost": "1.25",
        "InvoiceIssuerName": "Amazon Web Services, Inc.",
        "ProviderName": "AWS",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Amazon Bedrock",
        "x_UsageType": "EUC1-NovaPro-input-tokens",
    }
    cells = [f'"{one}"' for one in row.values()]
    report = f"{','.join(row)}\n{','.join(cells)}\n"
    documents = [
        document("manifest", '{"dataFiles": ["s3://b/f.csv"]}', report_type="focus_1_0"),
        document("data", report, name="f.csv"),
        document("data", report, name="stale-00002.csv"),
    ]
    (charge,) = load_provider("aws").to_focus(documents, **ASKED).charges.to_pylist()
    assert charge["sku_meter"] == "EUC1-NovaPro-input-tokens"
    assert (charge["x_model"], charge["x_token_kind"]) == ("nova-pro", "input")


def test_linked_accounts_are_named_by_organizations(s3: Any, moto: str) -> None:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    with closing(boto3.client("organizations", endpoint_url=moto, **keys)) as api:
        api.create_organization(FeatureSet="ALL")
        api.create_account(Email="x@example.com", AccountName="research")
    put_manifest(s3, put(s3, f"{DATA}/daily-00001.csv.gz"))
    found = fetch(
        connection(
            endpoint_url=moto,
            organizations_endpoint_url=moto,
            report_type="cur_2",
            account_names="organizations",
        )
    )
    (names,) = (one for one in found if one.kind == "names")
    assert "research" in [one["Name"] for one in json.loads(names.content)["Accounts"]]


def test_the_page_lists_exactly_the_permissions_that_the_calls_need(
    s3: Any, moto: str, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: set[tuple[str, str]] = set()
    real = boto3.client

    def note(model: Any, **_: object) -> None:
        made.add((model.service_model.signing_name, model.name))

    def recording(*args: Any, **more: Any) -> Any:
        api = real(*args, **more)
        api.meta.events.register("before-call", note)
        return api

    monkeypatch.setattr(boto3, "client", recording)
    put_manifest(s3, put(s3, f"{DATA}/daily-00001.csv.gz"))
    summary = {"InvoiceId": "I-1", "InvoiceType": "INVOICE"}
    peer.answers("ListInvoiceSummaries", {"InvoiceSummaries": [summary]})
    peer.refuses("GetInvoicePDF", "ResourceNotFoundException")
    link = connection(
        endpoint_url=moto,
        sts_endpoint_url=moto,
        ce_endpoint_url=moto,
        organizations_endpoint_url=moto,
        invoicing_endpoint_url=peer.url,
        role_arn="arn:aws:iam::100000000001:role/tieout",
        report_type="cur_2",
        account_names="organizations",
        cost_explorer="on",
        invoice_pdf="on",
    )
    with suppress(SourceAnswerError):  # an organisation is there only if another test made one
        fetch(link)
    now = datetime(2026, 11, 4, tzinfo=UTC)
    load_provider("aws").fetch_usage(link, through=THROUGH, now=now, **ASKED)
    load_provider("aws").fetch_documents(link, now=now, **ASKED)
    granted_as = {"ListObjectsV2": "ListBucket"}
    needed = {f"{service}:{granted_as.get(name, name)}" for service, name in made}
    page = (Path("docs") / "reference" / "providers" / "aws.md").read_text()
    assert set(re.findall(r"`((?:s3|ce|invoicing|organizations|sts):[A-Z]\w+)`", page)) == needed
