"""People in a provider's answers become references before anything is stored.

Owns the reference and the replacement of e-mail addresses in an answer's bytes. The salt comes from
the connection (`person_salt`): whoever holds it can tell which reference an address has, nobody
else can. Losing it on purpose is how a person is forgotten.
"""

import hmac
import re

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError

MIN_SALT_CHARACTERS = 16

# an address inside a JSON text: bounded, never beginning inside an escape, with a top-level domain
# (so that a model such as claude-sonnet-4-5@20250929 stays what it is)
_ADDRESS = re.compile(
    rb'(?<!\\)(?:[^\s"\\<>@,;:()\[\]{}]|\\u[0-9a-fA-F]{4}){1,128}'
    rb'@[^\s"\\<>@,;:()\[\]{}]{1,255}\.[A-Za-z]{2,}'
)
_ESCAPED_AT = re.compile(rb"\\u0040")


def person_salt(connection: ProviderConnection) -> bytes:
    """The connection's salt.

    Raises:
        SettingError: missing, or too short to keep a guess from succeeding.
    """
    salt = connection.setting("person_salt")
    if len(salt) < MIN_SALT_CHARACTERS:
        raise SettingError(
            f"person_salt of {connection.name} has {len(salt)} characters: expected at least "
            f"{MIN_SALT_CHARACTERS} random ones, the same in every month; add it to the extra."
        )
    return salt.encode()


def person_ref(address: str, *, salt: bytes) -> str:
    """The stable reference of an address: `person-` and 32 hex digits of HMAC-SHA-256.

    The address is compared without case and outer blanks.
    """
    digest = hmac.digest(salt, address.strip().lower().encode(), "sha256").hex()
    return f"person-{digest[:32]}"


def without_addresses(content: bytes, *, salt: bytes) -> bytes:
    """The same bytes with each e-mail address replaced by its reference, all else untouched."""

    def replaced(match: re.Match[bytes]) -> bytes:
        return person_ref(match[0].decode("utf-8", "replace"), salt=salt).encode()

    return _ADDRESS.sub(replaced, _ESCAPED_AT.sub(b"@", content))
