"""The evidence pack as a download. It is no page: a page links to it where the pack is there."""

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from tieout.steps import pack_download
from tieout.web.api import Period, web_context

router = APIRouter()


@router.get("/audit/{period}/pack.zip", include_in_schema=False)
def pack(period: Period) -> StreamingResponse:
    """The pack of a published month as a zip, streamed."""
    name, parts = pack_download.zipped(web_context(), period=period)
    return StreamingResponse(
        parts,
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
