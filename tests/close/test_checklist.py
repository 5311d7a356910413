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
from tieout.close.evidence import (
    FeeBalance,
    ReportFile,
)
from tieout.close.limits import DEFAULT_LIMITS
from tieout.close.plan import parse_plan
from tieout.close.tolerance import INVOICE, Tolerance
from tieout.core.finding import Finding
from tieout.core.money import to_units
from tieout.ledger.amortisation import Fee, deferral, release
from tieout.ledger.entry import JournalEntry

STRICT = Tolerance(pct=Fraction(0), floor_minor=1, cap_minor=1)


def failed(inputs: CloseInputs) -> dict[str, str]:
    return {each.check_id: each.detail for each in checks(inputs) if each.state == "failed"}


def test_a_month_that_ties_passes_every_check() -> None:
    results = checks(ready())
    numbers = [f"C{number:02d}" for number in range(1, 19)]
    assert [each.check_id for each in results] == [*numbers, "TB", "C19", "C20"]
    assert failed(ready()) == {}
    assert all(each.detail for each in results)
    details = {each.check_id: each.detail for each in results}
    limits = "no tolerances policy: the built-in limits"
    assert details["C05"] == f"6.4002 of 128.004 USD, 500 basis points, limit 500 ({limits})"
    assert details["C10"] == f"5 bridges ({limits})"
    assert details["C14"] == "98.00 USD accrued, 1 rolls of 1 accounts"
    assert details["C15"] == "128.00 USD of expense"


def test_what_follows_the_signatures_has_not_passed_and_does_not_block() -> None:
    waiting = [each for each in checks(ready()) if each.state == "to_follow"]
    assert [(each.check_id, each.passed, each.blocking) for each in waiting] == [
        ("C19", False, False),
        ("C20", False, False),
    ]


def test_what_does_not_apply_passes_with_its_reason() -> None:
    found = {each.check_id: each for each in checks(ready()) if each.state == "not_applicable"}
    assert {key: each.detail for key, each in found.items()} == {
        "C11": "every entry is in USD",
        "C13": "the books are those of one legal entity: no line names a partner",
        "C16": "no month before this one was closed and published",
        "C18": "Airflow's event log is not mirrored",
    }
    assert all(each.passed and each.blocking for each in found.values())


def test_every_check_names_its_people_its_day_and_what_it_looked_at() -> None:
    found = {each.check_id: each for each in checks(ready())}
    assert {(each.owner, each.reviewer) for each in found.values()} == {("preparer", "controller")}
    assert (found["C01"].due_on, found["C09"].due_on) == ("2026-11-02", "2026-11-06")
    assert found["C01"].evidence == (
        f"report:anthropic/org-2={'2' * 64}",
        f"report:openai/org-1={'1' * 64}",
    )
    assert found["C04"].evidence == (f"policy:chart@1={'c' * 64}",)
    assert found["C06"].evidence == (f"certificate:{'d' * 64}",)
    assert len(found["C07"].evidence) == 4
    many = tuple(
        ReportFile(subject=f"aws/{number}", content_sha256=f"{number:064d}", rows=1)
        for number in range(13)
    )
    (first,) = checks(ready(reports=many))[0].evidence
    assert first.startswith("13 reports:")
    none = {each.check_id: each for each in checks(ready(certificate_hash=""))}
    assert none["C06"].evidence == none["C18"].evidence == none["C16"].evidence == ()


def test_the_plan_says_who_by_when_and_what_blocks() -> None:
    text = (
        "close: c\ncalendar: {calendar: std, pattern: calendar_months}\nowner: ana\n"
        "checks:\n  C16: {owner: flo, reviewer: rex, due: 2, blocking: no}\n"
    )
    found = {each.check_id: each for each in checks(ready(plan=parse_plan(text, name="close@1")))}
    flux = found["C16"]
    assert (flux.owner, flux.reviewer, flux.due_on, flux.blocking) == (
        "flo",
        "rex",
        "2026-11-03",
        False,
    )
    assert (found["C01"].owner, found["C01"].reviewer) == ("ana", "controller")


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
    check = Check(
        check_id="C01", title="t", passed=True, blocking=True, detail="d", evidence=("report:1",)
    )
    assert check_json(check) == {
        "check_id": "C01", "title": "t", "passed": True, "blocking": True, "detail": "d",
        "state": "passed", "owner": "preparer", "reviewer": "controller", "due_on": "",
        "evidence": ["report:1"],
    }  # fmt: skip


def _without_day() -> CloseInputs:
    days = ready().period.days()
    return ready(accounts=(arrears(days_received=frozenset(days[:-1])), prepaid()))


def _without(*types: str) -> CloseInputs:
    return ready(entries=tuple(each for each in entries() if each.journal_type not in types))


def _unexplained(units: str, *, tolerance: Tolerance) -> CloseInputs:
    off = bridge("report_to_invoice", "108.001", "103", {"credit": units})
    limits = replace(DEFAULT_LIMITS, name="tolerances@7", invoice=tolerance)
    return ready(accounts=(arrears(bridges=(*OPENAI_BRIDGES[:2], off)), prepaid()), limits=limits)


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
        limits=replace(DEFAULT_LIMITS, provider_month=STRICT),
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
        {
            "C05": "unallocated: 6.400200000001 of 128.004 USD, 500 basis points, limit 500 "
            "(no tolerances policy: the built-in limits)"
        },
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
            "C14": (
                "Expected 98.00 USD accrued for 2026-10, whose invoice has not come, found 0.00 "
                "USD: accrue the difference."
            ),
            "C15": "openai/org-1: journal 0.00, ledger 98.00 USD",
        },
    ),
    (
        lambda: _without("credit_purchase"),
        {
            "C08": (
                "anthropic/org-2: closes with -17.66 USD in the books, 22.336 in the "
                "roll-forward; anthropic/org-2: purchase of 0.00 USD in the books, 40.00 USD in "
                "the roll-forward"
            ),
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
    assert "C10" not in failed(_unexplained("-5.02", tolerance=INVOICE))


def test_at_the_limit_passes_and_one_cent_above_fails_under_the_version_in_force() -> None:
    dime = Tolerance(pct=Fraction(0), floor_minor=10, cap_minor=10)
    assert failed(_unexplained("-4.901", tolerance=dime)) == {}
    assert failed(_unexplained("-4.891", tolerance=dime)) == {
        "C10": "openai/org-1: report_to_invoice leaves -0.11 USD unexplained"
    }
    (check,) = [one for one in checks(_unexplained("-5", tolerance=dime)) if one.check_id == "C10"]
    assert check.detail == "5 bridges (tolerances@7)"


def test_a_close_without_accounts_is_not_complete() -> None:
    inputs = ready(accounts=(), entries=(), pools=(), unallocated_units=0)
    assert failed(inputs) == {"C01": "no account is in the close"}


def test_an_account_in_arrears_without_cost_needs_no_accrual() -> None:
    empty: dict[str, Any] = {"ledger_lines_net_units": 0, "ledger_tax_units": 0, "documents": ()}
    inputs = ready(accounts=(arrears(**empty), prepaid()), entries=entries()[:3])
    assert failed(ready(accounts=inputs.accounts, entries=inputs.entries)) == {
        "C05": "unallocated: 6.4002 of 30.004 USD, 2133 basis points, limit 500 "
        "(no tolerances policy: the built-in limits)"
    }
