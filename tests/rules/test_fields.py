"""Typed reading: exact keys, texts, ids, days; every refusal names the place."""

from collections.abc import Callable
from datetime import date

import pytest

from tieout.core.errors import RuleFileError
from tieout.rules.fields import (
    day_of,
    entries,
    fields,
    identifier_of,
    members,
    note_of,
    one_of,
    refuse_repeats,
    text_of,
)
from tieout.rules.yaml_text import Node, read_yaml


def _at(text: str) -> Node:
    return entries(read_yaml(f"x: {text}\n", name="f"))["x"]


def test_values_are_read_as_what_they_are() -> None:
    assert text_of(_at("Cost of revenue")) == "Cost of revenue"
    assert note_of(_at("' two words '")) == "two words"
    assert identifier_of(_at("support-assistant_2.0")) == "support-assistant_2.0"
    assert day_of(_at("2026-10-31")) == date(2026, 10, 31)
    assert one_of(_at("hold"), ("hold", "fail")) == "hold"
    assert [text_of(node) for node in members(_at("[a, b]"))] == ["a", "b"]


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        (entries, "[a]", "expected keys and values, found a list"),
        (members, "a", "expected a list, found the text 'a'"),
        (members, "{a: 1}", "expected a list, found keys and values"),
        (members, "[]", "the list is empty"),
        (text_of, "[a]", "expected a text, found a list"),
        (text_of, "", "the text is empty"),
        (text_of, "' a'", "' a' starts or ends with a space"),
        (note_of, "{}", "expected a text, found keys and values"),
        (identifier_of, "pool:shared", "'pool:shared' is not an id"),
        (identifier_of, "-a", "is not an id"),
        (identifier_of, "a" * 81, "is not an id"),
        (day_of, "31.10.2026", "expected a day such as 2026-10-31, found '31.10.2026'"),
        (day_of, "2026-02-30", "expected a day such as"),
        (day_of, "20261031", "expected a day such as"),
    ],
)
def test_a_wrong_value_is_refused(read: Callable[[Node], object], text: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=f"f, line 1: .*{sentence}"):
        read(_at(text))


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RuleFileError, match="expected one of hold, fail; found 'split'"):
        one_of(_at("split"), ("hold", "fail"))


def test_keys_must_be_known_and_complete() -> None:
    node = _at("{id: a, owner: b}")
    assert set(fields(node, required=["id"], optional=["owner"])) == {"id", "owner"}
    with pytest.raises(RuleFileError, match="unknown key 'owner'; known here: id"):
        fields(node, required=["id"])
    with pytest.raises(RuleFileError, match="expected id, owner, when; add when"):
        fields(node, required=["id", "owner", "when"])


def test_a_repeated_id_names_both_lines() -> None:
    nodes = members(read_yaml("- a\n- b\n- a\n", name="f"))
    with pytest.raises(RuleFileError, match="f, line 3: rule 'a' is already in line 1"):
        refuse_repeats(((text_of(node), node) for node in nodes), what="rule")
