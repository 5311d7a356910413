"""A ledger summed by a cluster is the ledger summed by DuckDB, to the bit of the stored file."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.engine.ledger_files import KEYS, job, ledger_assignment, ledger_charges, put
from tests.engine.spark_cluster import Cluster, running_cluster, running_connect_server

from tieout.engine.in_process import InProcess
from tieout.engine.month_cube import month_cube, segments_of
from tieout.focus.columns import ATTRIBUTES, CHARGE_SCHEMA, attributes_of
from tieout.lake.files import Lake

SOAK = os.environ.get("TIEOUT_SOAK") == "1"
FILES, ROWS = 4, 600
CUTS = (date(2026, 10, 8), date(2026, 10, 20))
AMOUNTS = CHARGE_SCHEMA.get_field_index("billed_cost")
pytestmark = pytest.mark.skipif(
    not SOAK, reason="a cluster takes 40 to 100 seconds of CPU: make spark runs it, as CI does"
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("spark")) as running:
        yield running


class _Ledger:
    """Files of a lake, their charges and an assignment; `job` and `expected` are its questions."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lake = Lake(home.as_uri())
        self.tables = [ledger_charges(seed, ROWS) for seed in range(FILES)]
        self.paths = put(self.lake, home.as_uri(), self.tables)
        self.charges = pa.concat_tables(self.tables)
        self.assignment = ledger_assignment(self.charges)
        self.engine = InProcess()

    def sum_job(self, name: str, **other: Any) -> dict[str, Any]:
        assignment = other.pop("assignment", self.assignment)
        kept = self.home / f"{name}.assignment"
        with pa.ipc.new_file(kept, assignment.schema) as sink:
            sink.write_table(assignment)
        asked = {"assignment": str(kept), "keys": list(KEYS), "amount": "billed_cost", **other}
        return job(asked.pop("paths", self.paths), self.out(name), **asked)

    def expected(self) -> pa.Table:
        return self.engine.join_and_sum(
            self.paths, self.assignment, keys=KEYS, amount="billed_cost"
        )

    def out(self, name: str) -> str:
        return str(self.home / f"{name}.arrow")

    def found(self, name: str) -> pa.Table:
        with pa.ipc.open_file(self.out(name)) as source:
            return source.read_all()

    def stored(self, table: pa.Table) -> str:
        """The hash under which the lake keeps the table."""
        return self.lake.put_table(table.combine_chunks(), "lines/period=2026-10").sha256


@pytest.fixture
def ledger(tmp_path: Path) -> _Ledger:
    return _Ledger(tmp_path)


def _same(ledger: _Ledger, found: pa.Table, expected: pa.Table) -> None:
    assert found.schema.equals(expected.schema, check_metadata=True)
    assert found.equals(expected)
    assert ledger.stored(found) == ledger.stored(expected)


def test_a_standalone_cluster_sums_the_same_ledger(cluster: Cluster, ledger: _Ledger) -> None:
    distinct = job(ledger.paths, ledger.out("distinct"), columns=ATTRIBUTES)
    cut = job(ledger.paths, ledger.out("cube"), cuts=[day.isoformat() for day in CUTS])
    assert cluster.run([distinct, ledger.sum_job("ledger"), cut], engine=cluster.url) == [""] * 3

    expected = ledger.expected()
    assert expected.num_rows > ROWS
    assert sum(expected["charge_count"].to_pylist()) == FILES * ROWS
    _same(ledger, ledger.found("ledger"), expected)
    dictionary = ledger.engine.distinct_attributes(ledger.paths, ATTRIBUTES)
    _same(ledger, ledger.found("distinct"), dictionary)
    assert dictionary.equals(attributes_of(ledger.charges).cast(dictionary.schema))
    cube = month_cube(ledger.charges, CUTS)
    assert len(segments_of(cube)) == len(CUTS) + 1
    assert ledger.found("cube").to_pylist() == cube.to_pylist()


def test_a_connect_server_sums_the_same_ledger(cluster: Cluster, ledger: _Ledger) -> None:
    distinct = job(ledger.paths, ledger.out("distinct"), columns=ATTRIBUTES)
    turned = ledger.sum_job("turned", paths=ledger.paths[::-1])
    with running_connect_server(cluster) as url:
        jobs = [distinct, ledger.sum_job("ledger"), turned]
        assert cluster.run(jobs, engine=url) == ["", "", ""]
    _same(ledger, ledger.found("ledger"), ledger.expected())
    _same(ledger, ledger.found("turned"), ledger.expected())
    dictionary = ledger.engine.distinct_attributes(ledger.paths, ATTRIBUTES)
    _same(ledger, ledger.found("distinct"), dictionary)


def test_what_would_make_another_ledger_is_refused(cluster: Cluster, ledger: _Ledger) -> None:
    wrong = [
        ledger.sum_job(
            "twice",
            assignment=pa.concat_tables([ledger.assignment, ledger.assignment.slice(0, 1)]),
        ),
        ledger.sum_job("missing", paths=[*ledger.paths, f"{ledger.paths[0][:-20]}.parquet"]),
        ledger.sum_job("changed", paths=[_flipped(ledger, named=True)]),
        ledger.sum_job("page", paths=[_flipped(ledger, named=False)]),
        ledger.sum_job("narrow", paths=[*ledger.paths, _narrow(ledger)]),
        ledger.sum_job("large", paths=_too_large(ledger), keys=["provider"]),
    ]
    told = cluster.run(wrong, engine=cluster.url)
    for answer, due in zip(
        told,
        (
            "ConservationError: The classification counts ",
            "NotReadyError: The cluster does not find a file of the lake ",
            "HashMismatchError: File file:",
            "checksum",
            "IntegrityError: The files ",
            "NUMERIC_VALUE_OUT_OF_RANGE",
        ),
        strict=True,
    ):
        assert due in answer
    assert not any(Path(one["out"]).exists() for one in wrong)


def _flipped(ledger: _Ledger, *, named: bool) -> str:
    """A file with one bit of its amounts turned, under its own hash or under no hash."""
    (path,) = put(ledger.lake, str(ledger.home), [ledger.tables[0].slice(0, 50 + named)])
    content = bytearray(Path(path).read_bytes())
    amounts = pq.ParquetFile(path).metadata.row_group(0).column(AMOUNTS)
    content[amounts.dictionary_page_offset + amounts.total_compressed_size // 2] ^= 1
    place = Path(path) if named else ledger.home / "turned.parquet"
    place.write_bytes(content)
    return f"file://{place}"


def _narrow(ledger: _Ledger) -> str:
    table = ledger.tables[0].drop_columns(["invoice_id"])
    return put(ledger.lake, ledger.home.as_uri(), [table])[0]


def _too_large(ledger: _Ledger) -> list[str]:
    """Amounts that fit, and a sum that does not: 18 * 10^15 in DECIMAL(28,12)."""
    one = ledger.tables[0].slice(0, 1)
    most = pa.array(["9000000000000000"]).cast(one.schema.field("billed_cost").type)
    place = one.schema.get_field_index("billed_cost")
    large = one.set_column(place, one.schema.field(place), most)
    return put(ledger.lake, ledger.home.as_uri(), [pa.concat_tables([large, large])])
