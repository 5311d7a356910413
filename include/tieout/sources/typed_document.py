"""Figures of a billing document as a person types them: YAML or JSON with plain keys.

Owns the file's form and its strict reading; the stored form, with author and evidence, is
`invoices/entered.py`'s.
"""

from datetime import date

from tieout.core.errors import MoneyFormatError, RuleFileError
from tieout.core.money import to_units
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.rules import fields
from tieout.rules.yaml_text import Node, read_yaml

_KINDS: dict[str, DocumentKind] = {
    "invoice": "invoice",
    "receipt": "receipt",
    "credit_note": "credit_note",
}
_REQUIRED = (
    "kind", "number", "seller", "bill_to", "currency", "issued_on", "lines", "subtotal", "total",
)  # fmt: skip
_OPTIONAL = (
    "due_on", "service_start", "service_end", "credit", "tax", "amount_due", "corrects",
)  # fmt: skip


def read_typed(text: str, *, name: str) -> BillingDocument:
    """The document that a person typed; its `document` hash is empty until it is stored.

    Amounts are decimal texts, credits negative. Left out, `credit` and `tax` are 0 and `amount_due`
    is the total.

    Raises:
        RuleFileError: a key is missing or unknown, or a value is not what it should be; with the
            line.
    """
    entry = fields.fields(read_yaml(text, name=name), required=_REQUIRED, optional=_OPTIONAL)
    total = _units(entry["total"])
    return BillingDocument(
        kind=_KINDS[fields.one_of(entry["kind"], _KINDS)],
        number=fields.text_of(entry["number"]),
        seller=fields.text_of(entry["seller"]),
        bill_to=fields.text_of(entry["bill_to"]),
        currency=fields.text_of(entry["currency"]),
        issued_on=fields.day_of(entry["issued_on"]),
        due_on=_day(entry.get("due_on")),
        service_start=_day(entry.get("service_start")),
        service_end=_day(entry.get("service_end")),
        lines=tuple(
            _line(node, number)
            for number, node in enumerate(fields.members(entry["lines"]), start=1)
        ),
        subtotal_units=_units(entry["subtotal"]),
        credit_units=_units(entry["credit"]) if "credit" in entry else 0,
        tax_units=_units(entry["tax"]) if "tax" in entry else 0,
        total_units=total,
        amount_due_units=_units(entry["amount_due"]) if "amount_due" in entry else total,
        document="",
        corrects=_text(entry.get("corrects")),
    )


def typed_text(content: bytes, *, name: str) -> str:
    """The file's text.

    Raises:
        RuleFileError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RuleFileError(f"{name}: not UTF-8 text; save the file as UTF-8.") from error


def _line(node: Node, number: int) -> DocumentLine:
    entry = fields.fields(
        node, required=["description", "amount"], optional=["quantity", "unit_price"]
    )
    return DocumentLine(
        description=fields.text_of(entry["description"]),
        quantity=_text(entry.get("quantity")),
        unit_price=_text(entry.get("unit_price")),
        amount_units=_units(entry["amount"]),
        source_row=number,
    )


def _units(node: Node) -> int:
    try:
        return to_units(fields.text_of(node))
    except MoneyFormatError as error:
        raise node.error(str(error)) from error


def _day(node: Node | None) -> date | None:
    return None if node is None else fields.day_of(node)


def _text(node: Node | None) -> str | None:
    return None if node is None else fields.text_of(node)
