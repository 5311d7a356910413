"""The sample month matched: what ties, what is open and why, and what people make of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.close.limits import DEFAULT_LIMITS
from tieout.close.tolerance import Tolerance
from tieout.core.errors import (
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    UnknownSubjectError,
)
from tieout.steps import matches, matching
from tieout.steps.context import Context
from tieout.store import audit, findings

ANTHROPIC = {"provider": "anthropic", "billing_account_id": "nordlicht-labs"}
CLOUDS = ("aws", "azure", "gcp")
TEN_PERCENT = Tolerance(pct=Fraction(1, 10), floor_minor=0, cap_minor=25_000)


@pytest.fixture
def world(world_at: WorldAt) -> month.World:
    """A world of a test's own after the matching."""
    return world_at("match")


@pytest.fixture
def worker(world: month.World) -> Iterator[Context]:
    made = world.worker()
    yield made
    made.close()


@pytest.fixture
def pages(world: month.World) -> Iterator[Context]:
    made = world.web()
    yield made
    made.close()


def pairs(worker: Context) -> dict[tuple[str, str], dict[str, Any]]:
    found = matches.listing(worker, period=month.PERIOD)["pairs"]
    return {(one["account"].partition("/")[0], one["section"]): one for one in found}


def sums(worker: Context) -> dict[tuple[str, str], dict[str, Decimal]]:
    found: dict[tuple[str, str], dict[str, Decimal]] = {}
    for one in matches.causes(worker, period=month.PERIOD):
        place = (one["account"].partition("/")[0], one["section"])
        causes = found.setdefault(place, {})
        causes[one["cause"]] = causes.get(one["cause"], Decimal(0)) + Decimal(one["amount"])
    return found


def unmatched(worker: Context, side: str) -> list[str]:
    """What one workspace used on one day, estimated at the list price and billed below it."""
    return [
        row["row"]
        for row in matches.unmatched_rows(worker, period=month.PERIOD)
        if row["account"].startswith("anthropic/")
        and (row["charge_day"], row["cause"]) == ("2026-10-03", "negotiated_rate")
        and (row["section"], row["side"]) == ("estimate_to_report", side)
    ]


def by_hand(worker: Context, **fields: Any) -> dict[str, Any]:
    """The estimate of a day is what the report bills for the day."""
    return {
        **ANTHROPIC,
        "section": "estimate_to_report",
        "kind": "match",
        "match_id": None,
        "earlier_ids": unmatched(worker, "earlier"),
        "later_ids": unmatched(worker, "later"),
        "reason": "The same usage at the price of the contract.",
    } | fields


def decide(pages: Context, *decisions: dict[str, Any], person: str = month.PREPARER) -> None:
    matching.decide(pages, period=month.PERIOD, person=person, decisions=decisions)


def test_ai_is_matched_from_estimate_to_invoice_and_clouds_from_draft_to_invoice(
    worker: Context,
) -> None:
    found = pairs(worker)
    assert set(found) == {
        ("openai", "estimate_to_report"),
        ("openai", "report_to_invoice"),
        ("anthropic", "estimate_to_report"),  # prepaid: its receipts bill nothing
        *(
            (name, section)
            for name in CLOUDS
            for section in ("draft_to_final", "report_to_invoice")
        ),
    }
    openai = found["openai", "estimate_to_report"]
    assert openai["passes"] == {"meter and day 1:1": 1025}
    assert (openai["explained_earlier_count"], openai["explained_later_count"]) == (0, 81)
    left = [one[f"open_{side}_count"] for one in found.values() for side in ("earlier", "later")]
    assert left == [0] * 2 * len(found)
    assert found["gcp", "report_to_invoice"]["explained_later_count"] == 0
    assert found["openai", "report_to_invoice"]["passes"] == {"description 1:n": 24}
    assert found["aws", "report_to_invoice"]["passes"] == {"invoice total 1:n": 2}
    assert [one["records"] for one in found.values()] == [[]] * len(found)


def test_every_difference_has_causes_that_add_up_to_it(worker: Context) -> None:
    found = sums(worker)
    assert not any("unexplained" in causes for causes in found.values())
    assert set(found["anthropic", "estimate_to_report"]) == {"negotiated_rate", "not_metered"}
    assert set(found["openai", "report_to_invoice"]) == {"credit", "rounding"}  # from the bridge
    for place, pair in pairs(worker).items():
        gap = Decimal(pair["later_amount"]) - Decimal(pair["earlier_amount"])
        assert sum(found.get(place, {}).values(), Decimal(0)) == gap, place


def test_a_cause_names_the_lines_that_prove_it(worker: Context) -> None:
    (late,) = [
        one
        for one in matches.causes(worker, period=month.PERIOD)
        if (one["account"].partition("/")[0], one["cause"]) == ("aws", "late_restatement")
    ]
    proofs = late["proofs"]
    assert sum(Decimal(one["amount"]) for one in proofs) == Decimal(late["amount"])
    lines = [line for one in proofs for line in one["line_ids"]]
    assert len(set(lines)) == len(lines) == 8
    rows = matches.unmatched_rows(worker, period=month.PERIOD)
    assert set(lines) <= {row["row"] for row in rows}


def test_an_unmatched_row_says_what_it_is_and_what_names_it(worker: Context) -> None:
    (credit,) = [
        row
        for row in matches.unmatched_rows(worker, period=month.PERIOD)
        if (row["account"].partition("/")[0], row["section"]) == ("openai", "report_to_invoice")
    ]
    assert (credit["side"], credit["amount"]) == ("later", "-150.00")
    assert (credit["document_part"], credit["cause"]) == ("credit", "credit")


def test_the_same_figures_again_change_nothing(worker: Context) -> None:
    before = matches.listing(worker, period=month.PERIOD)
    assert matching.run(worker, period=month.PERIOD).status == "unchanged"
    assert matches.listing(worker, period=month.PERIOD) == before


def test_what_a_preparer_decides_is_applied_by_the_next_matching(
    worker: Context, pages: Context
) -> None:
    rows = len(unmatched(worker, "earlier"))
    assert rows == len(unmatched(worker, "later")) > 0
    decide(pages, by_hand(worker))
    assert matches.listing(worker, period=month.PERIOD)["pending"] == 1
    assert matching.run(worker, period=month.PERIOD).status == "done"
    assert (unmatched(worker, "earlier"), unmatched(worker, "later")) == ([], [])
    assert matches.listing(worker, period=month.PERIOD)["pending"] == 0
    (record,) = pairs(worker)["anthropic", "estimate_to_report"]["records"]
    assert (record["decision"], record["person"]) == ("confirmed", month.PREPARER)
    assert Decimal(record["difference"]) < 0

    taken_apart = {"kind": "unmatch", "match_id": record["match_id"], "reason": "Another day's."}
    decide(pages, by_hand(worker, **taken_apart, earlier_ids=[], later_ids=[]))
    matching.run(worker, period=month.PERIOD)
    records = pairs(worker)["anthropic", "estimate_to_report"]["records"]
    assert [one["decision"] for one in records] == ["confirmed", "unmatched"]
    assert records[1]["replaces"] == record["match_id"]
    assert len(unmatched(worker, "earlier")) == rows
    with worker.store.transaction() as tx:
        said = [json.loads(one.canonical)["action"] for one in audit.events(tx)]
    assert said.count("match_decided") == 2


def test_what_is_decided_has_to_be_there(worker: Context, pages: Context) -> None:
    unknown = by_hand(worker, earlier_ids=["line-x"])
    with pytest.raises(UnknownSubjectError, match="Row line-x is not open"):
        decide(pages, by_hand(worker), unknown)
    gone = by_hand(worker, kind="unmatch", match_id="0" * 64, earlier_ids=[], later_ids=[])
    with pytest.raises(UnknownSubjectError, match="No match 000000000000 stands"):
        decide(pages, gone)
    assert matches.listing(worker, period=month.PERIOD)["pending"] == 0


def test_neither_the_worker_nor_somebody_else_decides(worker: Context, pages: Context) -> None:
    with pytest.raises(SegregationError):
        decide(worker, by_hand(worker))
    with pytest.raises(SegregationError):
        decide(pages, by_hand(worker), person=month.CONTROLLER)


def test_suggestions_wait_as_a_warning_until_a_preparer_confirms_them(
    world_at: WorldAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_at("reconcile")
    worker, pages = world.worker(), world.web()
    wide = replace(DEFAULT_LIMITS, line=TEN_PERCENT)  # the contract's discount is 5 %
    monkeypatch.setattr(matching, "limits", lambda *_: wide)
    first = matching.run(worker, period=month.PERIOD)
    with worker.store.transaction() as tx:
        (waiting,) = [one.finding for one in findings.for_period(tx, month.PERIOD, step="matching")]
    assert (waiting.kind, waiting.severity) == ("match_suggested", "warning")
    assert waiting.message.startswith(f"{first.summary['suggested']} matches of anthropic/")
    records = pairs(worker)["anthropic", "estimate_to_report"]["records"]
    assert len(records) == first.summary["suggested"] == 828
    confirm = by_hand(worker, kind="confirm", earlier_ids=[], later_ids=[])
    decide(pages, confirm | {"match_id": records[0]["match_id"]})
    again = matching.run(worker, period=month.PERIOD)
    assert first.summary["open_rows"] == again.summary["open_rows"] == 0
    assert (again.summary["suggested"], again.summary["decisions"]) == (827, 1)
    refuse = confirm | {"kind": "reject", "match_id": records[1]["match_id"]}
    decide(pages, refuse)
    third = matching.run(worker, period=month.PERIOD)
    assert (third.summary["suggested"], third.summary["decisions"]) == (826, 2)
    assert third.summary["open_rows"] == 0
    kept = pairs(worker)["anthropic", "estimate_to_report"]["records"]
    assert [(one["decision"], one["replaces"]) for one in kept if one["person"]] == [
        ("confirmed", records[0]["match_id"]),
        ("rejected", records[1]["match_id"]),
    ]
    assert sum(one["waiting"] for one in kept) == 826
    with pytest.raises(NotReadyError, match="waits no longer"):
        decide(pages, confirm | {"match_id": records[1]["match_id"]})
    worker.close()
    pages.close()


def test_a_closed_month_is_not_matched_again(world_at: WorldAt) -> None:
    world = world_at("controller signs")
    worker, pages = world.worker(), world.web()
    assert matching.run(worker, period=month.PERIOD).status == "unchanged"
    with pytest.raises(PeriodClosedError):
        decide(pages, by_hand(worker))
    worker.close()
    pages.close()


def test_before_the_matching_there_is_nothing_to_show(world_at: WorldAt) -> None:
    world = world_at("reconcile")
    worker = world.worker()
    for show in (matches.listing, matches.unmatched_rows, matches.causes):
        with pytest.raises(NotReadyError, match="run `tieout match 2026-10` first"):
            show(worker, period=month.PERIOD)
    worker.close()
