"""How one tenant's ledger wants its file: header, codes, settings. Data that finance approves.

Owns the target's language (YAML, see docs/reference/erp/targets.md) and the look-up of codes; what
a format does with them is the format's. A code that is missing stops the export.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from tieout.core.errors import RuleFileError
from tieout.ledger.entities import LEGAL_ENTITY
from tieout.ledger.entry import JournalLine
from tieout.ledger.intercompany import PAIR_KEY, PARTNER
from tieout.ledger.sides import LINE_DIMENSIONS, POOL
from tieout.rules.fields import entries, fields, identifier_of, one_of, text_of
from tieout.rules.yaml_text import Node, read_yaml

_OPTIONAL = ("header", "settings", "columns", "accounts", "dimensions", "entity")
_DIMENSIONS = (*LINE_DIMENSIONS, POOL, LEGAL_ENTITY, PARTNER, PAIR_KEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What stands in a column: the code of a dimension's value; `value` where a line has none."""

    dimension: str | None
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One ledger outside: its format, its own header (one tuple a block; none: ours), its codes.

    `accounts` None means that the ledger uses our account codes; a dimension without a table keeps
    its values. `settings` are the format's own (see its page). `entity` is the legal entity whose
    ledger it is, None one of all.
    """

    name: str
    erp: str
    header: tuple[tuple[str, ...], ...]
    settings: Mapping[str, str]
    fillings: Mapping[str, Filling]
    accounts: Mapping[str, str] | None
    dimensions: Mapping[str, Mapping[str, str]]
    entity: str | None = None

    def account(self, code: str) -> str:
        """The ledger's own code of an account.

        Raises:
            RuleFileError: the table of accounts has no such code.
        """
        if self.accounts is None:
            return code
        if code not in self.accounts:
            raise RuleFileError(
                f"{self.name}: account {code} has no code for {self.erp}; add it under 'accounts'."
            )
        return self.accounts[code]

    def dimension(self, name: str, line: JournalLine) -> str:
        """The ledger's own code of a line's value; empty where the line has none.

        Raises:
            RuleFileError: the dimension has a table, and the value is not in it.
        """
        value = line.dimensions.get(name)
        table = self.dimensions.get(name)
        if not value or table is None:
            return value or ""
        if value not in table:
            raise RuleFileError(
                f"{self.name}: {name} {value[:60]!r} has no code for {self.erp}; add it under "
                f"'dimensions', {name}."
            )
        return table[value]

    def filled(self, column: str, line: JournalLine) -> str | None:
        """What the tenant wants in this column, None where the format decides."""
        filling = self.fillings.get(column)
        if filling is None:
            return None
        code = self.dimension(filling.dimension, line) if filling.dimension else ""
        return code or filling.value


def parse_target(text: str, *, name: str) -> Target:
    """Read a target; `name` is the file's name in errors.

    Raises:
        RuleFileError: the file breaks the language; names the line.
    """
    root = fields(read_yaml(text, name=name), required=("erp",), optional=_OPTIONAL)
    columns = entries(root["columns"]) if "columns" in root else {}
    dimensions = entries(root["dimensions"]) if "dimensions" in root else {}
    return Target(
        name=name,
        erp=identifier_of(root["erp"]),
        header=_header(root["header"]) if "header" in root else (),
        settings=_texts(root["settings"]) if "settings" in root else {},
        fillings={column: _filling(node) for column, node in columns.items()},
        accounts=_texts(root["accounts"]) if "accounts" in root else None,
        dimensions={
            _known(dimension, node): _texts(node) for dimension, node in dimensions.items()
        },
        entity=identifier_of(root["entity"]) if "entity" in root else None,
    )


def _known(dimension: str, node: Node) -> str:
    if dimension not in _DIMENSIONS:
        raise node.error(f"unknown dimension {dimension[:60]!r}; known: {', '.join(_DIMENSIONS)}.")
    return dimension


def _header(node: Node) -> tuple[tuple[str, ...], ...]:
    """The header as it was copied from the tenant's template: comma separated, one line a block."""
    try:
        rows = list(csv.reader(io.StringIO(text_of(node), newline=""), strict=True))
    except csv.Error as error:
        raise node.error(f"the header is not comma separated ({error}); copy it again.") from error
    header = tuple(tuple(cell.strip() for cell in row) for row in rows if row)
    for row in header:
        doubled = sorted({cell for cell in row if row.count(cell) > 1})
        if doubled:
            raise node.error(f"the header has {doubled[0][:60]!r} more than once; copy it again.")
    return header


def _filling(node: Node) -> Filling:
    values = fields(node, required=(), optional=("dimension", "value"))
    if not values:
        raise node.error("expected a dimension, a value or both for the column; give one.")
    return Filling(
        dimension=one_of(values["dimension"], _DIMENSIONS) if "dimension" in values else None,
        value=text_of(values["value"]) if "value" in values else "",
    )


def _texts(node: Node) -> dict[str, str]:
    return {key: text_of(value) for key, value in entries(node).items()}
