"""The description of the finance API as OpenAPI, for programs; behind the log-in like all else.

Owns what every route has in common: refusals, tags, names of operations. It shows no page: pages
with generated documentation would load scripts from elsewhere.
"""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field


class Refusal(BaseModel):
    """Why something was refused, in one sentence; `code` where the person can mend it at once."""

    model_config = ConfigDict(extra="forbid")

    error: str
    code: str | None = Field(default=None, description="log_in_again or confirm_again")
    log_in: str | None = Field(default=None, description="where to log in again")


_SAID: Final = {
    400: "The request is not one that can be read.",
    401: "Nobody is logged in; or a decision needs a log-in not older than ten minutes.",
    403: "The person may not do this, or has not confirmed it; or another site asks.",
    404: "There is nothing of that name, or nothing that the person may see.",
    409: "The ledger is not in the state that this needs.",
    413: "The body is too large.",
    422: "The request is not understood.",
    429: "Too many requests within a minute; Retry-After says how long to wait.",
    500: "A failure of ours, told as a number.",
}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Refusal, "description": said} for status, said in _SAID.items()
}
SUMMARY: Final = (
    "Closes the month for AI and cloud spend. Decisions need a confirmation: "
    "`POST /api/confirmations`, then the decision with its number, within ten minutes of a log-in."
)
router = APIRouter(prefix="/api")


def operation_id(route: APIRoute) -> str:
    """The name of the function that answers: stable, and one for each route."""
    return route.name


@router.get("/openapi.json")
def description(request: Request) -> dict[str, Any]:
    """This description."""
    made: dict[str, Any] = request.app.openapi()
    for path, operations in made["paths"].items():
        for operation in operations.values():
            operation["tags"] = [path.removeprefix("/api/").partition("/")[0]]
    return {**made, "servers": [{"url": request.scope.get("root_path") or "/"}]}
