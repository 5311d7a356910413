"""Checks of doubles, approvals, earlier months, acceptances, movements and overrides."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.close.month import (
    ADJUSTED,
    ANTHROPIC_BRIDGES,
    INVOICE,
    OPENAI,
    OPENAI_BRIDGES,
    arrears,
    entries,
    prepaid,
    ready,
)
from tests.close.test_checklist import failed
from tests.ledger.books import CHART, OCTOBER

from tieout.close.checklist import CloseInputs, checks
from tieout.close.evidence import ControlReview, PolicyUse, ReportFile
from tieout.close.exceptions import Acceptance, identity
from tieout.close.flux import FluxReview, Move
from tieout.close.limits import DEFAULT_LIMITS
from tieout.core.finding import Finding
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.posting import accrual

MISSING = Finding(
    kind="missing_invoice",
    severity="blocking",
    subject="openai/org-1",
    message="Expected an invoice for 98.00 USD, found none.",
)
NO_INVOICE: dict[str, Any] = {"documents": (), "bridges": OPENAI_BRIDGES[:2]}


def accepted(finding: Finding = MISSING, kind: str = "unmatched_invoice") -> Acceptance:
    return Acceptance(exception_id=identity("2026-10", finding), type=kind, subject=finding.subject)


def without_invoice(**fields: Any) -> CloseInputs:
    """October of an account whose invoice has not come; its accrual stands."""
    posted = tuple(one for one in entries() if one.journal_type not in ("invoice", "reversal"))
    accounts = (arrears(**NO_INVOICE), prepaid())
    return ready(accounts=accounts, entries=posted, findings=(MISSING,), **fields)


def detail(inputs: CloseInputs, check_id: str) -> str:
    return next(one.detail for one in checks(inputs) if one.check_id == check_id)


def test_a_month_without_an_invoice_does_not_close_by_itself() -> None:
    assert failed(without_invoice()) == {
        "C09": "openai/org-1: no invoice is matched",
        "C12": "openai/org-1: documents 0.00, ledger 5.00, journal 0.00 USD",
        "C17": "missing_invoice: openai/org-1: Expected an invoice for 98.00 USD, found none.",
    }


def test_a_month_without_an_invoice_stands_accrued_once_a_person_has_accepted_it() -> None:
    inputs = without_invoice(acceptances=(accepted(),))
    assert failed(inputs) == {}
    assert detail(inputs, "C09") == "1 documents; accrued until its invoice comes: openai/org-1"
    assert detail(inputs, "C17") == "1 open findings, none blocking, 1 accepted"


def test_an_accepted_account_still_needs_its_accrual() -> None:
    inputs = without_invoice(acceptances=(accepted(),))
    bare = tuple(one for one in inputs.entries if one.journal_type not in ("accrual", "true_up"))
    assert failed(replace(inputs, entries=bare))["C07"] == (
        "openai/org-1: no accrual for 98.00 USD"
    )


@pytest.mark.parametrize(
    "other",
    [
        accepted(kind="price_mismatch"),
        accepted(replace(MISSING, subject="openai/org-9")),
    ],
)
def test_another_acceptance_does_not_stand_for_the_invoice(other: Acceptance) -> None:
    assert "C09" in failed(without_invoice(acceptances=(other,)))


def in_november(*posted: JournalEntry) -> CloseInputs:
    november = OCTOBER.next()
    return ready(
        period=november,
        accounts=(arrears(documents=(), bridges=(), is_billed=False, **_nothing()),),
        entries=posted,
        unallocated_units=0,
    )


def _nothing() -> dict[str, Any]:
    return {
        "days_received": frozenset(OCTOBER.next().days()),
        "ledger_lines_net_units": 0,
        "ledger_tax_units": 0,
    }


def october_accrued() -> JournalEntry:
    made = accrual(ADJUSTED, month=OPENAI, chart=CHART).entry
    assert made
    return made


def again(entry: JournalEntry, on: date) -> JournalEntry:
    return replace(entry, posting_on=on, idempotency_key=f"again {on}")


def test_an_earlier_month_without_an_invoice_is_accrued_again() -> None:
    first = october_accrued()
    undone = reverse(first, on=date(2026, 11, 1))
    trap = "openai/org-1: 2026-10 is not invoiced and not accrued any more on 2026-11-30"
    assert failed(in_november(first, undone)) == {
        "C07": f"{trap}; accrue it again",
        "C14": (
            "Expected 98.00 USD accrued for 2026-10, whose invoice has not come, found 0.00 USD: "
            "accrue the difference."
        ),
    }
    stands = in_november(first, undone, again(first, date(2026, 11, 30)))
    assert failed(stands) == {}
    assert detail(stands, "C07") == ("1 accounts in arrears, 1 earlier months without an invoice")
    (drawn,) = [one for one in entries() if one.journal_type == "drawdown"]
    undrawn = reverse(drawn, on=date(2026, 11, 1))
    assert failed(in_november(first, drawn, undrawn)) == {}


def test_an_earlier_month_is_done_once_its_invoice_is_booked_by_the_end_of_the_period() -> None:
    first = october_accrued()
    undone = reverse(first, on=date(2026, 11, 1))
    (booked,) = [one for one in entries() if one.journal_type == "invoice"]
    assert failed(in_november(first, undone, replace(booked, posting_on=date(2026, 11, 5)))) == {}
    late = in_november(first, undone, replace(booked, posting_on=date(2026, 12, 1)))
    assert list(failed(late)) == ["C07", "C14"]


def _repeated_posting() -> CloseInputs:
    (booked,) = [one for one in entries() if one.journal_type == "invoice"]
    twice = replace(booked, billing_account_id="org-9", idempotency_key="twice")
    return ready(entries=(*entries(), twice, reverse(twice, on=twice.posting_on)))


_FAILURES: list[tuple[str, Callable[[], CloseInputs], str]] = [
    (
        "C03",
        lambda: ready(
            reports=(
                ReportFile(subject="aws/1", content_sha256="a" * 64, rows=3),
                ReportFile(subject="aws/2", content_sha256="a" * 64, rows=3),
            )
        ),
        "report aaaaaaaaaaaa was loaded for aws/1 and aws/2",
    ),
    (
        "C03",
        lambda: ready(
            accounts=(
                arrears(),
                prepaid(provider="openai", documents=(INVOICE,), bridges=ANTHROPIC_BRIDGES),
            )
        ),
        f"document openai {INVOICE.number} is one of openai/org-1 and openai/org-2",
    ),
    (
        "C03",
        _repeated_posting,
        f"document openai {INVOICE.number} was posted for openai/org-1 and openai/org-9",
    ),
    (
        "C03",
        lambda: ready(
            findings=(
                Finding(
                    kind="duplicate_document", severity="blocking", subject="I-1", message="Twice."
                ),
            )
        ),
        "I-1: Twice.",
    ),
    ("C04", lambda: ready(policies=()), "no policy is pinned to the month"),
    (
        "C04",
        lambda: ready(
            policies=(
                PolicyUse(label="chart@1", sha256="c", proposed_by="ana", approved_by="ana"),
                PolicyUse(label="close@1", sha256="d", proposed_by="ana", approved_by=None),
            )
        ),
        (
            "chart@1 was proposed by ana and approved by ana: expected another person; "
            "close@1 was proposed by ana and approved by nobody: expected another person"
        ),
    ),
]


@pytest.mark.parametrize(("check_id", "inputs", "problem"), _FAILURES)
def test_a_check_names_what_is_wrong(
    check_id: str, inputs: Callable[[], CloseInputs], problem: str
) -> None:
    assert failed(inputs())[check_id] == problem


def test_an_empty_report_of_two_accounts_is_no_double() -> None:
    same = [
        ReportFile(subject=f"aws/{number}", content_sha256="a" * 64, rows=0) for number in (1, 2)
    ]
    assert failed(ready(reports=tuple(same))) == {}


def test_intercompany_lines_are_zero_for_each_partner() -> None:
    def named(entry: JournalEntry, *, places: slice) -> JournalEntry:
        lines = [
            replace(one, dimensions={**one.dimensions, "intercompany_partner": "DE01"})
            for one in entry.lines[places]
        ]
        rest = [one for one in entry.lines if one.line_no not in {two.line_no for two in lines}]
        return replace(entry, lines=(*lines, *rest))

    first, *others = entries()
    both = ready(entries=(named(first, places=slice(None)), *others))
    assert detail(both, "C13") == "1 pairs of entities"
    one = ready(entries=(named(first, places=slice(0, 1)), *others))
    assert failed(one) == {
        "C13": (
            "the books and DE01: 12.34 USD is left; "
            f"opening {first.idempotency_key[:12]}: pair without a key is out by 1234 cents"
        )
    }


def moved(now_minor: int, *, explained: bool = False) -> CloseInputs:
    one = Move(
        subject="chat on openai/org-1", currency="USD", before_minor=1_000_000, now_minor=now_minor
    )
    words = frozenset({one.digest}) if explained else frozenset()
    return ready(flux=FluxReview(before="2026-09", moves=(one,), explained=words))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_movement_beyond_the_threshold_needs_an_explanation_of_these_figures(sign: int) -> None:
    limits = DEFAULT_LIMITS.name
    at, above = 1_000_000 + sign * 500_000, 1_000_000 + sign * 500_001
    assert failed(moved(at)) == {}
    assert detail(moved(at), "C16") == (
        f"1 movements against 2026-09, 0 beyond the threshold ({limits})"
    )
    shown = {1: "15000.01", -1: "4999.99"}[sign]
    assert failed(moved(above)) == {
        "C16": f"chat on openai/org-1: 10000.00 to {shown} USD has no explanation of these figures"
    }
    assert failed(moved(above, explained=True)) == {}
    other = moved(above, explained=True).flux
    assert other
    changed = replace(other, moves=(replace(other.moves[0], now_minor=9_999_999),))
    assert "C16" in failed(ready(flux=changed))


def test_overrides_are_reviewed_by_a_person() -> None:
    acts = ("7 clear monthly_close by admin",)
    digest = "e" * 64
    seen = ControlReview(acts=acts, digest=digest, reviewed=True)
    assert detail(ready(controls=seen), "C18") == "1 acts, reviewed"
    assert failed(ready(controls=replace(seen, reviewed=False))) == {
        "C18": "1 acts are not reviewed: 7 clear monthly_close by admin"
    }
    none = ready(controls=ControlReview(acts=(), digest=digest, reviewed=False))
    assert detail(none, "C18") == "no act overrides a control"
    (check,) = [one for one in checks(none) if one.check_id == "C18"]
    assert check.evidence == (f"acts:{digest}",)
    assert failed(ready(is_watched=True)) == {
        "C18": "Airflow's event log was never read: POST /tieout/api/controls/airflow"
    }
