"""What the page Close lets people take away or open: files of the close, evidence of its checks.

Owns names and addresses of the files, and where a piece of evidence is shown. The files come from
the steps: of a published month the very ones that were published.
"""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, Final, Literal

from fastapi import APIRouter
from starlette.responses import Response

from tieout.core.errors import NotReadyError, ToolMissingError
from tieout.publish.close_files import REPORT_HTML, REPORT_PDF, WORKBOOK
from tieout.steps import close_export, journal_views, pack_download
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Desk
from tieout.web.table import Cell

router = APIRouter()
Form = Literal["workbook", "report-pdf", "report-html"]
# what the file is called, its type, and the words of its link
_FORMS: Final[Mapping[str, tuple[str, str, str]]] = {
    "workbook": (
        WORKBOOK,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "Workbook (Excel)",
    ),
    "report-pdf": (REPORT_PDF, "application/pdf", "Report (PDF)"),
    "report-html": (REPORT_HTML, "text/html; charset=utf-8", "Report (HTML)"),
}
# a kind of evidence, and the page that shows it; `{}` is its id, without one the list of them
_SHOWN_AT: Final[Mapping[str, tuple[str, str]]] = {
    "certificate": ("/allocation/{period}/(certificate)", ""),
    "document": ("/documents/{period}", "/document/{id}"),
    "entry": ("/ledger/{period}", "/entry/{id}"),
    "exception": ("/reconciliation/{period}", "/exception/{id}"),
    "policy": ("/rules/{period}", "/{id}"),
    "report": ("/documents/{period}", ""),
}
_making = Lock()


@router.get("/{period}/file/{form}", tags=["file"])
def file(period: Period, form: Form, desk: AtDesk) -> Response:
    """Workbook or report of a month, to be saved; not published yet, it is made one at a time.

    Raises:
        NotReadyError: a step before has not run yet, or this server cannot make the form.
        HashMismatchError: the published file is not what the log says.
    """
    desk.view()
    desk.month(period)
    name, media_type, _ = _FORMS[form]
    try:
        with _making:
            content, _ = close_export.content_of(desk.context, period=period, form=name)
    except ToolMissingError as error:
        raise NotReadyError(str(error)) from error
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="tieout-{period}-{name}"',
            "Content-Security-Policy": "sandbox",
        },
    )


def listed(desk: Desk, period: str) -> list[dict[str, str]]:
    """The files of a month that was reconciled, with the pack where it was made."""
    found = [
        {"words": words, "link": desk.link(f"/close/{period}/file/{form}")}
        for form, (_, _, words) in _FORMS.items()
    ]
    has_pack: bool = desk.kept(
        f"pack {period}", lambda: pack_download.folder(desk.context, period=period) is not None
    )
    if has_pack:
        link = f"{desk.root}/audit/{period}/pack.zip"
        found.append({"words": "Evidence pack (zip)", "link": link})
    return found


def evidence(desk: Desk, period: str, checks: Sequence[Mapping[str, Any]]) -> dict[str, Cell]:
    """Each piece of evidence of the checklist by its text, with the page that shows it.

    A piece is `kind:id`, `kind:name=hash`, or `12 kinds:hash` over many; without a page of its own
    it has no link.
    """
    texts = sorted({text for one in checks for text in one["evidence"]})
    keys = [text.removeprefix("entry:") for text in texts if text.startswith("entry:")]
    numbers: Mapping[str, str] = desk.kept(
        f"numbers {period}", lambda: journal_views.numbers(desk.context, keys=keys)
    )
    return {
        text: Cell(value=text, link=desk.link(path) if path else "")
        for text in texts
        for path in [path_of(period, text, numbers)]
    }


def path_of(period: str, text: str, numbers: Mapping[str, str]) -> str:
    """The page that shows a piece of evidence; empty where none does."""
    kind, _, rest = text.partition(":")
    if kind[:1].isdigit():
        return _list_of(period, kind.partition(" ")[2])
    if kind == "bridge":
        return f"/reconciliation/{period}/account/{rest.rpartition('=')[0].rpartition('/')[0]}"
    if kind not in _SHOWN_AT:
        return ""
    page, one = _SHOWN_AT[kind]
    name, _, digest = rest.rpartition("=")
    known = {
        "document": digest,
        "entry": numbers.get(rest, ""),
        "exception": rest,
        "policy": name.replace("@", "/"),
    }
    shown = one.format(id=known[kind]) if known.get(kind) else ""
    return page.format(period=period) + shown


def _list_of(period: str, kinds: str) -> str:
    """Where many of a kind are shown: `entrys` are the journal's."""
    if kinds == "entrys":
        return f"/ledger/{period}/journal"
    if kinds == "bridges":
        return f"/reconciliation/{period}"
    found = _SHOWN_AT.get(kinds.removesuffix("s"))
    return found[0].format(period=period) if found else ""
