"""What a person sees in a terminal: every figure, never more than was asked, nothing run."""

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from tieout.cli import views
from tieout.steps.context import StepResult

HOSTILE = "[bold]prod[/] [/oops] \x1b]0;pwned\x07\x9b31m\u202e\nnext"


def _shown(*found: RenderableType) -> str:
    terminal = io.StringIO()
    console = Console(file=terminal, width=400, force_terminal=True, color_system=None)
    for one in found:
        console.print(one)
    return terminal.getvalue()


def _cells(text: str, first: str) -> list[str]:
    (row,) = [line for line in text.splitlines() if line.strip().startswith(first)]
    return row.split()


def test_a_result_is_one_line_of_what_about_what_and_counts() -> None:
    result = StepResult(
        step="settle",
        subject="2026-10",
        status="unchanged",
        summary={"entries": 0, "ledger_seq": 15, "approved_by": None},
    )
    line = views.result_line(result)
    assert line.split() == [
        "settle", "2026-10", "unchanged", "entries", "0,", "ledger", "seq", "15,", "approved",
        "by", "None",
    ]  # fmt: skip
    bare = StepResult(step="sign", subject="2026-10", status="done")
    assert views.result_line(bare) == views.result_line(bare).rstrip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, "-"),
        ("0", "0.00"),
        ("0.000000000000", "0.00"),
        ("1234567.895000000000", "1,234,567.90"),
        ("-0.004", "-0.004000"),
        ("0.005", "0.005000"),
        ("0.0051", "0.01"),
        ("-0.000759", "-0.000759"),
        ("0.000000000001", "0.000000000001"),
    ],
)
def test_money_has_cents_unless_cents_would_show_nothing(text: str | None, shown: str) -> None:
    assert views.money(text) == shown


@pytest.mark.parametrize(
    ("units", "shown"),
    [
        (0, "0.00"),
        ("150000000000000", "150.00"),
        (-759_000_000, "-0.000759"),
        (10_000_000_000, "0.01"),
        (123_456_000_000, "0.123456"),
        (1, "0.000000000001"),
        (-1, "-0.000000000001"),
    ],
)
def test_units_are_shown_so_that_nothing_left_over_looks_like_zero(
    units: str | int, shown: str
) -> None:
    assert views._units(units) == shown


CHECK = {"check_id": "C01", "title": "Days", "passed": True, "blocking": True, "detail": "3 x 31"}


def test_a_period_shows_its_checks_and_signatures() -> None:
    signed = {
        "duty": "preparer",
        "person_id": "maria",
        "is_current": False,
        "signed_at": "2026-11-04T10:00:00.123456+00:00",
        "content_hash": "dcad94b819bd" + "0" * 52,
    }
    checks = [
        CHECK,
        CHECK | {"check_id": "C02", "passed": False},
        CHECK | {"check_id": "C03", "passed": False, "blocking": False},
    ]
    text = _shown(
        views.status({"period": "2026-10", "state": None, "checks": checks, "sign_offs": [signed]})
    )
    assert "2026-10: not begun" in text
    assert _cells(text, "C01") == ["C01", "Days", "passed", "3", "x", "31"]
    assert "FAILED" in _cells(text, "C02")
    assert "open" in _cells(text, "C03")
    assert _cells(text, "signed") == [
        "signed", "preparer", "maria", "void", "2026-11-04T10:00:00", "content", "dcad94b819bd",
    ]  # fmt: skip


def _bridge(section: str, units: list[int], unexplained: int = 0) -> dict[str, Any]:
    lines = [{"component": "late_rows", "amount_units": str(one)} for one in units]
    return {
        "provider": "aws",
        "currency": "USD",
        "section": section,
        "lines": lines,
        "unexplained_units": str(unexplained),
    }


STATEMENT = {
    "period": "2026-10",
    "currency": "USD",
    "rows": [
        {
            "provider": "aws",
            "mode": "arrears",
            "currency": "USD",
            "estimated": None,
            "reported": "4294.78",
            "billed": "4294.78",
            "explained": "-0.000759",
            "unexplained": "0",
        }
    ],
    "bridges": [
        _bridge("report_to_invoice", [], unexplained=1),
        _bridge("draft_to_final", [48_350_000_000_000, 0]),
        _bridge("estimate_to_report", []),
    ],
    "ledger_total": "10878.15",
    "unallocated": "62.49",
    "unallocated_share_bp": 57,
    "journal_debit": "16465.71",
    "journal_credit": "16465.71",
    "expense": "10878.15",
    "earlier_expense": [{"service_period": "2026-09", "expense": "-12.50"}],
    "state": "closed",
    "content_hash": "ab" * 32,
    "audit_events": 76,
    "own_dimensions": [],
}


def test_the_statement_shows_each_account_and_the_totals() -> None:
    text = _shown(*views.statement(STATEMENT))
    assert "Tie-out statement 2026-10 (USD)" in text
    assert _cells(text, "aws (arrears) USD")[3:] == [
        "-",
        "4,294.78",
        "4,294.78",
        "-0.000759",
        "0.00",
    ]
    assert _cells(text, "ledger total")[2:] == ["10,878.15"]
    assert _cells(text, "unallocated")[1:] == ["62.49", "(0.57", "%)"]
    assert _cells(text, "audit events")[2:] == ["76"]


def test_causes_are_told_in_the_order_of_the_story_and_an_unexplained_unit_is_seen() -> None:
    text = _shown(*views.statement(STATEMENT))
    told = [line.split() for line in text.splitlines() if line.strip().startswith("aws  ")]
    assert [line[-1] for line in told] == ["0.00", "48.35", "0.000000000001"]
    assert [line[-2] for line in told] == ["difference", "rows", "unexplained"]


def _line(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "ledger_line_id": f"{number:064x}",
        "provider": "openai",
        "service_name": "OpenAI API",
        "initiative": None,
        "pl_category": None,
        "pool_id": None,
        "own_dimensions": None,
        "billed_cost": "1.50",
        **fields,
    }


def test_lines_beyond_the_most_are_folded_with_their_number_and_sum() -> None:
    shown = _shown(views.ledger_lines([_line(one) for one in range(views.MOST_LINES + 2)]))
    assert shown.count("unallocated") == views.MOST_LINES
    assert _cells(shown, "2 others")[2:] == ["3.00"]
    assert "others" not in _shown(
        views.ledger_lines([_line(one) for one in range(views.MOST_LINES)])
    )


def _is_harmless(text: str) -> bool:
    return "[bold]prod[/] [/oops]" in text and not set(text) & set("\x1b\x07\x9b\u202e")


def test_a_providers_text_is_shown_as_it_is_and_drives_no_terminal() -> None:
    line = _line(1, service_name=HOSTILE, initiative=HOSTILE)
    assert _is_harmless(_shown(views.ledger_lines([line])))
    status = {"period": "2026-10", "state": "open", "sign_offs": []}
    assert _is_harmless(_shown(views.status({**status, "checks": [CHECK | {"detail": HOSTILE}]})))
    assert _is_harmless(_shown(views.explanation(_explained(service_name=HOSTILE))))


def _explained(**line: Any) -> dict[str, Any]:
    return {
        "ledger_line": _line(1, **line),
        "journal": [
            {
                "posting_on": "2026-10-31",
                "entry": "JE-2026-000001",
                "account": "5100",
                "amount": "1234.56",
            }
        ],
        "allocation": {"share": "0.50", "pool": "shared-platform", "of": "1.00"},
        "classification": {"initiative": {"value": "support", "rule": "openai-supportbot"}},
        "approvals": [
            {
                "policy": "classification@1",
                "proposed_by": "maria",
                "approved_by": "chen",
                "approved_at": "2026-11-01",
            }
        ],
        "charge_count": 2,
        "charges_total": "1.50",
        "charges": [
            {
                "billed_cost": "1.50",
                "charge_period_start": "2026-10-05T00:00:00+00:00",
                "description": "gpt-5, input",
                "document": "costs.page1.json",
                "row": 7,
                "document_sha256": digest * 32,
                "fetched_at": "2026-11-03T08:00:00+00:00",
                "verified": digest == "ab",
            }
            for digest in ("ab", "cd")
        ],
    }


def test_a_figure_opens_down_to_the_bytes_of_its_document() -> None:
    text = _shown(views.explanation(_explained()))
    for part in (
        "OpenAI API → unallocated",
        "journal 2026-10-31 JE-2026-000001 account 5100: part of 1234.56",
        "allocation: 0.50 of pool shared-platform (1.00)",
        "initiative: support by rule openai-supportbot",
        "classification@1 proposed by maria, approved by chen 2026-11-01",
        "2 charges, 1.50 in all",
        "1.50 2026-10-05 row 7 of document abababababab: gpt-5, input",
        "costs.page1.json fetched 2026-11-03T08:00:00+00:00",
        f"sha256 {'ab' * 32} bytes verified",
        f"sha256 {'cd' * 32} document not found",
    ):
        assert part in text


def test_a_direct_charge_shows_no_allocation() -> None:
    assert "allocation" not in _shown(views.explanation(_explained() | {"allocation": None}))


def test_a_policy_that_nobody_approved_says_so() -> None:
    version = {
        "kind": "chart",
        "version": 2,
        "valid_from": "2026-01-01",
        "proposed_by": "maria",
        "approved_by": None,
        "sha256": "ab" * 32,
    }
    assert _cells(_shown(views.policies([version])), "chart")[3:] == [
        "maria", "not", "yet", "abababababab",
    ]  # fmt: skip
