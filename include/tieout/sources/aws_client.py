"""Clients of AWS with a connection's credentials, and what AWS's failures mean.

Owns credentials (role, key, or the machine's own), retries, paging by hand and one sentence for
each kind of failure; knows no report, invoice or column.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import boto3
import botocore.exceptions
from botocore.config import Config

from tieout.config import ProviderConnection
from tieout.core.errors import (
    NotReadyError,
    SettingError,
    SourceAnswerError,
    SourceRefusedError,
    SourceUnreachableError,
    TieoutError,
)
from tieout.sources.answers import (
    CONNECT_TIMEOUT_S,
    MAX_PAGES,
    READ_TIMEOUT_S,
    failed_status,
    unreachable,
)
from tieout.sources.limits import check_endpoint

NAME = "aws"
SESSION_S = 3600  # the longest that a chained role session may last, and enough for one pull

_BILLING_REGION = "us-east-1"  # where the billing interfaces of all commercial regions live
_REGIONAL = frozenset({"s3", "sts"})
_MAX_ATTEMPTS = 8
_NAMED_ENDPOINT_ATTEMPTS = 2  # a gateway or stand-in in reach: fail fast, the task tries again
_REFUSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_NO_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
)
# what the SDK's own parser raises when a field is of another type than its model says
_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)
_RETRYABLE = {
    "LimitExceededException": (
        "allows no more requests for now (throttled): expected an answer after several tries; the "
        "run may be repeated in some minutes"
    ),
}
_NOT_READY = {
    "DataUnavailableException": (
        "has no data of these days yet: expected Cost Explorer to be enabled for a day or two; "
        "wait, or turn cost_explorer off"
    ),
}
_UNUSABLE = {
    "BillExpirationException": (
        "no longer keeps this month (Cost Explorer goes back about 13 months): expected a later "
        "month; turn cost_explorer off for it"
    ),
    "InvalidNextTokenException": (
        "no longer takes the page token that it gave: expected to read all pages in one go; pull "
        "again, nothing was kept"
    ),
    "RequestChangedException": (
        "says that the page token belongs to another question: expected it to continue this one; "
        "pull again, nothing was kept"
    ),
    "BillingViewHealthStatusException": (
        "cannot answer because the account's billing view is not healthy: expected a healthy one; "
        "see Billing views in the AWS console"
    ),
}
_NAMED: tuple[tuple[type[TieoutError], Mapping[str, str]], ...] = (
    (SourceUnreachableError, _RETRYABLE),
    (NotReadyError, _NOT_READY),
    (SourceAnswerError, _UNUSABLE),
)


def client(connection: ProviderConnection, service: str, endpoint: str | None) -> Any:
    """A client of one service; the caller closes it.

    Endpoints that the machine configures (`AWS_ENDPOINT_URL`, profiles) are ignored: only the
    connection may name one.

    Raises:
        SettingError: the endpoint or the access key of the connection is unusable.
        SourceError: the role cannot be assumed.
    """
    return _client(service, endpoint, connection=connection, keys=_credentials(connection))


def call(
    api: Any, operation: str, query: Mapping[str, Any], *, connection: ProviderConnection
) -> Any:
    """Ask one operation.

    Raises:
        SourceError: refused, throttled, unreachable or not understood, in one sentence.
        SettingError: a value of the connection that AWS's client does not take.
        NotReadyError: AWS has no data of these days yet.
    """
    try:
        return getattr(api, operation)(**query)
    except botocore.exceptions.ClientError as error:
        raise translated(error, api.meta.endpoint_url, connection) from error
    except botocore.exceptions.BotoCoreError as error:
        raise broken(error, api.meta.endpoint_url, connection) from error
    except _MISSHAPEN as error:
        raise SourceAnswerError(
            f"aws at {api.meta.endpoint_url} answered {operation} in another form "
            f"({type(error).__name__}): expected the fields of its interface; pull again later."
        ) from error


def answers(
    api: Any,
    operation: str,
    query: Mapping[str, Any],
    *,
    connection: ProviderConnection,
    token_key: str = "NextToken",  # noqa: S107  a field of the interface, no password
    most_pages: int = MAX_PAGES,
) -> list[bytes]:
    """Every page of an operation as the bytes that came over the wire.

    Raises:
        SourceAnswerError: a page token comes twice, or there is no end.
        SourceError: as `call`.
    """
    pages: list[bytes] = []
    event = f"after-call.{api.meta.service_model.service_id.hyphenize()}"

    def keep(http_response: Any, **_: object) -> None:
        pages.append(http_response.content)

    api.meta.events.register(event, keep)
    try:
        _turn_pages(api, operation, query, connection, token_key, most_pages)
    finally:
        api.meta.events.unregister(event, keep)
    return pages


def translated(
    error: botocore.exceptions.ClientError, endpoint: str, connection: ProviderConnection
) -> TieoutError:
    """The exception that AWS's error code means, in one sentence with what to do."""
    code = str(error.response.get("Error", {}).get("Code"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _REFUSED:
        return SourceRefusedError(
            f"aws at {endpoint} refused the request ({code}): expected the permissions of "
            f"docs/reference/providers/aws.md; correct the connection {connection.name}."
        )
    for kind, sentences in _NAMED:
        if code in sentences:
            return kind(f"aws at {endpoint} {sentences[code]} (connection {connection.name}).")
    if "Thrott" in code:
        return unreachable(NAME, endpoint, "throttled")
    return failed_status(NAME, endpoint, status)


def broken(
    error: botocore.exceptions.BotoCoreError, endpoint: str, connection: ProviderConnection
) -> TieoutError:
    """The exception for a request that got no answer."""
    if isinstance(error, _NO_CREDENTIALS):
        return SourceRefusedError(
            f"Connection {connection.name} has no credentials that work "
            f"({type(error).__name__}): expected an access key, a role, or a machine that has a "
            "role of its own; correct the connection."
        )
    if isinstance(error, botocore.exceptions.ParamValidationError):
        return SettingError(
            f"AWS's client does not take a value of the connection {connection.name} or of the "
            "billing account: expected a 12 digit account id, a role_arn such as "
            "arn:aws:iam::123456789012:role/name and a bucket name; correct it."
        )
    return unreachable(NAME, endpoint, type(error).__name__)


def _client(
    service: str,
    endpoint: str | None,
    *,
    connection: ProviderConnection,
    keys: Mapping[str, str | None],
) -> Any:
    if endpoint:
        check_endpoint(endpoint)
    region = connection.extra.get("region", _BILLING_REGION)
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region if service in _REGIONAL else _BILLING_REGION,
        config=Config(
            retries={
                "mode": "standard",
                "max_attempts": _NAMED_ENDPOINT_ATTEMPTS if endpoint else _MAX_ATTEMPTS,
            },
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            ignore_configured_endpoint_urls=True,
            s3={"addressing_style": "path"} if endpoint else {},
        ),
        **keys,
    )


def _credentials(connection: ProviderConnection) -> Mapping[str, str | None]:
    """The role's session if one is named, else the key, else nothing: the machine's own."""
    secret = connection.secret.reveal().strip()
    if bool(connection.login) != bool(secret):
        raise SettingError(
            f"Connection {connection.name} has one half of an access key: expected both login and "
            "password, or neither; correct the connection."
        )
    keys = {"aws_access_key_id": connection.login, "aws_secret_access_key": secret or None}
    role = connection.extra.get("role_arn")
    return _assumed(connection, role, keys) if role else keys


def _assumed(
    connection: ProviderConnection, role: str, keys: Mapping[str, str | None]
) -> Mapping[str, str | None]:
    external_id = connection.extra.get("external_id")
    query = {
        "RoleArn": role,
        "RoleSessionName": "tieout",
        "DurationSeconds": SESSION_S,
        **({"ExternalId": external_id} if external_id else {}),
    }
    endpoint = connection.extra.get("sts_endpoint_url")
    with closing(_client("sts", endpoint, connection=connection, keys=keys)) as sts:
        session = call(sts, "assume_role", query, connection=connection)["Credentials"]
    return {
        "aws_access_key_id": session["AccessKeyId"],
        "aws_secret_access_key": session["SecretAccessKey"],
        "aws_session_token": session["SessionToken"],
    }


def _turn_pages(
    api: Any,
    operation: str,
    query: Mapping[str, Any],
    connection: ProviderConnection,
    token_key: str,
    most_pages: int,
) -> None:
    seen: set[str] = set()
    more: dict[str, str] = {}
    while len(seen) < most_pages:
        answer = call(api, operation, {**query, **more}, connection=connection)
        token = answer.get(token_key)
        if not token:
            return
        if token in seen:
            break
        seen.add(token)
        more = {token_key: token}
    raise SourceAnswerError(
        f"{operation} of {connection.name} never ends: expected each {token_key} once and at most "
        f"{most_pages} pages; pull again later."
    )
