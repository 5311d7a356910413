"""Words of a PDF with their places, read in a limited child process.

Owns starting and judging the child (`pdf_child`); what the words mean is an invoice format's job.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tieout.core.errors import DocumentUnreadableError
from tieout.sources.limits import MAX_DOCUMENT_BYTES

WALL_S = 30

_CHILD = Path(__file__).with_name("pdf_child.py")
_REASONS = {3: "it has more than 200 pages", 4: "it is damaged, locked or no PDF"}


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place in tenths of a point, measured from the page's top left."""

    text: str
    left: int
    right: int
    top: int


Page = tuple[Word, ...]


def read_words(content: bytes, *, document_sha256: str) -> tuple[Page, ...]:
    """All upright words, page by page, in reading order of the file.

    Raises:
        DocumentUnreadableError: not a PDF, too large, too slow, or too hungry.
    """
    if len(content) > MAX_DOCUMENT_BYTES:
        raise _unreadable(document_sha256, f"it has {len(content):,} bytes")
    if not content.startswith(b"%PDF-"):
        raise _unreadable(document_sha256, "it is not a PDF")
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_CHILD)],
            input=content,
            capture_output=True,
            env={},
            timeout=WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unreadable(document_sha256, f"reading took more than {WALL_S} s") from None
    if done.returncode:
        reason = _REASONS.get(done.returncode, "it needs more memory or time than it may")
        raise _unreadable(document_sha256, reason)
    pages = json.loads(done.stdout)
    return tuple(tuple(Word(*word) for word in page) for page in pages)


def lines_of(page: Page) -> tuple[tuple[Word, ...], ...]:
    """Words of a page as printed lines, top to bottom, each from left to right."""
    lines: list[list[Word]] = []
    for word in sorted(page, key=lambda one: (one.top, one.left)):
        if lines and abs(lines[-1][0].top - word.top) <= _SAME_LINE:
            lines[-1].append(word)
        else:
            lines.append([word])
    return tuple(tuple(sorted(line, key=lambda one: one.left)) for line in lines)


_SAME_LINE = 30  # tenths of a point


def _unreadable(document_sha256: str, reason: str) -> DocumentUnreadableError:
    return DocumentUnreadableError(
        f"Document {document_sha256[:12]} cannot be read: {reason}. Expected a PDF invoice of at "
        f"most {MAX_DOCUMENT_BYTES:,} bytes; the original is kept, ask the sender for another copy."
    )
