"""Charges and the classes of their attributes find each other, whenever either was stored."""

import pytest
from tests.reconciliation.charge_rows import charge, charges

from tieout.focus import columns
from tieout.focus.columns import ATTRIBUTES, attributes_of, with_attr_ids
from tieout.steps.views import keyed_as


def test_charges_stored_before_a_column_was_an_attribute_are_found_by_newer_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    today = charges(charge(1, "1"), charge(1, "1", invoice_id="INV-1"))
    with monkeypatch.context() as before:
        before.setattr(columns, "ATTRIBUTES", ATTRIBUTES[:23])
        stored = with_attr_ids(today.drop_columns(["attr_id"]))
    assert stored["attr_id"].to_pylist() != today["attr_id"].to_pylist()
    newer, older = attributes_of(today), attributes_of(stored)
    assert keyed_as(stored, newer)["attr_id"].equals(today["attr_id"])
    assert keyed_as(stored, older) is stored
    assert keyed_as(today, newer) is today
