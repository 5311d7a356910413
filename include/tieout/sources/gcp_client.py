"""Google's clients with our limits: endpoint, credentials, retries, and one sentence for a failure.

Owns how Google Cloud is reached; what is asked is in `gcp_query` and `gcp_prices`. Credentials are
the machine's own (workload identity) or a service account's JSON in the connection's password;
never a file path, and never another JSON that would send the token elsewhere.
"""

import concurrent.futures
import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import google.auth
import requests
from google.api_core import exceptions as api_errors
from google.api_core.retry import Retry
from google.auth import exceptions as auth_errors
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.oauth2 import service_account

from tieout.config import ProviderConnection
from tieout.core.errors import (
    SettingError,
    SourceAnswerError,
    SourceRefusedError,
    TieoutError,
)
from tieout.sources.answers import failed_status, unreachable
from tieout.sources.limits import check_endpoint, load_json

NAME: Final = "gcp"
BIGQUERY_HOST = "https://bigquery.googleapis.com"
BIGQUERY_SCOPE = "https://www.googleapis.com/auth/bigquery"
CATALOG_SCOPE = "https://www.googleapis.com/auth/cloud-billing.readonly"

_DEADLINE_S = 120
_NAMED_ENDPOINT_DEADLINE_S = 5  # a stand-in in reach: fail fast, the task tries again
_GOOGLE = ".googleapis.com"
_THROTTLED = frozenset({"rateLimitExceeded", "quotaExceeded", "backendError", "internalError"})
_UNREACHABLE = (
    api_errors.RetryError,
    auth_errors.TransportError,
    concurrent.futures.TimeoutError,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
)
_REFUSED = (auth_errors.DefaultCredentialsError, auth_errors.RefreshError)
_NONSENSE = (ValueError, KeyError, TypeError, AttributeError, requests.exceptions.RequestException)


def bigquery_client(connection: ProviderConnection, *, project: str) -> bigquery.Client:
    """A client that runs jobs in `project`, follows no redirect and reads its own endpoint only.

    Raises:
        SettingError: the endpoint or the password is not one that may be used.
        SourceRefusedError: this machine has no credentials of its own.
    """
    endpoint = connection.endpoint
    credentials = credentials_for(connection, endpoint, BIGQUERY_SCOPE)
    session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # google-auth
    session.max_redirects = 0
    return bigquery.Client(
        project=project,
        credentials=credentials,
        _http=session,
        client_options={"api_endpoint": endpoint} if endpoint else None,
    )


def credentials_for(connection: ProviderConnection, endpoint: str | None, scope: str) -> Any:
    """Google credentials for an endpoint: none for a stand-in on this machine.

    Raises:
        SettingError: a public endpoint that is not Google's, or a password that is no JSON of a
            service account.
        SourceRefusedError: no password, and the machine has no credentials of its own.
    """
    if endpoint:
        check_endpoint(endpoint)
        if is_loopback(endpoint):
            return AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth
        _check_google(endpoint, "Endpoint")
    secret = connection.secret.reveal().strip()
    if secret:
        return _service_account(connection, secret, scope)
    try:
        credentials, _ = google.auth.default(scopes=[scope])
    except auth_errors.GoogleAuthError as error:
        raise SourceRefusedError(
            f"This machine has no Google credentials ({type(error).__name__}): expected workload "
            f"identity, or a service account's JSON as password of {connection.name}."
        ) from error
    return credentials


def is_loopback(endpoint: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def retries(endpoint: str | None) -> Retry:
    """Repeat what is transient (429, 5xx, time-outs, Google's throttles) until a deadline."""
    return DEFAULT_RETRY.with_timeout(_NAMED_ENDPOINT_DEADLINE_S if endpoint else _DEADLINE_S)


@contextmanager
def translating(
    endpoint: str | None, *, told: Callable[[Exception], TieoutError | None] | None = None
) -> Iterator[None]:
    """Raise our exceptions for Google's; `told` may know a better sentence for one of them."""
    host = endpoint or BIGQUERY_HOST
    try:
        yield
    except TieoutError:
        raise
    except api_errors.GoogleAPICallError as error:
        raise ((told and told(error)) or _failed_call(error, host)) from error
    except _UNREACHABLE as error:
        raise unreachable(NAME, host, type(error).__name__) from error
    except _REFUSED as error:
        raise failed_status(NAME, host, 401) from error
    except _NONSENSE as error:
        raise SourceAnswerError(
            f"{NAME} at {urlsplit(host).netloc} answered in another form ({type(error).__name__}): "
            "expected Google's interface; check the endpoint of the connection tieout_gcp."
        ) from error


def _failed_call(error: api_errors.GoogleAPICallError, host: str) -> TieoutError:
    reasons = {str(one.get("reason")) for one in error.errors if isinstance(one, dict)}
    if reasons & _THROTTLED:
        return unreachable(NAME, host, ", ".join(sorted(reasons & _THROTTLED)))
    return failed_status(NAME, host, int(error.code or 0))


def _service_account(connection: ProviderConnection, secret: str, scope: str) -> Any:
    try:
        info = load_json(secret.encode(), name="password")
    except SourceAnswerError:
        info = None
    if not isinstance(info, dict) or info.get("type") != "service_account":
        raise SettingError(
            f"The password of {connection.name} is not the JSON of a service account: expected "
            'an object with "type": "service_account"; leave it empty for workload identity.'
        )
    _check_google(str(info.get("token_uri")), "token_uri")
    try:
        make: Any = service_account.Credentials.from_service_account_info
        return make(info, scopes=[scope])
    except ValueError:
        wrong = f"The service account in the password of {connection.name} is not whole: renew it."
        raise SettingError(wrong) from None  # the error may quote the key


def _check_google(url: str, what: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not f".{host}".endswith(_GOOGLE):
        raise SettingError(
            f"{what} {host or '(none)'} is not Google's: expected https and a host that ends with "
            f"{_GOOGLE}, because the credentials go there; correct the connection."
        )
