"""A corrected opening balance of a prepaid account reaches ledger and roll-forward."""

from datetime import date

from tests import month
from tests.worlds import WorldAt

from tieout.core.money import to_units
from tieout.steps import close, policies, post, reconcile, sign, status

CORRECTED = "1300.00"


def test_a_corrected_opening_balance_reaches_roll_forward_and_journal(
    world_at: WorldAt,
) -> None:
    fresh_world = world_at("settle")
    worker, web = fresh_world.worker(), fresh_world.web()
    text = (month.POLICIES / "accounts.yaml").read_text().replace("1234.56", CORRECTED)
    text = text.replace("418.82", "484.26")  # what the console shows moves with it
    made = policies.propose(
        worker,
        kind="accounts",
        text=text,
        name="accounts.yaml",
        valid_from=date(2026, 1, 1),
        person=month.PREPARER,
    )
    sign.approve_policy(
        web, kind="accounts", version=int(made.summary["version"] or 0), person=month.CONTROLLER
    )
    assert reconcile.run(worker, period=month.PERIOD).status == "done"
    assert post.settle(worker, period=month.PERIOD).status == "done"
    assert close.request(worker, period=month.PERIOD).status == "done"
    bridges = status.statement(worker, period=month.PERIOD)["bridges"]
    (roll,) = [one for one in bridges if one["section"] == "credit_rollforward"]
    worker.close()
    web.close()
    assert int(roll["start_units"]) == to_units(CORRECTED)
    assert int(roll["unexplained_units"]) == 0
