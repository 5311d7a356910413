"""The protocol of a journal export and the one door to it; owns no format."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from tieout.core.errors import UnknownPluginError
from tieout.core.period import Period
from tieout.ledger.chart import Chart

_HERE = Path(__file__).parent


class ErpFormat(Protocol):
    """A module that writes posted entries in the format of another ledger."""

    NAME: str
    FILE_SUFFIX: str

    def export(self, entries: Sequence[Mapping[str, Any]], chart: Chart, *, period: Period) -> str:
        """The whole file as text; entries are `entry_json` values with their `document_no`."""
        ...


def load(name: str) -> ErpFormat:
    """Import one export format by its file name.

    Raises:
        UnknownPluginError: no such file; the message names those that exist.
    """
    if name not in known_formats():
        raise UnknownPluginError(
            f"No journal format is called {name[:40]!r}: expected one of "
            f"{', '.join(known_formats())}."
        )
    return cast("ErpFormat", importlib.import_module(f"tieout.publish.erp.{name}"))


def known_formats() -> tuple[str, ...]:
    """Names that `load` takes, sorted."""
    names = {path.stem for path in _HERE.glob("*.py")} - {"__init__", "base"}
    return tuple(sorted(names))
