"""The bytes behind the Documents page: pictures of PDF pages, and the file itself as a download.

A received file is never shown with its own type: it comes as a picture drawn in a limited child, or
as an attachment that a browser may not run. Owns the cache of pictures and that one is drawn at a
time.
"""

import re
from collections import OrderedDict
from threading import Lock
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from tieout.core.errors import DocumentUnreadableError, UnknownSubjectError
from tieout.steps import arrived
from tieout.web.api import Document, web_context

router = APIRouter(prefix="/api/documents")
WIDTH: Final = 1_000
MOST_PAGES: Final = 200
_KEPT: Final = 64
_ENDING: Final = re.compile(r"(?:\.[a-z0-9]{1,8}){1,2}$")
_pictures: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
_drawing = Lock()


@router.get("/{document}/pages/{page}")
def picture(document: Document, page: Annotated[int, Path(ge=1, le=MOST_PAGES)]) -> Response:
    """A page of a PDF as PNG, 1,000 pixels wide; pages count from 1.

    Raises:
        UnknownSubjectError: there is no such document, page or picture (404).
    """
    key = (document, page, WIDTH)
    with _drawing:
        if key not in _pictures:
            _pictures[key] = _drawn(document, page)
            while len(_pictures) > _KEPT:
                _pictures.popitem(last=False)
        _pictures.move_to_end(key)
        return Response(_pictures[key], media_type="image/png")


@router.get("/{document}/file")
def download(document: Document) -> Response:
    """The document as it was received, to be saved and not to be opened here."""
    found = arrived.file(web_context(), document=document)
    ending = _ENDING.search(found.name)
    name = f"document-{document[:12]}{ending.group() if ending else ''}"
    return Response(
        found.content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "sandbox",
        },
    )


def forget() -> None:
    """Drop the pictures that are kept."""
    with _drawing:
        _pictures.clear()


def _drawn(document: str, page: int) -> bytes:
    try:
        return arrived.picture(web_context(), document=document, page=page, width=WIDTH)
    except DocumentUnreadableError as error:
        raise UnknownSubjectError(str(error)) from error
