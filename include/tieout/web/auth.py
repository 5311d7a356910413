"""Who is asking: the one file that touches Airflow's log-in.

It only identifies. What a person may do is decided by the database from the person's duties.
"""

import os
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from fastapi import Depends

from tieout.core.errors import SettingError


def logged_in_person(user: Annotated[BaseUser, Depends(get_user)]) -> str:
    """The stable id that the auth manager gives the person; 401 without a valid log-in."""
    return str(user.get_id())


Person = Annotated[str, Depends(logged_in_person)]


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
