"""The picture of a PDF's page, for the person who compares it with what was read of it.

Owns the size of the picture, and where on it a line of text stands; drawing and reading happen in
the limited child (`pdf_child`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tieout.core.errors import UsageError
from tieout.core.ids import sha256_hex
from tieout.sources.pdf_words import Word, ask, lines_of, read_words

MIN_WIDTH, MAX_WIDTH = 100, 2_000
_LINE_HEIGHT = 120  # tenths of a point: what a printed line of an invoice takes
_ENOUGH = 2  # words that have to be equal, of a shorter text all


@dataclass(frozen=True, slots=True)
class Box:
    """Where a text stands: page from 1, the rest in tenths of a point from the page's top left."""

    page: int
    left: int
    top: int
    width: int
    height: int


def page_picture(content: bytes, *, page: int = 0, width: int = 1000) -> bytes:
    """One page as PNG, `width` pixels wide; `page` counts from 0.

    Raises:
        DocumentUnreadableError: not a PDF, no such page, or its picture would be larger than 8
            million pixels; or drawing took too much memory or time.
        UsageError: a width that no screen needs.
    """
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        raise UsageError(
            f"Expected a picture of {MIN_WIDTH} to {MAX_WIDTH} pixels in width, found {width}: "
            "ask for another width."
        )
    return ask("picture", content, page, width, document_sha256=sha256_hex(content))


def page_sizes(content: bytes) -> tuple[tuple[int, int], ...]:
    """Width and height of each page in tenths of a point; raises as `page_picture` does."""
    found = json.loads(ask("sizes", content, document_sha256=sha256_hex(content)))
    return tuple((width, height) for width, height in found)


def find_lines(content: bytes, texts: Sequence[str]) -> tuple[Box | None, ...]:
    """The printed line that begins as each text does, each line once; None where none does.

    Raises as `page_picture` does.
    """
    pages = read_words(content, document_sha256=sha256_hex(content))
    printed = [(number, line) for number, page in enumerate(pages, 1) for line in lines_of(page)]
    found: list[Box | None] = []
    for text in texts:
        wanted = text.split()
        scores = [_equal_words(wanted, line) for _, line in printed]
        best = max(scores, default=0)
        if best < max(1, min(_ENOUGH, len(wanted))):
            found.append(None)
            continue
        found.append(_box(*printed.pop(scores.index(best))))
    return tuple(found)


def _equal_words(wanted: Sequence[str], line: Sequence[Word]) -> int:
    count = 0
    for ours, theirs in zip(wanted, line, strict=False):
        if ours != theirs.text:
            break
        count += 1
    return count


def _box(page: int, line: Sequence[Word]) -> Box:
    left, top = line[0].left, min(word.top for word in line)
    width = max(word.right for word in line) - left
    return Box(page=page, left=left, top=top, width=width, height=_LINE_HEIGHT)
