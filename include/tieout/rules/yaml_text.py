"""A YAML subset where every scalar stays text: the loader of rule, register and pool files.

Owns the syntax and its limits (no aliases, anchors, tags, doubled keys, odd scalars), not what a
file means. Every value remembers its file and line, so an error can say where to look.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from tieout.core.errors import RuleFileError

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_TEXT = 2_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL_WORDS = frozenset({"~", "null", "Null", "NULL"})
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})

Content: TypeAlias = "str | list[Node] | dict[str, Node]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value of the file: a text, a list or a mapping, and where it starts."""

    file: str
    line: int
    content: Content

    def error(self, message: str) -> RuleFileError:
        """The error to raise about this place; `message` says what was expected and what to do."""
        return RuleFileError(f"{self.file}, line {self.line}: {message}")


def read_yaml(text: str, *, name: str) -> Node:
    """Read one YAML document; `name` is the file's name in errors.

    Raises:
        RuleFileError: not YAML, empty, more than one document, over 1 MB or 30 levels, an alias,
            anchor, tag, doubled key, bare null, or an invisible character; with the line.
    """
    _refuse_size(text, name)
    events = yaml.parse(text, Loader=_LOADER)
    try:
        return _document(events, name)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise RuleFileError(
            f"{name}, line {mark.line + 1 if mark else 1}: not YAML: {problem}; "
            "check indent and quotes."
        ) from error


def _refuse_size(text: str, name: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise RuleFileError(f"{name}: not Unicode text; save the file as UTF-8.") from error
    if size > MAX_BYTES:
        raise RuleFileError(f"{name}: {size} bytes; at most {MAX_BYTES} are read: split the file.")


def _document(events: Iterator[yaml.Event], name: str) -> Node:
    next(events)  # the stream starts
    if isinstance(next(events), yaml.StreamEndEvent):
        raise RuleFileError(f"{name}: the file is empty; expected keys and values.")
    root = _node(next(events), events, name=name, depth=1)
    next(events)  # the document ends
    after = next(events)
    if not isinstance(after, yaml.StreamEndEvent):
        raise _error(after, name, "a second document starts; keep one in a file.")
    return root


def _node(event: yaml.Event, events: Iterator[yaml.Event], *, name: str, depth: int) -> Node:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise _error(event, name, "anchors and aliases (& and *) are not read; write it out.")
    if getattr(event, "tag", None):
        raise _error(event, name, "tags (!) are not read; values are texts: remove the tag.")
    if depth > MAX_DEPTH:
        raise _error(event, name, f"more than {MAX_DEPTH} levels; write it flatter.")
    content: Content
    if isinstance(event, yaml.ScalarEvent):
        content = _scalar(event, name)
    elif isinstance(event, yaml.SequenceStartEvent):
        content = _sequence(events, name, depth)
    else:
        content = _mapping(events, name, depth)
    return Node(file=name, line=_line(event), content=content)


def _scalar(event: yaml.ScalarEvent, name: str) -> str:
    text: str = event.value
    if not event.style and text in _NULL_WORDS:
        raise _error(event, name, f"{text} means nothing here; leave the key out or quote it.")
    if len(text) > MAX_TEXT:
        raise _error(event, name, f"a text of {len(text)} characters; at most {MAX_TEXT}.")
    for character in text:
        if unicodedata.category(character) in _UNSEEN and character not in "\n\t":
            raise _error(
                event, name, f"invisible character U+{ord(character):04X} in a text; remove it."
            )
    return text


def _sequence(events: Iterator[yaml.Event], name: str, depth: int) -> list[Node]:
    content = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        content.append(_node(event, events, name=name, depth=depth + 1))
    return content


def _mapping(events: Iterator[yaml.Event], name: str, depth: int) -> dict[str, Node]:
    content: dict[str, Node] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _node(event, events, name=name, depth=depth + 1)
        if not isinstance(key.content, str):
            raise key.error("a key must be a text; quote it or remove the brackets.")
        if key.content in content:
            first = content[key.content].line
            raise key.error(f"key {key.content[:60]!r} is already there near line {first}.")
        content[key.content] = _node(next(events), events, name=name, depth=depth + 1)
    return content


def _error(event: yaml.Event, name: str, message: str) -> RuleFileError:
    return RuleFileError(f"{name}, line {_line(event)}: {message}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1  # type: ignore[union-attr]  # parsed events carry a mark
