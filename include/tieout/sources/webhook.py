"""Saying something at a Slack-compatible web hook. Owns the form of the message, not its words."""

from tieout.config import ProviderConnection
from tieout.sources.http_json import open_api, post


def say(connection: ProviderConnection, text: str) -> None:
    """Post `{"text": …}` to the address in the connection's password, which is the secret itself.

    Raises:
        SettingError: the password is no address that may be asked.
        SourceError: the address did not take it.
    """
    address = connection.secret.reveal()
    api = open_api(connection, provider="webhook", endpoint=address, headers={})
    post(api, "", {"text": text})
