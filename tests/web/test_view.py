"""The context of a page: read strictly, written back in one form; tokens that nobody can make."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.config import Secret
from tieout.core.errors import SegregationError
from tieout.web.forms import TOKEN_LASTS, Forms, PageForm
from tieout.web.signing import Signer
from tieout.web.view import QueryError, View, parse

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
OURS, OTHERS = Signer(lambda: Secret("one")), Signer(lambda: Secret("two"))
KEY = "0" * 32


def test_keys_are_read_and_written_in_one_order_without_defaults() -> None:
    items = [
        ("sort", "-amount"),
        ("as_of", "4711"),
        ("entity", "DE"),
        ("size", "100"),
        ("by", "a,b"),
        ("where", "provider:aws"),
        ("basis", "reported"),
        ("currency", ""),
        ("state", "open"),
    ]
    asked = parse(items, own=("state",))
    assert asked.query() == (
        "?entity=DE&as_of=4711&by=a,b&where=provider:aws&sort=-amount&state=open"
    )
    assert asked.query(as_of=None, by=(), state="", sort=None) == "?entity=DE&where=provider:aws"
    assert asked.carried().query() == "?entity=DE&as_of=4711&where=provider:aws"
    assert asked.changed() == {"entity", "as_of", "by", "where", "sort"}
    assert View().query() == ""


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([("colour", "red")], "unknown key 'colour'"),
        ([("state", "x")], "unknown key 'state'"),
        ([("as_of", "-1")], "as_of of the address is '-1'"),
        ([("as_of", "1"), ("as_of", "2")], "as_of twice"),
        ([("size", "1001")], "1 to 1000"),
        ([("find", "x" * 81)], "at most 80 characters"),
        ([("table", "No!")], "a table of the page"),
        ([("basis", "mine")], "reported or restated"),
        ([("where", "provider")], "a dimension and a value"),
        ([("entity", "DE\x00")], "a legal entity"),
    ],
)
def test_what_does_not_fit_is_named(items: list[tuple[str, str]], says: str) -> None:
    with pytest.raises(QueryError, match=says):
        parse(items)


def test_a_pages_own_key_is_short_and_printable() -> None:
    for text in ("x" * 201, "a\x00b"):
        with pytest.raises(QueryError, match="key q of the address"):
            parse([("q", text)], own=("q",))


@given(st.lists(st.one_of(st.text(max_size=20), st.integers(-(2**53), 2**53), st.none())))
def test_a_token_gives_back_its_parts_to_us_and_for_its_purpose_only(
    parts: list[str | int | None],
) -> None:
    token = OURS.sign("after", parts)
    assert OURS.read("after", token) == parts
    assert OURS.read("form", token) is None
    assert OTHERS.read("after", token) is None


@pytest.mark.parametrize("token", ["", "x", "%%%", "a" * 2001, "AAAA" * 9])
def test_another_text_is_no_token(token: str) -> None:
    assert OURS.read("after", token) is None


def a_form(token: str, key: str = KEY) -> PageForm:
    return PageForm(form_token=token, form_key=key)


def test_a_form_is_let_in_for_its_person_and_for_half_a_day() -> None:
    clock = [NOW]
    forms = Forms(OURS, lambda: clock[0])
    token = forms.token("ana")
    forms.check(a_form(token), "ana")
    for person, made in (("ben", token), ("ana", "none"), ("ana", OURS.sign("form", ["ana", "x"]))):
        with pytest.raises(SegregationError, match="open the page again"):
            forms.check(a_form(made), person)
    clock[0] = NOW + TOKEN_LASTS + timedelta(seconds=1)
    with pytest.raises(SegregationError, match="last 12 hours"):
        forms.check(a_form(token), "ana")


def test_a_form_decides_once_for_each_person() -> None:
    forms = Forms(OURS, lambda: NOW)
    done: list[str] = []

    def decide() -> str:
        done.append("x")
        return f"/{len(done)}"

    form = a_form("t")
    assert [forms.once(form, one, decide) for one in ("ana", "ana", "ben")] == ["/1", "/1", "/2"]
    assert len({forms.new_key() for _ in range(5)}) == 5
    for number in range(2_000):
        forms.once(a_form("t", f"{number:032x}"), "cem", decide)
    assert forms.once(form, "ana", decide) != "/1"
