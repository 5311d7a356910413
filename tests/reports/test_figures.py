"""The state of every figure, and what moved from one day to the next."""

from datetime import date
from typing import Any

from rich.console import Console

from tieout.cli.figures import figures_view
from tieout.core.money import to_units
from tieout.reconciliation.so_far import Compared, SoFar
from tieout.reports.figures import AccountFigures, drift, figures_rows, kept

OPENAI = SoFar(
    estimated_units=to_units("10"),
    estimated_through=date(2026, 10, 3),
    reported_units=to_units("12"),
    reported_through=date(2026, 10, 2),
    compared=Compared(
        through=date(2026, 10, 2), gap_units=to_units("4"), unexplained_units=to_units("1")
    ),
)


def of(found: SoFar, account: str = "openai/org-1") -> AccountFigures:
    return AccountFigures(account=account, mode="arrears", currency="USD", found=found)


def states(found: SoFar, *, is_closed: bool = False) -> dict[str, Any]:
    (row,) = figures_rows([of(found)], is_closed=is_closed)
    known = {name: row[name] for name in ("estimated", "reported", "invoiced")}
    return {name: one and one["state"] for name, one in known.items()} | {
        "known": (row["known"], row["state"])
    }


def test_each_figure_says_what_it_is_worth() -> None:
    (row,) = figures_rows([of(OPENAI)], is_closed=False)
    assert row["estimated"] == {"amount": "10.00", "state": "estimated", "through": "2026-10-03"}
    assert row["reported"]["state"] == "provisional"
    assert (row["invoiced"], row["known"], row["state"]) == (None, "12.00", "provisional")
    assert (row["gap"], row["unexplained"], row["compared_through"]) == (
        "4.00",
        "1.00",
        "2026-10-02",
    )


def test_a_figure_goes_from_estimated_to_closed() -> None:
    only = SoFar(estimated_units=to_units("10"))
    assert states(only)["known"] == ("10.00", "estimated")
    billed = SoFar(reported_units=to_units("12"), invoiced_units=to_units("13"))
    assert states(billed) == {
        "estimated": None,
        "reported": "invoiced",
        "invoiced": "invoiced",
        "known": ("13.00", "invoiced"),
    }
    assert states(billed, is_closed=True) == {
        "estimated": None,
        "reported": "closed",
        "invoiced": "closed",
        "known": ("13.00", "closed"),
    }
    assert states(SoFar())["known"] == (None, None)


def test_what_moved_is_shown_and_what_stood_still_is_not() -> None:
    before = kept([of(OPENAI), of(OPENAI, "aws/1"), of(SoFar(reported_units=5), "gone/1")])
    later = SoFar(
        estimated_units=to_units("10"),
        reported_units=to_units("15.5"),
        compared=Compared(through=date(2026, 10, 3), gap_units=to_units("5"), unexplained_units=0),
    )
    now = kept([of(later), of(OPENAI, "aws/1")])
    gone, moved = drift(now, before)
    assert moved == {
        "account": "openai/org-1",
        "estimated": "0.00",
        "reported": "3.50",
        "invoiced": "0.00",
        "gap": "1.00",
        "unexplained": "-1.00",
    }
    assert (gone["account"], gone["reported"]) == ("gone/1", "-0.000000000005")
    assert drift(now, now) == []


def test_a_person_reads_states_beside_amounts_and_the_drift_below() -> None:
    console = Console(width=200, record=True, highlight=False)
    found: dict[str, Any] = {
        "period": "2026-10",
        "state": "open",
        "accounts": figures_rows([of(OPENAI)], is_closed=False),
        "day": "2026-10-03",
        "since": None,
        "drift": drift(kept([of(OPENAI)]), []),
    }
    for part in figures_view(found):
        console.print(part, markup=False)
    text = console.export_text()
    assert "provisional" in text
    assert "Moved" not in text
    for part in figures_view(found | {"since": "2026-10-02"}):
        console.print(part, markup=False)
    assert "Moved from 2026-10-02 to 2026-10-03" in console.export_text()
