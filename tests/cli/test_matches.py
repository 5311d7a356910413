"""Matches and causes in a terminal and as JSON, from the sample month."""

import json
from collections.abc import Mapping

import pytest
from rich.console import Console
from tests import month
from tests.cli.command import Answer, here
from tests.worlds import WorldAt

from tieout.cli import matches as views
from tieout.cli import shell


@pytest.fixture(scope="module")
def environment(world_at: WorldAt) -> Mapping[str, str]:
    """The environment of a world after the matching."""
    world = world_at("match")
    return {
        **world.connections,
        "TIEOUT_HOME": world.home,
        "TIEOUT_LAKE_URL": world.settings().lake_url,
        "TIEOUT_WORKER_DATABASE_URL": world.worker_url,
        "TIEOUT_ALLOW_LOOPBACK": "1",
    }


@pytest.fixture(autouse=True)
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal that is wide enough for whole lines."""
    wide = Console(width=400, highlight=False)
    monkeypatch.setattr(shell, "console", wide)
    return wide


def tell(environment: Mapping[str, str], *arguments: str) -> Answer:
    return here([*arguments[:1], month.PERIOD, *arguments[1:]], environment)


def test_matching_again_says_that_nothing_changed(environment: Mapping[str, str]) -> None:
    answer = tell(environment, "match", "--json")
    said = json.loads(answer.out)
    assert (said["step"], said["status"], said["pairs"]) == ("matching", "unchanged", 9)


def test_matches_are_one_line_a_pair_with_its_passes(environment: Mapping[str, str]) -> None:
    answer = tell(environment, "matches")
    (line,) = [one for one in answer.out.splitlines() if "1605.2951221475" in one]
    assert "estimate to report" in line
    assert "  81  " in line
    assert line.count("0: 0.00") == 2
    assert line.rstrip().endswith("meter and day 1:1 1025")
    assert len(json.loads(tell(environment, "matches", "--json").out)["pairs"]) == 9


def test_unmatched_rows_are_listed_with_their_cause_and_what_is_folded_is_said(
    environment: Mapping[str, str],
) -> None:
    every = json.loads(tell(environment, "matches", "--unmatched", "--json").out)
    answer = tell(environment, "matches", "--unmatched")
    assert answer.out.splitlines()[0].strip() == (
        f"Unmatched rows: 40 of {len(every)} (all with --json)"
    )
    assert len(every) > 40
    assert {one["side"] for one in every} == {"earlier", "later"}
    assert "negotiated rate" in answer.out


def test_in_a_month_that_ties_no_row_is_left_to_a_person(environment: Mapping[str, str]) -> None:
    assert json.loads(tell(environment, "matches", "--open", "--json").out) == []
    assert "Unmatched rows: 0 of 0" in tell(environment, "matches", "--open").out


def test_without_suggestions_the_list_is_empty(environment: Mapping[str, str]) -> None:
    assert json.loads(tell(environment, "matches", "--suggested", "--json").out) == []
    assert "Suggested matches: 0 of 0" in tell(environment, "matches", "--suggested").out


def test_a_suggestion_shows_its_match_and_difference(console: Console) -> None:
    record = {
        "match_id": "ab" * 32,
        "pass": "meter and day 1:1",
        "earlier": [{}],
        "later": [{}, {}],
        "difference": "0.01",
    }
    pair = {"account": "openai/org-1", "section": "estimate_to_report"}
    records = [record | {"waiting": True}, record | {"waiting": False}]
    (waiting,) = views._waiting({"pairs": [pair | {"records": records}]})
    with console.capture() as shown:
        console.print(views._suggested_view([waiting]))
    line = shown.get().rstrip().splitlines()[-1].split()
    assert line[:4] == ["abababababab", "openai/org-1", "estimate", "to"]
    assert line[-4:] == ["1", "to", "2", "0.01"]


def test_both_lists_at_once_are_refused(environment: Mapping[str, str]) -> None:
    answer = tell(environment, "matches", "--open", "--suggested")
    assert answer.code == 2
    assert "found several: ask for one" in answer.error


def test_causes_say_why_and_prove_it_in_json(environment: Mapping[str, str]) -> None:
    answer = tell(environment, "causes")
    (line,) = [one for one in answer.out.splitlines() if "negotiated rate  " in one]
    assert "-255.37829938" in line
    assert "Estimated at the list price" in line
    found = json.loads(tell(environment, "causes", "--json").out)
    (rate,) = [one for one in found if one["cause"] == "negotiated_rate"]
    assert len(rate["proofs"]) == 828
    assert all(len(one["line_ids"]) == 2 for one in rate["proofs"])
