"""Distinct, join and sum on an existing Spark cluster, through Ibis, over the same lake files.

Owns the session and the way of three expressions to the cluster and back as Arrow. No rule, product
or quotient goes there: Spark's `*` and `/` drop to scale 6 (measured, November 2026), its sum of
DECIMAL(28,12) is an exact DECIMAL(38,12) that is cast back, and what does not fit is an error.
Ibis and PySpark are loaded here and only when a cluster is chosen; they are no part of the lock.
"""

import importlib
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import (
    HashMismatchError,
    NotReadyError,
    SettingError,
    SourceUnreachableError,
)
from tieout.engine.base import (
    STARTED,
    EngineChoice,
    Span,
    ordered_attributes,
    promised_hash,
    refuse_different_schemas,
    refuse_multiplied,
)
from tieout.focus.columns import MONEY

CONNECT_TIMEOUT_S = 10
_CHARGES, _CLASSES = "tieout_charges", "tieout_classes"  # views of our own session
_READING = {
    "recursiveFileLookup": "true",  # a folder called period=2026-10 is no column
    "parquet.page.verify-checksum.enabled": "true",
}
_SESSION = {
    "spark.sql.ansi.enabled": "true",  # overflow is an error, never null
    "spark.sql.caseSensitive": "true",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """The libraries as loaded: Ibis, PySpark's session builder, its errors and its version."""

    ibis: Any
    builder: Any
    analysis_error: type[Exception]
    version: str


class SparkEngine:
    """Implements `engine.base.Engine` on one Spark session; used by one thread."""

    def __init__(self, session: Any, client: _Client) -> None:
        """Take a session of its own; its SQL settings are changed."""
        for name, setting in _SESSION.items():
            session.conf.set(name, setting)
        self._session = session
        self._analysis_error = client.analysis_error
        self._ibis = client.ibis.pyspark.connect(session)  # sets the session's time zone to UTC
        self._schemas: dict[str, str] = {}

    def distinct_attributes(self, paths: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """See `Engine.distinct_attributes`."""
        names = ["attr_id", *columns]
        with self._over(paths) as charges:
            return ordered_attributes(self._fetch(charges.select(names).distinct()))

    def days(self, paths: Sequence[str]) -> tuple[date, date]:
        """See `Engine.days`."""
        with self._over(paths) as charges:
            started = charges[STARTED].date()
            (found,) = self._fetch(
                charges.aggregate([started.min().name("first"), started.max().name("last")])
            ).to_pylist()
        return found["first"] or date.min, found["last"] or date.min

    def join_and_sum(
        self,
        paths: Sequence[str],
        assignment: pa.Table,
        *,
        keys: Sequence[str],
        amount: str,
        days: Span | None = None,
    ) -> pa.Table:
        """See `Engine.join_and_sum`."""
        theirs = [key for key in keys if key in assignment.column_names and key != "attr_id"]
        ours = [key for key in keys if key not in {*theirs, "attr_id"}]
        with self._over(paths) as charges, self._classes(assignment, theirs) as classes:
            own = _within(charges, days).select(["attr_id", amount, *ours])
            rows = own.left_join(classes, "attr_id")
            total = rows[amount].sum().cast("decimal(38, 12)").cast("decimal(28, 12)")
            grouped = rows.group_by(list(keys)).aggregate(
                [total.name(amount), rows.count().name("charge_count")]
            )
            sums = self._fetch(grouped)
            refuse_multiplied(
                pc.sum(sums.column("charge_count")).as_py() or 0,
                self._fetch(own.aggregate(own.count().name("rows")))["rows"][0].as_py(),
            )
        # ordered here and not there: the result is small, and Arrow orders text by its bytes
        ordered = sums.sort_by([(key, "ascending") for key in keys]).combine_chunks()
        place = ordered.column_names.index(amount)
        return ordered.set_column(place, amount, ordered.column(amount).cast(MONEY))

    @contextmanager
    def _over(self, paths: Sequence[str]) -> Iterator[Any]:
        """All rows of the files as one Ibis table, after the files were verified."""
        try:
            self._verify([path for path in paths if path not in self._schemas])
            for path in paths:
                refuse_different_schemas(path, self._schema(path), paths[0], self._schema(paths[0]))
            self._read(*paths).createOrReplaceTempView(_CHARGES)
            yield self._ibis.table(_CHARGES)
        except self._analysis_error as error:
            if error.getCondition() != "PATH_NOT_FOUND":  # type: ignore[attr-defined]  # PySpark's class is known only once it is loaded
                raise
            raise NotReadyError(
                f"The cluster does not find a file of the lake ({str(error)[:200]}): expected all "
                "workers to see the lake; mount it there, or set TIEOUT_ENGINE_LAKE_URL."
            ) from error
        finally:
            self._session.catalog.dropTempView(_CHARGES)

    @contextmanager
    def _classes(self, assignment: pa.Table, columns: Sequence[str]) -> Iterator[Any]:
        """The assignment as an Ibis table: Arrow bytes to the cluster, no pandas in between."""
        plain = [_plain(assignment.column(name)) for name in ("attr_id", *columns)]
        table = pa.table(plain, names=["attr_id", *columns])
        self._session.createDataFrame(table).createOrReplaceTempView(_CLASSES)
        try:
            yield self._ibis.table(_CLASSES)
        finally:
            self._session.catalog.dropTempView(_CLASSES)

    def _fetch(self, expression: Any) -> pa.Table:
        """The rows of an expression; Ibis's own way goes through pandas, Spark's is Arrow."""
        arrow: pa.Table = self._ibis.raw_sql(self._ibis.compile(expression)).toArrow()
        nullable = pa.schema([pa.field(field.name, field.type) for field in arrow.schema])
        return arrow.cast(nullable).combine_chunks()

    def _schema(self, path: str) -> str:
        if path not in self._schemas:
            self._schemas[path] = self._read(path).schema.simpleString()
        return self._schemas[path]

    def _verify(self, paths: Sequence[str]) -> None:
        """The workers hash the very bytes that they will read."""
        named = [path for path in paths if promised_hash(path)]
        if not named:
            return
        files = self._session.read.format("binaryFile").option("recursiveFileLookup", "true")
        hashed = files.load(named).selectExpr("path", "sha2(content, 256) AS sha256").toArrow()
        for row in hashed.to_pylist():
            if row["sha256"] != promised_hash(row["path"]):
                raise HashMismatchError(
                    f"File {row['path']} changed after it was stored: found SHA-256 "
                    f"{row['sha256']}; nothing was computed from it. Restore it from the backup."
                )

    def _read(self, *paths: str) -> Any:
        return self._session.read.options(**_READING).parquet(*paths)


@contextmanager
def open_engine(choice: EngineChoice) -> Iterator[SparkEngine]:
    """A session on the cluster, ended with the `with` statement.

    A standalone cluster gets its driver in this process (Java, and ports that the workers reach);
    a Spark Connect server has the driver. What Spark itself is told (memory, keys of the storage)
    comes from its own `spark-defaults.conf`, found through `SPARK_CONF_DIR`.

    Raises:
        SettingError: the client is not installed, or is newer than the server.
        SourceUnreachableError: nobody listens at the address.
    """
    client = _load_client()
    _refuse_unreachable(choice)
    session = _session(client, choice)
    try:
        _refuse_older_server(client.version, session.version)
        yield SparkEngine(session, client)
    finally:
        session.stop()


def _within(charges: Any, days: Span | None) -> Any:
    """The charges that begin on the days of the span; the session's days are UTC."""
    if days is None:
        return charges
    since = charges.filter(charges[STARTED].date() >= days[0])
    return since if days[1] is None else since.filter(since[STARTED].date() < days[1])


def _load_client() -> _Client:
    try:
        spark = importlib.import_module("pyspark")
        return _Client(
            ibis=importlib.import_module("ibis"),
            builder=importlib.import_module("pyspark.sql").SparkSession.builder,
            analysis_error=importlib.import_module("pyspark.errors").AnalysisException,
            version=spark.__version__,
        )
    except ImportError as error:
        raise _not_installed(error) from error


def _not_installed(error: ImportError) -> SettingError:
    return SettingError(
        f"TIEOUT_ENGINE names a Spark cluster, and its client cannot be loaded ({error}): expected "
        "Ibis 12 and PySpark of the cluster's version beside tieout; run pip install "
        "'ibis-framework[pyspark]==12.0.0' 'pyspark[connect]==4.0.5', or set TIEOUT_ENGINE=duckdb."
    )


def _refuse_unreachable(choice: EngineChoice) -> None:
    """Spark itself tries for a minute and then speaks of a stopped context."""
    for place in choice.places:
        try:
            socket.create_connection(place, timeout=CONNECT_TIMEOUT_S).close()
        except OSError:
            continue
        return
    named = ", ".join(f"{host}:{port}" for host, port in choice.places)
    raise SourceUnreachableError(
        f"No Spark cluster answers at {named} within {CONNECT_TIMEOUT_S} s: expected the address "
        "of TIEOUT_ENGINE; start the cluster, open the port, or set TIEOUT_ENGINE=duckdb."
    )


def _session(client: _Client, choice: EngineChoice) -> Any:
    try:
        if choice.kind == "spark-connect":
            return client.builder.remote(choice.url).getOrCreate()
        return client.builder.master(choice.url).appName("tieout").getOrCreate()
    except ImportError as error:  # gRPC is asked for only here
        raise _not_installed(error) from error


def _refuse_older_server(client: str, server: str) -> None:
    """Spark promises that a newer Connect server serves an older client, and not the reverse."""
    ours, theirs = (tuple(map(int, version.split(".")[:2])) for version in (client, server))
    if theirs < ours:
        raise SettingError(
            f"The Spark server is {server}, PySpark here is {client}: expected a client that is "
            "not newer than the server; install PySpark of the server's version."
        )


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
