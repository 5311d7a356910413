"""The app that the plugin mounts at /tieout: guard, log-in for all, refusals as sentences."""

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from tieout.core.errors import (
    SegregationError,
    SourceRefusedError,
    StateError,
    TieoutError,
    UnknownSubjectError,
    UsageError,
)
from tieout.web import close_api, frame, pages
from tieout.web.api import router
from tieout.web.auth import logged_in_person, refuse_demo_log_in
from tieout.web.guard import Guard, refusal
from tieout.web.view import QueryError

# The first class that fits decides; what is not listed is our failure, not the caller's.
_STATUS: tuple[tuple[type[TieoutError], int], ...] = (
    (SegregationError, 403),
    (SourceRefusedError, 403),
    (StateError, 409),
    (UnknownSubjectError, 404),
    (QueryError, 400),
    (UsageError, 422),
)
_SENTENCE = {
    401: "Nobody is logged in: log in to Airflow, or send an API token.",
    403: "You may not do this.",
    404: "There is nothing here.",
    405: "This address does not take that method.",
}


def create_app() -> FastAPI:
    """Build the app; every route needs a logged-in person, whether or not it says so.

    Raises:
        SettingError: the log-in is Airflow's demo log-in and this is not a demo.
    """
    refuse_demo_log_in()
    app = FastAPI(
        title="tieout",
        dependencies=[Depends(logged_in_person)],
        # the generated pages would stand outside the dependency, and load scripts from elsewhere
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(router)
    app.include_router(close_api.router)
    frame.install(app, pages.TABS)
    app.add_middleware(Guard)
    frame.dress(app)
    app.add_exception_handler(TieoutError, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http)
    return app


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return refusal(status, str(error))
    raise error  # the guard tells it as a failure of ours


async def _not_understood(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class only
    places = ", ".join(
        f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
        for found in error.errors()
    )
    return refusal(422, f"The request is not understood: {places}.")


async def _http(_request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return refusal(status, _SENTENCE.get(status, "The request was refused."))
