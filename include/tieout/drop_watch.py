"""Watches the drop folders inside Airflow's triggerer, and starts a run when a document arrives.

Owns the trigger, the assets that it watches and what an event says: names, never content. The
triggerer looks; reading is the work of the task (`pull`). Beside `orchestration` the one module
that knows Airflow, and like it without access to Airflow's database.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import Asset, AssetAny, AssetWatcher, BaseHook, get_current_context
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from tieout.config import ProviderConnection, connection_from_fields
from tieout.core.errors import (
    ConnectionMissingError,
    SettingError,
    SourceUnreachableError,
    TieoutError,
)

POLL_S = 60
LEAST_POLL_S = 5
MOST_NAMES = 100  # an event is a row of Airflow's database, not a list of a year's documents


class DropFolderTrigger(BaseEventTrigger):
    """Looks into the folder of one connection for ever; an event names what is new or changed.

    The first look reports everything that is there: a document that came while no triggerer ran is
    not missed, and a run over known documents changes nothing. A folder that does not answer is
    looked at again; what a person must mend is reported once, so that a run fails where people see
    it.
    """

    def __init__(self, provider: str, connection: str, poll_s: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3.3.2 types no triggers
        self.provider = provider
        self.connection = connection
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as Airflow keeps them; no secret is among them."""
        kwargs = {
            "provider": self.provider,
            "connection": self.connection,
            "poll_s": self.poll_s,
        }
        return "tieout.drop_watch.DropFolderTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event for each look that found something; never ends."""
        seen: dict[str, str] = {}
        trouble = ""
        while True:
            try:
                found = await self._look()
                fresh = sorted(name for name, mark in found.items() if seen.get(name) != mark)
                seen, trouble = found, ""
                if fresh:
                    yield self._event(fresh)
            except SourceUnreachableError as error:
                self.log.warning("The drop folder does not answer: %s", error)
            except TieoutError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    yield self._event([], trouble)
            await asyncio.sleep(self.poll_s)

    async def _look(self) -> dict[str, str]:
        from tieout.sources.drop_folder import marks_of

        place = await _connection(self.connection)
        return await asyncio.to_thread(marks_of, place)

    def _event(self, names: list[str], trouble: str = "") -> TriggerEvent:
        payload = {
            "provider": self.provider,
            "files": names[:MOST_NAMES],
            "count": len(names),
            "trouble": trouble,
        }
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # as above


def schedule() -> AssetAny | None:
    """A run whenever one of the folders of `TIEOUT_DROP_FOLDERS` has something; else by hand.

    Raises:
        SettingError: a setting is not what it should be.
    """
    found = [_asset(provider, connection) for provider, connection in _folders()]
    return AssetAny(*found) if found else None


def has_changed(provider: str) -> bool:
    """Whether a folder of the provider started this run; a run by hand is about all of them.

    Raises:
        SettingError: the watcher could not look into the folder; says what to mend.
    """
    events = get_current_context().get("triggering_asset_events") or {}
    payloads = [event.extra.get("payload") or {} for asset in events for event in events[asset]]
    own = [one for one in payloads if one.get("provider") == provider]
    trouble = [str(one["trouble"]) for one in own if one.get("trouble")]
    if trouble:
        raise SettingError(trouble[0])
    return bool(own) or not payloads


async def _connection(name: str) -> ProviderConnection:
    full = f"tieout_{name}"
    try:
        found = await BaseHook.aget_connection(full)
    except AirflowNotFoundException:
        raise ConnectionMissingError(
            f"No Airflow connection {full}: expected one with the documents_url that "
            "TIEOUT_DROP_FOLDERS lets the triggerer watch; add it, or take it out of the setting."
        ) from None
    fields = ("host", "port", "login", "password", "extra")
    return connection_from_fields(full, {field: getattr(found, field) for field in fields})


def _asset(provider: str, connection: str) -> Asset:
    trigger = DropFolderTrigger(provider=provider, connection=connection, poll_s=_poll_s())
    watcher = AssetWatcher(name=f"drop_{connection}", trigger=trigger)
    return Asset(f"tieout_drop_{connection}", watchers=[watcher])


def _folders() -> list[tuple[str, str]]:
    """Provider and connection of each watched folder: `openai`, or `openai:drop_openai`."""
    names = [one.strip() for one in os.environ.get("TIEOUT_DROP_FOLDERS", "").split(",")]
    parts = [one.partition(":") for one in names if one]
    found = [(provider, named if colon else provider) for provider, colon, named in parts]
    if not all(map(all, found)) or len({connection for _, connection in found}) != len(found):
        raise SettingError(
            f"TIEOUT_DROP_FOLDERS is {','.join(names)!r}: expected providers such as openai, or "
            "provider:connection such as openai:drop_openai, each connection once."
        )
    return found


def _poll_s() -> int:
    text = os.environ.get("TIEOUT_DROP_POLL_S", str(POLL_S))
    if not text.isdecimal() or int(text) < LEAST_POLL_S:
        raise SettingError(
            f"TIEOUT_DROP_POLL_S is {text!r}: expected whole seconds, at least {LEAST_POLL_S}."
        )
    return int(text)
