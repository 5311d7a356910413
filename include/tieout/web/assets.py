"""The files that pages load: style sheet, scripts, icons, each under a name that holds its content.

Owns their names and their caching. They are the same for everybody and hold no figure, so they are
served without a log-in; nothing but the known names is ever read.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}
PREFIX: Final = "/static/"


def below(scope: Scope) -> str:
    """The path of a request below the place where the app is mounted."""
    return str(scope["path"]).removeprefix(str(scope.get("root_path", "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is served: `address` below the mount point, with the hash of its content."""

    address: str
    content: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """All files by their own name, such as `tieout.css`."""
    found = {}
    for file in sorted(_FOLDER.iterdir()):
        content = file.read_bytes()
        mark = hashlib.sha256(content).hexdigest()[:10]
        found[file.name] = Asset(
            address=f"{PREFIX}{file.stem}.{mark}{file.suffix}",
            content=content,
            media_type=_TYPES[file.suffix],
        )
    return found


class Assets:
    """ASGI middleware that answers the known addresses; everything else it passes on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known = {one.address: one for one in assets().values()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file, or pass on."""
        asked = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        asset = self._known.get(below(scope)) if asked else None
        if asset is None:
            await self._app(scope, receive, send)
            return
        answer = Response(asset.content, media_type=asset.media_type, headers=dict(_HEADERS))
        await answer(scope, receive, send)
