"""The evidence pack of the sample month: whole, the same every time, and it verifies on its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import HashMismatchError, IntegrityError, NotReadyError, UsageError
from tieout.publish.pack_keys import make_key
from tieout.steps import anchoring, audit_views, checkpoint, close, pack, policies, publish
from tieout.steps.context import Context
from tieout.store import audit, periods


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the anchors are: a folder and a repository of the auditor's."""
    place = tmp_path_factory.mktemp("outside")
    subprocess.run(["git", "init", "--quiet", "--bare", place / "audit.git"], check=True)
    return place


@pytest.fixture(scope="module")
def worker(world_at: WorldAt, outside: Path) -> Iterator[Context]:
    """A worker that holds a key, after the month was published with anchors."""
    world = world_at("controller signs")
    key = outside / "signing.pem"
    (outside / "key.txt").write_text(make_key(key) + "\n")
    plain = world.worker()
    settings = replace(
        plain.settings,
        signing_key=str(key),
        anchor_url=(outside / "copies").as_uri(),
        anchor_git=str(outside / "audit.git"),
    )
    made = replace(plain, settings=settings)
    assert publish.run(made, period=month.PERIOD).status == "done"
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(worker: Context, tmp_path_factory: pytest.TempPathFactory) -> Path:
    done = pack.run(worker, period=month.PERIOD, folder=tmp_path_factory.mktemp("pack"))
    return Path(str(done.summary["folder"]))


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def verified(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_pack_verifies_without_tieout_against_what_is_kept_outside(
    folder: Path, outside: Path
) -> None:
    (copy,) = (outside / "copies").iterdir()
    done = verified(folder, "--checkpoint", str(copy), "--key", str(outside / "key.txt"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert done.stdout.count("signed by tieout+") == 2
    assert "the shares of" in done.stdout


def test_every_item_that_the_month_has_is_there_and_the_read_me_names_it(folder: Path) -> None:
    names = set(content(folder))
    numbers = {name[:2] for name in names if name[:2].isdigit()}
    expected = {f"{number:02d}" for number in range(1, 17)} - {"09"}
    assert expected - {"12"} <= numbers
    text = (folder / "README.txt").read_text()
    for name in names - {"README.txt", "SHA256SUMS", "verify.py"}:
        assert name.split("/")[0] in text, name


def test_packed_again_after_later_events_the_pack_has_the_same_bytes(
    worker: Context, folder: Path, tmp_path: Path
) -> None:
    before = content(folder)
    with worker.store.transaction() as tx:
        periods.ensure(tx, "2026-11")
        audit.record(tx, "people_loaded", "later", {})
    checkpoint.make(worker)
    again = pack.run(worker, period=month.PERIOD, folder=tmp_path)
    assert content(Path(str(again.summary["folder"]))) == before
    assert pack.run(worker, period=month.PERIOD, folder=tmp_path).status == "unchanged"
    (Path(str(again.summary["folder"])) / "README.txt").write_text("other")
    with pytest.raises(UsageError, match="another content"):
        pack.run(worker, period=month.PERIOD, folder=tmp_path)


def test_the_statement_is_the_same_after_fifty_later_rule_changes(
    worker: Context, folder: Path, tmp_path: Path
) -> None:
    rules = (month.POLICIES / "classification.yaml").read_text()
    for number in range(50):
        policies.propose(
            worker,
            kind="classification",
            text=f"{rules}\n# change {number}\n",
            name="classification.yaml",
            valid_from=date(2026, 1, 1),
            person=month.PREPARER,
        )
    again = pack.run(worker, period=month.PERIOD, folder=tmp_path)
    now = Path(str(again.summary["folder"])) / "01-statement.json"
    assert now.read_bytes() == (folder / "01-statement.json").read_bytes()
    assert close.request(worker, period=month.PERIOD).status == "unchanged"


def test_copies_outside_are_compared_and_a_changed_or_lost_one_is_named(
    worker: Context, outside: Path
) -> None:
    done = checkpoint.verify(worker)
    assert int(done.summary["copies"] or 0) >= 2
    copies = sorted((outside / "copies").iterdir())
    good = copies[0].read_text()
    lines = good.split("\n")
    copies[0].write_text("\n".join([lines[0], str(10**6), *lines[2:]]))
    with pytest.raises(IntegrityError, match="events were cut"):
        checkpoint.verify(worker)
    with pytest.raises(IntegrityError, match="another checkpoint"):
        anchoring.anchor(worker)
    copies[0].unlink()
    with pytest.raises(IntegrityError, match="No checkpoint at"):
        checkpoint.verify(worker)
    anchoring.anchor(worker)
    assert checkpoint.verify(worker).summary == done.summary


def test_a_changed_published_file_is_refused_by_name(worker: Context, tmp_path: Path) -> None:
    (file,) = worker.settings.home.rglob("evidence/01-trial-balance.csv")
    good = file.read_bytes()
    file.write_bytes(good + b" ")
    try:
        with pytest.raises(HashMismatchError, match="01-trial-balance"):
            pack.run(worker, period=month.PERIOD, folder=tmp_path)
    finally:
        file.write_bytes(good)


def test_a_month_that_is_not_published_has_no_pack(worker: Context, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="tieout publish 2026-09"):
        pack.run(worker, period="2026-09", folder=tmp_path)


def test_saved_queries_and_listings_answer(worker: Context) -> None:
    names = [one["name"] for one in audit_views.queries()]
    assert len(names) >= 10
    found = {
        name: audit_views.query(worker, name=name, period=month.PERIOD)["rows"] for name in names
    }
    assert found["after_close"] == found["one_person_twice"] == []
    assert found["seldom_used_accounts"]
    access = audit_views.access(worker)
    assert {one["person_id"] for one in access["people"]} >= {"ana", "ben"}
    assert {"role": "t_web", "kind": "function", "name": "close_period", "may": "EXECUTE"} in (
        access["roles"]
    )
    assert not [
        one
        for one in access["roles"]
        if one["kind"] == "table" and one["name"] == "journal_entry" and "UPDATE" in one["may"]
    ]
    changed = audit_views.changes(worker, period=month.PERIOD)
    assert {"policy_proposed", "policy_approved"} <= {one["action"] for one in changed}


def test_the_log_of_checkpoints_shows_size_signature_and_places(worker: Context) -> None:
    listed = checkpoint.listing(worker)
    assert [one["events"] for one in listed] == sorted(one["events"] for one in listed)
    assert all(one["signed_by"] and len(one["anchors"]) == 2 for one in listed)
    assert json.dumps(listed)
