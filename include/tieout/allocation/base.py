"""What an allocation method is, and how the one that a pool names is found."""

import importlib
import pkgutil
from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol, cast

from tieout.allocation import methods
from tieout.core.errors import UnknownPluginError

Weights = Mapping[str, Fraction | int]


class Method(Protocol):
    """A module in `allocation/methods/`; its file name is the method's name in a pool file."""

    def shares(self, amount_units: int, weights: Weights) -> dict[str, int]:
        """Split an amount (units of 1e-12, signed) over initiatives by their driver values.

        Every key of `weights` is in the result and `sum(result.values()) == amount_units`;
        `-amount_units` gives exactly the negated shares. `weights` are zero or more, not all zero.
        """
        ...


def known_methods() -> tuple[str, ...]:
    """Names of all methods, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(methods.__path__)))


def load(name: str) -> Method:
    """The method of that name.

    Raises:
        UnknownPluginError: there is no such file in `allocation/methods/`.
    """
    if name not in known_methods():
        raise UnknownPluginError(
            f"No allocation method {name[:60]!r}; known: {', '.join(known_methods())}."
        )
    return cast("Method", importlib.import_module(f"{methods.__name__}.{name}"))
