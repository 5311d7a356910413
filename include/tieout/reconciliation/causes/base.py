"""What a cause is, how it proves itself, and in which order causes are asked.

A cause explains by rows: the amount it explains of a key is what its rows add up to, the later ones
plus, the earlier ones minus, and these rows are then used up. So no amount can be explained twice,
and what no cause takes stays.
"""

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, cast

from tieout.core.errors import UnknownPluginError
from tieout.reconciliation import causes
from tieout.reconciliation.breaks import Break, Case, Key, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One cause on one key, with the rows that prove it.

    `rows` add up to the amount; `witnesses` are line ids that show it and add nothing (the row that
    was repeated, the capacity that was paid). `remark` adds what the rows do not say.
    """

    cause: str
    key: Key
    rows: tuple[Row, ...]
    witnesses: tuple[str, ...] = ()
    remark: str = ""

    @property
    def amount_units(self) -> int:
        """What the rows add to later minus earlier, in units of 1e-12."""
        return sum(row.signed_units for row in self.rows)


class Cause(Protocol):
    """A module in `reconciliation/causes/`; its file name is the component of the bridge line.

    `RANK` is its place in the order, one number a module: what can be seen on a row itself comes
    before what must be inferred from quantities, that before what must be inferred from prices.
    `SENTENCE` is what the bridge says; it may hold `{rows}`.
    """

    RANK: int
    SENTENCE: str

    def find(self, case: Case) -> Iterable[Explanation]:
        """What this cause explains, in the order of keys; nothing that it cannot prove."""
        ...


def known_causes() -> tuple[str, ...]:
    """Names of all causes in the order in which they are asked."""
    names = [module.name for module in pkgutil.iter_modules(causes.__path__)]
    return tuple(sorted((name for name in names if name != "base"), key=_rank))


def load(name: str) -> Cause:
    """The cause of that name.

    Raises:
        UnknownPluginError: there is no such file in `reconciliation/causes/`.
    """
    if name not in {module.name for module in pkgutil.iter_modules(causes.__path__)} - {"base"}:
        raise UnknownPluginError(f"No cause {name[:60]!r}; known: {', '.join(known_causes())}.")
    return cast("Cause", importlib.import_module(f"{causes.__name__}.{name}"))


def whole(
    cause: str, found: Break, *, witnesses: Iterable[str] = (), remark: str = ""
) -> Explanation:
    """A cause that explains all that is left of a break."""
    return Explanation(
        cause=cause, key=found.key, rows=found.rows, witnesses=tuple(witnesses), remark=remark
    )


def _rank(name: str) -> int:
    return load(name).RANK
