from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.close.exceptions import (
    Acceptance,
    ageing_bucket,
    exception_type,
    identity,
    problems,
    unaccepted,
)
from tieout.core.finding import Finding
from tieout.core.money import to_units

LATE = Finding(
    kind="missing_invoice",
    severity="warning",
    subject="aws/1",
    message="Expected an invoice for 10.50 USD of aws/1 on 2026-11-03, found none: fetch it.",
    amount_units=to_units("10.50"),
)


def test_the_same_problem_has_the_same_identity_whatever_the_amount_day_run_or_bytes() -> None:
    later = replace(
        LATE,
        message=LATE.message.replace("10.50", "-1,211.75").replace("2026-11-03", "2026-11-04"),
        amount_units=to_units("-1211.75"),
        severity="blocking",
        source_document="ab" * 32,
        source_row=7,
    )
    assert identity("2026-10", later) == identity("2026-10", LATE)


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "missing_days"},
        {"subject": "aws/2"},
        {"message": "Expected a report."},
        {"currency": "EUR"},
    ],
)
def test_another_problem_has_another_identity(other: dict[str, Any]) -> None:
    assert identity("2026-10", replace(LATE, **other)) != identity("2026-10", LATE)


def test_the_same_problem_of_another_month_is_another() -> None:
    assert identity("2026-10", LATE) != identity("2026-11", LATE)


@given(amount=st.decimals("-1e15", "1e15", places=4).map("{:f}".format))
def test_no_amount_changes_an_identity(amount: str) -> None:
    other = replace(LATE, message=LATE.message.replace("10.50", amount))
    assert identity("2026-10", other) == identity("2026-10", LATE)


def test_findings_that_say_the_same_are_one_problem_with_all_their_money() -> None:
    more = replace(
        LATE,
        severity="blocking",
        message=LATE.message.replace("10.50", "2.00"),
        amount_units=to_units("2"),
    )
    note = replace(LATE, severity="info", subject="aws/9")
    (one,) = problems("2026-10", [LATE, more, note])
    assert (one.type, one.severity, one.amount_units) == (
        "unmatched_invoice",
        "blocking",
        to_units("12.50"),
    )
    assert one.message == LATE.message
    assert problems("2026-10", [note]) == ()


def test_only_a_blocking_finding_that_nobody_accepted_is_left() -> None:
    blocking = replace(LATE, severity="blocking")
    accepted = Acceptance(
        exception_id=identity("2026-10", blocking), type="unmatched_invoice", subject="aws/1"
    )
    assert unaccepted("2026-10", [LATE, blocking], []) == (blocking,)
    assert unaccepted("2026-10", [LATE, blocking], [accepted]) == ()
    assert unaccepted("2026-11", [LATE, blocking], [accepted]) == (blocking,)


def test_a_kind_without_a_type_is_its_own() -> None:
    assert exception_type("unpriced") == "rate_missing"
    assert exception_type("something_new") == "something_new"


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "0-30"), (30, "0-30"), (31, "31-60"), (91, "91-120"), (120, "91-120"), (121, "over 120")],
)
def test_an_age_falls_into_one_bucket(days: int, bucket: str) -> None:
    assert ageing_bucket(days, (30, 60, 90, 120)) == bucket
