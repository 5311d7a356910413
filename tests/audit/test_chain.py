"""The hash chain and its checkpoints."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.audit.chain import GENESIS, Event, event_hash, export_line, first_bad
from tieout.audit.checkpoint import Checkpoint, checkpoint_of, parse_checkpoint
from tieout.core.errors import IntegrityError

TEXTS = ['{"action":"pull"}', '{"action":"post"}', '{"action":"sign"}', '{"action":"close"}']
LOGS = st.lists(st.text(max_size=4, alphabet="abc é"), min_size=1, max_size=8)


def chain(texts: list[str]) -> list[Event]:
    events = []
    previous = GENESIS
    for seq, text in enumerate(texts, start=1):
        link = event_hash(previous, text.encode())
        events.append(Event(seq=seq, prev_hash=previous, hash=link, canonical=text))
        previous = link
    return events


@given(LOGS)
def test_an_untouched_chain_holds_from_any_link_on(texts: list[str]) -> None:
    events = chain(texts)
    assert first_bad(events) is None
    half = events[len(events) // 2]
    assert first_bad(events[half.seq :], after=(half.seq, half.hash)) is None


@given(LOGS, st.data())
def test_the_first_changed_event_is_named(texts: list[str], data: st.DataObject) -> None:
    events = chain(texts)
    at = data.draw(st.integers(0, len(events) - 1))
    changed = [
        replace(events[at], canonical=events[at].canonical + "!"),
        replace(events[at], seq=events[at].seq + 1),
        replace(events[at], hash="f" * 64),
        replace(events[at], prev_hash="f" * 64),
    ]
    events[at] = data.draw(st.sampled_from(changed))
    assert first_bad(events) == at + 1


def test_a_deleted_and_two_swapped_events_are_named() -> None:
    events = chain(TEXTS)
    assert first_bad([events[0], *events[2:]]) == 2
    assert first_bad([events[0], events[2], events[1], events[3]]) == 2


def test_a_cut_tail_shows_against_a_checkpoint_only() -> None:
    events = chain(TEXTS)
    assert first_bad(events[:3]) is None
    assert checkpoint_of("tieout", TEXTS) != checkpoint_of("tieout", TEXTS[:3])


def test_an_exported_line_reads_back_as_the_event() -> None:
    event = chain(["é"])[0]
    assert Event(**json.loads(export_line(event))) == event


def test_a_checkpoint_reads_back_as_written_with_or_without_signatures() -> None:
    point = checkpoint_of("tieout/2026-10", TEXTS)
    assert point.text() == (f"tieout/2026-10\n4\n{point.text().splitlines()[2]}\n")
    assert parse_checkpoint(point.text()) == point
    assert parse_checkpoint(point.text() + "\n— auditor c2lnbmF0dXJl\n") == point


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tieout\n4",
        "tieout\nfour\nAAAA\n",
        "tieout\n4\n!!\n",
        "tieout\n4\nAAAA\n",
        "tieout\n-1\n{}\n",
        "\n1\n{}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    digest = Checkpoint(origin="x", size=0, root=bytes(32)).text().splitlines()[2]
    with pytest.raises(IntegrityError, match="Not a checkpoint"):
        parse_checkpoint(text.format(digest))
