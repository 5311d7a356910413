from fractions import Fraction

from tests.ledger.books import ledger, line

from tieout.close.flux import FluxReview, Move, moves
from tieout.close.tolerance import Tolerance

TENTH = Tolerance(pct=Fraction(1, 10), floor_minor=100, cap_minor=1_000)


def test_movements_are_by_initiative_and_account_before_tax() -> None:
    before = ledger(line("10", initiative="chat"), line("1", initiative=None))
    now = ledger(
        line("12.345", initiative="chat"),
        line("0.005", initiative="chat"),
        line("2", initiative="chat", charge_category="Tax"),
        line("7", initiative="search"),
    )
    found = [
        (one.subject, one.before_minor, one.now_minor) for one in moves(before, now, currency="USD")
    ]
    assert found == [
        ("chat on openai/org-1", 1_000, 1_235),
        ("search on openai/org-1", 0, 700),
        ("unallocated on openai/org-1", 100, 0),
    ]


def test_two_opposite_movements_do_not_cancel() -> None:
    up = Move(subject="a", currency="USD", before_minor=5_000, now_minor=5_501)
    down = Move(subject="b", currency="USD", before_minor=5_000, now_minor=4_499)
    still = Move(subject="c", currency="USD", before_minor=5_000, now_minor=5_500)
    new = Move(subject="d", currency="USD", before_minor=0, now_minor=101)
    review = FluxReview(before="2026-09", moves=(up, down, still, new), explained=frozenset())
    assert review.beyond(TENTH) == (up, down, new)


def test_a_movement_is_shown_in_the_currency_of_its_month() -> None:
    yen = Move(subject="a", currency="JPY", before_minor=5, now_minor=-3)
    assert yen.shown() == "a: 5 to -3 JPY"
