"""The order of causes, their rows, and the law that everything is explained once or stays open."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.reconciliation.charge_rows import charge, charges, tokens
from tests.reconciliation.proofs import found, metered, shown

from tieout.core.errors import ConservationError, UnknownPluginError
from tieout.core.money import to_units
from tieout.reconciliation.breaks import Key, Known
from tieout.reconciliation.cases import open_case
from tieout.reconciliation.causes.base import known_causes, load
from tieout.reconciliation.explaining import Explained, causes_bridge, explain


def test_figures_that_agree_need_no_cause() -> None:
    explained = found([metered(1, "5")], [metered(1, "5")])
    assert (shown(explained), explained.open_breaks) == ([], ())


def test_rounding_of_the_rows_is_no_break_and_no_cause() -> None:
    known = Known(step_units=10**10)
    explained = found(
        [metered(1, "1.004"), metered(2, "1.006")], [metered(1, "1"), metered(2, "1")], known
    )
    assert explained.rounding_units == to_units("-0.004")
    assert shown(explained) == [("open", "-0.01")]


def test_the_rows_behind_an_explanation_add_up_to_it() -> None:
    explained = found([metered(1, "5"), metered(1, "5")], [metered(1, "5")])
    (one,) = explained.explanations
    assert (one.cause, one.amount_units) == ("duplicate_log", -to_units("5"))
    (row,) = one.rows
    assert (row.side, row.signed_units) == ("earlier", -to_units("5"))
    assert len(one.witnesses) == 1
    assert row.line_id not in one.witnesses


def test_causes_become_a_bridge_with_their_rows_as_evidence() -> None:
    other = charge(2, "1", charge_category="Adjustment")
    explained = found(
        [metered(1, "5")] * 2,
        [metered(1, "5"), charge(1, "19", charge_category="Tax"), other],
    )
    bridge = causes_bridge(
        explained, provider="openai", account="org-1", section="estimate_to_report", currency="USD"
    )
    assert [(line.component, line.cause, len(line.evidence)) for line in bridge.lines] == [
        ("tax", "Tax (1 charges).", 1),
        ("duplicate_log", "Usage that was logged more than once (1 estimated charges).", 1),
    ]
    assert bridge.unexplained_units == to_units("1")
    assert (bridge.start_label, bridge.end_label) == ("Own estimate", "Provider report (final)")


def test_only_the_causes_that_are_asked_explain() -> None:
    case = open_case(charges(pull="estimate"), charges(charge(1, "19", charge_category="Tax")))
    assert shown(explain(case, causes=["credit"])) == [("open", "19.00")]


def test_a_row_cannot_explain_twice_and_nothing_may_be_lost() -> None:
    explained = found([], [charge(1, "19", charge_category="Tax")])
    (one,) = explained.explanations
    values: dict[str, Any] = {
        "open_breaks": (),
        "earlier_units": 0,
        "later_units": 2 * one.amount_units,
        "rounding_units": 0,
    }
    with pytest.raises(ConservationError, match="found one behind two causes"):
        Explained(explanations=(one, one), **values)
    with pytest.raises(ConservationError, match=r"should add up to 38\.00 and are 19\.00"):
        Explained(explanations=(one,), **values)


def test_a_free_row_without_an_estimate_is_no_break() -> None:
    explained = found([metered(1, "1")], [metered(1, "1"), metered(2, "0")])
    assert (explained.explanations, explained.open_breaks) == ((), ())


def test_charges_without_a_quantity_can_still_agree_beside_a_break() -> None:
    explained = found([tokens(1, "1"), tokens(2, "2")], [tokens(1, "1"), tokens(2, "5")])
    assert shown(explained) == [("open", "3.00")]


def test_keys_are_ordered_by_day_first() -> None:
    report = [charge(day, "1") for day in (10, 9, 2)]
    found_days = [one.key.day.day for one in found([], report).open_breaks]
    assert found_days == [2, 9, 10]


def test_every_cause_has_a_rank_of_its_own_and_a_sentence() -> None:
    causes = [load(name) for name in known_causes()]
    ranks = [cause.RANK for cause in causes]
    assert ranks == sorted(set(ranks))
    assert all("{rows}" in cause.SENTENCE and cause.SENTENCE.endswith(".") for cause in causes)


@pytest.mark.parametrize("name", ["base", "magic"])
def test_a_cause_that_does_not_exist_is_named_with_those_that_do(name: str) -> None:
    with pytest.raises(UnknownPluginError, match=f"No cause '{name}'; known: tax, "):
        load(name)


def test_a_key_says_what_its_series_and_family_are() -> None:
    (one,) = found([], [metered(1, "1")]).open_breaks
    assert isinstance(one.key, Key)
    assert one.key.series.tier == "standard"
    assert (one.key.family.tier, one.key.family.kind) == (None, None)
    assert one.key.family.model == "gpt-6-sol"


def test_an_empty_month_has_nothing_to_explain() -> None:
    nothing = charges(metered(1, "1")).slice(0, 0)
    assert isinstance(nothing, pa.Table)
    explained = explain(open_case(nothing, nothing))
    assert (explained.explanations, explained.open_breaks) == ((), ())


def test_every_cause_stands_in_the_reference_in_its_order() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "reconciliation.md"
    text = page.read_text().partition("## Causes")[2].partition("## Rollforward")[0]
    rows = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert tuple(rows) == known_causes()
