"""The protocols of journal exports and the doors to them; owns no format.

A text ledger is a whole book for a foreign program that adds it up again. An import format is a
file that another ledger posts from; `import_files` gives it out only after it was read back.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from tieout.core.errors import UnknownPluginError
from tieout.core.period import Period
from tieout.ledger.chart import Chart
from tieout.ledger.entry import entry_from_json
from tieout.publish.erp_documents import Document, FileLine, batches, documents_of, prove
from tieout.publish.erp_layout import Layout, Sheet, sheet_of
from tieout.publish.erp_target import Target

_HERE = Path(__file__).parent


class TextLedger(Protocol):
    """A module that writes posted entries as text for a foreign checker."""

    NAME: str
    FILE_SUFFIX: str

    def export(self, entries: Sequence[Mapping[str, Any]], chart: Chart, *, period: Period) -> str:
        """The whole file as text; entries are `entry_json` values with their `document_no`."""
        ...

    def read_back(self, text: str) -> list[FileLine]:
        """The lines of such a text, accounts as it names them."""
        ...


class ImportFormat(Protocol):
    """A module that writes the import file of one ledger."""

    NAME: str
    FILE_SUFFIX: str
    LAYOUT: Layout

    def write(self, documents: Sequence[Document], sheet: Sheet) -> bytes:
        """One file of these documents; the same documents and sheet give the same bytes."""
        ...

    def read_back(self, content: bytes, sheet: Sheet) -> list[FileLine]:
        """The lines of such a file."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFile:
    """One file that was read back and balances; `line_count` counts journal lines."""

    content: bytes
    document_nos: tuple[str, ...]
    line_count: int
    suffix: str


def load(name: str) -> TextLedger:
    """Import one text ledger by its file name.

    Raises:
        UnknownPluginError: no such file, or it is an import format.
    """
    module = _load_module(name)
    if not hasattr(module, "export"):
        raise UnknownPluginError(
            f"{name} is an import format, not a text ledger: export it with a target."
        )
    return cast("TextLedger", module)


def load_import(name: str) -> ImportFormat:
    """Import one import format by its file name.

    Raises:
        UnknownPluginError: no such file, or it is a text ledger.
    """
    module = _load_module(name)
    if not hasattr(module, "LAYOUT"):
        raise UnknownPluginError(
            f"{name} is a text ledger, not an import format: it is written when a month is "
            "published."
        )
    return cast("ImportFormat", module)


def known_formats() -> tuple[str, ...]:
    """Names that `load` or `load_import` takes, sorted."""
    names = {path.stem for path in _HERE.glob("*.py")} - {"__init__", "base"}
    return tuple(sorted(names))


def import_files(entries: Sequence[Mapping[str, Any]], target: Target) -> tuple[ImportFile, ...]:
    """The import files of posted entries (`entry_json` with `document_no`), in their order.

    Each file is read back and compared with the entries, line by line, before it is given out.

    Raises:
        UnknownPluginError: the target names no import format.
        RuleFileError: the target does not fit the format, or lacks a code.
        UsageError: an entry is beyond what the ledger takes; never cut in silence.
        UnbalancedEntryError, ConservationError: a file, read back, is not the entries.
    """
    module = load_import(target.erp)
    sheet = sheet_of(module.LAYOUT, target)
    numbered = [(str(one["document_no"]), entry_from_json(one)) for one in entries]
    documents = documents_of(numbered, module.LAYOUT)
    files = []
    for batch in batches(documents, module.LAYOUT, sheet.settings["max_lines"]):
        content = module.write(batch, sheet)
        found = module.read_back(content, sheet)
        prove(found, batch, account=target.account, erp=target.erp)
        files.append(
            ImportFile(
                content=content,
                document_nos=tuple(dict.fromkeys(one.document_no for one in batch)),
                line_count=sum(len(one.lines) for one in batch),
                suffix=module.FILE_SUFFIX,
            )
        )
    return tuple(files)


def _load_module(name: str) -> ModuleType:
    if name not in known_formats():
        raise UnknownPluginError(
            f"No journal format is called {name[:40]!r}: expected one of "
            f"{', '.join(known_formats())}."
        )
    return importlib.import_module(f"tieout.publish.erp.{name}")
