"""A preview's moves as tables: nothing is counted twice, the largest stands first."""

from decimal import Decimal
from typing import Any

from tieout.reports import moved_money


def move(amount: str, charges: int, **changed: tuple[str | None, str | None]) -> dict[str, Any]:
    return {
        "dimensions": {
            name: {"from": old, "to": new, "rule_before": None, "rule_after": "r2"}
            for name, (old, new) in changed.items()
        },
        "amount": amount,
        "charges": charges,
    }


MONTHS = (
    {
        "period": "2026-10",
        "state": "closed",
        "moves": [
            move("5.00", 2, initiative=(None, "search"), cost_center=(None, "CC-1")),
            move("-7.5", 1, initiative=("search", "tools")),
            move("100", 9, environment=("dev", "prod")),
        ],
        "reclass": [
            {"moved": "5.00", "posting_on": "2026-11-30"},
            {"moved": "7.50", "posting_on": "2026-11-30"},
        ],
        "pl_lines": [{"value": "6100 R&D", "before": "1.00", "after": "6.00", "change": "5.00"}],
    },
    {
        "period": "2026-11",
        "state": "open",
        "moves": [move("1.25", 4, initiative=(None, "search"))],
        "reclass": [],
        "pl_lines": [],
    },
)


def test_the_matrix_adds_up_the_months_and_leaves_out_what_keeps_its_initiative() -> None:
    assert moved_money.matrix(MONTHS) == [
        {"from": "search", "to": "tools", "amount": Decimal("-7.5"), "charges": 1},
        {"from": "(unallocated)", "to": "search", "amount": Decimal("6.25"), "charges": 6},
    ]


def test_the_largest_moves_come_first_one_row_a_dimension() -> None:
    found = moved_money.largest(MONTHS, 3)
    assert [(one["dimension"], one["amount"]) for one in found] == [
        ("environment", Decimal(100)),
        ("initiative", Decimal("-7.5")),
        ("initiative", Decimal(5)),
        ("cost_center", Decimal(5)),
    ]
    assert (found[2]["from"], found[2]["rule_before"], found[2]["to"]) == ("", "", "search")


def test_a_closed_month_says_what_is_reclassified_and_when() -> None:
    october, november = moved_money.touched(MONTHS)
    assert (october["entries"], october["reclassified"]) == (2, Decimal("12.5"))
    assert (october["charges"], october["posting_on"]) == (12, "2026-11-30")
    assert (november["state"], november["reclassified"], november["posting_on"]) == ("open", 0, "")


def test_pl_lines_stand_by_month() -> None:
    (one,) = moved_money.pl_lines(MONTHS)
    assert (one["period"], one["line"], one["change"]) == ("2026-10", "6100 R&D", Decimal(5))
