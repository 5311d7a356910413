"""Mounts the finance API in Airflow's API server, the one process with the deciding login."""

import os
from typing import Any

from airflow.plugins_manager import AirflowPlugin


def _apps() -> list[dict[str, Any]]:
    """The finance API where the web login is known; nothing in schedulers and workers."""
    if not os.environ.get("TIEOUT_WEB_DATABASE_URL"):
        return []
    from tieout.web.app import create_app

    return [{"app": create_app(), "url_prefix": "/tieout", "name": "tieout"}]


class TieoutPlugin(AirflowPlugin):
    """What Airflow should know about tieout."""

    name = "tieout"
    fastapi_apps = _apps()
