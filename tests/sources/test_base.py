import hashlib
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tieout.core.errors import ConservationError, UnknownPluginError
from tieout.sources.base import (
    ControlTotals,
    RawDocument,
    known_invoice_formats,
    known_providers,
    load_invoice_format,
    load_provider,
)

SOURCES = Path(__file__).parents[2] / "include" / "tieout" / "sources"
TOTALS = ControlTotals(
    rows_in=3,
    rows_out=2,
    rows_bad=1,
    source_total=Decimal("3.0000000000004"),
    loaded_units=2 * 10**12,
    refused_units=10**12,
)


def test_known_plugins_are_the_files_of_the_folder() -> None:
    for known, folder in ((known_providers(), "providers"), (known_invoice_formats(), "invoices")):
        files = (file.stem for file in (SOURCES / folder).glob("*.py"))
        assert known == tuple(sorted(name for name in files if name != "__init__"))
        assert "stripe_pdf" in known or "openai" in known


def test_an_unknown_plugin_names_the_known_ones() -> None:
    with pytest.raises(UnknownPluginError, match=", ".join(known_providers())):
        load_provider("alibaba")
    with pytest.raises(UnknownPluginError, match=", ".join(known_invoice_formats())):
        load_invoice_format("../providers/aws")


def test_a_document_is_known_by_the_hash_of_its_bytes() -> None:
    document = RawDocument(
        name="a", kind="cost", content=b"abc", media_type="text/plain", request={}
    )
    assert document.sha256 == hashlib.sha256(b"abc").hexdigest()


def test_what_rounding_leaves_is_known_exactly() -> None:
    assert TOTALS.residual_units() == Fraction(4, 10)
    TOTALS.check()


def test_money_that_rounding_cannot_explain_stops_the_load() -> None:
    with pytest.raises(ConservationError, match="differ by"):
        replace(TOTALS, loaded_units=2 * 10**12 - 2).check()


def test_a_lost_row_stops_the_load() -> None:
    with pytest.raises(ConservationError, match="3 rows, but 1 were loaded"):
        replace(TOTALS, rows_out=1).check()
