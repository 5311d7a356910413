from dataclasses import fields, replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.audit.canonical import LARGEST, canonical_bytes
from tieout.core.errors import IntegrityError
from tieout.ledger.entry import JournalEntry, JournalLine, entry_json
from tieout.ledger.entry_text import canonical_text
from tieout.ledger.exchange import Exchange
from tieout.ledger.fx_rates import Rate

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.text(
    st.characters(max_codepoint=0x7F), max_size=8
)
LINES = st.builds(
    JournalLine,
    line_no=st.integers(1, 99),
    account=TEXTS,
    debit_minor=st.integers(0, LARGEST),
    credit_minor=st.integers(0, LARGEST),
    memo=TEXTS,
    dimensions=st.dictionaries(st.text("abZ_0é", max_size=3), TEXTS | st.none(), max_size=3),
    source_line_ref=TEXTS | st.none(),
    transaction_minor=st.none() | st.integers(-99, 99),
)
RATE = Rate(
    from_currency="EUR",
    to_currency="USD",
    rate_type="spot",
    on=date(2026, 10, 31),
    rate=Decimal("1.08"),
    source="ECB",
)
ENTRIES = st.builds(
    JournalEntry,
    journal_type=st.sampled_from(["accrual", "reversal"]),
    posting_on=st.dates(),
    document_on=st.dates(),
    service_period=st.just("2026-10"),
    currency=st.just("USD"),
    description=TEXTS,
    provider=TEXTS,
    billing_account_id=TEXTS,
    lines=st.lists(LINES, max_size=3).map(tuple),
    source_refs=st.lists(TEXTS, max_size=2).map(tuple),
    reverses=TEXTS | st.none(),
    idempotency_key=TEXTS,
    adjustment_kind=st.sampled_from(["none", "error_correction"]),
    fiscal_period=st.none() | st.just("2027-01"),
    exchange=st.none() | st.just(Exchange(currency="EUR", rates=(RATE,))),
)


@given(ENTRIES)
def test_the_text_is_the_canonical_form_of_the_entry(entry: JournalEntry) -> None:
    assert canonical_text(entry).encode() == canonical_bytes(entry_json(entry))


def test_every_field_is_written_or_known_to_go_the_general_way() -> None:
    """A field that is added later must not be left out of what is hashed."""
    rare = {"exchange", "fiscal_period", "transaction_minor"}
    for value in (AN_ENTRY, AN_ENTRY.lines[0]):
        names = {field.name for field in fields(value)} - rare
        assert [name for name in names if f'"{name}":' not in canonical_text(AN_ENTRY)] == []


def test_quotes_control_letters_and_slashes_are_written_as_everywhere() -> None:
    odd = replace(AN_ENTRY, description='a "b" \\ / \x00 \x1f \x7f \n')
    assert '"description":"a \\"b\\" \\\\ / \\u0000 \\u001f \x7f \\n"' in canonical_text(odd)


def test_two_forms_of_one_letter_give_one_text() -> None:
    composed, apart = (replace(AN_ENTRY, provider=one) for one in ("\u00e9", "e\u0301"))
    assert canonical_text(composed) == canonical_text(apart)


@pytest.mark.parametrize(("debit", "credit"), [(LARGEST + 1, 0), (0, LARGEST + 1)])
def test_an_amount_that_json_readers_would_round_is_refused(debit: int, credit: int) -> None:
    (line,) = AN_ENTRY.lines
    large = replace(AN_ENTRY, lines=(replace(line, debit_minor=debit, credit_minor=credit),))
    with pytest.raises(IntegrityError, match="within 2"):
        canonical_text(large)


AN_ENTRY = JournalEntry(
    journal_type="accrual",
    posting_on=date(2026, 10, 31),
    document_on=date(2026, 10, 31),
    service_period="2026-10",
    currency="USD",
    description="Accrual",
    provider="openai",
    billing_account_id="org-1",
    lines=(
        JournalLine(
            line_no=1,
            account="6100",
            debit_minor=5,
            credit_minor=0,
            memo="",
            dimensions={"initiative": "copilot"},
            source_line_ref=None,
        ),
    ),
    source_refs=(),
    reverses=None,
    idempotency_key="key",
)
