"""The app that the plugin mounts at /tieout: guard, log-in for all, refusals as sentences."""

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from tieout.core.errors import (
    ConfirmationError,
    SegregationError,
    SourceRefusedError,
    StateError,
    TieoutError,
    UnknownSubjectError,
    UsageError,
)
from tieout.web import close_api, describe, document_files, frame, pack_file, pages, step_up
from tieout.web.api import router
from tieout.web.auth import logged_in_person, refuse_demo_log_in
from tieout.web.guard import Guard, refusal
from tieout.web.limits import WINDOW_S, Limits, TooManyRequestsError
from tieout.web.permissions import permitted
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
    """Build the app; every route needs a logged-in person and a row in `permissions`.

    Raises:
        SettingError: the log-in is Airflow's demo log-in and this is not a demo.
    """
    refuse_demo_log_in()
    app = FastAPI(
        title="tieout",
        description=describe.SUMMARY,
        responses=describe.RESPONSES,
        generate_unique_id_function=describe.operation_id,
        dependencies=[Depends(logged_in_person), Depends(permitted)],
        # the generated pages would stand outside the dependency, and load scripts from elsewhere
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.limits = Limits()
    app.include_router(router)
    app.include_router(close_api.router)
    app.include_router(document_files.router)
    app.include_router(pack_file.router)
    frame.install(app, pages.TABS)
    app.include_router(describe.router)
    app.add_middleware(Guard)
    frame.dress(app)
    app.add_exception_handler(TieoutError, _refused)
    app.add_exception_handler(ConfirmationError, _confirm_again)
    app.add_exception_handler(step_up.LogInAgainError, _log_in_again)
    app.add_exception_handler(TooManyRequestsError, _too_often)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http)
    return app


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return refusal(status, str(error))
    raise error  # the guard tells it as a failure of ours


async def _confirm_again(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(step_up.problem(str(error), "confirm_again"), status_code=403)


async def _log_in_again(_request: Request, _error: Exception) -> JSONResponse:
    sentence = (
        "This decision needs a log-in that is not older than ten minutes: log in again, and come "
        "back."
    )
    return JSONResponse(
        step_up.problem(sentence, "log_in_again"),
        status_code=401,
        headers={"WWW-Authenticate": step_up.CHALLENGE},
    )


async def _too_often(_request: Request, error: Exception) -> JSONResponse:
    wait_s = error.wait_s if isinstance(error, TooManyRequestsError) else WINDOW_S
    answer = refusal(429, f"Too many requests within a minute: try again in {wait_s} s.")
    answer.headers["Retry-After"] = str(wait_s)
    return answer


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
