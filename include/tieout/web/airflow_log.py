"""Airflow's event log, read through its REST API inside the API server, as the person who asks.

Owns paging. The request goes to the app that serves us, without a network, with the log-in of the
request that came in: nothing here holds a credential, and nobody reads more than they may.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx
from starlette.types import ASGIApp

from tieout.core.errors import SourceRefusedError

PAGE: Final = 100
MOST_PAGES: Final = 50
_OK = 200
_LOG_IN = ("authorization", "cookie")


async def read(
    app: ASGIApp, headers: Mapping[str, str], *, after: datetime | None, before: datetime
) -> list[dict[str, Any]]:
    """The events between two instants in the order of their ids, MOST_PAGES pages at most.

    Raises:
        SourceRefusedError: Airflow does not let this person read its event log.
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
                break
    return found


def serving_app() -> ASGIApp:
    """The app of this API server."""
    from airflow.api_fastapi.main import app  # made when the server starts

    return app
