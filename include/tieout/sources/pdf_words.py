"""What a PDF holds, words with their places and embedded XML, read in a limited child process.

Owns starting and judging the child (`pdf_child`); what words and XML mean is an invoice format's
job.
"""

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tieout.core.errors import DocumentUnreadableError
from tieout.sources.limits import MAX_DOCUMENT_BYTES

WALL_S = 30
CPU_S = 10

Task = Literal["words", "sizes", "xml", "picture"]

_CHILD = Path(__file__).with_name("pdf_child.py")
_REASONS = {
    3: "it has more than 200 pages",
    4: "it is damaged, locked or no PDF",
    5: "it has no such page",
    6: "its page is too long, too wide or empty for a picture",
}
_SAME_LINE = 30  # tenths of a point
# An attachment hangs on one of these names; without object streams they stand in the file as text.
_MAY_EMBED = (b"/EmbeddedFile", b"/ObjStm")


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place in tenths of a point, measured from the page's top left."""

    text: str
    left: int
    right: int
    top: int


Page = tuple[Word, ...]


def read_words(content: bytes, *, document_sha256: str) -> tuple[Page, ...]:
    """All level words, page by page, in reading order of the file; rotated stamps are left out.

    Raises:
        DocumentUnreadableError: not a PDF, too large, too slow, or too hungry.
    """
    pages = json.loads(ask("words", content, document_sha256=document_sha256))
    return tuple(tuple(Word(*word) for word in page) for page in pages)


def embedded_xml(content: bytes, *, document_sha256: str) -> tuple[tuple[str, bytes], ...]:
    """Name and bytes of each embedded file called *.xml, in the PDF's order; mostly none.

    The bytes are as hostile as the PDF.

    Raises:
        DocumentUnreadableError: not a PDF, too large, too slow, or too hungry.
    """
    if content.startswith(b"%PDF-") and not any(mark in content for mark in _MAY_EMBED):
        return ()
    found = json.loads(ask("xml", content, document_sha256=document_sha256))
    return tuple((name, base64.b64decode(held)) for name, held in found)


def ask(task: Task, content: bytes, *numbers: int, document_sha256: str) -> bytes:
    """Give the child a PDF and a task; the answer is what it printed.

    Raises:
        DocumentUnreadableError: not a PDF, or the child refused or was ended; says why.
    """
    if len(content) > MAX_DOCUMENT_BYTES:
        raise _unreadable(document_sha256, f"it has {len(content):,} bytes")
    if not content.startswith(b"%PDF-"):
        raise _unreadable(document_sha256, "it is not a PDF")
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_CHILD), task, *map(str, (CPU_S, *numbers))],
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
    return done.stdout


def lines_of(page: Page) -> tuple[tuple[Word, ...], ...]:
    """Words of a page as printed lines, top to bottom, each from left to right."""
    lines: list[list[Word]] = []
    for word in sorted(page, key=lambda one: (one.top, one.left)):
        if lines and abs(lines[-1][0].top - word.top) <= _SAME_LINE:
            lines[-1].append(word)
        else:
            lines.append([word])
    return tuple(tuple(sorted(line, key=lambda one: one.left)) for line in lines)


def _unreadable(document_sha256: str, reason: str) -> DocumentUnreadableError:
    return DocumentUnreadableError(
        f"Document {document_sha256[:12]} cannot be read: {reason}. Expected a PDF invoice of at "
        f"most {MAX_DOCUMENT_BYTES:,} bytes; the original is kept, ask the sender for another copy."
    )
