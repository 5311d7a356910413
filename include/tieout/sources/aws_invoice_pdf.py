"""The PDF of an AWS invoice: asked for, fetched once from its signed address, kept as evidence.

Owns that download and its limits. No figure is read from the PDF: the figures are in the answer of
`ListInvoiceSummaries`. The signed address is a key for some minutes, so it is never kept or shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError, SourceAnswerError, SourceUnreachableError
from tieout.sources.answers import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from tieout.sources.aws_client import broken, translated
from tieout.sources.base import RawDocument
from tieout.sources.limits import MAX_DOCUMENT_BYTES, check_endpoint

_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".aws.amazon.com")
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_CHUNK = 1 << 16
_OK = 200


def fetch(
    connection: ProviderConnection, api: Any, numbers: Sequence[str], *, request: Mapping[str, str]
) -> tuple[RawDocument, ...]:
    """The PDFs of these invoices; one that AWS has not made yet is left out until the next pull.

    Raises:
        SourceError: refused, unreachable, or an answer that is no PDF from AWS.
    """
    found = []
    for number in numbers:
        url = _signed_address(connection, api, number)
        if url is not None:
            found.append(
                RawDocument(
                    name=f"{number}.pdf",
                    kind="data",
                    content=_download(url, number),
                    media_type="application/pdf",
                    request={**request, "invoice": number},
                )
            )
    return tuple(found)


def _signed_address(connection: ProviderConnection, api: Any, number: str) -> str | None:
    try:
        answer = api.get_invoice_pdf(InvoiceId=number)
    except api.exceptions.ResourceNotFoundException:
        return None
    except botocore.exceptions.ClientError as error:
        raise translated(error, api.meta.endpoint_url, connection) from error
    except botocore.exceptions.BotoCoreError as error:
        raise broken(error, api.meta.endpoint_url, connection) from error
    url = str(answer.get("InvoicePDF", {}).get("DocumentUrl") or "")
    _check_place(url, number)
    return url


def _check_place(url: str, number: str) -> None:
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        check_endpoint(url)
        is_aws = host.endswith(_HOSTS) or host in _LOOPBACK  # loopback: only if check_endpoint lets
    except (SettingError, ValueError):
        is_aws = False
    if not is_aws:
        raise SourceAnswerError(
            f"AWS names {host[:80] or '(no host)'!r} as the place of invoice {number[:40]}: "
            "expected an https address of AWS; nothing was fetched from there, turn invoice_pdf "
            "off and report it."
        )


def _download(url: str, number: str) -> bytes:
    """The bytes behind the address; redirects are not followed, nothing is read beyond the limit.

    Errors do not chain: the transport's own messages carry the signed address.
    """
    session = URLLib3Session(timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S))
    asked = AWSRequest(method="GET", url=url, stream_output=True).prepare()
    try:
        answer = session.send(asked)
        content = _limited(answer.raw)
        declared = answer.headers.get("Content-Length") or str(len(content))
    except Exception as error:  # noqa: BLE001  urllib3's and botocore's own, all with the address
        raise SourceUnreachableError(
            f"The PDF of invoice {number[:40]} could not be fetched ({type(error).__name__}): the "
            "run may be repeated; if it stays, turn invoice_pdf off."
        ) from None
    finally:
        session.close()
    is_whole = declared == str(len(content)) and len(content) <= MAX_DOCUMENT_BYTES
    if answer.status_code != _OK or not is_whole or not content.startswith(b"%PDF-"):
        raise SourceAnswerError(
            f"The PDF of invoice {number[:40]} did not come whole (HTTP {answer.status_code}, "
            f"{len(content):,} of {declared[:20]} bytes): expected HTTP 200 and a PDF of at most "
            f"{MAX_DOCUMENT_BYTES:,} bytes; pull again later."
        )
    return content


def _limited(stream: Any) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size <= MAX_DOCUMENT_BYTES and (part := stream.read(_CHUNK)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
