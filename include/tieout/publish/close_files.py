"""The files of a close for people: its workbook and its report, under the names they are published.

Owns the names; what is in them is the business of `workbook` and `close_report`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from tieout import log as logs
from tieout.core.errors import ToolMissingError
from tieout.publish.close_report import report_html, report_pdf
from tieout.publish.workbook import workbook
from tieout.reports.dossier import Dossier

WORKBOOK: Final = "01-close-workbook.xlsx"
REPORT_HTML: Final = "01-close-report.html"
REPORT_PDF: Final = "01-close-report.pdf"
_FORMS: Final[Mapping[str, Callable[[Dossier], bytes]]] = {
    WORKBOOK: workbook,
    REPORT_HTML: report_html,
    REPORT_PDF: report_pdf,
}
log = logs.get("close_files")


def made(dossier: Dossier, name: str) -> bytes:
    """One form of the close.

    Raises:
        ToolMissingError: this machine cannot make it.
    """
    return _FORMS[name](dossier)


def close_files(dossier: Dossier) -> dict[str, bytes]:
    """Every form of the close that this machine can make; what it cannot is logged by name."""
    files = {}
    for name in _FORMS:
        try:
            files[name] = made(dossier, name)
        except ToolMissingError as error:
            log.warning("form_left_out", form=name, period=dossier.period, why=str(error))
    return files
