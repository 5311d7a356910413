"""An account that is cleared on match, through a whole month: the same cost, no reversal."""

from datetime import date

from tests import month
from tests.worlds import WorldAt

from tieout.ledger.entry import entry_from_json
from tieout.steps import close, policies, post, sign, status
from tieout.store import journal

ACCRUED = "2100"
ACCOUNTS = (month.POLICIES / "accounts.yaml").read_text()


def test_cleared_on_match_the_month_closes_without_a_reversal(world_at: WorldAt) -> None:
    world = world_at("classify final")
    worker, web = world.worker(), world.web()
    try:
        before = "provider: aws\n"
        text = ACCOUNTS.replace(before, f"{before}    relief: clear_on_match\n", 1)
        assert text != ACCOUNTS
        made = policies.propose(
            worker,
            kind="accounts",
            text=text,
            name="accounts",
            valid_from=date(2026, 1, 1),
            person=month.PREPARER,
        )
        version = int(made.summary["version"] or 0)
        sign.approve_policy(web, kind="accounts", version=version, person=month.CONTROLLER)
        for name in ("allocate final", "reconcile", "match", "settle", "request close"):
            month.act(name)(world)
        with worker.store.transaction() as tx:
            entries = [entry_from_json(one) for one in journal.entries(tx)]
        aws = [one for one in entries if one.provider == "aws"]
        assert sorted({one.journal_type for one in aws}) == ["accrual", "invoice", "true_up"]
        accrued = [
            line.amount_minor for one in aws for line in one.lines if line.account == ACCRUED
        ]
        assert accrued
        assert sum(accrued) == 0
        assert post.settle(worker, period=month.PERIOD).status == "unchanged"
        assert close.request(worker, period=month.PERIOD).status == "unchanged"
        shown = status.statement(worker, period=month.PERIOD)
        assert shown["expense"] == "15821.61"
    finally:
        worker.close()
        web.close()
