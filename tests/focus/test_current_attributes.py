"""Ids of stored charges follow the columns that rules can see today."""

import pyarrow as pa
import pytest
from tests.reconciliation.charge_rows import charge, charges

from tieout.focus import columns
from tieout.focus.columns import (
    ATTRIBUTES,
    CHARGE_SCHEMA,
    MONEY,
    attributes_of,
    with_attr_ids,
    with_current_attr_ids,
)

# one differs in every row, or holds many texts in one
NOT_SEEN = {
    "line_id",
    "source_document",
    "invoice_detail_id",
    "source_tags",
    "sku_price_details",
}


def test_rules_see_every_text_of_a_charge_but_ids_of_rows_and_lists() -> None:
    texts = {column.name for column in CHARGE_SCHEMA if pa.types.is_string(column.type)}
    assert set(ATTRIBUTES) == texts - NOT_SEEN
    assert len(set(ATTRIBUTES)) == len(ATTRIBUTES)
    assert MONEY not in [CHARGE_SCHEMA.field(name).type for name in ATTRIBUTES]


def test_ids_of_today_stay_and_ids_of_before_are_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    today = charges(charge(1, "1"), charge(1, "1", invoice_id="INV-1"))
    assert with_current_attr_ids(today) is today
    with monkeypatch.context() as before:
        before.setattr(columns, "ATTRIBUTES", ATTRIBUTES[:23])
        stored = with_attr_ids(today.drop_columns(["attr_id"]))
    assert attributes_of(stored).num_rows == 1
    assert with_current_attr_ids(stored).equals(today)
    assert attributes_of(with_current_attr_ids(stored)).num_rows == 2


def test_no_charges_need_no_ids() -> None:
    nothing = CHARGE_SCHEMA.empty_table()
    assert with_current_attr_ids(nothing) is nothing
