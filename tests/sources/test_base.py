import hashlib
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

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

TOTALS = ControlTotals(
    rows_in=3,
    rows_out=2,
    rows_bad=1,
    source_total=Decimal("3.0000000000004"),
    loaded_units=2 * 10**12,
    refused_units=10**12,
)


def test_known_plugins_are_the_files_of_the_folder() -> None:
    assert known_providers() == ("anthropic", "aws", "openai")
    assert known_invoice_formats() == ("aws_invoicing", "stripe_pdf")


def test_an_unknown_plugin_names_the_known_ones() -> None:
    with pytest.raises(UnknownPluginError, match="anthropic, aws, openai"):
        load_provider("azure")
    with pytest.raises(UnknownPluginError, match="aws_invoicing, stripe_pdf"):
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
