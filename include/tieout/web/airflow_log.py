"""Airflow's event log, read through its REST API inside the API server, as the person who asks.

Owns paging, and the copy of it all. The request goes to the app that serves us, without a network,
with the log-in of the request that came in: nothing here holds a credential, and nobody reads more
than they may.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from tieout.config import wall_clock
from tieout.core.errors import NotReadyError, SourceRefusedError
from tieout.steps import airflow_events
from tieout.steps.context import Context, StepResult

PAGE: Final = 100
MOST_PAGES: Final = 200
_OK = 200
_LOG_IN = ("authorization", "cookie")


async def read(
    app: ASGIApp, headers: Mapping[str, str], *, after: datetime | None, before: datetime
) -> list[dict[str, Any]]:
    """The events between two instants in the order of their ids.

    Raises:
        SourceRefusedError: Airflow does not let this person read its event log.
        NotReadyError: there are more than MOST_PAGES pages of them.
    """
    shown = {key: value for key, value in headers.items() if key.lower() in _LOG_IN}
    query: dict[str, str | int] = {"order_by": "id", "limit": PAGE, "before": before.isoformat()}
    query |= {"after": after.isoformat()} if after else {}
    found: list[dict[str, Any]] = []
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://airflow", headers=shown
    ) as client:
        for page in range(MOST_PAGES):
            asked = {**query, "offset": page * PAGE}
            answer = await client.get("/api/v2/eventLogs", params=asked)
            if answer.status_code != _OK:
                raise SourceRefusedError(
                    f"Airflow answered {answer.status_code} when asked for its event log: expected "
                    "200; read it as a person who may see the audit log of every DAG."
                )
            rows = answer.json()["event_logs"]
            found += rows
            if len(rows) < PAGE:
                return found
    raise NotReadyError(
        f"Airflow's event log has more than {PAGE * MOST_PAGES} events since {after}: expected "
        "fewer at a time; copy it daily, or purge what is older than the first month."
    )


async def copy(context: Context, headers: Mapping[str, str], *, person: str) -> StepResult:
    """Copy the log on from where it was left to this moment, as the person who asks.

    Raises: as `read` and `airflow_events.keep`.
    """
    now = wall_clock()
    after = await run_in_threadpool(airflow_events.since, context)
    found = await read(serving_app(), headers, after=after, before=now)
    return await run_in_threadpool(
        airflow_events.keep, context, found=found, person=person, now=now
    )


async def require_reviewed(
    context: Context, headers: Mapping[str, str], *, person: str, period: str
) -> None:
    """Before a month is closed: copy the log, and make sure that each override was reviewed.

    Raises: as `copy` and `airflow_events.require_all_reviewed`.
    """
    copied = await copy(context, headers, person=person)
    await run_in_threadpool(
        airflow_events.require_all_reviewed, context, period=period, copied=copied
    )


def serving_app() -> ASGIApp:
    """The app of this API server."""
    from airflow.api_fastapi.main import app  # made when the server starts

    return app
