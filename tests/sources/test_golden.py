"""All plug-ins against their golden cases and one contract.

A case of a provider is `tests/golden/<provider>/<case>/` with `case.json`, its documents, and what
must come out: `charges.csv`, `usage.csv`, `outcome.json`. A case of an invoice format is a
`document.*` and `documents.json`. `TIEOUT_REWRITE_GOLDEN=1` writes the expectations anew: read the
difference like code.
"""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from dataclasses import asdict, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tieout.core.finding import Finding
from tieout.core.money import format_units, to_units
from tieout.core.period import parse_period
from tieout.focus.columns import CHARGE_CATEGORIES, CHARGE_SCHEMA, SERVICE_CATEGORIES
from tieout.focus.usage import CHARGE_TIERS, SERVICE_TIERS, TOKEN_KINDS, USAGE_SCHEMA
from tieout.sources.base import (
    Normalised,
    NormalisedUsage,
    RawDocument,
    known_invoice_formats,
    known_providers,
    load_invoice_format,
    load_provider,
)

GOLDEN = Path(__file__).parents[1] / "golden"
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
REWRITES = os.environ.get("TIEOUT_REWRITE_GOLDEN") == "1"
SHA = "ab" * 32


def cases(names: tuple[str, ...]) -> list[Any]:
    return [
        pytest.param(name, folder, id=f"{name}/{folder.name}")
        for name in names
        for folder in sorted((GOLDEN / name).iterdir())
    ]


def documents_of(folder: Path) -> tuple[dict[str, Any], list[RawDocument]]:
    case = json.loads((folder / "case.json").read_text())
    documents = []
    for one in case["documents"]:
        content = (folder / one["file"]).read_bytes()
        name = one.get("name", one["file"])
        documents.append(
            RawDocument(
                name=name,
                kind=one["kind"],
                content=gzip.compress(content, mtime=0) if name.endswith(".gz") else content,
                media_type="application/octet-stream",
                request=one.get("request", {}),
            )
        )
    asked = {"account": case["account"], "period": parse_period(case["period"])}
    return asked, documents


def compare(path: Path, text: str) -> None:
    if REWRITES:
        path.write_text(text)
    assert text == path.read_text(), f"{path} differs; if that is meant, make golden"


def table_text(table: pa.Table, documents: list[RawDocument]) -> str:
    """A table as CSV; documents by name, without empty columns, and without ids, which hang on
    how gzip packs.
    """
    names = {document.sha256: document.name for document in documents}
    hidden = {"line_id", "usage_id"}
    columns = [
        name
        for name in table.schema.names
        if name not in hidden and table[name].null_count < max(table.num_rows, 1)
    ]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in table.to_pylist():
        shown = {
            key: f"{value:f}" if isinstance(value, Decimal) else value for key, value in row.items()
        }
        writer.writerow({**shown, "source_document": names[row["source_document"]]})
    return out.getvalue()


def finding_text(finding: Finding, documents: list[RawDocument]) -> dict[str, Any]:
    names = {document.sha256: document.name for document in documents}
    shown = asdict(finding)
    shown["amount_units"] = format_units(finding.amount_units)
    shown["source_document"] = names.get(finding.source_document or "")
    return shown


def outcome_text(
    result: Normalised, usage: NormalisedUsage, estimate: Normalised, documents: list[RawDocument]
) -> str:
    totals = result.totals
    found = [*result.findings, *usage.findings, *estimate.findings]
    value = {
        "rows_in": totals.rows_in,
        "rows_out": totals.rows_out,
        "rows_bad": totals.rows_bad,
        "source_total": f"{totals.source_total:f}",
        "loaded": format_units(totals.loaded_units),
        "refused": format_units(totals.refused_units),
        "residual_units": str(totals.residual_units()),
        "complete_through": result.complete_through and str(result.complete_through),
        "estimated": [estimate.totals.rows_in, format_units(estimate.totals.loaded_units)],
        "usage_rows": [usage.rows_in, usage.rows_out, usage.rows_bad],
        "findings": [finding_text(finding, documents) for finding in found],
    }
    return json.dumps(value, indent=1) + "\n"


@pytest.mark.parametrize(("name", "folder"), cases(known_providers()))
def test_a_provider_gives_its_golden_charges(name: str, folder: Path) -> None:
    provider = load_provider(name)
    asked, documents = documents_of(folder)
    result = provider.to_focus(documents, **asked)
    usage = provider.to_usage(documents, **asked)
    estimate = provider.to_estimate(documents, **asked)
    compare(folder / "charges.csv", table_text(result.charges, documents))
    if provider.ESTIMATE == "rated":
        compare(folder / "usage.csv", table_text(usage.usage, documents))
    if provider.ESTIMATE == "reported":
        compare(folder / "estimate.csv", table_text(estimate.charges, documents))
    compare(folder / "outcome.json", outcome_text(result, usage, estimate, documents))


@pytest.mark.parametrize(("name", "folder"), cases(known_invoice_formats()))
def test_an_invoice_format_gives_its_golden_documents(name: str, folder: Path) -> None:
    (path,) = folder.glob("document.*")
    found = load_invoice_format(name).read(path.read_bytes(), document_sha256=SHA)
    value = [asdict(document) for document in found]
    compare(folder / "documents.json", json.dumps(value, indent=1, default=str) + "\n")


@pytest.mark.parametrize(("name", "folder"), cases(known_providers()))
def test_charges_and_usage_keep_the_contract(name: str, folder: Path) -> None:
    provider = load_provider(name)
    asked, documents = documents_of(folder)
    result = provider.to_focus(documents, **asked)
    usage = provider.to_usage(documents, **asked)
    charges = result.charges
    assert charges.schema.names == [one for one in CHARGE_SCHEMA.names if one != "attr_id"]
    assert usage.usage.schema == USAGE_SCHEMA
    for column in (*charges.schema, *USAGE_SCHEMA):
        table = usage.usage if column.name in USAGE_SCHEMA.names else charges
        nulls = table[column.name].null_count
        assert column.nullable or not nulls, column.name
    assert sum(to_units(one) for one in charges["billed_cost"].to_pylist()) == (
        result.totals.loaded_units
    )
    assert set(charges["charge_category"].to_pylist()) <= set(CHARGE_CATEGORIES)
    assert set(charges["service_category"].to_pylist()) <= set(SERVICE_CATEGORIES)
    assert set(charges["x_token_kind"].to_pylist()) <= {None, *TOKEN_KINDS}
    assert set(charges["x_service_tier"].to_pylist()) <= {None, *CHARGE_TIERS}
    assert set(usage.usage["service_tier"].to_pylist()) <= set(SERVICE_TIERS)
    assert set(charges["provider"].to_pylist()) == {name}
    line_ids = charges["line_id"].to_pylist()
    assert len(set(line_ids)) == len(line_ids)
    bad = [one for one in (*result.findings, *usage.findings) if one.kind == "bad_row"]
    assert len(bad) == result.totals.rows_bad + usage.rows_bad
    assert all(one.source_document and one.source_row for one in bad)


@pytest.mark.parametrize(("name", "folder"), cases(known_providers()))
def test_the_same_documents_give_the_same_charges(name: str, folder: Path) -> None:
    provider = load_provider(name)
    asked, documents = documents_of(folder)
    assert provider.to_focus(documents, **asked).charges == (
        provider.to_focus(list(documents), **asked).charges
    )


@pytest.mark.parametrize("name", known_providers())
def test_a_provider_meets_the_protocol_and_has_case_and_page(name: str) -> None:
    provider = load_provider(name)
    assert name == provider.NAME
    assert provider.BILLING in {"arrears", "prepaid", "commitment"}
    assert provider.INVOICE_FORMAT in known_invoice_formats()
    assert provider.ESTIMATE in {"rated", "reported", "none"}
    calls: list[Callable[..., Any]] = [
        provider.fetch_cost,
        provider.fetch_usage,
        provider.fetch_documents,
        provider.to_focus,
        provider.to_usage,
        provider.to_estimate,
    ]
    assert all(call.__doc__ for call in calls)
    assert list((GOLDEN / name).glob("*/case.json"))
    page = (REFERENCE / "providers" / f"{name}.md").read_text()
    assert all(word in page for word in ("What is read", "Least permission", "Final when", "gaps"))


@pytest.mark.parametrize("name", known_invoice_formats())
def test_an_invoice_format_meets_the_protocol_and_has_case_and_page(name: str) -> None:
    invoice_format = load_invoice_format(name)
    assert name == invoice_format.NAME
    assert invoice_format.read.__doc__
    assert list((GOLDEN / name).glob("*/document.*"))
    assert "gaps" in (REFERENCE / "invoices" / f"{name}.md").read_text()


def test_a_raw_document_does_not_print_its_content() -> None:
    _, documents = documents_of(GOLDEN / "openai" / "one_day")
    assert "amount" not in repr(documents)
    assert {one.name for one in fields(RawDocument)} >= {"content", "request"}
