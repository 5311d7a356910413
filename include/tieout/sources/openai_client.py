"""OpenAI's SDK: the client of a connection, the bytes of an answer, and what was asked.

Owns the transport; the meaning of the fields is the readers' business.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, cast

import openai

from tieout.config import ProviderConnection
from tieout.core.period import Period, utc_midnight
from tieout.sources.answers import (
    CONNECT_TIMEOUT_S,
    MAX_RETRIES,
    READ_TIMEOUT_S,
    failed_status,
    required_key,
    unreachable,
)
from tieout.sources.limits import check_endpoint

PROVIDER = "openai"

_ENDPOINT = "https://api.openai.com/v1"


def open_client(connection: ProviderConnection) -> openai.OpenAI:
    """The SDK with the connection's admin key; it can call no model.

    Raises:
        SettingError: no key, or an endpoint that data may not be fetched from.
    """
    endpoint = check_endpoint(connection.endpoint or _ENDPOINT)
    return openai.OpenAI(
        api_key="unused",
        admin_api_key=required_key(connection),
        base_url=endpoint,
        timeout=openai.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        max_retries=MAX_RETRIES,
    )


def raw_bytes(client: openai.OpenAI, call: Callable[[], Any]) -> bytes:
    """The body that a `with_raw_response` call brings, as received.

    Raises:
        SourceError: unreachable, refused, or not understood.
    """
    endpoint = str(client.base_url)
    try:
        return cast("bytes", call().http_response.content)
    except openai.APIConnectionError as error:
        raise unreachable(PROVIDER, endpoint, type(error.__cause__ or error).__name__) from error
    except openai.APIStatusError as error:
        raise failed_status(PROVIDER, endpoint, error.status_code) from error


def asked(
    path: str,
    *,
    account: str,
    groups: tuple[str, ...],
    period: Period,
    through: date,
    now: datetime,
) -> dict[str, str]:
    """What a document was asked for; start (inclusive) and end (exclusive) are Unix seconds."""
    last = min(through, period.last_on)
    start, end = utc_midnight(period.start_on), utc_midnight(last + timedelta(days=1))
    return {
        "path": path,
        "account": account,
        "group_by": ",".join(groups),
        "start_time": str(int(start.timestamp())),
        "end_time": str(int(end.timestamp())),
        "asked_at": now.isoformat(),
    }
