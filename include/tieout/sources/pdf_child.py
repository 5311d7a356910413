"""The program that opens a PDF, in a process of its own with hard limits; prints words as JSON.

Imports nothing of tieout and reads only standard input: a hostile file can at worst end this child.
Run by `pdf_words.read_words`.
"""

import io
import json
import resource
import sys

MAX_PAGES = 200
_MEMORY_BYTES = 512 * 1024 * 1024
_CPU_S = 10
_OPEN_FILES = 32
_X_TOLERANCE = 2
_TOO_MANY_PAGES = 3
_UNREADABLE = 4


def main() -> int:
    """Read a PDF from standard input; give 0, or a code that `pdf_words` puts into a sentence."""
    content = sys.stdin.buffer.read()
    import pdfplumber

    _limit()
    pages = []
    try:
        with pdfplumber.open(io.BytesIO(content)) as pdf:
            if len(pdf.pages) > MAX_PAGES:
                return _TOO_MANY_PAGES
            for page in pdf.pages:
                # rotated characters are stamps across the page, never part of the table
                upright = page.filter(lambda thing: thing.get("upright", True))
                words = upright.extract_words(x_tolerance=_X_TOLERANCE)
                pages.append(
                    [[w["text"], *map(_tenths, (w["x0"], w["x1"], w["top"]))] for w in words]
                )
                page.close()
    except Exception as error:  # noqa: BLE001  any failure of the parser means one thing: unreadable
        sys.stderr.write(type(error).__name__)
        return _UNREADABLE
    json.dump(pages, sys.stdout)
    return 0


def _limit() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))


def _tenths(points: float) -> int:
    return int(points * 10)


if __name__ == "__main__":
    sys.exit(main())
