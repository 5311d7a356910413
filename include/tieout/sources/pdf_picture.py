"""The picture of a PDF's page, for the person who judges a document that could not be read.

Owns the size of the picture; drawing happens in the limited child (`pdf_child`).
"""

from tieout.core.errors import UsageError
from tieout.core.ids import sha256_hex
from tieout.sources.pdf_words import ask

MIN_WIDTH, MAX_WIDTH = 100, 2_000


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
