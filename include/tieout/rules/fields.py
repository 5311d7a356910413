"""Typed reading of YAML nodes: exact keys, texts, lists, ids, days; errors name file and line."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from tieout.core.errors import MoneyFormatError, PeriodFormatError
from tieout.core.money import to_units
from tieout.core.period import parse_period
from tieout.rules.yaml_text import Node

IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
DAY = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}")


def fields(node: Node, *, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Node]:
    """The entries of a mapping that has all required keys and no unknown one."""
    content = entries(node)
    known = ", ".join([*required, *optional])
    for key, value in content.items():
        if key not in required and key not in optional:
            raise value.error(f"unknown key {key[:60]!r}; known here: {known}.")
    missing = [key for key in required if key not in content]
    if missing:
        raise node.error(f"expected {known}; add {', '.join(missing)}.")
    return content


def entries(node: Node) -> dict[str, Node]:
    """The entries of a mapping whose keys the caller checks."""
    if not isinstance(node.content, dict):
        raise node.error(f"expected keys and values, found {_kind(node)}.")
    return node.content


def members(node: Node) -> list[Node]:
    """The members of a list that is not empty."""
    if not isinstance(node.content, list):
        raise node.error(f"expected a list, found {_kind(node)}; start each line with '-'.")
    if not node.content:
        raise node.error("the list is empty; add a member or leave the key out.")
    return node.content


def text_of(node: Node) -> str:
    """A text that is not empty and has no space around it."""
    if not isinstance(node.content, str):
        raise node.error(f"expected a text, found {_kind(node)}.")
    if not node.content.strip():
        raise node.error("the text is empty; fill it in or leave the key out.")
    if node.content != node.content.strip():
        raise node.error(f"{node.content[:60]!r} starts or ends with a space; remove it.")
    return node.content


def note_of(node: Node) -> str:
    """A text for people: space around it does not matter (YAML's `>` ends it with a newline)."""
    if not isinstance(node.content, str):
        raise node.error(f"expected a text, found {_kind(node)}.")
    return node.content.strip()


def identifier_of(node: Node) -> str:
    """A text that can stand as an id: letters, digits, '.', '_', '-'; at most 80."""
    text = text_of(node)
    if not IDENTIFIER.fullmatch(text):
        raise node.error(
            f"{text[:60]!r} is not an id; use letters, digits, '.', '_' or '-', at most 80."
        )
    return text


def one_of(node: Node, known: Collection[str]) -> str:
    """A text that is one of the known ones."""
    text = text_of(node)
    if text not in known:
        raise node.error(f"expected one of {', '.join(known)}; found {text[:60]!r}.")
    return text


def day_of(node: Node) -> date:
    """A calendar day written as 2026-10-31."""
    text = text_of(node)
    problem = node.error(f"expected a day such as 2026-10-31, found {text[:40]!r}.")
    if not DAY.fullmatch(text):
        raise problem
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise problem from error


def units_of(node: Node) -> int:
    """An amount of money, written as "1234.56", in units of 1e-12."""
    try:
        return to_units(text_of(node))
    except MoneyFormatError as error:
        raise node.error(str(error)) from error


def month_of(node: Node) -> str:
    """An accounting month, written as 2026-10."""
    try:
        return str(parse_period(text_of(node)))
    except PeriodFormatError as error:
        raise node.error(str(error)) from error


def amount_of_month(entry: Mapping[str, Node]) -> tuple[str, int]:
    """The month under `period` and the units under `amount`."""
    return month_of(entry["period"]), units_of(entry["amount"])


def stated_amount(node: Node) -> tuple[str, int]:
    """As `amount_of_month`, of a figure that somebody read in a paper and says where."""
    entry = fields(node, required=["period", "amount", "evidence"])
    text_of(entry["evidence"])
    return amount_of_month(entry)


def refuse_repeats(ids: Iterable[tuple[str, Node]], *, what: str) -> None:
    """Refuse an id that stands twice; the error names both lines."""
    seen: dict[str, int] = {}
    for text, node in ids:
        if text in seen:
            raise node.error(f"{what} {text!r} is already in line {seen[text]}; give it its own.")
        seen[text] = node.line


def _kind(node: Node) -> str:
    if isinstance(node.content, str):
        return f"the text {node.content[:40]!r}"
    return "a list" if isinstance(node.content, list) else "keys and values"
