"""Charges and the classes of their attributes find each other, whenever either was stored."""

import pytest
from tests.reconciliation.charge_rows import charge, charges

from tieout.focus import columns
from tieout.focus.columns import ATTRIBUTES, attributes_of, with_attr_ids
from tieout.steps.views import rows_of


def test_charges_stored_before_a_column_was_an_attribute_are_found_by_newer_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    today = charges(charge(1, "1"), charge(1, "1", invoice_id="INV-1"))
    with monkeypatch.context() as before:
        before.setattr(columns, "ATTRIBUTES", ATTRIBUTES[:23])
        stored = with_attr_ids(today.drop_columns(["attr_id"]))
    assert stored["attr_id"].to_pylist() != today["attr_id"].to_pylist()
    newer, older = attributes_of(today), attributes_of(stored)
    rows = [newer["attr_id"].to_pylist().index(one) for one in today["attr_id"].to_pylist()]
    assert rows_of(today, newer).to_pylist() == rows_of(stored, newer).to_pylist() == rows
    assert rows_of(stored, older).to_pylist() == [0, 0]
    assert rows_of(today, older).to_pylist() == [None, None]
