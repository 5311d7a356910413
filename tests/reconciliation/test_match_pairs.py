"""Which figures meet, and how a pair is kept."""

import json
from typing import Any

import pyarrow as pa
import pytest
from tests.reconciliation.charge_rows import charge, charges, document, tokens

from tieout.core.money import to_decimal, to_units
from tieout.focus.columns import CHARGE_SCHEMA
from tieout.reconciliation.match_causes import named_rows
from tieout.reconciliation.match_pairs import Figures, Pair, match_account
from tieout.reconciliation.match_records import RECORD_SCHEMA, cause_values, records_table
from tieout.reconciliation.match_values import Decision


def never(_difference_units: int, _earlier_units: int) -> bool:
    return False


def pairs(**fields: Any) -> tuple[Pair, ...]:
    final = charges(tokens(1, "5.00", quantity="10"), charge(2, "1.00"))
    known: dict[str, Any] = {
        "estimate": None,
        "draft": final,
        "final": final,
        "invoices": (),
    }
    return match_account(Figures(**known | fields), within=never, decisions={})


METERED = charges(tokens(1, "5.00", quantity="10"), pull="estimate")
PREVIEW = charges(charge(1, "5.00"), pull="estimate")
INVOICE = document([("gpt-6-sol, input", "5.00"), ("other", "1.00")])


@pytest.mark.parametrize(
    ("fields", "sections"),
    [
        ({}, ["draft_to_final"]),
        ({"estimate": METERED}, ["estimate_to_report"]),
        ({"estimate": PREVIEW}, ["draft_to_final"]),
        ({"estimate": CHARGE_SCHEMA.empty_table()}, ["draft_to_final"]),
        ({"invoices": (INVOICE,)}, ["draft_to_final", "report_to_invoice"]),
        (
            {"estimate": METERED, "invoices": (INVOICE,)},
            ["estimate_to_report", "report_to_invoice"],
        ),
    ],
)
def test_tokens_are_matched_from_the_estimate_and_everything_else_from_the_draft(
    fields: dict[str, Any], sections: list[str]
) -> None:
    assert [one.section for one in pairs(**fields)] == sections


def test_an_invoice_in_another_currency_is_not_matched() -> None:
    foreign = document([("gpt-6-sol, input", "6.00")], currency="EUR")
    assert [one.section for one in pairs(invoices=(foreign,))] == ["draft_to_final"]


def test_every_row_is_in_the_table_once_and_an_open_one_says_what_it_is() -> None:
    (pair,) = pairs(estimate=METERED)
    rows = records_table(pair, named_rows(pair)).to_pylist()
    assert [(row["decision"], row["pass"]) for row in rows] == [
        ("confirmed", "meter and day 1:1"),
        ("open", None),
    ]
    assert [row["cause"] for row in rows] == [None, "not_metered"]
    assert json.loads(rows[0]["keys"])["x_model"] == "gpt-6-sol"
    assert json.loads(rows[1]["keys"]) == {
        "charge_day": "2026-10-02",
        "document_part": "line",
        "service_name": "OpenAI API",
    }
    whole = sum(amount for row in rows for amount in row["later_amounts"])
    assert whole == to_decimal(pair.matching.later_units)
    assert records_table(pair, named_rows(pair)).schema == RECORD_SCHEMA


def test_a_decision_is_kept_with_person_and_reason() -> None:
    odd = document([("gpt-6-sol, input", "5.00"), ("other", "1.20")])
    _, paper = pairs(estimate=METERED, invoices=(odd,))
    (left,) = paper.matching.open_earlier
    (printed,) = paper.matching.open_later
    decision = Decision(
        kind="match",
        person="ana",
        reason="The same.",
        earlier_ids=(left.member_id,),
        later_ids=(printed.member_id,),
    )
    final = charges(tokens(1, "5.00", quantity="10"), charge(2, "1.00"))
    figures = Figures(estimate=METERED, draft=final, final=final, invoices=(odd,))
    _, decided = match_account(figures, within=never, decisions={"report_to_invoice": [decision]})
    last = records_table(decided, {}).to_pylist()[-1]
    assert (last["pass"], last["person"], last["reason"]) == ("human", "ana", "The same.")


def test_causes_name_their_lines_and_what_is_left_is_unexplained() -> None:
    dear = charges(
        tokens(1, "9.00", quantity="10"),
        charge(2, "1.00"),
        charge(3, "2.00", charge_category="Tax"),
    )
    (pair,) = pairs(estimate=METERED, draft=dear, final=dear)
    assert pair.explained is not None
    found = cause_values(pair.explained, pair.names)
    assert [(one["cause"], one["amount"]) for one in found] == [
        ("tax", to_units("2.00")),
        ("not_metered", to_units("1.00")),
        ("unexplained", to_units("4.00")),
    ]
    assert found[0]["keys"]["charge_day"] == "2026-10-03"
    assert found[0]["sentence"] == "Tax (1 charges)."
    assert found[2]["sentence"] == "No cause proves this difference (2 charges)."
    assert len(found[2]["line_ids"]) == 2


def test_a_remark_of_a_cause_is_a_sentence_of_its_own() -> None:
    report = charges(tokens(1, "5.00", quantity="10"), tokens(2, "5.00", quantity="10"))
    (pair,) = pairs(estimate=METERED, draft=report.slice(0, 1), final=report)
    assert pair.explained is not None
    (one,) = cause_values(pair.explained, pair.names)
    assert one["sentence"] == (
        "Usage was billed that our log lacks (1 charges). The log covers 50.0 % of the series."
    )


def test_a_pair_without_rows_is_a_table_without_rows() -> None:
    nothing: pa.Table = CHARGE_SCHEMA.empty_table()
    (pair,) = pairs(draft=nothing, final=nothing)
    assert (records_table(pair, named_rows(pair)).num_rows, pair.currency) == (0, "USD")


def test_an_open_row_that_no_cause_proves_is_for_a_person() -> None:
    dear = charges(tokens(1, "9.00", quantity="10"), charge(2, "1.00"))
    (pair,) = pairs(estimate=METERED, draft=dear, final=dear)
    names = {
        row["later_ids"][0] if row["later_ids"] else "": row["cause"]
        for row in records_table(pair, named_rows(pair)).to_pylist()
    }
    assert len(pair.matching.open_later) == 2
    assert list(named_rows(pair).values()) == ["not_metered"]
    assert names[""] is None


def test_credit_and_tax_of_the_paper_alone_are_named_and_a_strange_line_is_not() -> None:
    printed = [("gpt-6-sol, input", "5.00"), ("other", "1.00"), ("surprise", "2.00")]
    _, paper = pairs(invoices=(document(printed, credit="-3.00", tax="0.57"),))
    named = named_rows(paper)
    assert sorted(named.values()) == ["credit", "tax"]
    assert {side for side, _ in named} == {"later"}
    left = [
        row["cause"] for row in records_table(paper, named).to_pylist() if row["decision"] == "open"
    ]
    assert left.count(None) == len(left) - 2 > 0


def test_a_credit_that_the_report_has_too_is_not_named_by_being_printed() -> None:
    final = charges(charge(1, "5.00"), charge(1, "-2.00", charge_category="Credit"))
    invoice = document([("usage", "5.00")], credit="-3.00")
    _, paper = pairs(draft=final, final=final, invoices=(invoice,))
    assert named_rows(paper) == {}


def test_a_credit_that_is_printed_among_the_lines_meets_the_credits_of_the_report() -> None:
    final = charges(
        charge(1, "5.00", charge_description="Analysis"),
        charge(1, "-1.00", charge_category="Credit", charge_description="Analysis (FREE)"),
        charge(2, "-1.00", charge_category="Credit", charge_description="Analysis (FREE)"),
    )
    invoice = document([("Analysis", "5.00"), ("Analysis (FREE)", "-2.00")])
    _, paper = pairs(draft=final, final=final, invoices=(invoice,))
    assert (paper.matching.open_earlier, paper.matching.open_later) == ((), ())
    assert [one.pass_name for one in paper.matching.standing] == [
        "description 1:1",
        "description 1:n",
    ]


def test_a_name_of_lines_and_of_credits_is_printed_as_a_line() -> None:
    final = charges(
        charge(1, "5.00", charge_description="Analysis"),
        charge(1, "-1.00", charge_category="Credit", charge_description="Analysis"),
    )
    _, paper = pairs(draft=final, final=final, invoices=(document([("Analysis", "5.00")]),))
    assert [one.pass_name for one in paper.matching.standing] == ["description 1:1"]
    assert [one.amount_units for one in paper.matching.open_earlier] == [to_units("-1.00")]
