"""E-invoices of EN 16931: UBL and CII as XML, Factur-X and ZUGFeRD as a PDF with CII inside.

Owns what the business terms (BT) become. A first pass of our own refuses DOCTYPEs and bombs before
factur-x sees a byte, and a PDF is opened in the limited child only; nothing is fetched. Schematron
checks stay off, they want a server: the document's own sums are checked instead.
"""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import facturx
from lxml import etree

from tieout.core.errors import DocumentUnreadableError, MoneyFormatError
from tieout.core.money import parse_decimal, to_units
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.sources.documents import (
    EN16931_ROOTS,
    FACTUR_X_NAMES,
    check_xml,
    clean_name,
    clean_text,
    is_e_invoice,
)
from tieout.sources.pdf_words import embedded_xml

NAME = "en16931"

_LEVEL = "en16931"  # asks for the fields of the norm; extensions are not money
_KINDS: dict[str, DocumentKind] = {
    "380": "invoice",
    "381": "credit_note",
    "384": "invoice",
    "389": "invoice",
}
_ZUGFERD_1 = "CrossIndustryDocument"

logging.getLogger("factur-x").disabled = True  # it would write parts of the document into our log


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """The one document; a credit note's amounts are negative, `corrects` is its BT-25.

    `credit_units` are the charges less the allowances of the whole document (BT-108 - BT-107),
    `amount_due_units` is BT-115.

    Raises:
        DocumentUnreadableError: no such document, of another type, or it does not tie out inside.
    """
    try:
        xml = _embedded(content, document_sha256) if content.startswith(b"%PDF-") else content
        return (_document(_terms(xml), document_sha256),)
    except (DocumentUnreadableError, MoneyFormatError) as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not a readable EN 16931 invoice ({error}); the "
            "original is kept, ask the sender for another copy or enter it by hand."
        ) from error


def _embedded(content: bytes, document_sha256: str) -> bytes:
    found = embedded_xml(content, document_sha256=document_sha256)
    for name, xml in found:
        if name.lower() in FACTUR_X_NAMES:
            try:
                check_xml(xml)
            except DocumentUnreadableError as error:
                raise DocumentUnreadableError(f"of its embedded {name}: {error}") from error
            return xml
    fitting = [xml for _, xml in found if is_e_invoice(xml)]
    if len(fitting) != 1:
        raise DocumentUnreadableError(
            f"the PDF has {len(fitting)} embedded invoices and should have one"
        )
    return fitting[0]


def _terms(xml: bytes) -> Mapping[str, Any]:
    """The document's business terms by code; amounts as texts."""
    root = check_xml(xml).root
    if root not in EN16931_ROOTS:
        older = ", which is ZUGFeRD 1.0" if root.endswith(_ZUGFERD_1) else ""
        raise DocumentUnreadableError(f"its root is {root[:80]!r}{older}")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        tree = etree.fromstring(xml, parser)
        terms: Mapping[str, Any] = facturx.parse_ubl_cii_xml(
            tree, check_xsd=False, level=_LEVEL, float_as="string"
        )
    except Exception as error:  # any failure of the parser means one thing: unreadable
        raise DocumentUnreadableError(f"{type(error).__name__}: {str(error)[:80]}") from error
    return terms


def _document(terms: Mapping[str, Any], document_sha256: str) -> BillingDocument:
    code = _text(terms, "BT-3")
    if code not in _KINDS:
        raise DocumentUnreadableError(
            f"its type (BT-3) is {code[:10]!r}, expected one of {', '.join(_KINDS)}"
        )
    sums = {name: _units(terms, name) for name in _SUMS}
    lines = terms.get("BG-25") or []
    sign = -1 if _KINDS[code] == "credit_note" else 1
    start, end = _service(terms, lines)
    document = BillingDocument(
        kind=_KINDS[code],
        number=clean_name(_text(terms, "BT-1"), what="BT-1"),
        seller=_party(terms, "BG-4"),
        bill_to=_party(terms, "BG-7"),
        currency=_text(terms, "BT-5"),
        issued_on=_day(terms, "BT-2"),
        due_on=terms["BT-9"] if isinstance(terms.get("BT-9"), date) else None,
        service_start=start,
        service_end=end,
        lines=tuple(_line(line, number, sign) for number, line in enumerate(lines, start=1)),
        subtotal_units=sign * sums["BT-106"],
        credit_units=sign * (sums["BT-108"] - sums["BT-107"]),
        tax_units=sign * sums["BT-110"],
        total_units=sign * sums["BT-112"],
        amount_due_units=sign * sums["BT-115"],
        document=document_sha256,
        corrects=_corrects(terms),
    )
    gaps = _gaps(document, terms, sums)
    if gaps:
        raise DocumentUnreadableError("it does not tie out: " + "; ".join(gaps))
    return document


# Each sum of the norm, and whether it may be missing (then it is zero).
_SUMS: Mapping[str, bool] = {
    "BT-106": False, "BT-107": True, "BT-108": True, "BT-109": False, "BT-110": True,
    "BT-112": False, "BT-113": True, "BT-114": True, "BT-115": False,
}  # fmt: skip


def _gaps(
    document: BillingDocument, terms: Mapping[str, Any], sums: Mapping[str, int]
) -> list[str]:
    """Sums of EN 16931 that do not hold (BR-CO-10, 13, 14, 15, 16)."""
    gaps = document.tie_out_gaps()
    if not document.lines:
        gaps.append("it has no lines (a MINIMUM or BASIC WL profile), so nothing proves its sum")
    if document.kind == "credit_note" and document.total_units > 0:
        gaps.append("the total of a credit note (BT-112) is negative, so its sign is not certain")
    if sums["BT-109"] != sums["BT-106"] - sums["BT-107"] + sums["BT-108"]:
        gaps.append("BT-106, BT-107 and BT-108 do not give BT-109")
    if sums["BT-112"] != sums["BT-109"] + sums["BT-110"]:
        gaps.append("BT-109 and BT-110 do not give BT-112")
    if sums["BT-115"] != sums["BT-112"] - sums["BT-113"] + sums["BT-114"]:
        gaps.append("BT-112, BT-113 and BT-114 do not give BT-115")
    taxes = terms.get("BG-23") or []
    if taxes and sum(_units(tax, "BT-117") for tax in taxes) != sums["BT-110"]:
        gaps.append("the tax breakdown (BT-117) does not add up to BT-110")
    return gaps


def _line(line: Mapping[str, Any], number: int, sign: int) -> DocumentLine:
    name, remark = _text(line, "BT-153"), line.get("BT-154")
    return DocumentLine(
        description=clean_text(f"{name} ({remark})" if isinstance(remark, str) else name),
        quantity=_figure(line, "BT-129"),
        unit_price=_figure(line, "BT-146"),
        amount_units=sign * _units(line, "BT-131"),
        source_row=number,
    )


def _service(
    terms: Mapping[str, Any], lines: list[Mapping[str, Any]]
) -> tuple[date | None, date | None]:
    """The invoicing period, else that of the lines, else the day of delivery."""
    start, end = terms.get("BT-73"), terms.get("BT-74")
    if not (isinstance(start, date) and isinstance(end, date)):
        starts = [line["BT-134"] for line in lines if isinstance(line.get("BT-134"), date)]
        ends = [line["BT-135"] for line in lines if isinstance(line.get("BT-135"), date)]
        delivered = terms.get("BT-72") if isinstance(terms.get("BT-72"), date) else None
        start = min(starts) if starts and ends else delivered
        end = max(ends) if starts and ends else delivered
    if start and end and start > end:
        raise DocumentUnreadableError(f"its service period begins on {start} and ends on {end}")
    return start, end


def _corrects(terms: Mapping[str, Any]) -> str | None:
    """The one preceding invoice; None if there is none, or several."""
    named = {one["BT-25"] for one in terms.get("BG-3") or [] if isinstance(one.get("BT-25"), str)}
    return clean_name(named.pop(), what="BT-25") if len(named) == 1 else None


def _party(terms: Mapping[str, Any], group: str) -> str:
    party = terms.get(group) or {}
    key = "name" if party.get("name") else "biz_name"  # registered name, else trading name
    return clean_name(_text(party, key, shown=f"the name of {group}"), what=group)


def _text(terms: Mapping[str, Any], name: str, *, shown: str = "") -> str:
    value = terms.get(name)
    if not isinstance(value, str):
        found = "is missing" if value is None else "stands there more than once"
        raise DocumentUnreadableError(f"{shown or name} {found}")
    return value


def _day(terms: Mapping[str, Any], name: str) -> date:
    value = terms.get(name)
    if not isinstance(value, date):
        raise DocumentUnreadableError(f"{name} is missing or stands there more than once")
    return value


def _units(terms: Mapping[str, Any], name: str) -> int:
    if terms.get(name) is None and _SUMS.get(name):
        return 0
    return to_units(_text(terms, name))


def _figure(line: Mapping[str, Any], name: str) -> str | None:
    """A quantity or price without the trailing zeros in which the syntaxes differ."""
    value = line.get(name)
    if not isinstance(value, str):
        return None
    text = f"{parse_decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
