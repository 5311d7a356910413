"""What an allocation method is, and how the one that a pool names is found."""

import importlib
import pkgutil
from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol, cast

from tieout.allocation import methods
from tieout.allocation.basis import Basis
from tieout.core.errors import UnknownPluginError
from tieout.core.shares import split

Weights = Mapping[str, Fraction | int]


class Method(Protocol):
    """A module in `allocation/methods/`; its file name is the method's name in a pool file.

    `REQUIRED`, `CHOICES` (exactly one of each group) and `OPTIONAL` name the keys that a pool of
    this method has in the file. A method says who bears how much of one, in exact fractions; money
    is split in one place only, `core.shares`, so that no method can lose a unit.
    """

    REQUIRED: tuple[str, ...]
    CHOICES: tuple[tuple[str, ...], ...]
    OPTIONAL: tuple[str, ...]

    def weights(self, basis: Basis) -> dict[str, Fraction]:
        """The proportions in which targets bear the pool: zero or more, in any scale.

        A key of the result is a target of the basis, `unused:<owner>`, or `held:<pool>` for what
        the pool keeps. All zero says that there is nothing to share by: `zero_driver` decides then.
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


def shares(name: str, amount_units: int, basis: Basis) -> dict[str, int]:
    """Split an amount (units of 1e-12, signed) by a method.

    `sum(result.values()) == amount_units`; `-amount_units` gives exactly the negated shares; each
    is less than one unit from its exact quota, ties go by key in byte order.

    Raises:
        UnknownPluginError: there is no such method.
        ConservationError: all weights are zero while the amount is not.
    """
    return split(amount_units, load(name).weights(basis))
