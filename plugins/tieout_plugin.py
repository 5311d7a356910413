"""Mounts the finance pages and their API in the API server, the one with the deciding login."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from tieout.config import load_settings


def _is_api_server() -> bool:
    """Whether the web login is known: nothing is shown by schedulers and workers."""
    return bool(load_settings().web_database_url.reveal())


def _apps() -> list[dict[str, Any]]:
    if not _is_api_server():
        return []
    from tieout.web.app import create_app

    return [{"app": create_app(), "url_prefix": "/tieout", "name": "tieout"}]


def _views() -> list[dict[str, Any]]:
    """One entry in the navigation; the pages' own tab bar does the rest."""
    if not _is_api_server():
        return []
    from tieout.web.assets import assets

    return [
        {
            "name": "Finance",
            "href": "/tieout/",
            "destination": "nav",
            "url_route": "tieout",
            "nav_top_level": True,
            "icon": f"/tieout{assets()['icon.svg'].address}",
            "icon_dark_mode": f"/tieout{assets()['icon-dark.svg'].address}",
        }
    ]


class TieoutPlugin(AirflowPlugin):
    """What Airflow should know about tieout."""

    name = "tieout"
    fastapi_apps = _apps()
    external_views = _views()
