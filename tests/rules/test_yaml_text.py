"""The YAML subset: scalars stay text, everything that can explode or hide is refused."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import RuleFileError
from tieout.rules.yaml_text import MAX_BYTES, Node, read_yaml


def _plain(node: Node) -> object:
    if isinstance(node.content, dict):
        return {key: _plain(value) for key, value in node.content.items()}
    if isinstance(node.content, list):
        return [_plain(value) for value in node.content]
    return node.content


def test_every_scalar_stays_the_text_that_stands_there() -> None:
    text = "a: no\nb: 012\nc: 1_000\nd: 0.1\ne: 2026-10-01\nf: [yes, 1e3]\n'g': \"null\"\n"
    assert _plain(read_yaml(text, name="rules.yaml")) == {
        "a": "no", "b": "012", "c": "1_000", "d": "0.1", "e": "2026-10-01",
        "f": ["yes", "1e3"], "g": "null",
    }  # fmt: skip


def test_a_value_remembers_its_line() -> None:
    root = read_yaml("a: 1\n\nb:\n  - x\n  - y\n", name="rules.yaml")
    assert isinstance(root.content, dict)
    places = root.content["b"].content
    assert isinstance(places, list)
    assert [node.line for node in places] == [4, 5]
    assert str(places[1].error("no")) == "rules.yaml, line 5: no"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: &x 2", "f.yaml, line 2: anchors and aliases"),
        ("a: *x", "f.yaml, line 1: anchors and aliases"),
        ("a: &x [1]\nb: *x", "anchors and aliases"),
        ("a: !!int 1", "f.yaml, line 1: tags"),
        ("a: !!python/object:os.system {}", "tags"),
        ("a: !!set {x, y}", "tags"),
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' is already there near line 1"),
        ("? [1]\n: 2", "line 1: a key must be a text"),
        ("a: null", "null means nothing here"),
        ("a: ~", "~ means nothing here"),
        ("", "f.yaml: the file is empty"),
        ("# only a remark", "the file is empty"),
        ("--- a\n--- b", "line 2: a second document starts"),
        ("a: [1", "line 2: not YAML"),
        ("a: 1\n b: 2", "line 2: not YAML: mapping values are not allowed"),
        ("a: \x07", "not YAML: a character that YAML does not allow"),
        ("a: b\u202etxt", "line 1: invisible character U\\+202E"),
        ("a: 'zero\u200bwidth'", "invisible character U\\+200B"),
        ('a: "\\x00"', "invisible character U\\+0000"),
        ("a: \ud800", "not Unicode text"),
        ("a: " + "x" * 2001, "a text of 2001 characters"),
        ("[" * 31 + "]" * 31, "more than 30 levels"),
    ],
)
def test_what_is_outside_the_subset_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        read_yaml(text, name="f.yaml")


def test_lines_and_tabs_may_stand_in_a_text() -> None:
    assert _plain(read_yaml("a: |\n  one\n  two\tthree\n", name="f")) == {"a": "one\ntwo\tthree\n"}


def test_a_large_file_is_refused_before_it_is_read() -> None:
    with pytest.raises(RuleFileError, match="1000001 bytes; at most 1000000"):
        read_yaml("#" * (MAX_BYTES + 1), name="f")


@pytest.mark.parametrize("text", ["[" * 900_000, "{a: " * 200_000, "- " * 400_000])
def test_a_file_of_brackets_is_refused_at_once(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(RuleFileError, match="more than 30 levels"):
        read_yaml(text, name="f")
    assert time.perf_counter() - start < 5


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#,? \n\t%@`~\\0\u202e"), max_size=40))
def test_any_text_is_read_or_refused_with_our_own_error(text: str) -> None:
    try:
        node = read_yaml(text, name="f")
    except RuleFileError:
        return
    assert node.line >= 1
