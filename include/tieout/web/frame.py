"""Puts the pages into the app: tab bar, start page, preferences, files by extension.

Owns the routes that belong to no single page. What a page shows is the page's.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from fastapi import APIRouter, FastAPI, Form, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tieout.steps import standing_now
from tieout.web import preferences
from tieout.web.api import MonthText, web_context
from tieout.web.assets import Assets, below
from tieout.web.desk import SEE_OTHER, AtDesk, Kept, Tab
from tieout.web.downloads import FORMS
from tieout.web.forms import Forms, PageForm
from tieout.web.refusals import Refusals
from tieout.web.rendering import render
from tieout.web.signing import Signer

router = APIRouter()
_YEAR_S: Final = 31_536_000
_NO_FILES: Final = ("/api/", "/static/")


class Liked(PageForm):
    """What a person prefers to see, and the page they were on."""

    numbers: Literal["brackets", "minus"]
    density: preferences.Density
    keys: Literal["keys", "off"]
    back: str = ""


class ByExtension:
    """ASGI middleware: `…/2026-10.csv` is the page `…/2026-10`, asked for as a file."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the extension off the address and write down what it was."""
        if scope["type"] == "http" and not below(scope).startswith(_NO_FILES):
            path, _, form = scope["path"].rpartition(".")
            if form in FORMS:
                raw = path.encode()
                scope = {**scope, "path": path, "raw_path": raw, "tieout.form": form}
        await self._app(scope, receive, send)


def install(app: FastAPI, tabs: Sequence[Tab]) -> None:
    """Add the pages; the gate is added between `install` and `dress`."""
    app.state.tabs = tuple(tabs)
    app.state.signer = Signer(lambda: web_context().database_url)
    app.state.forms = Forms(app.state.signer, lambda: web_context().now())
    app.state.kept = Kept()
    app.include_router(router, include_in_schema=False)  # pages are for people, not for programs
    for tab in tabs:
        app.include_router(tab.router, include_in_schema=False)
    app.add_middleware(ByExtension)


def dress(app: FastAPI) -> None:
    """Add what stands outside the gate: refusals as pages, and the files that pages load."""
    app.add_middleware(Refusals)
    app.add_middleware(Assets)


@router.get("/")
def start(desk: AtDesk) -> Response:
    """The first page of the month that is worked on."""
    desk.view()
    first: Tab = desk.tabs[0]
    if desk.standing.months:
        period = standing_now.worked_on(desk.context, standing=desk.standing)
        return RedirectResponse(desk.link(f"/{first.name}/{period}"), status_code=SEE_OTHER)
    return HTMLResponse(render("nothing_yet.html", root=desk.root))


@router.get("/go")
def go(desk: AtDesk, page: Annotated[str, Query(max_length=40)], period: MonthText) -> Response:
    """The context bar's form: the page of a month with the context that was chosen."""
    asked = desk.view("page", "period")
    found = [one for one in desk.tabs if one.name == page] or [desk.tabs[0]]
    address = f"{desk.root}/{found[0].name}/{period}" + asked.query(page=None, period=None)
    return RedirectResponse(address, status_code=SEE_OTHER)


@router.post("/preferences")
def prefer(desk: AtDesk, form: Annotated[Liked, Form()]) -> Response:
    """Keep how a person likes to see figures."""
    liked = preferences.Preferences(
        brackets=form.numbers == "brackets", density=form.density, keys=form.keys == "keys"
    )
    inside = form.back.startswith("/") and not form.back.startswith("//")
    answer = desk.decide(form, lambda: None, then=form.back if inside else f"{desk.root}/")
    answer.set_cookie(
        preferences.COOKIE,
        liked.text(),
        max_age=_YEAR_S,
        path=desk.root or "/",
        httponly=True,
        samesite="lax",
    )
    return answer
