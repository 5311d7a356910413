"""The program that opens a PDF, in a process of its own with hard limits; answers on standard out.

Imports nothing of tieout and reads only standard input: a hostile file can at worst end this child.
Arguments: the task, the seconds of CPU it may take, and what the task needs: `words`, `sizes` and
`xml` nothing (JSON), `picture` page and width (PNG). Run by `pdf_words.ask`.
"""

import base64
import ctypes
import io
import json
import resource
import sys

MAX_PAGES = 200
MAX_PIXELS = 8_000_000
MAX_XML_BYTES = 20_000_000
MAX_ATTACHMENTS = 50

_MEMORY_BYTES = 512 * 1024 * 1024
_OPEN_FILES = 32
_X_TOLERANCE = 2
_LEVEL = 0.02  # slope up to which a line of text counts as level
_NEW_NETWORK = 0x40000000
_NEW_USER = 0x10000000
_TOO_MANY_PAGES = 3
_UNREADABLE = 4
_NO_SUCH_PAGE = 5
_NO_PICTURE = 6


def main() -> int:
    """Read a PDF from standard input; give 0, or a code that `pdf_words` puts into a sentence."""
    task, cpu_s, *rest = sys.argv[1:]
    content = sys.stdin.buffer.read()
    _import(task)
    _leave_network()
    _limit(int(cpu_s))
    try:
        if task == "picture":
            return _picture(content, page=int(rest[0]), width=int(rest[1]))
        return {"words": _words, "sizes": _sizes, "xml": _xml}[task](content)
    except Exception as error:  # noqa: BLE001  any failure of the parser means one thing: unreadable
        sys.stderr.write(type(error).__name__)
        return _UNREADABLE


def _words(content: bytes) -> int:
    import pdfplumber

    pages = []
    with pdfplumber.open(io.BytesIO(content)) as pdf:
        if len(pdf.pages) > MAX_PAGES:
            return _TOO_MANY_PAGES
        for page in pdf.pages:
            words = page.filter(_is_level).extract_words(x_tolerance=_X_TOLERANCE)
            pages.append([[w["text"], *map(_tenths, (w["x0"], w["x1"], w["top"]))] for w in words])
            page.close()
    json.dump(pages, sys.stdout)
    return 0


def _xml(content: bytes) -> int:
    """Names and bytes of the embedded files that are called *.xml."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument(content)
    found = []
    room = MAX_XML_BYTES + 1
    for number in range(min(pdf.count_attachments(), MAX_ATTACHMENTS)):
        attachment = pdf.get_attachment(number)
        name = attachment.get_name()
        if room and name.lower().endswith(".xml"):
            held = bytes(attachment.get_data())[:room]
            room -= len(held)
            found.append([name, base64.b64encode(held).decode()])
    json.dump(found, sys.stdout)
    return 0


def _sizes(content: bytes) -> int:
    """Width and height of each page in tenths of a point."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument(content)
    if len(pdf) > MAX_PAGES:
        return _TOO_MANY_PAGES
    json.dump([[_tenths(side) for side in page.get_size()] for page in pdf], sys.stdout)
    return 0


def _picture(content: bytes, *, page: int, width: int) -> int:
    import pypdfium2

    pdf = pypdfium2.PdfDocument(content)
    if len(pdf) > MAX_PAGES:
        return _TOO_MANY_PAGES
    if not 0 <= page < len(pdf):
        return _NO_SUCH_PAGE
    points_wide, points_high = pdf[page].get_size()
    if points_wide < 1 or points_high < 1 or width * width * points_high / points_wide > MAX_PIXELS:
        return _NO_PICTURE
    # forms are left out: a printed invoice has none, and their scripts are not wanted
    bitmap = pdf[page].render(scale=width / points_wide, may_draw_forms=False)
    out = io.BytesIO()
    bitmap.to_pil().save(out, "PNG")
    sys.stdout.buffer.write(out.getvalue())
    return 0


def _is_level(thing: dict[str, object]) -> bool:
    """Whether it is no rotated character: those are stamps across the page, never figures.

    The text matrix decides: pdfplumber calls a stamp at 45 degrees upright.
    """
    matrix = thing.get("matrix")
    if not isinstance(matrix, tuple):
        return True
    along, rise = matrix[0], matrix[1]
    return bool(along > 0 and abs(rise) <= _LEVEL * along)


def _import(task: str) -> None:
    """Load the libraries before the limits: their own size does not count against the file."""
    if task == "words":
        import pdfplumber  # noqa: F401  for its place in memory
    else:
        import PIL.PngImagePlugin  # noqa: F401  as above
        import pypdfium2  # noqa: F401  as above


def _leave_network() -> bool:
    """Move into an empty network namespace where the system allows it, else stay."""
    try:
        unshare = ctypes.CDLL(None).unshare
    except (OSError, AttributeError):  # not Linux
        return False
    return any(unshare(flags) == 0 for flags in (_NEW_NETWORK, _NEW_NETWORK | _NEW_USER))


def _limit(cpu_s: int) -> None:
    for limit, value in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))


def _tenths(points: float) -> int:
    return int(points * 10)


if __name__ == "__main__":
    sys.exit(main())
