"""October is closed, reopened by two people for one kind of entry, and closed again.

What was signed and published first stays what it was, byte for byte.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.config import utc_now
from tieout.core.errors import PeriodClosedError, SegregationError
from tieout.core.period import parse_period
from tieout.ledger.building import AccountMonth, Heading, build
from tieout.ledger.entry import JournalEntry, JournalType, signed_line
from tieout.steps import booking, close, pack, reopen, status
from tieout.steps.context import Context
from tieout.steps.inputs import chart
from tieout.store import publications
from tieout.store.reopenings import NewReopening

OCTOBER = parse_period(month.PERIOD)
AWS = AccountMonth(provider="aws", billing_account_id="417000000001", period=OCTOBER)
CENTS = 12_345


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """October as it was closed and published first."""

    worker: Context
    web: Context
    world: month.World
    content: str
    files: dict[str, bytes]


def published(worker: Context) -> dict[str, Path]:
    with worker.store.transaction() as tx:
        found = publications.head(tx, month.PERIOD)
    assert found is not None
    return {name: Path(unquote(urlsplit(at).path)) for name, at in found.files.items()}


def post(worker: Context, journal_type: JournalType) -> JournalEntry:
    """Cost of AWS that turns out to be engineering's, on the last day of October."""
    dimensions = {"provider": "aws", "charge_category": "Usage", "initiative": "internal-tools"}
    heading = Heading(
        journal_type=journal_type,
        posting_on=OCTOBER.last_on,
        document_on=OCTOBER.last_on,
        source=f"late {journal_type}",
        source_refs=("mail of 20 November",),
    )
    with worker.store.transaction() as tx:
        sides = [
            signed_line(account, minor, memo="Belongs to engineering", dimensions=dimensions)
            for account, minor in (("6100", CENTS), ("5100", -CENTS))
        ]
        entry = build(sides, heading=heading, month=AWS, chart=chart(tx, OCTOBER))
        assert entry is not None
        booking.record(tx, month.PERIOD, [entry], booking.post_all(tx, [entry]), {})
    return entry


@pytest.fixture(scope="module")
def closed(world_at: WorldAt) -> Iterator[Closed]:
    world = world_at("controller signs")
    month.act("publish")(world)
    worker, web = world.worker(), world.web()
    yield Closed(
        worker=worker,
        web=web,
        world=world,
        content=str(status.period_status(worker, period=month.PERIOD)["content_hash"]),
        files={name: path.read_bytes() for name, path in published(worker).items()},
    )
    worker.close()
    web.close()


def test_a_reopened_month_takes_a_late_entry_and_closes_again_beside_its_first_version(
    closed: Closed, tmp_path: Path
) -> None:
    worker, web = closed.worker, closed.web
    with pytest.raises(PeriodClosedError):
        post(worker, "reclass")
    wish = NewReopening(
        period=month.PERIOD,
        reason_code="error_correction",
        remark="A machine of engineering was booked as cost of revenue.",
        scope=("reclass",),
        expires_at=utc_now() + timedelta(days=2),
    )
    number = int(reopen.ask(web, new=wish, person="ben").summary["reopening"] or 0)
    with pytest.raises(SegregationError):
        reopen.approve(web, reopening=number, person="ben")
    with pytest.raises(PeriodClosedError):
        post(worker, "reclass")
    reopen.approve(web, reopening=number, person="cem")
    with pytest.raises(PeriodClosedError, match="reopened for reclass only"):
        post(worker, "manual")
    post(worker, "reclass")

    shown = reopen.listing(worker, period=month.PERIOD)
    differs = shown["difference"]
    assert differs["content_before"] == closed.content != differs["content_now"]
    assert (differs["changed_lines"], len(differs["entries"])) == (0, 1)
    assert close.request(worker, period=month.PERIOD).status == "done"
    for name in ("preparer signs", "controller signs", "publish"):
        month.act(name)(closed.world)

    first, second = reopen.listing(worker, period=month.PERIOD)["closes"]
    assert (first["close_no"], first["content_hash"]) == (1, closed.content)
    assert (second["close_no"], second["content_hash"]) == (2, differs["content_now"])
    now = published(worker)
    assert set(now) - set(closed.files) == {"evidence/12-reopenings.json"}
    assert any(now[name].read_bytes() != content for name, content in closed.files.items())
    _unchanged(closed)
    done = pack.run(worker, period=month.PERIOD, folder=tmp_path)
    folder = Path(str(done.summary["folder"]))
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")


def _unchanged(closed: Closed) -> None:
    """Every file of the first publication is still there with its bytes."""
    with closed.worker.store.transaction() as tx:
        newest = publications.head(tx, month.PERIOD)
        assert newest is not None
        first = publications.as_of(tx, month.PERIOD, newest.ledger_seq - 1)
    assert first is not None
    assert first.content_hash == closed.content
    for name, at in first.files.items():
        assert Path(unquote(urlsplit(at).path)).read_bytes() == closed.files[name], name
