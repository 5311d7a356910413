"""Checkpoints as they are kept, and many events in one call."""

import json

import pytest
from tests.conftest import Stores

from tieout.audit import chain
from tieout.core.errors import IntegrityError
from tieout.store import audit, checkpoints
from tieout.store.audit import NewEvent

KEY = "tieout+00112233+AAAA"


def test_many_events_make_the_same_chain_as_single_ones(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        audit.record(tx, "first", "x", {})
        many = [NewEvent(action="many", subject=f"s{n}", payload={"n": n}) for n in range(50)]
        assert audit.record_all(tx, many) == (2, 51)
        audit.record(tx, "last", "x", {})
    with stores.reader.transaction() as tx:
        events = audit.whole_log(tx)
        assert audit.head(tx) == (52, events[-1].hash)
    assert chain.first_bad(event.link() for event in events) is None
    assert [json.loads(event.canonical)["subject"] for event in events[1:-1]] == [
        f"s{n}" for n in range(50)
    ]


def test_no_event_moves_nothing_and_one_that_lies_is_refused(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        audit.record_all(tx, [])
        assert audit.head(tx)[0] == 0
    lie = [NewEvent(action="", subject="x", payload={})]
    refused = pytest.raises(IntegrityError, match="The audit event names")
    with refused, stores.worker.transaction() as tx:
        audit.record_all(tx, lie)


def test_a_checkpoint_stays_and_takes_signatures_later(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        assert checkpoints.add(tx, 0, "tieout\n0\nroot\n", anchors=[])
        assert not checkpoints.add(tx, 0, "tieout\n0\nother\n", anchors=[])
    with stores.web.transaction() as tx:
        assert checkpoints.sign(tx, 0, KEY, "\u2014 tieout AAAA")
        assert not checkpoints.sign(tx, 0, KEY, "\u2014 tieout BBBB")
    with stores.reader.transaction() as tx:
        (kept,) = checkpoints.listing(tx)
        assert checkpoints.listing(tx, upto=-1) == []
    assert kept.note() == "tieout\n0\nroot\n\n\u2014 tieout AAAA\n"


def test_a_checkpoint_that_names_another_size_is_refused(stores: Stores) -> None:
    with pytest.raises(IntegrityError), stores.worker.transaction() as tx:
        checkpoints.add(tx, 7, "tieout\n8\nroot\n", anchors=[])
