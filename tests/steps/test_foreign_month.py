"""Months of a company with euros and dollars: every amount by hand, in both books."""

import csv
import io
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests import month as sample
from tests.steps.foreign_world import (
    ACCOUNTS,
    CHART,
    DOLLARS,
    EUROS,
    OWN,
    PROVIDER,
    RATES,
    SHARED,
    Company,
    company,
    lines_of,
)

from tieout.core.errors import NotReadyError
from tieout.ledger.entry import JournalEntry
from tieout.ledger.fx import true_up_of
from tieout.ledger.fx_rates import Rate
from tieout.steps import exceptions, normalise, pack, post, pull, rollforwards
from tieout.steps.context import make

DRAFT_ON, FINAL_ON = date(2026, 11, 2), date(2026, 11, 8)
LATER_DRAFT_ON, LATER_FINAL_ON = date(2026, 12, 2), date(2026, 12, 8)
OCTOBER, NOVEMBER = "2026-10", "2026-11"


def october(made: Company, *, euros: str | None = "2026-11-03") -> None:
    """10,000.00 EUR accrued and 10,250.00 billed; dollars as accrued. None: no invoice yet."""
    made.bill(EUROS, OCTOBER, {OWN: "6000.00", SHARED: "4000.00"})
    made.bill(DOLLARS, OCTOBER, {OWN: "6781.25"})
    made.draft(OCTOBER, DRAFT_ON)
    made.bill(EUROS, OCTOBER, {OWN: "6250.00", SHARED: "4000.00"})
    if euros:
        made.paper(EUROS, OCTOBER, number="E-10", amount="10250.00", issued_on=euros)
    made.paper(DOLLARS, OCTOBER, number="D-10", amount="6781.25", issued_on="2026-11-03")
    made.final(OCTOBER, FINAL_ON)


def november(made: Company) -> None:
    """As in October, at other rates."""
    made.bill(EUROS, NOVEMBER, {OWN: "6250.00", SHARED: "4000.00"})
    made.bill(DOLLARS, NOVEMBER, {OWN: "6781.25"})
    made.draft(NOVEMBER, LATER_DRAFT_ON)
    made.paper(EUROS, NOVEMBER, number="E-11", amount="10250.00", issued_on="2026-12-03")
    made.paper(DOLLARS, NOVEMBER, number="D-11", amount="6781.25", issued_on="2026-12-03")
    made.final(NOVEMBER, LATER_FINAL_ON)


def posted(made: Company, account: str, service: str = OCTOBER) -> list[tuple[str, str, Any]]:
    """Type, day, and by account the amounts in the books and on the paper."""
    return [
        (one.journal_type, one.posting_on.isoformat(), _sums(one))
        for one in made.entries()
        if (one.billing_account_id, one.service_period) == (account, service)
    ]


def _sums(entry: JournalEntry) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for account, booked, paper in lines_of(entry):
        before = found.get(account, (0, 0))
        found[account] = (before[0] + booked, before[1] + (paper or 0))
    return found


def test_books_in_dollars_take_an_account_in_euros_through_two_months(
    fresh_world: sample.World, tmp_path: Path
) -> None:
    made = company(fresh_world, tmp_path, currency="USD")
    october(made)
    assert posted(made, EUROS) == [
        ("accrual", "2026-10-31", {"2100": (-1085000, -1000000), "5100": (1085000, 1000000)}),
        ("true_up", "2026-10-31", {"2100": (-27125, -25000), "5100": (27125, 25000)}),
        ("reversal", "2026-11-01", {"2100": (1085000, 1000000), "5100": (-1085000, -1000000)}),
        ("reversal", "2026-11-01", {"2100": (27125, 25000), "5100": (-27125, -25000)}),
        (
            "invoice",
            "2026-11-03",
            {"2000": (-1118275, -1025000), "5100": (1112125, 1025000), "7800": (6150, 0)},
        ),
    ]
    made.close(OCTOBER, FINAL_ON)
    shown = made.statement(OCTOBER)
    assert (shown["ledger_total"], shown["expense"]) == ("17902.500000000000", "17902.50")
    assert [one.get("currency") for one in shown["rows"]] == ["EUR", None]
    assert shown["rows"][0]["billed"] == "10250.000000000000"
    assert shown["exchange_difference"] == "0.00"
    (bridge,) = [
        one
        for one in shown["bridges"]
        if (one["section"], one["billing_account_id"]) == ("estimate_to_invoice", EUROS)
    ]
    assert bridge["currency"] == "USD"
    assert (bridge["start_units"], bridge["end_units"]) == (
        "10850" + "0" * 12,
        "1118275" + "0" * 10,
    )
    amounts = {one["component"]: int(one["amount_units"]) // 10**10 for one in bridge["lines"]}
    assert amounts == {"uncounted": 27125, "fx": 6150}

    november(made)
    assert [one for one in posted(made, EUROS) if one[0] in ("fx_reval", "reversal")][2:] == [
        ("fx_reval", "2026-11-30", {"2000": (17425, 0), "7800": (-17425, 0)}),
        ("reversal", "2026-12-01", {"2000": (-17425, 0), "7800": (17425, 0)}),
    ]
    assert posted(made, EUROS, NOVEMBER)[0] == (
        "accrual",
        "2026-11-30",
        {"2100": (-1100850, -1025000), "5100": (1100850, 1025000)},
    )
    worker = made.worker(LATER_FINAL_ON)
    assert post.settle(worker, period=NOVEMBER).status == "unchanged"
    rolls = rollforwards.run(worker, period=NOVEMBER)
    worker.close()
    assert all(one["ties"] for one in rolls["ties"])
    assert not rolls["problems"]
    made.close(NOVEMBER, LATER_FINAL_ON)
    # 61.50 lost from accrual to invoice, 174.25 gained since
    assert made.statement(NOVEMBER)["exchange_difference"] == "-112.75"
    _the_pack_proves_it(made)


def _the_pack_proves_it(made: Company) -> None:
    worker = made.worker(LATER_FINAL_ON)
    pack.run(worker, period=NOVEMBER, folder=made.folder)
    worker.close()
    (folder,) = (one.parent for one in made.folder.rglob("verify.py"))
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    rates = list(csv.DictReader(io.StringIO((folder / "09-fx-rates.csv").read_text())))
    assert [(one["type"], one["date"], one["rate"], one["source"]) for one in rates] == [
        ("closing", "2026-10-30", "1.0850", "ECB"),
        ("closing", "2026-11-30", "1.0740", "ECB"),
        ("spot", "2026-11-03", "1.0910", "ECB"),
        ("spot", "2026-12-03", "1.0800", "ECB"),
    ]
    assert {one["policy"] for one in rates} == {"fx_rates@1"}
    lines = list(csv.DictReader(io.StringIO((folder / "01-ledger-lines.csv").read_text())))
    assert sum(Decimal(one["transaction_cost"] or 0) for one in lines) == 10250


def test_books_in_euros_take_an_account_in_dollars(
    fresh_world: sample.World, tmp_path: Path
) -> None:
    made = company(fresh_world, tmp_path, currency="EUR")
    october(made)
    # 6,781.25 at 0.9200 are 6,238.75; at 0.9100 they are 6,170.94 (6,170.9375)
    assert posted(made, DOLLARS) == [
        ("accrual", "2026-10-31", {"2100": (-623875, -678125), "5100": (623875, 678125)}),
        ("reversal", "2026-11-01", {"2100": (623875, 678125), "5100": (-623875, -678125)}),
        (
            "invoice",
            "2026-11-03",
            {"2000": (-617094, -678125), "5100": (623875, 678125), "7800": (-6781, 0)},
        ),
    ]
    assert {kind: sums for kind, _, sums in posted(made, EUROS)}["invoice"] == {
        "2000": (-1025000, 0),
        "5100": (1025000, 0),
    }
    made.close(OCTOBER, FINAL_ON)
    assert made.statement(OCTOBER)["expense"] == "16488.75"


def test_an_invoice_that_comes_in_the_next_month_is_split_into_estimate_and_exchange(
    fresh_world: sample.World, tmp_path: Path
) -> None:
    made = company(fresh_world, tmp_path, currency="USD")
    october(made, euros=None)
    _accept(made, OCTOBER, "missing_invoice")
    made.close(OCTOBER, FINAL_ON)
    # two days after the last rate: that one is taken
    made.paper(EUROS, OCTOBER, number="E-10", amount="10400.00", issued_on="2026-11-05")
    worker = made.worker(LATER_DRAFT_ON)
    pull.run(worker, provider=PROVIDER, period=OCTOBER, kinds=("documents",))
    normalise.run(worker, provider=PROVIDER, period=OCTOBER)
    worker.close()
    november(made)
    (late,) = [one for one in posted(made, EUROS) if one[0] == "invoice"]
    assert late[1:] == (
        "2026-11-05",
        {"2000": (-1134640, -1040000), "5100": (1128400, 1040000), "7800": (6240, 0)},
    )
    accrued = _rate("1.0850")
    change = true_up_of(1025000, 1040000, accrual_rate=accrued, invoice_rate=_rate("1.0910"))
    assert (change.operational_minor, change.fx_minor) == (1128400 - 1112125, 6240)
    # 10,400.00 at 1.0740 are 11,169.60: a gain of 176.80 against 11,346.40
    assert ("fx_reval", "2026-11-30", {"2000": (17680, 0), "7800": (-17680, 0)}) in posted(
        made, EUROS
    )


def _rate(text: str) -> Rate:
    return Rate(
        from_currency="EUR", to_currency="USD", rate_type="spot", on=DRAFT_ON, source="ECB",
        rate=Decimal(text),
    )  # fmt: skip


def _accept(made: Company, period: str, kind: str) -> None:
    worker, web = made.worker(FINAL_ON), made.web()
    try:
        exceptions.refresh(worker, period=period)
        (one,) = [one for one in exceptions.listing(web, period=period) if one["kind"] == kind]
        key = one["exception_id"]
        exceptions.explain(web, exception=key, person="ana", remark="asked for it")
        exceptions.accept(
            web, exception=key, person="ben", remark="until it comes",
            expires_on=web.now().date() + timedelta(days=60),
        )  # fmt: skip
    finally:
        worker.close()
        web.close()


def test_a_rate_that_is_missing_waits_in_the_queue_until_it_is_approved(
    fresh_world: sample.World, tmp_path: Path
) -> None:
    made = company(fresh_world, tmp_path, currency="USD")
    known = [one for one in RATES.splitlines(keepends=True) if "2026-10" not in one]
    made.approve("fx_rates", "".join(known))
    made.bill(EUROS, OCTOBER, {OWN: "6000.00"})
    made.bill(DOLLARS, OCTOBER, {OWN: "1.00"})
    with pytest.raises(NotReadyError, match="EUR"):
        made.draft(OCTOBER, DRAFT_ON)
    settings, connection = made.world.settings(), made.connection
    last_day = datetime(2026, 10, 31, 20, tzinfo=UTC)
    for now, rates, waiting in (
        (last_day, None, 0),
        (last_day + timedelta(days=2), None, 1),
        (last_day + timedelta(days=3), RATES, 0),
    ):
        if rates:
            made.approve("fx_rates", rates)
        worker = make(settings=settings, connection=connection, now=partial(_same, now))
        assert exceptions.refresh(worker, period=OCTOBER).summary["blocking"] == waiting
        found = exceptions.listing(worker, period=OCTOBER)
        worker.close()
        assert [(one["type"], one["subject"]) for one in found] == [
            ("rate_missing", "focus_file/K-EUR")
        ] * waiting


def test_an_accrual_that_waits_too_long_is_an_exception_until_two_people_keep_it(
    fresh_world: sample.World, tmp_path: Path
) -> None:
    made = company(fresh_world, tmp_path, currency="USD")
    october(made, euros=None)
    _accept(made, OCTOBER, "missing_invoice")
    made.close(OCTOBER, FINAL_ON)
    made.approve(
        "tolerances", "tolerances: t\ncurrency: USD\nexceptions: {stale_accrual_months: 1}\n"
    )
    made.bill(EUROS, NOVEMBER, {OWN: "1.00"})
    made.bill(DOLLARS, NOVEMBER, {OWN: "1.00"})
    made.draft(NOVEMBER, LATER_DRAFT_ON)
    worker = made.worker(LATER_DRAFT_ON)
    assert exceptions.refresh(worker, period=NOVEMBER).summary["blocking"] == 1
    (stale,) = exceptions.listing(worker, period=NOVEMBER)
    assert (stale["type"], stale["kind"], stale["subject"], stale["amount"]) == (
        "stale_accrual",
        "accrual_stale",
        "focus_file/K-EUR 2026-10",
        "11121.25",
    )
    assert stale["message"].endswith(
        "found 11121.25 USD still accrued 1 months later: ask for the invoice, or have a person "
        "decide whether the accrual stays."
    )
    _accept(made, NOVEMBER, "accrual_stale")
    assert exceptions.refresh(worker, period=NOVEMBER).summary["blocking"] == 0
    worker.close()


def _same(value: datetime) -> datetime:
    return value


@pytest.mark.parametrize(
    ("policy", "before", "after", "why"),
    [
        (
            "accounts",
            "mode: arrears, currency: EUR",
            "mode: prepaid, currency: EUR",
            "mode prepaid",
        ),
        ("accounts", "EUR,\n", "EUR, relief: clear_on_match,\n", "cleared on match"),
        ("chart", ', exchange_difference: "7800"', "", "role exchange_difference"),
    ],
)
def test_what_cannot_be_translated_is_refused(
    fresh_world: sample.World, tmp_path: Path, policy: str, before: str, after: str, why: str
) -> None:
    made = company(fresh_world, tmp_path, currency="USD")
    role = ', exchange_difference: "7800"'
    texts = {"accounts": ACCOUNTS, "chart": CHART.format(currency="USD", role=role)}
    assert before in texts[policy]
    made.approve(policy, texts[policy].replace(before, after, 1))
    made.bill(EUROS, OCTOBER, {OWN: "6000.00"})
    made.bill(DOLLARS, OCTOBER, {OWN: "1.00"})
    with pytest.raises(NotReadyError, match=why):
        made.draft(OCTOBER, DRAFT_ON)
