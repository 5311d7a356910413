"""HTML to a tagged PDF (PDF/UA-1). Owns the settings; loads nothing from any address."""

from tieout.core.errors import ToolMissingError


def pdf_bytes(html: bytes) -> bytes:
    """The same HTML gives the same bytes.

    Raises:
        ToolMissingError: WeasyPrint does not find Pango on this machine.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:
        raise ToolMissingError(
            f"A PDF needs the library Pango, and this machine has none ({error}): install it with "
            "`apt-get install libpango-1.0-0 libpangoft2-1.0-0`, or take the HTML of the report."
        ) from error
    document = HTML(string=html.decode(), url_fetcher=URLFetcher(allowed_protocols=("data",)))
    made: bytes = document.write_pdf(pdf_variant="pdf/ua-1")
    return made
