"""A closed month and new rules: preview, approval, restated view, reclassification, and back."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import (
    ConservationError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    UnknownSubjectError,
    UsageError,
)
from tieout.core.money import to_units
from tieout.engine.month_cube import class_sums
from tieout.steps import (
    allocate,
    classify,
    history,
    policies,
    preview,
    publish,
    reapply,
    reconcile,
    sign,
    status,
)
from tieout.steps.context import Context
from tieout.store import audit, journal

OCTOBER, NOVEMBER = "2026-10", "2026-11"
OLD = (month.POLICIES / "classification.yaml").read_text()
NEW = OLD.replace("in: [staging, dev]", "in: [dev]").replace(
    "equals: Internal}]}\n      then: internal-tools",
    "equals: Internal}]}\n      then: support-assistant",
)
Targets = Counter[tuple[str, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Both logins of one closed and published October."""

    worker: Context
    web: Context

    def propose(self, text: str, valid_from: date = date(2026, 1, 1)) -> str:
        made = policies.propose(
            self.worker,
            kind="classification",
            text=text,
            name="classification.yaml",
            valid_from=valid_from,
            person=month.PREPARER,
        )
        return made.subject

    def preview(self, label: str, **given: str) -> dict[str, Any]:
        asked = {"first": OCTOBER, "last": OCTOBER, "person": month.PREPARER} | given
        return preview.run(self.worker, label=label, **asked)

    def approve(self, shown: dict[str, Any], person: str = month.CONTROLLER) -> None:
        sign.approve_preview(self.web, preview=shown["preview"], person=person)

    def apply(self, text: str) -> dict[str, Any]:
        """Propose, preview, approve and reapply."""
        shown = self.preview(self.propose(text))
        self.approve(shown)
        assert reapply.run(self.worker, preview=shown["preview"]).status == "done"
        return shown

    def lines(self, basis: str = "reported", as_of: int | None = None) -> list[dict[str, Any]]:
        return status.ledger_lines(self.worker, period=OCTOBER, basis=basis, as_of=as_of)

    def entries(self) -> list[dict[str, Any]]:
        with self.worker.store.transaction() as tx:
            return journal.entries(tx)

    def seq(self) -> int:
        with self.worker.store.transaction() as tx:
            return journal.ledger_seq(tx)

    def posted(self) -> Targets:
        """Cost of October that was ever posted, by provider, account and initiative, in cents."""
        found: Targets = Counter()
        for entry in self.entries():
            for one in entry["lines"]:
                if entry["service_period"] == OCTOBER and "charge_category" in one["dimensions"]:
                    name = one["dimensions"]["initiative"] or ""
                    key = (entry["provider"], one["account"], name)
                    found[key] += one["debit_minor"] - one["credit_minor"]
        return Counter({key: amount for key, amount in found.items() if amount})


@pytest.fixture
def closed(world_at: WorldAt) -> Iterator[Ledger]:
    world = world_at("controller signs")
    month.act("publish")(world)
    made = Ledger(worker=world.worker(), web=world.web())
    yield made
    made.worker.close()
    made.web.close()


def test_a_preview_shows_what_moves_and_touches_nothing(closed: Ledger) -> None:
    before = (closed.lines(), closed.entries(), closed.seq())
    shown = closed.preview(closed.propose(NEW))
    assert (closed.lines(), closed.entries(), closed.seq()) == before
    (october,) = shown["months"]
    assert (october["period"], october["state"]) == (OCTOBER, "closed")
    for changes in (*october["dimensions"].values(), october["pl_lines"]):
        assert sum(to_units(one["change"]) for one in changes) == 0
    gained = {one["value"]: to_units(one["change"]) for one in shown["summary"]["initiatives"]}
    assert gained["support-assistant"] > 0 > gained["internal-tools"]
    rules = {
        (one["rule_before"], one["rule_after"])
        for move in october["moves"]
        for one in move["dimensions"].values()
    }
    assert ("before-production", "pl-of-initiative") in rules
    assert shown["summary"]["closed_periods_touched"] == [OCTOBER]
    moved = sum(to_units(line["amount"]) for one in october["reclass"] for line in one["lines"])
    assert moved == 0
    assert set(october["policies"]) > {"classification@2", "initiatives@1", "allocation@1"}


def test_lines_that_lost_money_are_not_shown(
    closed: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = closed.propose(NEW)
    monkeypatch.setattr(
        "tieout.steps.views.class_sums", lambda rows, keys: class_sums(rows.slice(1), keys)
    )
    with pytest.raises(ConservationError, match=r"The lines of 2026-10 come to .*: expected the"):
        closed.preview(label)


def test_the_same_question_has_the_same_answer_and_a_threshold_names_the_large_moves(
    closed: Ledger,
) -> None:
    label = closed.propose(NEW)
    first, again = closed.preview(label), closed.preview(label)
    assert first == again
    assert preview.show(closed.web, preview=first["preview"][:10])["approved_by"] is None
    few = closed.preview(label, threshold="100000000")
    assert few["summary"]["beyond_threshold"] == []
    assert few["preview"] != first["preview"]
    assert {one["preview"] for one in preview.listing(closed.web)} == {
        first["preview"],
        few["preview"],
    }


def test_each_moved_charge_is_listed_and_they_add_up_to_the_moves(closed: Ledger) -> None:
    shown = closed.preview(closed.propose(NEW))
    rows = list(preview.charges(closed.worker, preview=shown["preview"]))
    moves = shown["months"][0]["moves"]
    assert len(rows) == shown["summary"]["charges_moved"] == sum(one["charges"] for one in moves)
    assert sum(to_units(one["billed_cost"]) for one in rows) == sum(
        to_units(one["amount"]) for one in moves
    )
    assert all(len(one["source_document"]) == 64 and one["source_row"] >= 1 for one in rows)


def test_nothing_is_applied_that_another_person_has_not_approved(closed: Ledger) -> None:
    shown = closed.preview(closed.propose(NEW))
    with pytest.raises(NotReadyError, match="is not approved: expected another person"):
        reapply.run(closed.worker, preview=shown["preview"])
    with pytest.raises(SegregationError, match="ana"):
        closed.approve(shown, person="ana")
    with pytest.raises(SegregationError):
        sign.approve_preview(closed.worker, preview=shown["preview"], person="ben")
    with pytest.raises(UnknownSubjectError, match="0 previews begin with 'feed'"):
        reapply.run(closed.worker, preview="feed")
    assert closed.lines("restated") == closed.lines()


def test_a_closed_month_is_restated_beside_what_was_reported(closed: Ledger) -> None:
    reported, hash_before = closed.lines(), _content_hash(closed)
    seq = closed.seq()
    shown = closed.apply(NEW)
    assert closed.lines() == reported
    assert closed.lines(as_of=seq) == closed.lines("restated", as_of=seq) == reported
    restated = closed.lines("restated")
    assert restated != reported
    assert sum(to_units(one["billed_cost"]) for one in restated) == sum(
        to_units(one["billed_cost"]) for one in reported
    )
    assert _content_hash(closed) == hash_before
    assert publish.run(closed.worker, period=OCTOBER).status == "unchanged"
    new = [one for one in closed.entries() if one["journal_type"] == "reclass"]
    assert {one["posting_on"][:7] for one in new} == {NOVEMBER}
    assert {one["service_period"] for one in new} == {OCTOBER}
    assert {one["adjustment_kind"] for one in new} == {"policy_change"}
    assert [one["idempotency_key"] for one in new] == [
        one["idempotency_key"] for one in shown["months"][0]["reclass"]
    ]


def _content_hash(ledger: Ledger) -> str:
    return str(status.statement(ledger.worker, period=OCTOBER)["content_hash"])


def test_applied_twice_it_changes_nothing_and_rules_that_come_back_restore_the_books(
    closed: Ledger,
) -> None:
    first, reported = closed.posted(), closed.lines()
    shown = closed.apply(NEW)
    second, seq = closed.posted(), closed.seq()
    assert second != first
    again = reapply.run(closed.worker, preview=shown["preview"])
    assert (again.status, closed.seq()) == ("unchanged", seq)
    over = closed.lines("restated")
    closed.apply(f"{OLD}# as it was\n")
    assert closed.posted() == first
    assert closed.lines("restated") == reported
    assert closed.lines("restated", as_of=seq) == over


def test_an_answer_to_an_older_question_is_not_applied(closed: Ledger) -> None:
    label = closed.propose(NEW)
    early = closed.preview(label)
    closed.approve(early)
    between = NEW.replace("wrkspc_01Search}]}\n      then: search-ranking",
                          "wrkspc_01Search}]}\n      then: internal-tools")  # fmt: skip
    closed.apply(between)
    with pytest.raises(NotReadyError, match="no longer what the preview began with"):
        reapply.run(closed.worker, preview=early["preview"])
    with pytest.raises(NotReadyError, match="make a new preview to see charges"):
        list(preview.charges(closed.worker, preview=early["preview"]))


def test_a_closed_month_is_not_computed_again_by_the_ordinary_steps(closed: Ledger) -> None:
    shown = closed.preview(closed.propose(NEW))
    closed.approve(shown)
    for call in (classify.run, allocate.run):
        assert call(closed.worker, period=OCTOBER, stage="final").status == "unchanged"
    assert reconcile.run(closed.worker, period=OCTOBER).status == "unchanged"


def test_a_question_that_cannot_be_answered_says_why(closed: Ledger) -> None:
    late = closed.propose(NEW, valid_from=date(2026, 11, 1))
    with pytest.raises(UsageError, match="applies from 2026-11-01 on, the preview begins with"):
        closed.preview(late)
    with pytest.raises(UsageError, match="decides no class and no share: expected one of class"):
        closed.preview("chart@1")
    with pytest.raises(UsageError, match="expected the earlier one first"):
        closed.preview("classification@1", last="2026-09")
    with pytest.raises(NotReadyError, match="None of 2026-01 to 2026-02 has been classified"):
        closed.preview("classification@1", first="2026-01", last="2026-02")


def test_an_open_month_takes_the_rule_with_the_ordinary_steps(world_at: WorldAt) -> None:
    world = world_at("settle")
    ledger = Ledger(worker=world.worker(), web=world.web())
    shown = ledger.preview(ledger.propose(NEW))
    ledger.approve(shown)
    result = reapply.run(ledger.worker, preview=shown["preview"])
    assert (result.status, result.summary["open"]) == ("unchanged", OCTOBER)
    stages = reapply.open_stages(ledger.worker, preview=shown["preview"])
    assert stages == [(OCTOBER, "draft"), (OCTOBER, "final")]
    for call in (classify.run, allocate.run):
        assert call(ledger.worker, period=OCTOBER, stage="final").status == "done"
    after = ledger.preview(shown["policy"])
    assert after["months"][0]["before_sha256"] == shown["months"][0]["after_sha256"]
    assert after["months"][0]["moves"] == []
    ledger.worker.close()
    ledger.web.close()


def test_who_previewed_approved_and_applied_is_in_the_log(closed: Ledger) -> None:
    shown = closed.apply(NEW)
    with closed.worker.store.transaction() as tx:
        events = [json.loads(one.canonical) for one in audit.events(tx)]
    known = [(one["action"], one["actor"]) for one in events if shown["preview"] in str(one)]
    assert ("preview_made", "ana") in known
    assert ("preview_approved", "ben") in known
    assert "policy_reapplied" in {action for action, _ in known}


def test_a_month_closed_before_a_rule_was_approved_keeps_the_older_one(closed: Ledger) -> None:
    label = closed.propose(NEW)
    version = int(label.rpartition("@")[2])
    sign.approve_policy(closed.web, kind="classification", version=version, person="ben")
    assert classify.run(closed.worker, period=OCTOBER, stage="final").status == "unchanged"
    assert publish.run(closed.worker, period=OCTOBER).status == "unchanged"


def test_what_changed_after_the_close_is_refused(
    closed: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classify, "METHOD_VERSION", "of a later release")
    with pytest.raises(PeriodClosedError, match="classifying it again would change what two"):
        classify.run(closed.worker, period=OCTOBER, stage="final")


def test_a_charge_tells_every_class_it_ever_had_and_whose_decision_each_was(
    closed: Ledger,
) -> None:
    shown = closed.preview(closed.propose(NEW))
    moved = next(
        one
        for one in preview.charges(closed.worker, preview=shown["preview"])
        if one["new_initiative"] != one["old_initiative"]
    )
    closed.approve(shown)
    reapply.run(closed.worker, preview=shown["preview"])
    found = history.run(closed.worker, period=OCTOBER, charge=moved["line_id"][:20])
    assert found["billed_cost"] == moved["billed_cost"]
    views = found["classifications"]
    assert [one["basis"] for one in views][-2:] == ["final", "restated"]
    before, after = (one["classes"]["initiative"] for one in views[-2:])
    assert (before["value"], after["value"]) == (moved["old_initiative"], moved["new_initiative"])
    last = views[-1]
    assert last["preview"]["approved_by"] == "ben"
    rules = next(one for one in last["policies"] if one["policy"] == shown["policy"])
    assert (rules["proposed_by"], rules["approved_by"]) == ("ana", "ben")
    assert last["ledger_seq"] <= closed.seq()
    with pytest.raises(UnknownSubjectError, match="0 charges of 2026-10 begin with"):
        history.run(closed.worker, period=OCTOBER, charge="f" * 64)
    with pytest.raises(UsageError, match="at least 6 characters"):
        history.run(closed.worker, period=OCTOBER, charge="f")
