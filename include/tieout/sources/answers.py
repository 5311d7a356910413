"""What providers answer over HTTP: one sentence for each kind of failure, and paging by hand.

Owns the translation of transport failures and the page loop; knows no provider's fields.
"""

from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

from tieout.config import ProviderConnection
from tieout.core.errors import (
    SettingError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.sources.base import RawDocument, RawKind
from tieout.sources.limits import load_json

MAX_PAGES = 2_000
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
MAX_RETRIES = 2

_THROTTLED = 429
_TIMEOUT = 408
_CONFLICT = 409
_SERVER_ERROR = 500
_CREDENTIALS = frozenset({401, 403})


def required_key(connection: ProviderConnection) -> str:
    """The connection's key without the blanks and newlines that copying leaves around it.

    Raises:
        SettingError: there is none.
    """
    key = connection.secret.reveal().strip()
    if not key:
        raise SettingError(
            f"Connection {connection.name} has no password: expected the provider's admin key in "
            "it; add it to the connection."
        )
    return key


def failed_status(provider: str, endpoint: str, status: int) -> SourceError:
    """The exception that an HTTP status means, in one sentence with what to do."""
    host = _host(endpoint)
    if status in _CREDENTIALS:
        return SourceRefusedError(
            f"{provider} at {host} refused the key (HTTP {status}): expected a key with the "
            f"permissions of docs/reference/providers/{provider}.md; correct the account's "
            f"connection (tieout_{provider}, unless the register names another)."
        )
    if status in {_THROTTLED, _TIMEOUT, _CONFLICT} or status >= _SERVER_ERROR:
        return unreachable(provider, endpoint, f"HTTP {status}")
    return SourceAnswerError(
        f"{provider} at {host} did not understand the request (HTTP {status}): expected 200; "
        f"compare docs/reference/providers/{provider}.md with the provider's current interface."
    )


def unreachable(provider: str, endpoint: str, reason: str) -> SourceUnreachableError:
    """No usable answer, worth a retry."""
    return SourceUnreachableError(
        f"{provider} at {_host(endpoint)} did not answer ({reason}): the run may be repeated; "
        f"if it stays, check the network and the endpoint of the account's connection "
        f"(tieout_{provider}, unless the register names another)."
    )


def read_pages(
    ask: Callable[[str | None], bytes],
    *,
    name: str,
    kind: RawKind,
    request: Mapping[str, str],
) -> tuple[RawDocument, ...]:
    """Ask page after page until `has_more` is false, and keep each answer's bytes.

    `ask` takes the cursor of the page (None: the first). Documents are named `<name>.page<N>.json`.

    Raises:
        SourceAnswerError: a page is no such page, its cursor repeats, or there is no end.
    """
    documents: list[RawDocument] = []
    cursor: str | None = None
    seen: set[str] = set()
    while len(documents) < MAX_PAGES:
        page_name = f"{name}.page{len(documents) + 1}.json"
        content = ask(cursor)
        documents.append(
            RawDocument(
                name=page_name,
                kind=kind,
                content=content,
                media_type="application/json",
                request={**request, "page": cursor or ""},
            )
        )
        cursor = _next_cursor(page_object(content, name=page_name), page_name)
        if cursor is None:
            return tuple(documents)
        if cursor in seen:
            raise SourceAnswerError(
                f"{page_name} points back to a page that was already read: expected each "
                "next_page once; pull again, nothing was kept."
            )
        seen.add(cursor)
    raise SourceAnswerError(
        f"{name} has more than {MAX_PAGES} pages: expected fewer for a month; ask for fewer days."
    )


def page_object(content: bytes, *, name: str) -> Mapping[str, object]:
    """A page as an object with a list under `data`.

    Raises:
        SourceAnswerError: it is something else.
    """
    page = load_json(content, name=name)
    if not isinstance(page, dict) or not isinstance(page.get("data"), list):
        raise SourceAnswerError(
            f"{name} has no list called data: expected the provider's page format; pull it again."
        )
    return page


def entries(page: Mapping[str, object], *, name: str) -> list[Mapping[str, object]]:
    """The objects under `data`.

    Raises:
        SourceAnswerError: one of them is not an object.
    """
    found = cast("list[object]", page["data"])
    if not all(isinstance(entry, dict) for entry in found):
        raise SourceAnswerError(
            f"{name} holds something that is no object under data: expected rows; pull it again."
        )
    return cast("list[Mapping[str, object]]", found)


def _next_cursor(page: Mapping[str, object], name: str) -> str | None:
    if page.get("has_more") is not True:
        return None
    cursor = page.get("next_page") or page.get("last_id")
    if not isinstance(cursor, str):
        raise SourceAnswerError(
            f"{name} says that there is more, but not where: expected a text in next_page; "
            "pull it again."
        )
    return cursor


def _host(endpoint: str) -> str:
    return urlsplit(endpoint).netloc.rpartition("@")[2]
