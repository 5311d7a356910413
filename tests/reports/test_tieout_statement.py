import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.close.month import (
    ANTHROPIC_BRIDGES,
    OPENAI_BRIDGES,
    bridge,
    entries,
    whole_ledger,
)
from tests.ledger.books import CHART, OCTOBER, ledger, line
from tests.ledger.test_foreign import BOOKS, NOVEMBER, a_year, bill

from tieout.core.errors import ConservationError
from tieout.core.money import to_units
from tieout.ledger.entry import reverse
from tieout.reconciliation.bridge import Bridge, BridgeLine, Section
from tieout.reports.tieout_statement import (
    StatementInputs,
    StatementRow,
    build,
    close_content,
    statement_json,
)


def inputs(**fields: Any) -> StatementInputs:
    values: dict[str, Any] = {
        "period": OCTOBER,
        "currency": "USD",
        "state": "open",
        "chart": CHART,
        "ledger": whole_ledger(),
        "unallocated_units": to_units("6.4002"),
        "bridges": (*OPENAI_BRIDGES, *ANTHROPIC_BRIDGES),
        "entries": entries(),
    }
    return StatementInputs(**{**values, **fields})


def holds(row: StatementRow) -> bool:
    start = row.reported_units if row.estimated_units is None else row.estimated_units
    end = row.reported_units if row.billed_units is None else row.billed_units
    return start + row.explained_units + row.unexplained_units == end


def test_the_statement_of_the_month_reads_like_a_page() -> None:
    text = json.loads(json.dumps(statement_json(build(inputs()))))
    anthropic, openai = text.pop("rows")
    assert text == {
        "period": "2026-10",
        "currency": "USD",
        "state": "open",
        "ledger_total": "133.004000000000",
        "ledger_net": "128.004000000000",
        "unallocated": "6.400200000000",
        "unallocated_share_bp": 500,
        "journal_debit": "190.34",
        "journal_credit": "190.34",
        "expense": "128.00",
        "earlier_expense": [],
        "own_dimensions": [],
    }
    assert openai == {
        "provider": "openai",
        "billing_account_id": "org-1",
        "mode": "arrears",
        "estimated": "107.000000000000",
        "reported": "108.001000000000",
        "billed": "103.000000000000",
        "explained": "-4.000000000000",
        "unexplained": "0.000000000000",
    }
    assert (anthropic["mode"], anthropic["estimated"]) == ("prepaid", None)
    assert anthropic["billed"] == anthropic["reported"] == "30.004000000000"


def test_expense_that_earlier_months_consumed_is_named() -> None:
    accruals = [one for one in entries() if one.journal_type == "accrual"]
    early = [replace(one, service_period="2026-09") for one in accruals]
    reversed_here = [reverse(one, on=one.posting_on) for one in early]
    late = [replace(one, idempotency_key="late", service_period="2026-08") for one in early]
    made = build(inputs(entries=(*entries(), *early, *reversed_here, *late)))
    own = sum(one.amount_minor for one in late[0].lines if one.account in {"5100", "6100"})
    assert own
    assert made.earlier_expense_minor == (("2026-08", own),)
    shown = statement_json(made)["earlier_expense"]
    assert [one["service_period"] for one in shown] == ["2026-08"]


def test_each_own_dimension_is_added_up_and_what_it_leaves_open_comes_last() -> None:
    lines = ledger(
        line("1", own_dimensions='{"team":"search"}'),
        line("2", own_dimensions='{"country":"Germany","team":"ranking"}'),
        line("4"),
        line("-0.5", own_dimensions='{"team":"search"}'),
    )
    found = statement_json(build(inputs(ledger=lines)))
    shown = [tuple(one.values()) for one in found["own_dimensions"]]
    assert shown == [
        ("country", "Germany", "2.000000000000"),
        ("country", None, "4.500000000000"),
        ("team", "ranking", "2.000000000000"),
        ("team", "search", "0.500000000000"),
        ("team", None, "4.000000000000"),
    ]
    assert found["ledger_total"] == "6.500000000000"


def test_a_month_without_invoice_ends_at_the_report() -> None:
    (row,) = build(inputs(bridges=OPENAI_BRIDGES[:2])).rows
    assert row.billed_units is None
    assert statement_json(build(inputs(bridges=OPENAI_BRIDGES[:2])))["rows"][0]["billed"] is None
    assert holds(row)


def test_credit_that_the_provider_no_longer_shows_was_drawn_without_a_charge() -> None:
    stated = bridge(
        "credit_rollforward",
        "12.34",
        "20.336",
        {"purchase": "40", "usage": "-30.004"},
        provider="anthropic",
        billing_account_id="org-2",
    )
    (row,) = build(inputs(bridges=(ANTHROPIC_BRIDGES[0], stated))).rows
    assert row.billed_units == to_units("32.004")
    assert row.unexplained_units == to_units("2")
    assert holds(row)


def test_a_commitment_rolls_forward_and_is_called_by_its_name() -> None:
    rows = build(inputs(modes={("anthropic", "org-2"): "commitment"})).rows
    assert [(one.provider, one.mode) for one in rows] == [
        ("anthropic", "commitment"),
        ("openai", "arrears"),
    ]


def test_bridges_that_do_not_meet_make_no_statement() -> None:
    off = bridge("report_to_invoice", "108", "103", {"credit": "-5"})
    with pytest.raises(ConservationError, match=r"found 108\.00, 108\.001"):
        build(inputs(bridges=(*OPENAI_BRIDGES[:2], off)))


def test_an_empty_month_has_a_statement_of_zeros() -> None:
    found = build(inputs(ledger=ledger(), bridges=(), entries=(), unallocated_units=0))
    assert (found.rows, found.ledger_total_units, found.unallocated_share_bp) == ((), 0, 0)


def test_what_is_signed_changes_with_each_of_its_parts() -> None:
    hashes = {
        "ledger_hash": "1",
        "entries_hash": "2",
        "bridges_hash": "3",
        "certificate_hash": "4",
        "policies_hash": "5",
    }
    assert close_content(**hashes) == hashes


_UNITS = st.integers(min_value=-(10**16), max_value=10**16)


def _bridge(section: Section, start: int, end: int, cause: int) -> Bridge:
    line = BridgeLine(
        section=section, component="usage", cause="c", amount_units=cause, evidence=()
    )
    return Bridge(
        provider="openai",
        billing_account_id="org-1",
        section=section,
        currency="USD",
        start_label="",
        start_units=start,
        end_label="",
        end_units=end,
        lines=(line,),
        unexplained_units=end - start - cause,
    )


@given(st.lists(_UNITS, min_size=6, max_size=6), st.booleans(), st.booleans())
def test_every_row_adds_up_whatever_is_unexplained(
    units: list[int], estimated: bool, prepaid: bool
) -> None:
    estimate, report, billed, first, second, opening = units
    bridges = [_bridge("draft_to_final", 0, report, report)]
    bridges += [_bridge("estimate_to_report", estimate, report, first)] if estimated else []
    bridges += (
        [_bridge("credit_rollforward", opening, billed, -report)]
        if prepaid
        else [_bridge("report_to_invoice", report, billed, second)]
    )
    (row,) = build(inputs(bridges=tuple(bridges))).rows
    assert holds(row)


def test_accounts_in_other_currencies_say_so_and_exchange_stands_beside_the_expense() -> None:
    euros = bridge("report_to_invoice", "10250", "10250", {}, currency="EUR")
    month = inputs(
        chart=BOOKS, bridges=(euros, *ANTHROPIC_BRIDGES), entries=tuple(a_year(bill())),
        ledger=ledger(line("11121.25")),
    )  # fmt: skip
    october = statement_json(build(month))
    assert [row.get("currency") for row in october["rows"]] == [None, "EUR"]
    assert (october["expense"], october["exchange_difference"]) == ("11121.25", "0.00")
    november = statement_json(build(replace(month, period=NOVEMBER, ledger=ledger())))
    assert (november["expense"], november["exchange_difference"]) == ("0.00", "61.50")
    assert "exchange_difference" not in statement_json(build(inputs()))
