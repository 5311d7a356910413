"""The way to Azure's interfaces: credentials, clients, and where requests may go.

Owns hosts, retries and the translation of failures; knows no field of an answer. Every request of
a client is checked again before it is sent: addresses inside answers (`nextLink`, `Location`, blob
links) may only lead to Azure, and redirects are not followed.
"""

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HeadersPolicy
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.mgmt.billing import BillingManagementClient
from azure.mgmt.costmanagement import CostManagementClient

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError, SourceAnswerError, SourceRefusedError
from tieout.sources.answers import (
    CONNECT_TIMEOUT_S,
    MAX_RETRIES,
    READ_TIMEOUT_S,
    failed_status,
    unreachable,
)
from tieout.sources.limits import check_endpoint

NAME = "azure"
ARM = "https://management.azure.com"

_LOGIN_HOSTS = {
    "management.azure.com": "login.microsoftonline.com",
    "management.usgovcloudapi.net": "login.microsoftonline.us",
    "management.chinacloudapi.cn": "login.chinacloudapi.cn",
}
_BLOB_HOSTS = (
    ".blob.core.windows.net",
    ".blob.core.usgovcloudapi.net",
    ".blob.core.chinacloudapi.cn",
)
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A client and every answer that came over its wire, in order."""

    client: Any
    endpoint: str
    answers: list[Any] = field(default_factory=list)

    def contents(self) -> list[bytes]:
        """The bytes of each answer with status 200."""
        return [answer.content for answer in self.answers if answer.status_code == _OK]


@contextmanager
def cost_management(connection: ProviderConnection) -> Iterator[Wire]:
    """A Cost Management client; failures inside the block become SourceErrors."""
    with _wire(connection, CostManagementClient) as wire:
        yield wire


@contextmanager
def billing(connection: ProviderConnection, *, subscription: str) -> Iterator[Wire]:
    """A billing client; `subscription` matters to calls about one subscription only."""

    def make(credential: Any, **options: Any) -> BillingManagementClient:
        return BillingManagementClient(credential, subscription, **options)

    with _wire(connection, make) as wire:
        yield wire


@contextmanager
def translated(endpoint: str) -> Iterator[None]:
    """Turn the SDK's exceptions into SourceErrors of one sentence, without their bodies."""
    try:
        yield
    except ClientAuthenticationError as error:
        raise SourceRefusedError(
            f"azure at {host_of(endpoint)} refused the credentials ({type(error).__name__}): "
            "expected a service principal with the permissions of "
            "docs/reference/providers/azure.md; correct the connection tieout_azure."
        ) from None  # the SDK's text names tenant and client
    except HttpResponseError as error:
        if error.status_code is None:
            raise SourceAnswerError(
                f"azure at {host_of(endpoint)} gave an answer that its client cannot read "
                f"({type(error).__name__}): pull again later."
            ) from error
        raise failed_status(NAME, endpoint, error.status_code) from error
    except AzureError as error:
        raise unreachable(NAME, endpoint, type(error).__name__) from error


def credential_of(connection: ProviderConnection) -> Any:
    """The service principal of the connection, else what the machine offers.

    Raises:
        SettingError: a client id without a tenant.
    """
    if not connection.login:
        return DefaultAzureCredential()
    return ClientSecretCredential(
        connection.setting("tenant_id"),
        connection.login,
        connection.secret.reveal(),
        authority=_LOGIN_HOSTS.get(host_of(arm_endpoint(connection)), _LOGIN_HOSTS[host_of(ARM)]),
    )


def arm_endpoint(connection: ProviderConnection) -> str:
    """Address of Azure Resource Manager.

    Raises:
        SettingError: not one of Azure's, nor a permitted loopback address.
    """
    endpoint = (connection.endpoint or ARM).rstrip("/")
    if not on_loopback(endpoint) and host_of(endpoint) not in _LOGIN_HOSTS:
        raise SettingError(
            f"Endpoint {host_of(endpoint)} is no Azure Resource Manager: expected one of "
            f"{', '.join(_LOGIN_HOSTS)}; correct the connection tieout_azure."
        )
    return endpoint


def check_blob_address(url: str) -> str:
    """Give the address back if it is Azure Blob Storage (or a permitted loopback address).

    Raises:
        SettingError: any other host.
    """
    if not on_loopback(url) and not host_of(url).endswith(_BLOB_HOSTS):
        raise SettingError(
            f"{host_of(url)} is no Azure Blob Storage: expected a host that ends with "
            f"{', '.join(_BLOB_HOSTS)}; nothing was fetched from there."
        )
    return url


def on_loopback(url: str) -> bool:
    """Whether the address is this machine's own and permitted; other internal ones are not Azure.

    Raises:
        SettingError: an address that nothing may be fetched from.
    """
    host = host_of(check_endpoint(url))
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_of(url: str) -> str:
    """Host name without login and port."""
    return urlsplit(url).hostname or ""


def transport_options() -> dict[str, Any]:
    """What every client of Azure's SDK is given: no redirects, short waits."""
    return {
        "permit_redirects": False,
        "retry_total": MAX_RETRIES,
        "connection_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
    }


@contextmanager
def _wire(connection: ProviderConnection, make: Callable[..., Any]) -> Iterator[Wire]:
    endpoint = arm_endpoint(connection)
    answers: list[Any] = []

    def keep(response: PipelineResponse[Any, Any]) -> None:
        answers.append(response.http_response)

    options = {
        **transport_options(),
        "base_url": endpoint,
        "credential_scopes": [f"{endpoint}/.default"],
        "raw_request_hook": _guard(endpoint),
        "raw_response_hook": keep,
    }
    if on_loopback(endpoint):  # the SDK sends no token over plain http
        token = connection.secret.reveal()
        options["authentication_policy"] = HeadersPolicy({"Authorization": f"Bearer {token}"})
        credential: Any = _NoToken()
    else:
        credential = credential_of(connection)
    with translated(endpoint), make(credential, **options) as client:
        yield Wire(client=client, endpoint=endpoint, answers=answers)


class _NoToken:
    """Stands for a credential where the authentication policy is given."""

    def get_token(self, *_scopes: str, **_options: Any) -> None:
        """Never called: the policy that would call it was replaced."""


def _guard(endpoint: str) -> Callable[[PipelineRequest[Any]], None]:
    home = _place(endpoint)

    def check(request: PipelineRequest[Any]) -> None:
        if _place(request.http_request.url) != home:
            raise SourceAnswerError(
                f"An answer of azure leads to {host_of(request.http_request.url)[:80]!r}: expected "
                f"{host_of(endpoint)} only; nothing was sent there, report it to Microsoft."
            )

    return check


def _place(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port
