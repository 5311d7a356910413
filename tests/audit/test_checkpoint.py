"""A checkpoint as text, and what a log lacks of one that was kept outside."""

import pytest

from tieout.audit.checkpoint import checkpoint_of, disagreement, parse_checkpoint
from tieout.core.errors import IntegrityError

TEXTS = ["one", "two", "three"]


def test_further_lines_stand_behind_the_root_and_are_not_read_back() -> None:
    made = checkpoint_of("tieout", TEXTS, notes=["published 2026-10"])
    assert made.text().splitlines()[:2] == ["tieout", "3"]
    assert made.text().splitlines()[3:] == ["published 2026-10"]
    assert parse_checkpoint(made.text()).root == made.root


def test_a_log_that_grew_agrees() -> None:
    assert disagreement(checkpoint_of("tieout", TEXTS[:2]).text(), TEXTS) is None
    assert disagreement(checkpoint_of("tieout", []).text(), TEXTS) is None


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (TEXTS[:1], "2 events were cut: the log ends at 1"),
        (["one", "TWO", "three", "four"], "one of the first 3 events was changed"),
        (["two", "one", "three"], "moved"),
        (["one", "three", "four"], "removed"),
    ],
)
def test_what_was_cut_or_changed_is_said(log: list[str], said: str) -> None:
    found = disagreement(checkpoint_of("tieout", TEXTS).text(), log)
    assert found is not None
    assert said in found


def test_another_text_is_no_checkpoint() -> None:
    with pytest.raises(IntegrityError, match="Not a checkpoint"):
        disagreement("nothing", TEXTS)
