"""A month restated before its close: the journal ends as if the new rules had always been there."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from demo.postgres import Logins, Server
from tests import month
from tests.ledger.books import CHART, MONTH, ledger, line, paper
from tests.worlds import WorldAt, a_world

from tieout.ledger.entry import JournalEntry
from tieout.ledger.posting import invoice
from tieout.steps import (
    allocate,
    classify,
    close,
    normalise,
    policies,
    post,
    pull,
    reconcile,
    sign,
    standing,
    status,
)
from tieout.steps.context import Context, StepResult
from tieout.store import journal
from tieout.store.policies import PolicyKind

NOVEMBER = "2026-11"
FIRST_EXPENSE = "5000"
OLD_RULES = (month.POLICIES / "classification.yaml").read_text()
# another initiative in each provider, another P&L category, another driver for the pools
CHANGES = (
    ("equals: Internal}]}\n      then: internal-tools", "support-assistant"),
    ("equals: wrkspc_01Search}]}\n      then: search-ranking", "internal-tools"),
)
Sums = Counter[tuple[str, str, str, tuple[tuple[str, str | None], ...]]]


def _new_rules() -> str:
    text = OLD_RULES.replace("in: [staging, dev]", "in: [dev]")
    for place, initiative in CHANGES:
        assert place in text
        text = text.replace(place, f"{place.rpartition(' ')[0]} {initiative}")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the journal came to at each stage of one world, and what each step reported."""

    first: Sums
    restated: Sums
    again: list[StepResult]
    restored: Sums
    refetched: list[StepResult]
    hashes: tuple[str, str, str]
    entries: list[dict[str, Any]]


def _policy(world: month.World, kind: PolicyKind, text: str) -> None:
    worker, web = world.worker(), world.web()
    try:
        made = policies.propose(
            worker,
            kind=kind,
            text=text,
            name=kind,
            valid_from=date(2026, 1, 1),
            person=month.PREPARER,
        )
        version = int(made.summary["version"] or 0)
        sign.approve_policy(web, kind=kind, version=version, person=month.CONTROLLER)
    finally:
        worker.close()
        web.close()


def _again(context: Context) -> list[StepResult]:
    """All that a person runs after a rule was changed, in order."""
    stages = [
        step(context, period=month.PERIOD, stage=stage)
        for stage in ("draft", "final")
        for step in (classify.run, allocate.run)
    ]
    steps = (post.accrue, reconcile.run, post.settle, close.request)
    return [*stages, *(step(context, period=month.PERIOD) for step in steps)]


def _entries(context: Context) -> list[dict[str, Any]]:
    with context.store.transaction() as tx:
        return journal.entries(tx)


def _sums(context: Context) -> Sums:
    """Debits minus credits per posting period, provider, account and dimensions."""
    sums: Sums = Counter()
    for entry in _entries(context):
        for one in entry["lines"]:
            dimensions = tuple(sorted(one["dimensions"].items()))
            key = (entry["posting_on"][:7], entry["provider"], one["account"], dimensions)
            sums[key] += one["debit_minor"] - one["credit_minor"]
    return Counter({key: amount for key, amount in sums.items() if amount})


def _fetch_again_with_other_bytes(world: month.World, context: Context) -> list[StepResult]:
    """The same papers, exported a second time: every file has another hash."""
    for file in sorted((Path(world.home) / "drop" / "anthropic").glob("*.pdf")):
        file.write_bytes(file.read_bytes() + b"\n% exported again\n")
    return [
        pull.run(context, provider="anthropic", period=month.PERIOD, kinds=("documents",)),
        normalise.run(context, provider="anthropic", period=month.PERIOD),
        post.settle(context, period=month.PERIOD),
    ]


def _asked_hash(context: Context) -> str:
    return str(status.period_status(context, period=month.PERIOD)["content_hash"])


@pytest.fixture(scope="module")
def world(world_at: WorldAt) -> month.World:
    """The one world that the story and the tests after it change."""
    return world_at("request close")


@pytest.fixture(scope="module")
def story(world: month.World) -> Story:
    context = world.worker()
    try:
        first, first_hash = _sums(context), _asked_hash(context)
        _policy(world, "classification", _new_rules())
        _again(context)
        restated, restated_hash = _sums(context), _asked_hash(context)
        again = _again(context)
        _policy(world, "classification", OLD_RULES)
        _again(context)
        return Story(
            first=first,
            restated=restated,
            again=again,
            restored=_sums(context),
            hashes=(first_hash, restated_hash, _asked_hash(context)),
            refetched=_fetch_again_with_other_bytes(world, context),
            entries=_entries(context),
        )
    finally:
        context.close()


@pytest.fixture(scope="module")
def always_new(
    postgres_server: Server, postgres_logins: Logins, tmp_path_factory: pytest.TempPathFactory
) -> Sums:
    """The journal of a world that never knew the old rules."""
    home = tmp_path_factory.mktemp("always-new")
    own = tmp_path_factory.mktemp("policies")
    for file in month.POLICIES.glob("*.*"):
        (own / file.name).write_bytes(file.read_bytes())
    (own / "classification.yaml").write_text(_new_rules())
    with (
        pytest.MonkeyPatch.context() as patch,
        a_world(postgres_server, postgres_logins, home) as other,
    ):
        patch.setattr(month, "POLICIES", own)
        for name, act in month.acts()[: month.place("request close") + 1]:
            if not name.endswith(("rate", "reconcile", "request close")):  # no journal of theirs
                act(other)
        context = other.worker()
        try:
            return _sums(context)
        finally:
            context.close()


def test_a_restated_month_equals_one_that_had_the_rule_from_the_start(
    story: Story, always_new: Sums
) -> None:
    assert story.restated != story.first
    assert story.restated == always_new


def test_every_provider_was_restated(story: Story) -> None:
    changed = {key[1] for key, _ in story.first.items() ^ story.restated.items()}
    assert changed == set(month.PROVIDERS)


def test_the_rule_change_moves_cost_and_makes_none(story: Story) -> None:
    def by_kind(sums: Sums) -> Counter[tuple[str, str, str]]:
        found: Counter[tuple[str, str, str]] = Counter()
        for (period, provider, account, _), amount in sums.items():
            kind = "expense" if account >= FIRST_EXPENSE else account
            found[period, provider, kind] += amount
        return found

    assert by_kind(story.restated) == by_kind(story.first)


@pytest.mark.parametrize("stage", ["first", "restated", "restored"])
def test_expense_of_the_next_month_nets_to_zero_in_every_account_and_dimension(
    story: Story, stage: str
) -> None:
    sums: Sums = getattr(story, stage)
    left = {key: amount for key, amount in sums.items() if key[0] == NOVEMBER}
    assert [key for key in left if key[2] >= FIRST_EXPENSE] == []
    assert {key[2] for key in left} == {"2000", "2100"}


def test_the_accrual_is_cleared_over_both_months(story: Story) -> None:
    for sums in (story.first, story.restated, story.restored):
        assert sum(amount for key, amount in sums.items() if key[2] == "2100") == 0


def test_running_the_steps_once_more_posts_nothing(story: Story) -> None:
    assert [result.status for result in story.again] == ["unchanged"] * len(story.again)


def test_going_back_to_the_old_rules_restores_the_journal(story: Story) -> None:
    assert story.restored == story.first


def test_each_state_of_the_journal_asks_for_its_own_signatures(story: Story) -> None:
    assert len(set(story.hashes)) == 3


def test_papers_fetched_again_with_other_bytes_are_read_and_not_posted_twice(
    story: Story,
) -> None:
    *read, settled = story.refetched
    assert [result.status for result in read] == ["done"] * len(read)
    assert settled.status == "unchanged"


def test_each_receipt_is_one_standing_entry(story: Story) -> None:
    bought = [one for one in story.entries if one["journal_type"] == "credit_purchase"]
    assert len(bought) == 3
    assert len({one["source_refs"][0] for one in bought}) == 3


def test_every_entry_is_reversed_at_most_once_and_by_its_exact_mirror(story: Story) -> None:
    by_key = {one["idempotency_key"]: one for one in story.entries}
    reversals = [one for one in story.entries if one["reverses"]]
    assert len({one["reverses"] for one in reversals}) == len(reversals)
    for one in reversals:
        mirrored = [(ln["debit_minor"], ln["credit_minor"]) for ln in one["lines"]]
        original = by_key[one["reverses"]]["lines"]
        assert mirrored == [(ln["credit_minor"], ln["debit_minor"]) for ln in original]


def _booked(number: str) -> JournalEntry:
    found = invoice(
        ledger(line("12.34")), month=MONTH, chart=CHART, document=paper("12.34", number=number)
    ).entry
    assert found is not None
    return found


def test_an_invoice_issued_again_under_another_number_replaces_the_one_that_stands() -> None:
    old, new = _booked("INV-1"), _booked("INV-2")
    mirror, booked = standing.restated([old], new, posted=[old])
    assert (mirror.reverses, booked.source_refs[0]) == (old.idempotency_key, "INV-2")


def test_an_invoice_scanned_again_is_left_alone() -> None:
    old = _booked("INV-1")
    scanned = replace(old, source_refs=(old.source_refs[0], "e" * 64))
    assert standing.restated([old], scanned, posted=[old]) == []


def test_what_is_no_longer_wanted_is_reversed_once() -> None:
    old = _booked("INV-1")
    (mirror,) = standing.restated([old], None, posted=[old])
    assert standing.restated([old], None, posted=[old, mirror]) == []


def test_a_corrected_opening_balance_replaces_the_one_that_stands(
    story: Story, world: month.World
) -> None:
    accounts = (month.POLICIES / "accounts.yaml").read_text()
    chart = (month.POLICIES / "chart.yaml").read_text()
    _policy(world, "accounts", accounts.replace('"1234.56"', '"1300.00"'))
    _policy(world, "chart", chart.replace('"1300"', '"1310"'))
    context = world.worker()
    try:
        assert post.settle(context, period=month.PERIOD).status == "done"
        balances: Counter[str] = Counter()
        for (_, _, account, _), amount in _sums(context).items():
            balances[account] += amount
        assert balances["3900"] == -130_000
        assert balances["1300"] == 0
        assert balances["1310"] == 130_000 + 407_800 - 489_374
        assert post.settle(context, period=month.PERIOD).status == "unchanged"
    finally:
        context.close()
