"""The watcher of the drop folders: what it reports, and that it goes on whatever happens."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.serialization.serialized_objects import DagSerialization
from airflow.triggers.base import TriggerEvent

from tieout import drop_watch
from tieout.core.errors import SettingError
from tieout.drop_watch import DropFolderTrigger
from tieout.orchestration import providers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drop folder behind Airflow's connection tieout_openai."""
    made = tmp_path / "drop"
    made.mkdir()

    async def found(name: str) -> Connection:
        if name != "tieout_openai":
            raise AirflowNotFoundException(name)
        extra = f'{{"documents_url": "{made.as_uri()}"}}'
        return Connection(conn_id=name, conn_type="generic", password="k1", extra=extra)

    monkeypatch.setattr(BaseHook, "aget_connection", found)
    return made


class Events:
    """The events of one trigger, one after the other; None when a few looks found nothing."""

    def __init__(self, connection: str = "openai") -> None:
        self._trigger = DropFolderTrigger("openai", connection, 0)
        self._events: AsyncIterator[TriggerEvent] = self._trigger.run()
        self._next: asyncio.Task[TriggerEvent] | None = None

    async def next(self, patience_s: float = 10) -> dict[str, Any] | None:
        self._next = self._next or asyncio.ensure_future(anext(self._events))
        done, _ = await asyncio.wait({self._next}, timeout=patience_s)
        if not done:
            return None
        event, self._next = self._next.result(), None
        return dict(event.payload)

    async def end(self) -> None:
        if self._next:
            self._next.cancel()


def put(folder: Path, name: str, content: bytes) -> None:
    """Whole at once, as a careful sender does: a half-written file would be reported twice."""
    made = folder.parent / name
    made.write_bytes(content)
    made.replace(folder / name)


def test_what_is_there_is_reported_once_and_then_only_what_is_new_or_changed(
    folder: Path,
) -> None:
    async def watch() -> None:
        events = Events()
        put(folder, "a.pdf", b"%PDF-1.4")
        put(folder, "note.txt", b"no document")
        first = await events.next()
        assert first == {"provider": "openai", "files": ["a.pdf"], "count": 1, "trouble": ""}
        assert await events.next(0.2) is None
        put(folder, "b.xml", b"<x/>")
        assert ((await events.next()) or {})["files"] == ["b.xml"]
        put(folder, "a.pdf", b"%PDF-1.4 longer")
        assert ((await events.next()) or {})["files"] == ["a.pdf"]
        (folder / "a.pdf").unlink()
        assert await events.next(0.2) is None
        put(folder, "a.pdf", b"%PDF-1.4 longer")
        assert ((await events.next()) or {})["files"] == ["a.pdf"]
        await events.end()

    asyncio.run(watch())


def test_a_triggerer_that_starts_again_reports_everything_again(folder: Path) -> None:
    async def watch() -> None:
        put(folder, "a.pdf", b"%PDF-1.4")
        for _ in range(2):
            assert ((await Events().next()) or {})["files"] == ["a.pdf"]

    asyncio.run(watch())


def test_an_event_stays_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_watch, "MOST_NAMES", 2)

    async def watch() -> None:
        for number in range(5):
            (folder / f"{number}.pdf").write_bytes(b"%PDF-1.4")
        found = (await Events().next()) or {}
        assert (found["files"], found["count"]) == (["0.pdf", "1.pdf"], 5)

    asyncio.run(watch())


def test_a_folder_that_does_not_answer_is_looked_at_again(folder: Path) -> None:
    def mend() -> None:
        folder.unlink()
        folder.mkdir()
        put(folder, "a.pdf", b"%PDF-1.4")

    async def watch() -> None:
        events = Events()
        assert await events.next(0.3) is None
        mend()
        assert ((await events.next()) or {})["files"] == ["a.pdf"]
        await events.end()

    folder.rmdir()
    folder.write_bytes(b"a file where the folder should be")
    asyncio.run(watch())


def test_what_a_person_must_mend_is_reported_once(folder: Path) -> None:
    async def watch() -> None:
        events = Events("other")
        found = (await events.next()) or {}
        assert (found["files"], found["provider"]) == ([], "openai")
        assert found["trouble"].startswith("No Airflow connection tieout_other")
        assert await events.next(0.3) is None
        await events.end()

    asyncio.run(watch())


def test_the_triggerer_can_make_the_trigger_from_what_airflow_keeps() -> None:
    path, arguments = DropFolderTrigger("openai", "drop_openai", 60).serialize()
    module, _, name = path.rpartition(".")
    made = getattr(importlib.import_module(module), name)(**arguments)
    assert isinstance(made, DropFolderTrigger)
    assert made.serialize() == (path, arguments)
    assert arguments == {"provider": "openai", "connection": "drop_openai", "poll_s": 60}


def test_no_folder_is_watched_unless_the_deployment_says_so(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIEOUT_DROP_FOLDERS", raising=False)
    assert drop_watch.schedule() is None
    tasks = {task.task_id: task.pool for task in dags["receive_documents"].tasks}
    assert tasks == {f"read_documents_{name}": f"tieout_{name}" for name in providers()}


def test_each_watched_folder_is_an_asset_with_its_watcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_DROP_FOLDERS", "openai, anthropic:drop_anthropic")
    monkeypatch.setenv("TIEOUT_DROP_POLL_S", "30")
    found = drop_watch.schedule()
    assert found is not None
    assets = [one for one in found.objects if isinstance(one, Asset)]
    assert [one.name for one in assets] == ["tieout_drop_openai", "tieout_drop_drop_anthropic"]
    triggers = [one.watchers[0].trigger for one in assets]
    assert [one.serialize()[1] for one in triggers] == [
        {"provider": "openai", "connection": "openai", "poll_s": 30},
        {"provider": "anthropic", "connection": "drop_anthropic", "poll_s": 30},
    ]
    with DAG("watched", schedule=found) as dag:
        pass
    assert "DropFolderTrigger" in str(DagSerialization.to_dict(dag))


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TIEOUT_DROP_FOLDERS", "openai:"),
        ("TIEOUT_DROP_FOLDERS", "openai,openai"),
        ("TIEOUT_DROP_POLL_S", "4"),
        ("TIEOUT_DROP_POLL_S", "soon"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv("TIEOUT_DROP_FOLDERS", "openai")
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingError, match=variable):
        drop_watch.schedule()


def run_of(monkeypatch: pytest.MonkeyPatch, *payloads: dict[str, Any]) -> None:
    events = [SimpleNamespace(extra={"from_trigger": True, "payload": one}) for one in payloads]
    current = {"triggering_asset_events": {"asset": events} if payloads else None}
    monkeypatch.setattr(drop_watch, "get_current_context", lambda: current)


def test_a_run_is_about_the_providers_whose_folders_started_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_of(monkeypatch, {"provider": "openai", "files": ["a.pdf"], "trouble": ""})
    assert drop_watch.has_changed("openai")
    assert not drop_watch.has_changed("anthropic")


def test_a_run_by_hand_is_about_all_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    run_of(monkeypatch)
    assert drop_watch.has_changed("openai")


def test_trouble_of_the_watcher_fails_the_run_of_its_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_of(
        monkeypatch,
        {"provider": "openai", "files": [], "trouble": "No Airflow connection tieout_openai."},
        {"provider": "anthropic", "files": ["b.pdf"], "trouble": ""},
    )
    with pytest.raises(SettingError, match="No Airflow connection"):
        drop_watch.has_changed("openai")
    assert drop_watch.has_changed("anthropic")
