"""The measured programs of tieout, each alone in its process: `python -m bench.reapply_ours`.

`full FOLDER RULES OUT`: dictionary, rules and month cubes to ledger lines by period, provider and
six dimensions. `delta FOLDER RULES OUT OLD_RULES`: the moves between the ledgers of two rule sets.
`rows FOLDER RULES OUT`: the classes of every charge. `start FOLDER RULES OUT`: only what all of
them begin with. Every file's SHA-256 is verified before it is
believed, as the lake does. Nothing is imported that is not needed: imports are a third of the time.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.core.ids import sha256_hex
from tieout.engine.class_ids import number_classes
from tieout.engine.cube import moves, sum_by_class
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.changed import changed_rules, columns_read, touched_rows
from tieout.rules.classify import examine
from tieout.rules.masks import Evaluator
from tieout.rules.parse import parse_rules
from tieout.rules.rule_set import RuleSet

KEYS = ("provider", *DIMENSIONS)


def main() -> None:
    """Do the work that the arguments name."""
    program, folder, rules, out, *more = sys.argv[1:]
    if program == "full":
        _full(Path(folder), _rules(rules), Path(out))
    elif program == "delta":
        _delta(Path(folder), _rules(*more), _rules(rules), Path(out))
    elif program == "rows":
        _rows(Path(folder), _rules(rules), Path(out))
    else:
        _rules(rules)


def _full(folder: Path, rules: RuleSet, out: Path) -> None:
    attributes = _attributes(folder, {"provider", *columns_read(rules)})
    legend, (classes,) = number_classes([_classified(attributes, rules)], KEYS)
    lines = sum_by_class(_cubes(folder), classes)
    _write(_with_keys(lines, legend, {"class_id": ""}), out)


def _delta(folder: Path, old: RuleSet, new: RuleSet, out: Path) -> None:
    wanted = {"provider", *columns_read(old), *columns_read(new)}
    attributes = _attributes(folder, wanted)
    touched = touched_rows(Evaluator(attributes), changed_rules(old, new))
    few = _plain(attributes.take(pa.array(touched)))
    evaluator = Evaluator(few)
    both = [_classified(few, rules, evaluator) for rules in (old, new)]
    legend, (before, after) = number_classes(both, KEYS)
    moved = moves(_cubes(folder), before, after)
    _write(_with_keys(moved, legend, {"old_class_id": "old_", "new_class_id": "new_"}), out)


def _rows(folder: Path, rules: RuleSet, out: Path) -> None:
    """The class of each charge: the dictionary is classified once, the charges look theirs up."""
    attributes = _attributes(folder, {"provider", *columns_read(rules)})
    legend, (classes,) = number_classes([_classified(attributes, rules)], DIMENSIONS)
    known, numbers = (classes.column(name).to_numpy() for name in ("attr_id", "class_id"))
    parts = []
    for name, content in _contents(folder, "charges/"):
        ids = _read(content, ["attr_id"]).column("attr_id").to_numpy()
        places = np.searchsorted(known, ids)
        if not np.array_equal(known[places], ids):
            raise SystemExit(f"{name} has charges outside the dictionary; make the files again.")
        parts.append(pa.array(numbers[places]))
    pq.write_table(pa.table({"class_id": pa.chunked_array(parts)}), out)
    pq.write_table(legend, out.with_suffix(".legend.parquet"))


def _rules(path: str) -> RuleSet:
    return parse_rules(Path(path).read_text(encoding="utf-8"), name=path)


def _classified(
    attributes: pa.Table, rules: RuleSet, evaluator: Evaluator | None = None
) -> pa.Table:
    found = examine(evaluator or Evaluator(attributes), rules, initiatives={})
    return found.assignment.append_column("provider", attributes.column("provider"))


def _attributes(folder: Path, columns: set[str]) -> pa.Table:
    ((_, content),) = _contents(folder, "attributes")
    return _read(content, ["attr_id", *sorted(columns)])


def _plain(table: pa.Table) -> pa.Table:
    """Without the dictionaries, which hold the texts of all rows."""
    schema = [
        field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(schema))


def _cubes(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name, content in _contents(folder, "cube/"):
        yield name.removeprefix("cube/"), content


def _contents(folder: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of files, one at a time, each with its hash verified."""
    files = json.loads((folder / "files.json").read_text())["files"]
    for name, file in files.items():
        if name.startswith(prefix):
            content = (folder / file["path"]).read_bytes()
            if sha256_hex(content) != file["sha256"]:
                raise SystemExit(f"{file['path']} changed after it was made; make it again.")
            yield name, content


def _read(content: bytes, columns: Sequence[str]) -> pa.Table:
    file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
    return file.read(columns=list(columns))


def _with_keys(lines: pa.Table, legend: pa.Table, prefixes: dict[str, str]) -> pa.Table:
    """The lines with the texts of their classes instead of the numbers."""
    columns = {"period": lines.column("period").dictionary_encode()}
    for name, prefix in prefixes.items():
        places = lines.column(name).combine_chunks()
        for key in KEYS:
            columns[f"{prefix}{key}"] = legend.column(key).combine_chunks().take(places)
    for measure in ("charge_count", "billed_cost"):
        columns[measure] = lines.column(measure)
    return pa.table(columns)


def _write(lines: pa.Table, out: Path) -> None:
    """Snappy as DuckDB's, dictionaries for texts only, no statistics: nobody searches this file."""
    texts = [name for name in lines.column_names if pa.types.is_dictionary(lines[name].type)]
    pq.write_table(lines, out, use_dictionary=texts, write_statistics=False)


if __name__ == "__main__":
    main()
