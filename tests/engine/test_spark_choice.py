"""Which engine a deployment gets, and what it is told when that cannot be."""

import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators import LOOPBACK, free_port

from tieout.core.errors import SettingError, SourceUnreachableError
from tieout.engine import base, spark
from tieout.engine.base import EngineChoice, engine_lake_url, parse_engine
from tieout.engine.in_process import InProcess

DUCKDB = EngineChoice(kind="duckdb")


@pytest.mark.parametrize("text", [None, "", "  ", "duckdb", " duckdb "])
def test_nothing_said_is_duckdb_in_process(text: str | None) -> None:
    assert parse_engine(text) == DUCKDB
    with base.load(parse_engine(text)) as engine:
        assert isinstance(engine, InProcess)


@pytest.mark.parametrize(
    ("text", "kind", "places"),
    [
        ("spark://master.corp:7077", "spark", (("master.corp", 7077),)),
        ("spark://m1:7077,m2:7078", "spark", (("m1", 7077), ("m2", 7078))),
        ("spark://[::1]:7077", "spark", (("::1", 7077),)),
        ("sc://10.0.0.7:15002", "spark-connect", (("10.0.0.7", 15002),)),
        ("sc://spark.corp:443/", "spark-connect", (("spark.corp", 443),)),
        ("sc://spark.corp:443/;use_ssl=true", "spark-connect", (("spark.corp", 443),)),
    ],
)
def test_an_address_names_the_cluster(
    text: str, kind: base.EngineKind, places: tuple[tuple[str, int], ...]
) -> None:
    assert parse_engine(text) == EngineChoice(kind=kind, url=text, places=places)


@pytest.mark.parametrize(
    "text",
    [
        "DuckDB",
        "polars",
        "local[2]",
        "yarn",
        "spark://",
        "spark://master",
        "spark://master:port",
        "spark://master:7077/",
        "spark://master:7077,",
        "sc://spark.corp",
        "sc://ana:hunter2@spark.corp:443",
        "sc://spark.corp:443/path",
        "sc://spark.corp:443/;a=b c",
        "https://spark.corp:443",
    ],
)
def test_any_other_text_is_refused_and_shows_no_password(text: str) -> None:
    with pytest.raises(SettingError, match="TIEOUT_ENGINE is not understood: expected") as refused:
        parse_engine(text)
    assert "hunter2" not in str(refused.value)


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        choice = parse_engine(text)
    except SettingError:
        return
    assert choice.kind == "duckdb" or choice.url == text.strip()


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SettingError, match=f"names port {port}: expected 1 to 65535"):
        parse_engine(f"spark://master:{port}")


@pytest.mark.parametrize("name", ["token", "Token "])
def test_a_token_is_a_secret_and_no_setting(name: str) -> None:
    with pytest.raises(SettingError, match="SPARK_CONNECT_AUTHENTICATE_TOKEN") as refused:
        parse_engine(f"sc://spark.corp:443/;use_ssl=true;{name}=hunter2")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("lake", "shared", "duckdb", "cluster"),
    [
        ("file:///mnt/lake", None, "file:///mnt/lake", "file:///mnt/lake"),
        ("s3://bills/lake/", None, "s3://bills/lake", "s3a://bills/lake"),
        ("gs://bills/lake", None, "gs://bills/lake", "gs://bills/lake"),
        ("file:///mnt/lake", "hdfs://nn/lake/", "file:///mnt/lake", "hdfs://nn/lake"),
        ("abfs://c@a.dfs.core.windows.net/l", "", *["abfs://c@a.dfs.core.windows.net/l"] * 2),
    ],
)
def test_the_lake_has_an_address_for_the_cluster(
    lake: str, shared: str | None, duckdb: str, cluster: str
) -> None:
    assert engine_lake_url(DUCKDB, lake, shared) == duckdb
    assert engine_lake_url(parse_engine("sc://spark.corp:443"), lake, shared) == cluster


def test_an_address_that_only_the_deployer_knows_is_asked_for() -> None:
    with pytest.raises(SettingError, match="expected TIEOUT_ENGINE_LAKE_URL such as abfss://"):
        engine_lake_url(parse_engine("spark://master:7077"), "abfs://bills/lake", None)


@pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is not None, reason="PySpark is installed beside tieout"
)
@pytest.mark.parametrize("scheme", ["spark", "sc"])
def test_a_missing_client_says_what_to_install(scheme: str) -> None:
    wanted = r"No module named 'pyspark'.*pip install 'ibis-framework\[pyspark\]==12.0.0'"
    with (
        pytest.raises(SettingError, match=wanted),
        base.load(parse_engine(f"{scheme}://{LOOPBACK}:7077")),
    ):
        pass


def test_a_cluster_that_does_not_listen_is_named() -> None:
    port = free_port()
    with pytest.raises(SourceUnreachableError, match=f"No Spark cluster answers at .*:{port}"):
        spark._refuse_unreachable(parse_engine(f"spark://{LOOPBACK}:{port}"))


@pytest.mark.parametrize("server", ["4.0.5", "4.0.0", "4.1.0", "5.0.0-preview1"])
def test_a_server_of_the_clients_version_or_newer_is_taken(server: str) -> None:
    spark._refuse_older_server("4.0.5", server)


@pytest.mark.parametrize("server", ["3.5.7", "3.4"])
def test_a_server_older_than_the_client_is_refused(server: str) -> None:
    with pytest.raises(SettingError, match=f"The Spark server is {server}, PySpark here is 4.0.5"):
        spark._refuse_older_server("4.0.5", server)
