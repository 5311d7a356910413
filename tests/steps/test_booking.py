"""What is posted is bound to the audit log: whoever holds the log can prove every entry."""

import json

from tests.worlds import WorldAt

from tieout.audit.merkle import leaf_hash, root
from tieout.store import audit, journal


def test_the_log_holds_the_root_of_every_entry_that_was_posted(world_at: WorldAt) -> None:
    worker = world_at("settle").worker()
    try:
        with worker.store.transaction() as tx:
            events = [json.loads(one.canonical) for one in audit.events(tx)]
            texts = journal.canonical_texts(tx)
    finally:
        worker.close()
    posted = [one["payload"] for one in events if one["action"] == "entries_posted"]
    numbers = [number for facts in posted for number in facts["document_nos"]]
    assert sorted(numbers) == sorted(texts)
    for facts in posted:
        leaves = [leaf_hash(texts[number].encode()) for number in facts["document_nos"]]
        assert root(leaves).hex() == facts["entries_root"]
