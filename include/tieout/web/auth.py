"""Who is asking, and since when: the one file that touches Airflow's log-in.

It only identifies, and asks Airflow whether the person may enter the finance pages at all. What a
person may do in them is decided from the duties that the database keeps.
"""

import os
from datetime import UTC, datetime
from typing import Annotated

import jwt
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import (
    COOKIE_NAME_JWT_TOKEN,
    BaseAuthManager,
)
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request

from tieout.core.errors import SettingError

# What an auth manager with permissions of its own calls the finance pages.
RESOURCE = "tieout"
_BEARER = "bearer "


def logged_in_person(user: Annotated[BaseUser, Depends(get_user)]) -> str:
    """The stable id that the auth manager gives the person; 401 without a valid log-in.

    403 where the auth manager does not let the person see the finance pages.
    """
    manager = get_auth_manager()
    if not manager.is_authorized_custom_view(method="GET", resource_name=RESOURCE, user=user):
        raise HTTPException(status_code=403)
    return str(user.get_id())


Person = Annotated[str, Depends(logged_in_person)]


def logged_in_at(request: Request, _person: Person) -> datetime | None:
    """When the token of this request was made, which is when its person gave a password.

    None where that is not known. The token was proven by `logged_in_person`; of two, the header
    counts, as it does there. An auth manager that renews cookies by itself makes their age worth
    nothing: there only a token from Airflow's token address counts.
    """
    header = request.headers.get("authorization", "")
    if header.lower().startswith(_BEARER):
        return _made_at(header[len(_BEARER) :].strip())
    cookie = request.cookies.get(COOKIE_NAME_JWT_TOKEN)
    if cookie is None or _renews_cookies():
        return None
    return _made_at(cookie)


LoggedInAt = Annotated[datetime | None, Depends(logged_in_at)]


def refuse_demo_log_in() -> None:
    """Make sure that a demo log-in serves a demo only.

    Raises:
        SettingError: Airflow runs its SimpleAuthManager and `TIEOUT_DEMO` is not 1.
    """
    manager = conf.get("core", "auth_manager")
    if manager.endswith(".SimpleAuthManager") and os.environ.get("TIEOUT_DEMO") != "1":
        raise SettingError(
            "Airflow's SimpleAuthManager is for demos: expected another [core] auth_manager, such "
            "as FabAuthManager, before people sign; set TIEOUT_DEMO=1 only where nobody's money "
            "is at stake."
        )


def _renews_cookies() -> bool:
    return type(get_auth_manager()).refresh_user is not BaseAuthManager.refresh_user


def _made_at(token: str) -> datetime | None:
    try:
        made = jwt.decode(token, options={"verify_signature": False}).get("iat")
    except jwt.InvalidTokenError:
        return None
    return datetime.fromtimestamp(made, UTC) if isinstance(made, int) else None
