"""One value, one sequence of bytes."""

import json
import unicodedata
from datetime import date
from decimal import Decimal

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tieout.audit.canonical import canonical_bytes, canonical_hash
from tieout.core.errors import IntegrityError

LETTERS = st.characters(codec="utf-8")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.text(LETTERS, max_size=8),
)
KEYS = st.text(LETTERS, max_size=4).map(lambda key: unicodedata.normalize("NFC", key))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


def test_keys_stand_in_the_order_of_rfc_8785_not_of_a_database() -> None:
    assert canonical_bytes({"b": 1, "aa": "2", "Z": [True, None]}) == (
        b'{"Z":[true,null],"aa":"2","b":1}'
    )
    assert canonical_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_a_composed_and_a_decomposed_letter_are_one() -> None:
    assert canonical_bytes("e\u0301") == canonical_bytes("\u00e9") == '"é"'.encode()


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"total": [Decimal("1.5")]}, r"\$\.total\[0\].*found Decimal"),
        ({"rate": 1.5}, r"\$\.rate.*found float"),
        ({"day": date(2026, 10, 1)}, r"\$\.day.*found date"),
        (b"bytes", r"\$: .*found bytes"),
        ({"units": 2**53}, r"\$\.units: expected an integer within"),
        ({"units": -(2**53)}, r"\$\.units: expected an integer within"),
        ({"name": "\ud800"}, r"\$\.name: found half of a surrogate"),
        ({1: "one"}, r"\$: expected texts as keys"),
        ({"e\u0301": 1, "\u00e9": 2}, "two keys become"),
    ],
)
def test_what_has_no_single_form_is_refused_with_its_place(value: object, place: str) -> None:
    with pytest.raises(IntegrityError, match=place):
        canonical_bytes(value)


@given(VALUES)
def test_reading_the_bytes_back_gives_the_same_bytes(value: object) -> None:
    text = canonical_bytes(value)
    assert canonical_bytes(json.loads(text)) == text


@given(VALUES)
def test_the_quick_way_gives_the_bytes_of_the_long_one(value: object) -> None:
    text = canonical_bytes(value)
    assert text == rfc8785.dumps(json.loads(text))
    assert canonical_bytes((value,)) == b"[" + text + b"]"  # a tuple goes the long way


@given(st.dictionaries(KEYS, SCALARS, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical_bytes(turned) == canonical_bytes(value)
