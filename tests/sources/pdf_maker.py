"""Writes PDFs by hand for tests: invoices in Stripe's layout, attachments, and hostile files.

Every letter is half its size wide and a blank a quarter, so that columns can be set flush right
without a font program.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 612, 792
# letters that cp1252 lacks, on codes that it leaves free
_EXTRA = {"\u202f": 0x81, "\u2212": 0x8D, "\u2009": 0x8F}
_NAMES = "/uni202F 141 /uni2212 143 /uni2009"
_EDGES = {"Qty": 372, "Unit price": 464, "Tax": 505, "Amount": 572}


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text at a place from the bottom left; `turn` is the text matrix of a rotated one."""

    x: float
    y: float
    text: str
    size: int = 9
    turn: str = "1 0 0 1"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: description lines, cells by column header, the period in small print."""

    description: Sequence[str]
    cells: Mapping[str, str]
    period: str = ""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A document in Stripe's layout; change what a test is about with `dataclasses.replace`."""

    title: str = "Invoice"
    facts: Sequence[tuple[str, str]] = (
        ("Invoice number", "TEST-0001"),
        ("Date of issue", "November 1, 2026"),
        ("Date due", "December 1, 2026"),
    )
    seller: str = "Sample Model Lab A, LLC"
    bill_to: str = "Nordlicht Labs B.V."
    columns: Sequence[str] = ("Qty", "Unit price", "Amount")
    rows: Sequence[Row] = ()
    totals: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    rows_a_page: int = 20
    extra: Sequence[Text] = field(default_factory=tuple)


def paper_pdf(paper: Paper) -> bytes:
    """The document as a PDF; the table's header and a footer stand on each page."""
    chunks = [
        paper.rows[start : start + paper.rows_a_page]
        for start in range(0, max(len(paper.rows), 1), paper.rows_a_page)
    ]
    pages: list[list[Text]] = []
    for number, rows in enumerate(chunks, start=1):
        texts = _head(paper) if number == 1 else []
        y = 540 if number == 1 else 740
        texts += _header(paper, y)
        for row in rows:
            y -= 18
            texts += _row(row, y)
            y -= 12 * (len(row.description) - 1 + bool(row.period))
        if number == len(chunks):
            texts += _totals(paper, y - 30)
        footer = f"{paper.facts[0][1]} - page footer"
        texts.append(Text(x=40, y=30, text=footer, size=7))
        texts.append(Text(x=500, y=30, text=f"Page {number} of {len(chunks)}", size=7))
        pages.append([*texts, *paper.extra])
    return pdf([_stream(texts) for texts in pages])


def pdf(
    streams: Sequence[bytes],
    *,
    attachments: Mapping[str, bytes] | None = None,
    box: str = f"0 0 {WIDTH} {HEIGHT}",
    stream_filter: str = "",
) -> bytes:
    """A PDF of these page streams, with embedded files; the filter is for all of them."""
    embedded = attachments or {}
    first = 4 + 2 * len(streams)
    names = " ".join(f"({name}) {first + 2 * n + 1} 0 R" for n, name in enumerate(embedded))
    tree = f"/Names << /EmbeddedFiles << /Names [{names}] >> >>" if embedded else ""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(streams)))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {tree} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        _font(),
    ]
    for number, content in enumerate(streams):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(_stream_object(content, stream_filter))
    for number, (name, content) in enumerate(embedded.items()):
        objects.append(_stream_object(content, f"/Type /EmbeddedFile {stream_filter}"))
        objects.append(
            f"<< /Type /Filespec /F ({name}) /UF ({name}) "
            f"/EF << /F {first + 2 * number} 0 R >> >>".encode()
        )
    return _written(objects)


def encoded(text: str) -> bytes:
    """A text in the font's encoding, as a PDF string."""
    codes = b"".join(
        bytes([_EXTRA[letter]]) if letter in _EXTRA else letter.encode("cp1252") for letter in text
    )
    escaped = codes.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    return b"(" + escaped + b")"


def _head(paper: Paper) -> list[Text]:
    texts = [Text(x=40, y=732, text=paper.title, size=18)]
    y = 702
    for label, value in paper.facts:
        texts += [Text(x=40, y=y, text=label), Text(x=180, y=y, text=value)]
        y -= 14
    texts += [
        Text(x=40, y=630, text=paper.seller),
        Text(x=300, y=630, text="Bill to"),
        Text(x=40, y=618, text="100 Example Street"),
        Text(x=300, y=618, text=paper.bill_to),
    ]
    return texts


def _header(paper: Paper, y: int) -> list[Text]:
    titles = [_right(name, y, _EDGES[name], 8) for name in paper.columns]
    return [Text(x=40, y=y, text="Description", size=8), *titles]


def _row(row: Row, y: int) -> list[Text]:
    texts = [
        Text(x=40, y=y - 12 * number, text=line) for number, line in enumerate(row.description)
    ]
    texts += [_right(value, y, _EDGES[name]) for name, value in row.cells.items()]
    if row.period:
        texts.append(Text(x=40, y=y - 12 * len(row.description), text=row.period, size=7))
    return texts


def _totals(paper: Paper, y: int) -> list[Text]:
    texts = []
    for label, value in paper.totals:
        texts += [Text(x=300, y=y, text=label), _right(value, y, 572)]
        y -= 14
    texts += [Text(x=40, y=y - 14 * n, text=note, size=7) for n, note in enumerate(paper.notes)]
    return texts


def _right(text: str, y: int, edge: int, size: int = 9) -> Text:
    width = sum(size / 4 if letter.isspace() else size / 2 for letter in text)
    return Text(x=edge - width, y=y, text=text, size=size)


def _stream(texts: Sequence[Text]) -> bytes:
    return b"\n".join(
        f"BT /F1 {one.size} Tf {one.turn} {one.x:.3f} {one.y:.3f} Tm ".encode()
        + encoded(one.text)
        + b" Tj ET"
        for one in texts
    )


def _font() -> bytes:
    widths = " ".join("250" if code in {32, 0x81, 0x8F, 0xA0} else "500" for code in range(32, 256))
    return (
        "<< /Type /Font /Subtype /Type1 /BaseFont /HalfWide /FirstChar 32 /LastChar 255 "
        f"/Widths [{widths}] /FontDescriptor << /Type /FontDescriptor /FontName /HalfWide "
        "/Flags 32 /FontBBox [0 -200 500 800] /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 "
        "/ItalicAngle 0 >> /Encoding << /Type /Encoding /BaseEncoding /WinAnsiEncoding "
        f"/Differences [129 {_NAMES}] >> >>"
    ).encode()


def _stream_object(content: bytes, entries: str) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries.encode(), len(content), content)


def _written(objects: Sequence[bytes]) -> bytes:
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    xref = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return (
        body
        + xref
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (
            size,
            len(body),
        )
    )
