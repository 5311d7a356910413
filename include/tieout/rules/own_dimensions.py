"""Dimensions of one's own as two texts: a column for each would make every ledger another table.

Owns the form (canonical JSON: names sorted, no spaces, only what was decided) and the way back.
What the dimensions are called and decide is the rule file's.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tieout.focus.coded import coded, distinct_tuples
from tieout.focus.ledger_columns import DIMENSIONS, OWN_DIMENSION_RULES, OWN_DIMENSIONS

RULE_SUFFIX = "_rule"


def packed(assignment: pa.Table) -> pa.Table:
    """`classify`'s result with `own_dimensions` and `own_dimension_rules` for its own dimensions.

    The two are texts at the end, null where none of them was decided; the columns `<name>` and
    `<name>_rule` of every own dimension are gone, all others, their order and the rows stay.
    """
    names = _own_names(assignment)
    rules = [f"{name}{RULE_SUFFIX}" for name in names]
    rest = assignment.drop_columns([*names, *rules])
    rest = rest.append_column(OWN_DIMENSIONS, _objects(assignment, names, names))
    return rest.append_column(OWN_DIMENSION_RULES, _objects(assignment, rules, names))


def own_of(text: str | None) -> dict[str, str]:
    """One text read back: class (or rule) by dimension, sorted; empty for null."""
    found: dict[str, str] = json.loads(text) if text else {}
    return found


def classes_of(
    row: Mapping[str, Any], *, prefix: str = ""
) -> dict[str, tuple[str | None, str | None]]:
    """Class and rule by dimension of a ledger line or of an assignment's row.

    The built-in ones come first, then by name the own ones that were decided. `prefix` (`old_`,
    say) stands before the names of the columns.
    """
    rules = own_of(row[f"{prefix}{OWN_DIMENSION_RULES}"])
    own = own_of(row[f"{prefix}{OWN_DIMENSIONS}"])
    return {
        **{
            name: (row[f"{prefix}{name}"], row[f"{prefix}{name}{RULE_SUFFIX}"])
            for name in DIMENSIONS
        },
        **{name: (value, rules[name]) for name, value in own.items()},
    }


def own_columns(texts: pa.Array | pa.ChunkedArray) -> dict[str, pa.Array]:
    """A column of such texts as a column for each dimension in it, by name, sorted.

    Null where it was not decided; read once for each distinct text.
    """
    whole = coded(texts)
    known = [own_of(text) for text in whole.dictionary.to_pylist()]
    names = sorted({name for own in known for name in own})
    return {
        name: pa.array([own.get(name) for own in known], pa.string()).take(whole.indices)
        for name in names
    }


def _own_names(assignment: pa.Table) -> list[str]:
    columns = set(assignment.column_names)
    return sorted(name for name in columns - {*DIMENSIONS} if f"{name}{RULE_SUFFIX}" in columns)


def _objects(assignment: pa.Table, columns: Sequence[str], names: Sequence[str]) -> pa.Array:
    """The columns as one text a row, keyed by names; made once for each distinct combination."""
    if not columns:
        return pa.nulls(assignment.num_rows, pa.string())
    numbers, tuples = distinct_tuples([coded(assignment[column]) for column in columns])
    texts = [_text(dict(zip(names, row, strict=True))) for row in tuples]
    return pa.array(texts, pa.string()).take(pa.array(numbers))


def _text(own: dict[str, str | None]) -> str | None:
    decided = {name: value for name, value in own.items() if value is not None}
    if not decided:
        return None
    return json.dumps(decided, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
