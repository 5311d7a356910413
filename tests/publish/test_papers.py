"""Journal lines with the amounts of their papers, and the rates that were used."""

from datetime import date
from decimal import Decimal

from tests.ledger.test_foreign import DRAFT, RATES, a_year, bill

from tieout.ledger.entry import entry_json
from tieout.ledger.exchange import rate_json
from tieout.publish.facts import JOURNAL_SCHEMA, PAPER_SCHEMA, journal_table
from tieout.publish.papers import rate_rows, rate_text

ENTRIES = [{"document_no": str(at), **entry_json(one)} for at, one in enumerate(a_year(bill()))]
PLAIN = {key: value for key, value in ENTRIES[0].items() if key not in ("exchange", "document_no")}


def test_a_month_in_one_currency_has_the_columns_of_every_month() -> None:
    lines = [{k: v for k, v in one.items() if k != "transaction_minor"} for one in PLAIN["lines"]]
    assert journal_table([PLAIN | {"lines": lines}], digits=2).schema == JOURNAL_SCHEMA


def test_amounts_of_papers_come_behind_and_add_up_to_zero() -> None:
    table = journal_table([*ENTRIES, PLAIN], digits=2)
    assert table.schema.names == [*JOURNAL_SCHEMA.names, *PAPER_SCHEMA.names]
    amounts = table["transaction_amount"].to_pylist()
    assert sum(one for one in amounts if one is not None) == 0
    assert amounts[-1] is None  # of an entry that was not translated
    invoice = [row for row in table.to_pylist() if row["journal_type"] == "invoice"]
    assert {(row["account"], row["transaction_amount"]) for row in invoice} >= {
        ("2000", Decimal("-10250.000000000000")),
        ("7800", None),
    }
    assert {row["exchange_rates"] for row in invoice} == {
        "closing 1.0850 of 2026-10-30, spot 1.0910 of 2026-11-03"
    }
    assert {row["transaction_currency"] for row in invoice} == {"EUR"}


def test_each_rate_is_shown_once_with_the_first_version_that_has_it() -> None:
    known = frozenset(rate_text(rate_json(one)) for one in RATES[:1])
    rows = rate_rows([*ENTRIES, {}], [("fx_rates@1", "a", frozenset()), ("fx_rates@2", "b", known)])
    assert [(row["type"], row["date"], row["policy"], row["entries"]) for row in rows] == [
        ("closing", date(2026, 10, 30).isoformat(), "fx_rates@2", len(ENTRIES)),
        ("spot", "2026-11-03", "", 1),
    ]
    assert DRAFT.num_rows  # the month that the entries are of
