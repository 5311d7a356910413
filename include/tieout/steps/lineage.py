"""Lineage: everything behind one ledger line, from the statement down to the provider's document.

Reads only. Each link stands in a file or row of its own with its hash; amounts are exact Decimals.
Where a month's lines are is `line_sources`' choice, so a restated line has the lineage of its view.
"""

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tieout.core.errors import UnknownSubjectError
from tieout.core.money import minor_digits, to_decimal
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.ledger.chart import Chart
from tieout.ledger.sides import LINE_DIMENSIONS, sides
from tieout.rules.own_dimensions import classes_of
from tieout.steps import behind, line_sources
from tieout.steps.approvals import approvals
from tieout.steps.context import Context
from tieout.steps.inputs import latest_outputs
from tieout.steps.line_sources import ACCOUNT, NO_VALUE, Basis, Source
from tieout.store import allocations, documents, entries, journal, runs
from tieout.store.session import Tx

_ROWS_AROUND: Final = 2
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Behind:
    """The files and decisions that a line came out of."""

    direct: Mapping[str, str]
    classified: Mapping[str, Any]
    certificate: Mapping[str, Any]
    policies: tuple[str, ...]


def line(
    context: Context, *, period: str, line: str, basis: Basis, as_of: int | None
) -> dict[str, Any]:
    """A ledger line by its id or the first characters of it, and what it is made of.

    `cell` is its account's figure, `group` all lines that the same journal lines carry, `journal`
    those lines, `allocation` None for a direct line, `charges` all of them, largest first.

    Raises:
        NotReadyError: the month has no lines at the sequence.
        UnknownSubjectError: no line of the month has that id, or several begin like it.
    """
    with context.store.transaction() as tx:
        one = line_sources.one_source(context, tx, period, basis=basis, as_of=as_of)
        row = line_sources.line(tx, one, line)
        parts = _behind(tx, one)
        source = row
        if row["pool_line_id"]:
            direct = with_own_dimensions(
                context.lake.get_table(parts.direct["path"], parts.direct["sha256"])
            )
            (source,) = line_sources.lines_beginning(direct, row["pool_line_id"])
        charges = behind.charges_of(context, parts.classified, source)
        upto = journal.ledger_seq(tx) if as_of is None else as_of
        cell = [(ACCOUNT, row[ACCOUNT])]
        return {
            "line": row,
            "kind": one.kind,
            "since_seq": one.since_seq,
            "currency": one.chart.currency,
            "account_name": one.chart.account(row[ACCOUNT]).name,
            "cell": _sum(tx, one, cell),
            "group": _sum(tx, one, [*cell, *_group(row)]),
            "journal": _carrying(tx, row, one.chart, upto),
            "allocation": _allocation(row, source, parts) if row["pool_line_id"] else None,
            "classification": {
                name: {"value": value, "rule": rule}
                for name, (value, rule) in classes_of(source).items()
            },
            "approvals": approvals(tx, parts.policies),
            "charges": charges,
            "charges_total": sum((one["billed_cost"] for one in charges), Decimal(0)),
            "documents": documents.newest(tx, {one["source_document"] for one in charges}),
        }


def document(context: Context, *, sha256: str, row: int | None) -> dict[str, Any]:
    """A provider's document, its bytes verified, and the rows around one, where it has lines.

    `rows` are (number, texts) and `columns` their heads; empty where the form has no lines.

    Raises:
        UnknownSubjectError: no such document was received.
        HashMismatchError: the document no longer has its bytes.
    """
    with context.store.transaction() as tx:
        found = documents.get(tx, sha256)
    if not found:
        raise UnknownSubjectError(
            f"No document {sha256[:12]} was received: look in the list of documents."
        )
    content = context.lake.get(found[0].lake_path, found[0].sha256)
    columns, rows = _rows_around(content, row) if row and _is_csv(found[0].name) else ((), ())
    return {
        "document": found[-1],
        "names": [one.name for one in found],
        "columns": columns,
        "rows": rows,
    }


def _behind(tx: Tx, one: Source) -> _Behind:
    if one.view is not None:
        files = one.view.files
        return _Behind(
            direct=files["direct"],
            classified=files,
            certificate=files["certificate"],
            policies=tuple(one.view.rule_versions.values()),
        )
    subject = f"{one.period}/{one.stage}"
    classified = latest_outputs(tx, "classify", subject)
    allocated = runs.latest(tx, "allocate", subject)
    return _Behind(
        direct=classified["lines"],
        classified=classified,
        certificate=(allocations.certificate_of(tx, allocated.run_id) if allocated else None) or {},
        policies=tuple(
            dict.fromkeys(
                (*classified["policies"], *(allocated.outputs["policies"] if allocated else ()))
            )
        ),
    )


def _group(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the lines of one journal line have in common; see `ledger.grouping`."""
    names = (*LINE_DIMENSIONS, "billing_account_id")
    return [(name, NO_VALUE if row[name] is None else row[name]) for name in names]


def _sum(tx: Tx, one: Source, where: list[tuple[str, str]]) -> dict[str, Any]:
    (found,) = line_sources.sums(tx, [one], (), where)[one.period]
    return {"amount": to_decimal(found.units), "lines": found.count}


def _carrying(tx: Tx, row: Mapping[str, Any], chart: Chart, upto: int) -> list[dict[str, Any]]:
    """Each journal line once, in their order: a line that is passed on stands in three places."""
    known = {
        (one["ledger_seq"], one["line_no"]): one
        for place in sides(row, chart)
        for one in entries.carrying(tx, row, place.dimensions, account=place.account, upto_seq=upto)
    }
    found = [known[key] for key in sorted(known)]
    for one in found:
        minor = one["debit_minor"] - one["credit_minor"]
        one["amount"] = Decimal(minor).scaleb(-minor_digits(one["currency"]))
    return found


def _allocation(
    row: Mapping[str, Any], source: Mapping[str, Any], parts: _Behind
) -> dict[str, Any]:
    pools = parts.certificate.get("pools", ())
    return {
        "pool": row["pool_id"],
        "share": row["billed_cost"],
        "of": source["billed_cost"],
        "of_line": source["ledger_line_id"],
        "certificate": next((one for one in pools if one["pool_id"] == row["pool_id"]), None),
    }


def _is_csv(name: str) -> bool:
    return name.endswith((".csv", ".csv.gz"))


def _rows_around(content: bytes, row: int) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The head of a CSV file and the rows near one; rows count from 1 below the head."""
    plain = gzip.decompress(content) if content.startswith(_GZIP) else content
    reader = csv.reader(io.StringIO(plain.decode("utf-8-sig"), newline=""))
    columns = next(reader, [])
    near = range(row - _ROWS_AROUND, row + _ROWS_AROUND + 1)
    return columns, [(number, one) for number, one in enumerate(reader, start=1) if number in near]
