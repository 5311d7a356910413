"""Doctor: looks at a set-up and says, point by point, what is wrong and how to mend it.

Owns the order of the looks. It writes one probe file in the lake and one in the published folder,
and no fact; a look that cannot be made is a point of its own, never the end of the others.
"""

import os
from collections.abc import Mapping
from itertools import chain

from tieout.steps.context import Context
from tieout.steps.doctor import airflow, database, places, providers
from tieout.steps.doctor.points import Point, verdict

__all__ = ["Point", "run", "verdict"]


def run(
    context: Context, *, ask_providers: bool = True, environ: Mapping[str, str] | None = None
) -> list[Point]:
    """Every point in a fixed order; providers are asked only if wanted and a worker login is set.

    `environ` is where Airflow's settings are looked for; None is this process's own.
    """
    env = os.environ if environ is None else environ
    asked = ask_providers and bool(context.database_url.reveal())
    return list(
        chain(
            database.look(context),
            places.look(context),
            providers.look(context) if asked else (),
            airflow.look(env, demo=context.settings.demo),
        )
    )
