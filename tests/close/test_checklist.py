from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from tests.close.month import (
    ANTHROPIC,
    ANTHROPIC_BRIDGES,
    OPENAI_BRIDGES,
    arrears,
    bridge,
    entries,
    prepaid,
    ready,
)
from tests.ledger.books import CHART, OCTOBER, ledger, line

from tieout.allocation.basis import Term
from tieout.close.checklist import Check, CloseInputs, PoolTotal, check_json, checks
from tieout.close.evidence import FeeBalance
from tieout.close.tolerance import Tolerance
from tieout.core.finding import Finding
from tieout.core.money import to_units
from tieout.ledger.amortisation import Fee, deferral, release
from tieout.ledger.entry import JournalEntry

STRICT = Tolerance(pct=Fraction(0), floor_minor=1, cap_minor=1)


def failed(inputs: CloseInputs) -> dict[str, str]:
    return {each.check_id: each.detail for each in checks(inputs) if not each.passed}


def test_a_month_that_ties_passes_every_check() -> None:
    results = checks(ready())
    assert [each.check_id for each in results] == [
        *("C01", "C02", "C05", "C06", "C07", "C08", "C09", "C10", "C12", "C15", "C17", "TB")
    ]
    assert failed(ready()) == {}
    assert all(each.blocking and each.detail for each in results)
    details = {each.check_id: each.detail for each in results}
    assert details["C05"] == "6.4002 of 128.004 USD, 500 basis points, limit 500"
    assert details["C15"] == "128.00 USD of expense"


def test_an_account_that_bills_nothing_needs_no_matched_invoice() -> None:
    nothing: dict[str, Any] = {"source_units": 0, "loaded_units": 0}
    nothing |= {"ledger_lines_net_units": 0, "ledger_tax_units": 0}
    gateway = arrears(
        provider="litellm",
        billing_account_id="proxy",
        documents=(),
        bridges=(),
        is_billed=False,
        **nothing,
    )
    assert failed(ready(accounts=(arrears(), prepaid(), gateway))) == {}
    cancelled = replace(gateway, is_billed=True)  # usage and a credit that come to nothing
    assert failed(ready(accounts=(arrears(), prepaid(), cancelled))) == {
        "C09": "litellm/proxy: no invoice is matched"
    }


def _fees(*prepaid_minor: int) -> tuple[FeeBalance, ...]:
    return tuple(
        FeeBalance(provider="anthropic", billing_account_id="org-2", prepaid_minor=minor)
        for minor in prepaid_minor
    )


def _deferred() -> tuple[JournalEntry, ...]:
    """A fee of 90.00 over three months, billed in October, with its release of November."""
    shares = [
        line(cost, initiative_rule=rule, pool_id="plan", provider="anthropic")
        for cost, rule in (("30", "pool:plan"), ("60", "pool:plan/held"))
    ]
    fee = Fee(
        pool_id="plan",
        billed=OCTOBER,
        term=Term(start_on=date(2026, 10, 1), end_on=date(2027, 1, 1), by="months"),
        lines=ledger(*shares),
    )
    first = deferral(fee, month=ANTHROPIC, chart=CHART)
    assert first is not None
    november = replace(ANTHROPIC, period=OCTOBER.next())
    later = release(fee, [first], month=november, chart=CHART)
    assert later is not None
    return (*entries(), first, later)


def test_an_upfront_fee_is_kept_apart_from_credit_and_ties_to_what_is_left_of_it() -> None:
    with_fees = ready(entries=_deferred(), fees=_fees(40_00, 20_00))
    assert failed(with_fees) == {}
    (check,) = [one for one in checks(with_fees) if one.check_id == "C08"]
    assert check.detail == "1 prepaid or commitment accounts, 2 upfront fees"
    sentence = "anthropic/org-2: books have {} of upfront fees, {} USD are to be released"
    assert failed(ready(entries=_deferred())) == {"C08": sentence.format("60.00", "0.00")}
    assert failed(ready(fees=_fees(60_00))) == {"C08": sentence.format("0.00", "60.00")}


def test_a_check_is_plain_json() -> None:
    check = Check(check_id="C01", title="t", passed=True, blocking=True, detail="d")
    assert check_json(check) == {
        "check_id": "C01", "title": "t", "passed": True, "blocking": True, "detail": "d",
    }  # fmt: skip


def _without_day() -> CloseInputs:
    days = ready().period.days()
    return ready(accounts=(arrears(days_received=frozenset(days[:-1])), prepaid()))


def _without(*types: str) -> CloseInputs:
    return ready(entries=tuple(each for each in entries() if each.journal_type not in types))


def _unexplained(units: str, *, tolerance: Tolerance) -> CloseInputs:
    off = bridge("report_to_invoice", "108.001", "103", {"credit": units})
    return ready(
        accounts=(arrears(bridges=(*OPENAI_BRIDGES[:2], off)), prepaid()), tolerance=tolerance
    )


def _half_a_cent_twice() -> CloseInputs:
    off = bridge("draft_to_final", "98", "108.001", {"late_rows": "9.994"})
    other = bridge(
        "draft_to_final", "30.004", "30.004", {"late_rows": "0.006"},
        provider="anthropic", billing_account_id="org-2",
    )  # fmt: skip
    return ready(
        accounts=(
            arrears(bridges=(OPENAI_BRIDGES[0], off, OPENAI_BRIDGES[2])),
            prepaid(bridges=(other, ANTHROPIC_BRIDGES[1])),
        ),
        tolerance=STRICT,
    )


def _one_cent_off() -> CloseInputs:
    first, *others = entries()
    broken = replace(first, lines=first.lines[:1])
    return ready(entries=(broken, *others))


_FAILURES: list[tuple[Callable[[], CloseInputs], dict[str, str]]] = [
    (_without_day, {"C01": "openai/org-1: 1 days missing from 2026-10-31"}),
    (
        lambda: ready(accounts=(arrears(loaded_rows=9), prepaid())),
        {"C02": "openai/org-1: source has 10 rows and 98.00, loaded are 9 rows and 98.00 USD"},
    ),
    (
        lambda: ready(unallocated_units=to_units("6.4002") + 1),
        {"C05": "unallocated: 6.400200000001 of 128.004 USD, 500 basis points, limit 500"},
    ),
    (
        lambda: ready(
            pools=(PoolTotal(pool_id="shared", amount_in_units=10**12, amount_out_units=1),)
        ),
        {"C06": "pool shared: 1.00 went in, 0.000000000001 USD came out"},
    ),
    (
        lambda: _without("accrual", "true_up"),
        {
            "C07": "openai/org-1: no accrual for 98.00 USD",
            "C15": "openai/org-1: journal 0.00, ledger 98.00 USD",
        },
    ),
    (
        lambda: _without("credit_purchase"),
        {
            "C08": "anthropic/org-2: books have -17.66, the roll-forward 22.34 USD",
            "C09": "anthropic/org-2: R-1 is not posted with 40.00 USD",
        },
    ),
    (
        lambda: ready(accounts=(arrears(), prepaid(bridges=ANTHROPIC_BRIDGES[:1]))),
        {"C08": "anthropic/org-2: no credit roll-forward"},
    ),
    (
        lambda: ready(accounts=(arrears(bridges=OPENAI_BRIDGES[:2]), prepaid())),
        {"C09": "openai/org-1: no invoice is matched"},
    ),
    (
        lambda: _unexplained("-5.02", tolerance=STRICT),
        {"C10": "openai/org-1: report_to_invoice leaves 0.019 USD unexplained"},
    ),
    (
        _half_a_cent_twice,
        {"C10": "unexplained amounts are above tolerance when added up without their signs"},
    ),
    (
        lambda: ready(accounts=(arrears(ledger_tax_units=0), prepaid())),
        {"C12": "openai/org-1: documents 5.00, ledger 0.00, journal 5.00 USD"},
    ),
    (
        lambda: ready(accounts=(arrears(ledger_lines_net_units=to_units("98.01")), prepaid())),
        {"C15": "openai/org-1: journal 98.00, ledger 98.01 USD"},
    ),
    (
        lambda: ready(
            findings=(
                Finding(kind="unpriced", severity="warning", subject="m", message="m"),
                Finding(kind="unexplained", severity="blocking", subject="openai", message="m"),
            )
        ),
        {"C17": "unexplained: openai: m"},
    ),
]


@pytest.mark.parametrize(("inputs", "details"), _FAILURES)
def test_a_check_fails_with_what_is_wrong(
    inputs: Callable[[], CloseInputs], details: dict[str, str]
) -> None:
    assert failed(inputs()) == details


def test_an_unbalanced_book_fails_the_trial_balance() -> None:
    assert "The trial balance should sum to zero" in failed(_one_cent_off())["TB"]


def test_a_small_unexplained_amount_is_within_the_default_tolerance() -> None:
    assert "C10" not in failed(_unexplained("-5.02", tolerance=ready().tolerance))


def test_a_close_without_accounts_is_not_complete() -> None:
    inputs = ready(accounts=(), entries=(), pools=(), unallocated_units=0)
    assert failed(inputs) == {"C01": "no account is in the close"}


def test_an_account_in_arrears_without_cost_needs_no_accrual() -> None:
    empty: dict[str, Any] = {"ledger_lines_net_units": 0, "ledger_tax_units": 0, "documents": ()}
    inputs = ready(accounts=(arrears(**empty), prepaid()), entries=entries()[:3])
    assert failed(ready(accounts=inputs.accounts, entries=inputs.entries)) == {
        "C05": "unallocated: 6.4002 of 30.004 USD, 2133 basis points, limit 500"
    }
