"""Words about figures, and Airflow's event log with the ids that somebody has removed from it."""

from datetime import UTC, datetime

import pytest
from tests.conftest import Stores
from tests.store.samples import OCTOBER, close

from tieout.core.errors import PeriodClosedError, SegregationError
from tieout.store import periods, reviews
from tieout.store.reviews import AirflowEvent, NewReview

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


def an_event(number: int, action: str = "clear") -> AirflowEvent:
    return AirflowEvent(
        airflow_id=number,
        happened_at=AT,
        actor="admin",
        action=action,
        object="monthly_close",
        overrides=action == "clear",
    )


def a_review(kind: str) -> NewReview:
    return NewReview(period=OCTOBER, kind=kind, subject="s", digest="a" * 64, remark="Seen.")


def test_a_preparer_explains_a_movement_and_an_approver_reviews_overrides(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
    with stores.web.transaction("ana") as tx:
        assert reviews.record(tx, a_review("flux"))
    with stores.web.transaction("ben") as tx:
        assert reviews.record(tx, a_review("controls"))
    with (
        pytest.raises(SegregationError, match="approver or controller, found ana"),
        stores.web.transaction("ana") as tx,
    ):
        reviews.record(tx, a_review("controls"))
    with stores.reader.transaction() as tx:
        found = [(one.kind, one.reviewed_by) for one in reviews.listing(tx, OCTOBER)]
    assert found == [("flux", "ana"), ("controls", "ben")]
    close(stores)
    with pytest.raises(PeriodClosedError), stores.web.transaction("ana") as tx:
        reviews.record(tx, a_review("flux"))


def test_an_id_that_is_gone_is_an_override_of_its_own(stores: Stores) -> None:
    with stores.web.transaction("ana") as tx:
        assert reviews.last_mirrored(tx) is None
        assert reviews.mirror(tx, [an_event(7), an_event(8, "post_dag_run")], upto=8) == 2
        assert reviews.mirror(tx, [an_event(8, "post_dag_run")], upto=8) == 0
        assert reviews.mirror(tx, [an_event(11)], upto=11) == 3
        assert reviews.mirror(tx, [], upto=12) == 1
        assert reviews.last_mirrored(tx) == 12
        found = reviews.overrides(tx, AT)
    assert [(one.airflow_id, one.action) for one in found] == [
        (7, "clear"),
        (9, "missing"),
        (10, "missing"),
        (11, "clear"),
        (12, "missing"),
    ]
    with stores.web.transaction() as tx:
        assert reviews.overrides(tx, datetime(2100, 1, 1, tzinfo=UTC)) == []


def test_nothing_is_mirrored_before_the_first_event(stores: Stores) -> None:
    with stores.web.transaction("ana") as tx:
        assert reviews.mirror(tx, [], upto=5) == 0
