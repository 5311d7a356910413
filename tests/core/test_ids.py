"""Ids made from content."""

from hypothesis import given
from hypothesis import strategies as st

from tieout.core.finding import Finding
from tieout.core.ids import attribute_key, content_key, content_keys, sha256_hex

PARTS = st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=5)


def test_the_hash_of_nothing_is_the_known_one() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_hex(b"") == empty


def test_nothing_the_empty_text_and_the_nul_character_differ() -> None:
    assert len({content_key([part]) for part in (None, "", "\x00")}) == 3
    assert content_key(["a", "b"]) != content_key(["a\x1f1:b"])


@given(PARTS, PARTS)
def test_two_lists_share_a_key_only_when_they_are_equal(
    left: list[str | None], right: list[str | None]
) -> None:
    assert (content_key(left) == content_key(right)) == (left == right)
    assert (attribute_key(left) == attribute_key(right)) == (left == right)


@given(st.lists(st.tuples(*[st.one_of(st.none(), st.text(max_size=5))] * 3), max_size=5))
def test_keys_of_columns_are_those_of_their_rows(rows: list[tuple[str | None, ...]]) -> None:
    columns = []
    for column in zip(*rows, strict=True) if rows else ((), (), ()):
        texts = [*{text for text in column if text is not None}, None]
        columns.append((texts, [texts.index(text) - len(texts) for text in column]))
    assert content_keys(columns) == [content_key(row) for row in rows]


@given(PARTS)
def test_an_attribute_key_fits_a_signed_column(parts: list[str | None]) -> None:
    assert 0 <= attribute_key(parts) < 2**63


def test_a_finding_without_money_at_stake_is_zero_dollars() -> None:
    finding = Finding(kind="bad_row", severity="info", subject="x", message="y")
    assert (finding.amount_units, finding.currency, finding.source_row) == (0, "USD", None)
