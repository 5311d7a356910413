"""What kind of billing document some bytes are, and the checks that all documents share.

Owns the recognition by content (a file's name is never trusted), the safe first pass over XML, and
the rules for names and texts; what a document says is an invoice format's business.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from tieout.core.errors import DocumentUnreadableError, SourceAnswerError
from tieout.core.ids import sha256_hex
from tieout.focus.document import BillingDocument
from tieout.sources.limits import MAX_DOCUMENT_BYTES, load_json
from tieout.sources.pdf_words import embedded_xml

Medium = Literal["pdf", "xml", "json", "text"]

MAX_XML_DEPTH = 64
MAX_XML_ELEMENTS = 200_000
MAX_TEXT = 2_000
ENTERED = "tieout/entered-document"
MEDIA_TYPES: dict[Medium, str] = {
    "pdf": "application/pdf",
    "xml": "application/xml",
    "json": "application/json",
    "text": "text/csv",
}
# Names under which Factur-X, ZUGFeRD and XRechnung embed the invoice; it counts even when broken.
FACTUR_X_NAMES = frozenset({"factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"})
CII = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice"
UBL_INVOICE = "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice"
UBL_CREDIT_NOTE = "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote"
EN16931_ROOTS = frozenset({CII, UBL_INVOICE, UBL_CREDIT_NOTE})

_READS_PDF = frozenset({"stripe_pdf"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CURRENCY_TAGS = ("DocumentCurrencyCode", "InvoiceCurrencyCode", "TaxCurrencyCode")
_HEADER_LINES = 40  # Google's cost table begins with a block of facts above its header
_OURS = frozenset({"number", "amount", "currency"})
_GOOGLE = frozenset({
    "billing account id", "service description", "sku description", "sku id", "project id",
    "cost type",
})  # fmt: skip
_GOOGLE_AT_LEAST = 3
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MAGIC = (
    (b"PK\x03\x04", "a ZIP or Office file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\xd0\xcf\x11\xe0", "an old Office or Outlook file"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
)


def format_of(name: str, content: bytes, *, default: str) -> str:
    """The invoice format that reads these bytes; `default` is the account's own format.

    A PDF with an embedded e-invoice is `en16931`; any other PDF is `default` if that reads PDFs,
    else `stripe_pdf`. `name` only stands in the message.

    Raises:
        DocumentUnreadableError: no format reads such a file; says what was found.
    """
    medium = medium_of(content)
    if medium == "pdf":
        plain_pdf = default if default in _READS_PDF else "stripe_pdf"
        return "en16931" if _holds_e_invoice(content) else plain_pdf
    if medium == "xml":
        found = _xml_format(content)
    elif medium == "json":
        found = _json_format(content)
    else:
        found = _csv_format(content) if medium == "text" else (None, _magic(content))
    recognised, description = found
    if recognised is None:
        raise DocumentUnreadableError(
            f"{name[:80]!r} is no billing document that can be read: expected a PDF, an EN 16931 "
            f"XML, a CSV of docs/reference/invoices or an entered document, found {description}; "
            "enter it by hand."
        )
    return recognised


def medium_of(content: bytes) -> Medium | None:
    """What the bytes are at first sight; None for anything but PDF, XML, JSON and UTF-8 text."""
    if content.startswith(b"%PDF-"):
        return "pdf"
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\x00<")):
        return "xml"
    if start.startswith((b"{", b"[")):
        return "json"
    is_binary = any(content.startswith(magic) for magic, _ in _MAGIC) or b"\x00" in content[:4096]
    return None if is_binary or not start else "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlShape:
    """What the first pass over an XML file saw: its root in `{namespace}name` form, its size."""

    root: str
    elements: int


def check_xml(content: bytes) -> XmlShape:
    """Walk through an XML file without building it: no DOCTYPE, no entities, bounded.

    Currency codes of e-invoices must look like codes, because a parser may build paths from them.

    Raises:
        DocumentUnreadableError: any of these; the reason alone, for the caller's sentence.
    """
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DocumentUnreadableError(f"it has {len(content):,} bytes")
    walker = _Walker()
    parser = defusedxml.ElementTree.XMLParser(target=walker, forbid_dtd=True)
    try:
        parser.feed(content)
        parser.close()
    except DefusedXmlException as error:
        raise DocumentUnreadableError(
            f"it has a DOCTYPE or entities ({type(error).__name__})"
        ) from None
    except (defusedxml.ElementTree.ParseError, ValueError, LookupError) as error:
        # an encoding that Python does not know is a LookupError
        raise DocumentUnreadableError(f"it is no well-formed XML: {str(error)[:80]}") from None
    return XmlShape(root=walker.root, elements=walker.elements)


def clean_name(text: str, *, what: str) -> str:
    """A name, number or code with single blanks; hidden characters are refused.

    Raises:
        DocumentUnreadableError: empty, too long, or with control, direction or unassigned
            characters that a reader would not see; the reason alone.
    """
    name = " ".join(text.split())
    if not name or len(name) > MAX_TEXT:
        raise DocumentUnreadableError(f"{what} is empty or longer than {MAX_TEXT} characters")
    hidden = next((one for one in name if unicodedata.category(one) in _HIDDEN), None)
    if hidden:
        raise DocumentUnreadableError(f"{what} holds the hidden character U+{ord(hidden):04X}")
    return name


def clean_text(text: str) -> str:
    """A description with single blanks; a hidden character becomes U+FFFD, so that it shows."""
    shown = " ".join(text.split())[:MAX_TEXT]
    return "".join("\ufffd" if unicodedata.category(one) in _HIDDEN else one for one in shown)


def gaps_of(document: BillingDocument) -> list[str]:
    """What is wrong with a document that a person or an export wrote; empty when it ties out."""
    gaps = document.tie_out_gaps()
    if not document.lines:
        gaps.append("it has no lines")
    if not _CURRENCY.fullmatch(document.currency):
        gaps.append(f"{document.currency[:10]!r} is not a currency code such as USD")
    if document.kind == "credit_note" and document.total_units > 0:
        gaps.append("a credit note's amounts must be negative")
    start, end = document.service_start, document.service_end
    if (start is None) != (end is None) or (start and end and start > end):
        gaps.append("the service period needs a start and a later end, or neither")
    return gaps


def is_sha256(text: str) -> bool:
    """Whether the text is 64 lower-case hex digits."""
    return bool(_SHA256.fullmatch(text))


class _Walker:
    """A parser target that counts and keeps nothing but the root's name."""

    def __init__(self) -> None:
        self.root = ""
        self.elements = 0
        self._depth = 0
        self._code: list[str] | None = None

    def start(self, tag: str, _: dict[str, str]) -> None:
        self.root = self.root or tag
        self.elements += 1
        self._depth += 1
        if self._depth > MAX_XML_DEPTH:
            raise ValueError(f"nested more than {MAX_XML_DEPTH} levels deep")
        if self.elements > MAX_XML_ELEMENTS:
            raise ValueError(f"more than {MAX_XML_ELEMENTS:,} elements")
        self._code = [] if tag.endswith(_CURRENCY_TAGS) else None

    def data(self, text: str) -> None:
        if self._code is not None:
            self._code.append(text)

    def end(self, _: str) -> None:
        self._depth -= 1
        if self._code is not None and not _CURRENCY.fullmatch("".join(self._code).strip()):
            raise ValueError("a currency code is not three capital letters")
        self._code = None

    def close(self) -> None:
        """The parser asks for a result; there is none."""


def _holds_e_invoice(content: bytes) -> bool:
    try:
        found = embedded_xml(content, document_sha256=sha256_hex(content))
    except DocumentUnreadableError:  # the format that reads it will say why
        return False
    return any(name.lower() in FACTUR_X_NAMES or is_e_invoice(xml) for name, xml in found)


def is_e_invoice(content: bytes) -> bool:
    """Whether the bytes are a well-formed UBL or CII document."""
    try:
        return check_xml(content).root in EN16931_ROOTS
    except DocumentUnreadableError:
        return False


def _xml_format(content: bytes) -> tuple[str | None, str]:
    try:
        root = check_xml(content).root
    except DocumentUnreadableError as error:
        return None, f"XML, but {error}"
    return ("en16931", "") if root in EN16931_ROOTS else (None, f"XML with the root {root[:80]!r}")


def _json_format(content: bytes) -> tuple[str | None, str]:
    try:
        value = load_json(content, name="it")
    except SourceAnswerError:
        return None, "something that begins like JSON and is none"
    if isinstance(value, dict) and value.get("format") == ENTERED:
        return "entered", ""
    keys = sorted(map(str, value))[:5] if isinstance(value, dict) else []
    return None, f"JSON with the keys {', '.join(keys)[:80] or '(none)'}"


def _csv_format(content: bytes) -> tuple[str | None, str]:
    lines = content[:65_536].decode("utf-8-sig", "replace").splitlines()[:_HEADER_LINES]
    headers = [
        {cell.strip().strip('"').lower() for cell in re.split(r"[,;\t]", line)} for line in lines
    ]
    if headers and headers[0] >= _OURS:
        return "document_csv", ""
    if any(len(header & _GOOGLE) >= _GOOGLE_AT_LEAST for header in headers):
        return "gcp_cost_table", ""
    return None, f"text that begins with {next(filter(None, lines), '')[:40]!r}"


def _magic(content: bytes) -> str:
    if not content.strip():
        return "nothing"
    return next(
        (what for magic, what in _MAGIC if content.startswith(magic)), "bytes that are no text"
    )
