"""The words of the reconciliation: headlines say what the figures say."""

from decimal import Decimal
from typing import Any

import pytest

from tieout.web.pages import tie_words


def money(amount: Decimal, unit: str) -> str:
    return f"{amount:.2f} {unit}"


def an_account(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Acme",
        "currency": "USD",
        "first_label": "Own estimate",
        "last": "12.00",
        "difference": "2.00",
        "unexplained": "0.00",
    } | fields


def a_cause(name: str, amount: str) -> dict[str, Any]:
    return {"cause": name, "amount": amount}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {},
            "October 2026 ties: all 1 accounts are explained to the last cent; the widest is ",
        ),
        ({}, "Acme, 2.00 USD over its first figure."),
        ({"difference": "-2.00"}, "Acme, 2.00 USD under its first figure."),
        ({"last": None}, "ties as far as it is known: nothing is unexplained, and no invoice of A"),
        ({"unexplained": "0.10"}, "October 2026 does not tie: Acme leaves 0.10 USD unexplained."),
    ],
)
def test_the_month_answers_in_one_sentence(fields: dict[str, Any], told: str) -> None:
    assert told in tie_words.of_month("2026-10", [an_account(**fields)], "", money)


def test_a_month_that_waits_says_so() -> None:
    said = tie_words.of_month("2026-10", [], "Run it first.", money)
    assert said == "October 2026 has not been reconciled yet."


def test_an_account_that_cost_more_names_its_largest_causes_first() -> None:
    causes = [
        a_cause("tax", "0.30"),
        a_cause("price_change", "3.00"),
        a_cause("credit", "-1.50"),
        a_cause("rounding", "0.001"),
        a_cause("currency", "0.20"),
    ]
    assert tie_words.of_account("2026-10", an_account(), causes, money) == (
        "Acme cost 2.00 USD more than estimated in October 2026: price change 3.00 USD, credit "
        "-1.50 USD, tax 0.30 USD, 1 more; nothing is unexplained."
    )


def test_what_nobody_explains_is_in_the_headline() -> None:
    found = an_account(unexplained="2.00", first_label="Provider report (draft)")
    assert tie_words.of_account("2026-10", found, [a_cause("unexplained", "2.00")], money) == (
        "Acme cost 2.00 USD more than the provider report (draft) said in October 2026: "
        "unexplained 2.00 USD; 2.00 USD is unexplained."
    )


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("Own estimate", "Acme cost what was estimated in October 2026; nothing is unexplained."),
        ("Provider report (draft)", "Acme cost what the provider report (draft) said in October"),
    ],
)
def test_an_account_that_hit_its_estimate_says_so(label: str, told: str) -> None:
    found = an_account(difference="0.001", first_label=label)
    assert told in tie_words.of_account("2026-10", found, [], money)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, ("explained", "good")),
        ({"difference": "0.00"}, ("equal", "good")),
        ({"last": None}, ("no invoice yet", "wait")),
        ({"unexplained": "-1.00"}, ("does not tie", "block")),
    ],
)
def test_a_state_is_a_word_with_a_tone(fields: dict[str, Any], state: tuple[str, str]) -> None:
    assert tie_words.state(an_account(**fields)) == state


BRIDGE = {
    "section": "estimate_to_report",
    "difference": "2.00",
    "unexplained": "0.50",
    "lines": [
        {"cause": "credit", "amount": "1.00", "sentence": "One.", "evidence": ["a"]},
        {"cause": "credit", "amount": "0.50", "sentence": "Two.", "evidence": []},
    ],
}


def test_causes_that_come_to_another_difference_are_not_shown() -> None:
    other = {"section": "estimate_to_report", "cause": "tax", "amount": "9.00", "sentence": "No."}
    found = tie_words.lines(BRIDGE, [other])
    assert [(one["key"], one["amount"], one["rows"]) for one in found] == [
        ("credit", "1.00", "1 named"),
        ("credit-2", "0.50", ""),
        ("unexplained", "0.50", ""),
    ]


def test_proven_causes_name_every_charge() -> None:
    proof = {"line_ids": ["a", "b"]}
    proven = {
        "section": "estimate_to_report",
        "cause": "negotiated_rate",
        "amount": "2.00",
        "sentence": "Cheaper.",
        "proofs": [proof],
    }
    (found,) = tie_words.lines(BRIDGE, [proven])
    assert (found["ids"], found["rows"]) == (["a", "b"], "2 charges")
