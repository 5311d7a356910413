"""What every engine offers over lake files, and which one a deployment has chosen.

Owns the protocol, the choice (the text of `TIEOUT_ENGINE`) and what every engine refuses; the work
is done in `in_process` (DuckDB, the default) and `spark` (an existing cluster, through Ibis).
"""

import importlib
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import ConservationError, IntegrityError, SettingError

Span = tuple[date, date | None]  # a day and the first one after; None: no end
STARTED = "charge_period_start"
EngineKind = Literal["duckdb", "spark", "spark-connect"]

_MODULES: dict[EngineKind, str] = {
    "duckdb": "in_process",
    "spark": "spark",
    "spark-connect": "spark",
}
_PLACE = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}"
_STANDALONE = re.compile(rf"spark://{_PLACE}(?:,{_PLACE})*")
_CONNECT = re.compile(rf"sc://({_PLACE})(?:/?|/;[^\s@]*)")
_TOKEN = re.compile(r"token\s*=", re.IGNORECASE)
_NAMED_BY_HASH = re.compile(r"/([0-9a-f]{64})(?:\.[a-z]+)?$")


class Engine(Protocol):
    """Distinct, join and sum over Parquet files of the lake; equal to the bit in every engine.

    `paths` are one or more addresses that the engine itself can open, files of one schema with
    `attr_id` (int64); no order of rows or files matters. A file whose name is its
    SHA-256 is verified before its first use by this engine.
    """

    def distinct_attributes(self, paths: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """Distinct `attr_id` with `columns`, ordered by `attr_id`: what rules run on; small.

        Raises:
            NotReadyError: a file is missing.
            HashMismatchError: a file is not what its name promises.
            IntegrityError: one `attr_id` stands for two tuples, or files differ in schema.
        """
        ...

    def days(self, paths: Sequence[str]) -> tuple[date, date]:
        """The first and the last day (UTC) of `charge_period_start`; without rows, `date.min`."""
        ...

    def join_and_sum(
        self,
        paths: Sequence[str],
        assignment: pa.Table,
        *,
        keys: Sequence[str],
        amount: str,
        days: Span | None = None,
    ) -> pa.Table:
        """What `engine.duckdb.join_and_sum` gives for the rows of the files.

        A key that the assignment has is taken from it, any other from the files. `days` leaves out
        charges that begin (UTC) before its first day, or on its second or later.

        Raises:
            NotReadyError: a file is missing.
            HashMismatchError: a file is not what its name promises.
            IntegrityError: the files differ in schema.
            ConservationError: the assignment names an `attr_id` twice.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """The engine of a deployment; `url` and `places` (host, port) only for a cluster."""

    kind: EngineKind
    url: str = ""
    places: tuple[tuple[str, int], ...] = ()


def parse_engine(text: str | None) -> EngineChoice:
    """The choice that `TIEOUT_ENGINE` says; nothing or `duckdb` is DuckDB in process.

    `spark://host:port[,host:port]` is a standalone master (and its stand-ins), `sc://host:port`
    with Spark's own `/;key=value` parameters a Spark Connect server.

    Raises:
        SettingError: it is none of these, or holds a token, which is a secret and no setting.
    """
    found = (text or "").strip()
    if found in {"", "duckdb"}:
        return EngineChoice(kind="duckdb")
    if _TOKEN.search(found):
        raise SettingError(
            "TIEOUT_ENGINE holds a token: expected an address without secrets; put the token into "
            "SPARK_CONNECT_AUTHENTICATE_TOKEN, which Spark Connect reads itself."
        )
    if _STANDALONE.fullmatch(found):
        places = found.removeprefix("spark://").split(",")
        return EngineChoice(kind="spark", url=found, places=tuple(map(_place, places)))
    if connect := _CONNECT.fullmatch(found):
        return EngineChoice(kind="spark-connect", url=found, places=(_place(connect[1]),))
    raise SettingError(
        "TIEOUT_ENGINE is not understood: expected duckdb, spark://host:port or sc://host:port, "
        f"found {found.rpartition('@')[2][:60]!r}; see docs/guides/run-on-spark.md."
    )


def engine_lake_url(choice: EngineChoice, lake_url: str, shared_url: str | None) -> str:
    """The lake's address as the engine sees it: `shared_url` when given, else `lake_url`.

    For a cluster `s3://` becomes `s3a://`, the name of Hadoop's client.

    Raises:
        SettingError: Hadoop has another form of this address, which only the deployer knows.
    """
    if shared_url and choice.kind != "duckdb":
        return shared_url.rstrip("/")
    address = lake_url.rstrip("/")
    if choice.kind == "duckdb":
        return address
    scheme, _, rest = address.partition("://")
    if scheme in {"abfs", "abfss", "az"} and "@" not in rest:
        raise SettingError(
            f"The cluster cannot open {scheme}:// without the storage account: expected "
            "TIEOUT_ENGINE_LAKE_URL such as abfss://container@account.dfs.core.windows.net/lake; "
            "set it beside TIEOUT_ENGINE."
        )
    return f"s3a://{rest}" if scheme == "s3" else address


def load(choice: EngineChoice) -> AbstractContextManager[Engine]:
    """The chosen engine, to be used in a `with` statement: its connection ends with it.

    Raises:
        SettingError: Spark is chosen, and its client is not installed beside tieout.
        SourceUnreachableError: nobody listens at the cluster's address.
    """
    module = importlib.import_module(f"tieout.engine.{_MODULES[choice.kind]}")
    return cast("AbstractContextManager[Engine]", module.open_engine(choice))


def days_of(charges: pa.Table) -> tuple[date, date]:
    """First and last day (UTC) of `charge_period_start`; without rows, `date.min`."""
    found = pc.min_max(charges[STARTED].cast(pa.date32())).as_py()
    return found["min"] or date.min, found["max"] or date.min


def within(charges: pa.Table, days: Span | None) -> pa.Table:
    """The charges that begin (UTC) on the days of the span."""
    if days is None:
        return charges
    own = charges[STARTED].cast(pa.date32())
    since = charges.filter(pc.greater_equal(own, days[0]))
    if days[1] is None:
        return since
    return since.filter(pc.less(since[STARTED].cast(pa.date32()), days[1]))


def promised_hash(path: str) -> str | None:
    """The SHA-256 that a lake file's name promises; None for a file named otherwise."""
    named = _NAMED_BY_HASH.search(path)
    return named[1] if named else None


def ordered_attributes(attributes: pa.Table) -> pa.Table:
    """Distinct tuples ordered by `attr_id`; every column may be null, whatever the files say.

    Raises:
        IntegrityError: an `attr_id` comes twice.
    """
    ids = attributes.column("attr_id")
    different = pc.count_distinct(ids, mode="all").as_py()
    if different != attributes.num_rows:
        raise IntegrityError(
            f"{attributes.num_rows} attribute tuples share {different} ids: expected one tuple an "
            "attr_id; a charges file is damaged, normalise its report again."
        )
    nullable = pa.schema([pa.field(field.name, field.type) for field in attributes.schema])
    return attributes.sort_by("attr_id").cast(nullable).combine_chunks()


def refuse_multiplied(counted: int, expected: int) -> None:
    """Every charge is in exactly one group.

    Raises:
        ConservationError: it is not.
    """
    if counted != expected:
        raise ConservationError(
            f"The classification counts {counted} charges, expected {expected}: an attribute "
            "tuple has two classes; nothing was summed. Classify again."
        )


def refuse_different_schemas(path: str, found: object, first: str, expected: object) -> None:
    """All files of one call have the same columns, or a sum would leave out what is missing.

    Raises:
        IntegrityError: they have not.
    """
    if found != expected:
        raise IntegrityError(
            f"The files {first.rpartition('/')[2]} and {path.rpartition('/')[2]} differ in their "
            "columns: expected one schema; normalise the older report again."
        )


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not 0 < int(port) < 1 << 16:
        raise SettingError(
            f"TIEOUT_ENGINE names port {port}: expected 1 to 65535; correct the address."
        )
    return host.strip("[]"), int(port)
