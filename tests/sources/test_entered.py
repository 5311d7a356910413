"""What a person entered: written in one way only, read strictly, and it must tie out."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import DocumentUnreadableError
from tieout.core.ids import sha256_hex
from tieout.core.money import to_units
from tieout.focus.document import BillingDocument, DocumentLine
from tieout.sources.invoices.entered import entered_json, read, read_entry

EVIDENCE = "ef" * 32
DOCUMENT = BillingDocument(
    kind="invoice",
    number="F-77",
    seller="Größe & Söhne",
    bill_to="Nordlicht Labs B.V.",
    currency="EUR",
    issued_on=date(2026, 11, 2),
    due_on=None,
    service_start=date(2026, 10, 1),
    service_end=date(2026, 10, 31),
    lines=(
        DocumentLine(
            description="Seats",
            quantity="3",
            unit_price=None,
            amount_units=to_units("30.000000000001"),
            source_row=1,
        ),
    ),
    subtotal_units=to_units("30.000000000001"),
    credit_units=to_units("-5"),
    tax_units=to_units("1.25"),
    total_units=to_units("26.250000000001"),
    amount_due_units=0,
    document="",
    corrects=None,
)


def written(document: BillingDocument = DOCUMENT, **changes: str) -> bytes:
    facts = {"entered_by": "ana", "reason": "No PDF yet", "evidence_sha256": EVIDENCE, **changes}
    return entered_json(document, **facts)


def test_an_entry_comes_back_with_its_own_hash_and_who_made_it() -> None:
    content = written()
    sha256 = sha256_hex(content)
    entry = read_entry(content, document_sha256=sha256)
    assert entry.document == replace(DOCUMENT, document=sha256)
    assert (entry.entered_by, entry.reason) == ("ana", "No PDF yet")
    assert entry.evidence_sha256 == EVIDENCE
    assert read(content, document_sha256=sha256) == (entry.document,)


def test_equal_entries_are_equal_bytes_and_reading_and_writing_again_changes_nothing() -> None:
    content = written()
    assert content == written(replace(DOCUMENT, document="ab" * 32))
    (again,) = read(content, document_sha256="ab" * 32)
    assert written(again) == content
    assert written(reason="Another") != content


@given(st.integers(-(10**30), 10**30), st.integers(-(10**20), 10**20))
def test_every_amount_comes_back_exactly(amount: int, tax: int) -> None:
    document = replace(
        DOCUMENT,
        lines=(replace(DOCUMENT.lines[0], amount_units=amount),),
        subtotal_units=amount,
        credit_units=0,
        tax_units=tax,
        total_units=amount + tax,
        document=EVIDENCE,
    )
    assert read(written(document), document_sha256=EVIDENCE) == (document,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"total_units": 1}, "do not add up to the total"),
        ({"lines": ()}, "it has no lines"),
        ({"currency": "€"}, "is not a currency code"),
        ({"kind": "credit_note"}, "amounts must be negative"),
        ({"service_end": None}, "the service period needs"),
        ({"service_end": date(2026, 9, 30)}, "the service period needs"),
        ({"number": ""}, "number is empty"),
        ({"seller": "A\u202eB"}, r"hidden character U\+202E"),
        ({"corrects": " "}, "corrects is empty"),
    ],
)
def test_a_document_that_is_not_right_is_never_written(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentUnreadableError, match=words):
        written(replace(DOCUMENT, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entered_by": " "}, "entered_by is empty"),
        ({"reason": ""}, "reason is empty"),
        ({"evidence_sha256": "EF" * 32}, "64 lower-case hex digits"),
        ({"evidence_sha256": ""}, "64 lower-case hex digits"),
    ],
)
def test_an_entry_without_author_reason_or_evidence_is_never_written(
    changes: dict[str, str], words: str
) -> None:
    with pytest.raises(DocumentUnreadableError, match=words):
        written(DOCUMENT, **changes)


def put(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(entry: dict[str, Any]) -> None:
        for key in path[:-1]:
            entry = entry[key]
        entry[path[-1]] = value

    return change


def drop(entry: dict[str, Any]) -> None:
    del entry["document"]["tax"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("format", value="other"), "format is not"),
        (put("version", value=2), "lacks or has too many keys: version"),
        (drop, "lacks or has too many keys: tax"),
        (put("document", value=[]), "document is not an object"),
        (put("document", "lines", value={}), "lines is not a list"),
        (put("document", "lines", value=[7]), "line 1 is not an object"),
        (put("document", "kind", value=["invoice"]), "kind is not one of"),
        (put("document", "kind", value="bill"), "kind is not one of"),
        (put("document", "issued_on", value=None), "issued_on is missing"),
        (put("document", "issued_on", value="20261102"), "not a date as 2026-10-31"),
        (put("document", "due_on", value="2026-02-30"), "not a date as 2026-10-31"),
        (put("document", "total", value=26.25), "total is not a text"),
        (put("document", "total", value="1e999999"), "Expected a decimal number"),
        (put("document", "total", value="26,25"), "Expected a decimal number"),
        (put("document", "number", value=7), "number is not a text"),
        (put("document", "corrects", value=7), "corrects is not a text"),
    ],
)
def test_an_entry_of_another_form_is_refused(
    change: Callable[[dict[str, Any]], None], words: str
) -> None:
    entry = json.loads(written())
    change(entry)
    with pytest.raises(DocumentUnreadableError, match=words):
        read(json.dumps(entry).encode(), document_sha256=EVIDENCE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"format": NaN}',
        b'{"format": 1, "format": 2}',
        b"[" * 100_000,
        b" " * 20_000_001,
        written()[:-1],
        written().replace(b'"quantity":"3"', b'"quantity":"three"'),
    ],
    ids=["empty", "list", "bytes", "nan", "twice", "deep", "large", "cut", "quantity"],
)
def test_what_is_no_entry_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentUnreadableError, match="not an entered billing document"):
        read(content, document_sha256=EVIDENCE)
