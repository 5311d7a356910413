"""What a person sees when something is wrong: one sentence, an exit code, and nothing half-done."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import boto3
import httpx
import psycopg
import pytest
from psycopg import sql
from tests import month
from tests.cli.command import Answer, here, in_a_process
from tests.worlds import WorldAt


def tieout(
    world: month.World, *arguments: str, connections: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code of a command and what it said on standard error."""
    answer = here(arguments, _environment(world, connections))
    return answer.code, answer.error


def _environment(
    world: month.World, connections: Mapping[str, str] | None = None
) -> dict[str, str]:
    settings = world.settings()
    return {
        "TIEOUT_HOME": world.home,
        "TIEOUT_LAKE_URL": settings.lake_url,
        "TIEOUT_PUBLISH_URL": settings.publish_url,
        "TIEOUT_WORKER_DATABASE_URL": world.worker_url,
        **(world.connections if connections is None else connections),
    }


def _is_one_sentence(text: str) -> bool:
    return text.startswith("tieout: ") and "Traceback" not in text and len(text) < 700


def _rows(world: month.World, table: str) -> int:
    with psycopg.connect(world.worker_url) as connection:
        count = sql.SQL("SELECT count(*) FROM tieout.{}").format(sql.Identifier(table))
        row = connection.execute(count).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def registered(world_at: WorldAt) -> month.World:
    """A world whose policies are approved and where nothing was pulled."""
    return world_at("draft world")


def test_a_wrong_period_is_named(registered: month.World) -> None:
    code, said = tieout(registered, "pull", "openai", "2026-13")
    assert (code, _is_one_sentence(said)) == (2, True)
    assert "Expected a period such as 2026-10, found '2026-13'" in said


def test_an_unknown_provider_is_named_with_those_that_exist(registered: month.World) -> None:
    code, said = tieout(registered, "pull", "opanai", "2026-10")
    assert (code, _is_one_sentence(said)) == (2, True)
    assert "openai" in said


def test_a_missing_connection_says_where_it_is_looked_for(registered: month.World) -> None:
    code, said = tieout(registered, "pull", "aws", "2026-10", connections={})
    assert (code, _is_one_sentence(said)) == (3, True)
    assert "AIRFLOW_CONN_TIEOUT_AWS" in said
    assert _rows(registered, "snapshot") == 0


def test_an_endpoint_that_does_not_answer_is_named(registered: month.World) -> None:
    away = {
        "conn_type": "generic",
        "password": "x",
        "extra": {"endpoint_url": "http://127.0.0.1:9"},
    }
    connections = {"AIRFLOW_CONN_TIEOUT_OPENAI": json.dumps(away), "TIEOUT_ALLOW_LOOPBACK": "1"}
    code, said = tieout(registered, "pull", "openai", "2026-10", connections=connections)
    assert (code, _is_one_sentence(said)) == (3, True)
    assert "127.0.0.1" in said
    assert _rows(registered, "snapshot") == 0


@pytest.mark.parametrize("run", [here, in_a_process])
def test_a_database_that_is_away_is_named_without_its_password(
    registered: month.World, run: Callable[[Sequence[str], Mapping[str, str]], Answer]
) -> None:
    password = re.search(r"//[^:]+:([^@]+)@", registered.worker_url)
    assert password is not None
    gone = registered.worker_url.replace("/tieout-", "/gone-")
    assert gone != registered.worker_url
    lost = month.World(
        home=registered.home,
        worker_url=gone,
        web_url=registered.web_url,
        connections=registered.connections,
        standin_url=registered.standin_url,
    )
    answer = run(["status", "2026-10"], _environment(lost))
    assert (answer.code, answer.out) == (3, "")
    assert _is_one_sentence(answer.error)
    assert password[1] not in answer.error


def test_a_truncated_report_of_aws_loads_nothing(registered: month.World) -> None:
    connection = json.loads(registered.connections["AIRFLOW_CONN_TIEOUT_AWS"])
    s3 = boto3.client(
        "s3",
        endpoint_url=connection["extra"]["endpoint_url"],
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
        region_name="us-east-1",
    )
    bucket = connection["extra"]["bucket"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    key = next(one for one in keys if one.endswith("-1.csv.gz"))
    whole = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    manifest = next(one for one in keys if one.endswith("-Manifest.json"))
    listing = s3.get_object(Bucket=bucket, Key=manifest)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=whole[: len(whole) // 2])
    s3.put_object(Bucket=bucket, Key=manifest, Body=listing)  # AWS writes it last
    try:
        tieout(registered, "pull", "aws", "2026-10")
        code, said = tieout(registered, "normalise", "aws", "2026-10")
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=whole)
        s3.put_object(Bucket=bucket, Key=manifest, Body=listing)
    assert (code, _is_one_sentence(said)) == (3, True)
    assert "truncated" in said or "ends" in said
    assert _rows(registered, "charge_file") == 0


def test_a_pdf_that_is_not_an_invoice_blocks_the_close(world_at: WorldAt) -> None:
    fresh_world = world_at("settle")
    drop = Path(fresh_world.home) / "drop" / "openai"
    (drop / "letter.pdf").write_bytes(b"%PDF-1.4\n% a letter, not an invoice\n%%EOF\n")
    for name in ("final documents openai", "final normalise openai", "reconcile", "settle"):
        assert month.act(name)(fresh_world) is not None, name
    code, said = tieout(fresh_world, "close", "2026-10")
    assert (code, _is_one_sentence(said)) == (1, True)
    assert "letter.pdf" in said
    code, said = tieout(fresh_world, "publish", "2026-10")
    assert code == 1
    assert _rows(fresh_world, "publication") == 0
    assert not (Path(fresh_world.home) / "published").exists()


def test_a_month_without_its_invoice_is_accrued_and_not_closed(world_at: WorldAt) -> None:
    fresh_world = world_at("accrue")
    for command in ("classify", "allocate", "reconcile", "match", "settle"):
        assert tieout(fresh_world, command, "2026-10")[0] == 0
    code, said = tieout(fresh_world, "close", "2026-10")
    assert (code, _is_one_sentence(said)) == (1, True)
    assert "cannot be put up for signature" in said
    assert httpx.get(f"{fresh_world.standin_url}/_standin/health").status_code == httpx.codes.OK
