"""Twelve months of charges for bench_reapply: `python -m bench.reapply_data ROWS FOLDER`.

Owns the made-up bill, which is the same on every machine: monthly charge files (16 columns, zstd),
the attribute dictionary, the month cubes made from the charges by `engine.cube`, and `files.json`
with each file's SHA-256. Rows come and go by weight, so that a busy resource has thousands of them.
"""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.core.ids import attribute_key, sha256_hex
from tieout.engine.cube import coded_attributes, make_cube, pack
from tieout.focus.columns import ATTRIBUTES, tags_json

Numbers = npt.NDArray[np.int64]

SEED = 20_261_122
MONTHS = tuple(f"2026-{month:02}" for month in range(1, 13))
PROVIDERS = ("aws", "azure", "gcp", "oci", "openai", "anthropic", "databricks", "snowflake")
BILLING_ACCOUNTS, SUB_ACCOUNTS, SERVICES, SKUS = 40, 400, 300, 5_000
REGIONS, RESOURCES, TUPLES, TAG_MAPS = 24, 200_000, 217_852, 17_271
STAGES = ("prod", "stage", "dev", "shared")
TAG_VALUES = {
    "team": 90,
    "app": 240,
    "env": 6,
    "cost-center": 120,
    "product": 45,
    "project": 400,
    "owner": 300,
    "tier": 4,
}
SPREAD = 0.8  # of the lognormal weights: a million rows then meet 9 of 10 tuples, ten million all
_MONEY = pa.decimal128(28, 12)
_DAYS = 28
_FILLED, _CREDITS = 0.62, 0.03  # shares: of tag keys that people fill in, of rows that are credits
_PROVIDER_SHARES = (0.42, 0.2, 0.14, 0.04, 0.08, 0.06, 0.04, 0.02)


def main() -> None:
    """Write the files; `files.json` comes last, so a folder that has it is whole."""
    rows, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    attributes = _attributes(rng)
    weights = np.cumsum(rng.lognormal(0.0, SPREAD, attributes.num_rows))
    files = {"attributes": _kept(_parquet(_dictionary(attributes)), folder / "attributes.parquet")}
    met = np.zeros(attributes.num_rows, bool)
    cube_rows = 0
    for number, month in enumerate(MONTHS):
        size = rows * (number + 1) // len(MONTHS) - rows * number // len(MONTHS)
        places = np.searchsorted(weights, rng.random(size) * weights[-1])
        met[places] = True
        charges = _charges(attributes, places, month, rng)
        files[f"charges/{month}"] = _kept(
            _parquet(_plain(charges)), folder / f"charges_{month}.parquet"
        )
        cube = make_cube(charges)
        cube_rows += cube.num_rows
        files[f"cube/{month}"] = _kept(pack(cube), folder / f"cube_{month}.arrow")
    counts = {"rows": rows, "tuples": len(met), "tuples_met": int(met.sum()), "cube": cube_rows}
    (folder / "files.json").write_text(json.dumps({"files": files, "counts": counts}, indent=1))


def _attributes(rng: np.random.Generator) -> pa.Table:
    """The distinct attribute tuples: 200,000 resources, some of which use two kinds of SKU."""
    resource = np.concatenate(
        [np.arange(RESOURCES), rng.choice(RESOURCES, TUPLES - RESOURCES, replace=False)]
    )
    sub_account = _skewed(rng, RESOURCES, SUB_ACCOUNTS)[resource]
    account_of = np.sort(_skewed(rng, SUB_ACCOUNTS, BILLING_ACCOUNTS))
    provider_of = np.sort(rng.choice(len(PROVIDERS), BILLING_ACCOUNTS, p=_PROVIDER_SHARES))
    account = account_of[sub_account]
    provider = provider_of[account]
    own_services = _skewed(rng, RESOURCES, SERVICES // len(PROVIDERS))[resource]
    service = provider * (SERVICES // len(PROVIDERS)) + own_services
    kind = np.concatenate([np.zeros(RESOURCES, np.int64), np.ones(TUPLES - RESOURCES, np.int64)])
    sku = (service * 17 + (resource + kind * 7) % 16) % SKUS
    maps = _skewed(rng, RESOURCES, TAG_MAPS)
    maps[:TAG_MAPS] = np.arange(TAG_MAPS)
    columns = {
        "provider": _texts(PROVIDERS, provider),
        "billing_account_id": _texts([f"ba-{n:04}" for n in range(BILLING_ACCOUNTS)], account),
        "sub_account_id": _texts([f"{n * 7919:012}" for n in range(SUB_ACCOUNTS)], sub_account),
        "sub_account_name": _texts([_account_name(n) for n in range(SUB_ACCOUNTS)], sub_account),
        "charge_category": _texts(["Usage", "Purchase", "Credit"], np.digitize(sku % 50, [47, 49])),
        "service_name": _texts([f"svc-{n % 15:02}-{n:03}" for n in range(SERVICES)], service),
        "region_id": _texts(
            [f"{['eu', 'us', 'ap'][n % 3]}-{n}" for n in range(REGIONS)], maps[resource] % REGIONS
        ),
        "resource_id": _texts([f"res/{n % 97:02}/{n:08x}" for n in range(RESOURCES)], resource),
        "sku_id": _texts([f"SKU{n:05}" for n in range(SKUS)], sku),
        "sku_meter": _texts(
            [
                f"{['input', 'output', 'cached', 'storage', 'hours', 'requests'][n % 6]}-{n % 700}"
                for n in range(SKUS)
            ],
            sku,
        ),
        "tags": _texts(_tag_maps(rng), maps[resource]),
    }
    table = pa.table(columns)
    return table.append_column("attr_id", _attr_ids(table))


def _attr_ids(table: pa.Table) -> pa.Array:
    """As `focus.columns.with_attr_ids` makes them; columns that the bill lacks are null."""
    texts = [
        table.column(name).to_pylist() if name in table.column_names else [None] * table.num_rows
        for name in ATTRIBUTES
    ]
    return pa.array([attribute_key(row) for row in zip(*texts, strict=True)], pa.int64())


def _account_name(number: int) -> str:
    return f"{STAGES[number % 4]}-{number % 37:02}-{number:03}"


def _tag_maps(rng: np.random.Generator) -> list[str]:
    """Distinct tag objects; most people forget some keys, and one object is empty."""
    found: dict[str, None] = {"{}": None}
    while len(found) < TAG_MAPS:
        tags = {
            name: f"{name}-{int(rng.integers(0, size) * rng.random()):03}"
            for name, size in TAG_VALUES.items()
            if rng.random() < _FILLED
        }
        found[tags_json(tags)] = None
    return list(found)


def _skewed(rng: np.random.Generator, size: int, kinds: int) -> Numbers:
    """Numbers below `kinds`, the small ones more often."""
    return (rng.random(size) ** 2 * kinds).astype(np.int64)


def _texts(texts: Sequence[str], codes: Numbers) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(list(texts)))


def _dictionary(attributes: pa.Table) -> pa.Table:
    """As `focus.columns.attributes_of` gives it, ordered by attr_id; repeated texts stay coded."""
    table = attributes.sort_by("attr_id")
    nothing = pa.nulls(table.num_rows, pa.string())
    columns = {
        name: table.column(name) if name in table.column_names else nothing for name in ATTRIBUTES
    }
    return coded_attributes(pa.table({"attr_id": table.column("attr_id"), **columns}))


def _charges(
    attributes: pa.Table, places: Numbers, month: str, rng: np.random.Generator
) -> pa.Table:
    size = len(places)
    start = np.datetime64(f"{month}-01", "us")
    hours = rng.integers(0, _DAYS * 24, size)
    amounts = (rng.lognormal(-1.5, 2.0, size) * 1e9).astype(np.int64) * 997
    billed = np.where(rng.random(size) < _CREDITS, -amounts // 4, amounts)
    rows = attributes.take(pa.array(places))
    more = {
        "billing_period_start": pa.repeat(pa.scalar(start.item().date(), pa.date32()), size),
        "charge_period_start": pa.array(start + hours.astype("m8[h]"), pa.timestamp("us", "UTC")),
        "billed_cost": money(billed),
        "effective_cost": money(billed - billed // 7),
        "consumed_quantity": money(rng.integers(1, 10**6, size) * 10**9),
    }
    for name, column in more.items():
        rows = rows.append_column(name, column)
    return rows


def money(units: Numbers) -> pa.Array:
    """Units of 1e-12 as DECIMAL(28,12)."""
    words = np.empty((len(units), 2), np.int64)
    words[:, 0], words[:, 1] = units, units >> 63
    return pa.Array.from_buffers(_MONEY, len(units), [None, pa.py_buffer(words)])


def _plain(table: pa.Table) -> pa.Table:
    schema = [
        field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(schema))


def _parquet(table: pa.Table) -> bytes:
    """As the lake writes it: zstd, page checksums."""
    sink = io.BytesIO()
    pq.write_table(
        table, sink, compression="zstd", row_group_size=1_000_000, write_page_checksum=True
    )
    return sink.getvalue()


def _kept(content: bytes, target: Path) -> dict[str, str]:
    target.write_bytes(content)
    return {"path": target.name, "sha256": sha256_hex(content)}


if __name__ == "__main__":
    main()
