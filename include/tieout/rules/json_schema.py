"""The JSON Schema of a rule file for editors, made from the tables that reading goes by.

Owns the shape only: what spans places (ids, loops, registers, look-up tables) is `parse`'s and
`check`'s to say. A text may stand unquoted where YAML makes a number or a truth value of it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.fields import DAY, IDENTIFIER
from tieout.rules.parse import (
    FILE_KEYS,
    FILE_OPTIONS,
    MAX_DIMENSIONS,
    MAX_RULES,
    OWN_DIMENSION,
    RULE_KEYS,
    RULE_OPTIONS,
)
from tieout.rules.parse_outcome import BY_SOURCES, LOOKUP_KEYS, LOOKUP_OPTIONS, MISSING
from tieout.rules.predicate import (
    COLUMNS,
    COMPARISONS,
    MAX_REGEX,
    NUMBER,
    OPERATORS,
    PRESENCE_OPERATORS,
    VALUE_OPERATORS,
)
from tieout.rules.register import REGISTER_COLUMNS
from tieout.rules.rule_tests import CHARGE_OPTIONS, NOTHING, TEST_KEYS

Schema: TypeAlias = dict[str, Any]

_TEXT: Schema = {"type": ["string", "number", "boolean"], "minLength": 1}
_COLUMN: Schema = {"enum": list(COLUMNS)}
_BOUND: Schema = {
    "type": ["string", "number"],
    "pattern": f"^(?:{NUMBER.pattern}|{DAY.pattern})$",
}
_TRUE: Schema = {"enum": [True, "true"]}


def json_schema() -> Schema:
    """JSON Schema (draft 2020-12) of a rule file: everything that `parse_rules` reads fits it."""
    dimension = {"anyOf": [{"enum": list(DIMENSIONS)}, {"pattern": _whole(OWN_DIMENSION)}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tieout rule file",
        "description": "Ordered rules for each dimension; the first that matches wins.",
        **_keys(
            FILE_KEYS,
            FILE_OPTIONS,
            {
                "rule_set": _TEXT,
                "dimensions": {
                    **_map(dimension, _list(_ref("rule"), most=MAX_RULES)),
                    "minProperties": 1,
                    "maxProperties": MAX_DIMENSIONS,
                },
                "values": _map(dimension, _list(_TEXT)),
                "tests": _list(_ref("test")),
            },
        ),
        "$defs": {
            "rule": _rule(),
            "predicate": _predicate(),
            "condition": {"anyOf": [_condition("column", _COLUMN), _condition("tag", _TEXT)]},
            "outcome": _outcome(),
            "test": _test(),
        },
    }


def _rule() -> Schema:
    day = {"type": "string", "pattern": _whole(DAY)}
    return _keys(
        RULE_KEYS,
        RULE_OPTIONS,
        {
            "id": {"type": ["string", "number", "boolean"], "pattern": _whole(IDENTIFIER)},
            "when": _ref("predicate"),
            "then": _ref("outcome"),
            "description": {"type": ["string", "number", "boolean"]},
            "owner": _TEXT,
            "valid_from": day,
            "valid_to": {**day, "description": "the first day on which it holds no more"},
        },
    )


def _predicate() -> Schema:
    parts = _list(_ref("predicate"))
    return {
        "anyOf": [
            {"const": "always"},
            _ref("condition"),
            _keys(["all"], [], {"all": parts}),
            _keys(["any"], [], {"any": parts}),
            _keys(["not"], [], {"not": _ref("predicate")}),
        ]
    }


def _condition(source: str, name: Schema) -> Schema:
    """A column or tag and exactly one operator."""
    operands: dict[str, Schema] = {
        "equals": _TEXT,
        "in": _list(_TEXT),
        "regex": {**_TEXT, "maxLength": MAX_REGEX},
        **dict.fromkeys(VALUE_OPERATORS, _TEXT),
        **dict.fromkeys(PRESENCE_OPERATORS, _TRUE),
        **dict.fromkeys(COMPARISONS, _BOUND),
    }
    properties = {source: name, **{operator: operands[operator] for operator in OPERATORS}}
    shape = _keys([source], OPERATORS, properties)
    return {**shape, "minProperties": 2, "maxProperties": 2}


def _outcome() -> Schema:
    dimension = {"type": "string"}
    by = {"tag": _TEXT, "column": _COLUMN, "dimension": dimension}
    return {
        "anyOf": [
            _TEXT,
            _keys(["tag"], [], {"tag": _TEXT}),
            _keys(["initiative"], [], {"initiative": {"enum": list(REGISTER_COLUMNS)}}),
            _keys(["dimension"], [], {"dimension": dimension}),
            _keys(
                LOOKUP_KEYS,
                LOOKUP_OPTIONS,
                {
                    "lookup": _TEXT,
                    "by": {"anyOf": [_keys([one], [], {one: by[one]}) for one in BY_SOURCES]},
                    "give": _TEXT,
                    "missing": {"enum": list(MISSING)},
                },
            ),
        ]
    }


def _test() -> Schema:
    options: dict[str, Schema] = {
        "tags": {"type": "object", "additionalProperties": _TEXT},
        "on": {"type": "string", "pattern": _whole(DAY)},
    }
    columns = dict.fromkeys(COLUMNS, _TEXT)
    charge = _keys([], [*CHARGE_OPTIONS, *COLUMNS], {**options, **columns})
    expected = {"anyOf": [_TEXT, _keys([NOTHING], [], {NOTHING: _TRUE})]}
    expect = {"type": "object", "minProperties": 1, "additionalProperties": expected}
    return _keys(TEST_KEYS, [], {"charge": charge, "expect": expect})


def _keys(
    required: Sequence[str], optional: Sequence[str], properties: Mapping[str, Schema]
) -> Schema:
    """An object of exactly these keys, in this order."""
    shape: Schema = {
        "type": "object",
        "properties": {key: properties[key] for key in (*required, *optional)},
        "additionalProperties": False,
    }
    return {**shape, "required": list(required)} if required else shape


def _map(names: Schema, values: Schema) -> Schema:
    return {"type": "object", "propertyNames": names, "additionalProperties": values}


def _list(members: Schema, most: int | None = None) -> Schema:
    shape = {"type": "array", "minItems": 1, "items": members}
    return shape if most is None else {**shape, "maxItems": most}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _whole(pattern: re.Pattern[str]) -> str:
    """A pattern for a whole text, as JSON Schema would find it anywhere."""
    return f"^(?:{pattern.pattern})$"
