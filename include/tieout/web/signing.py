"""Short texts that we hand out and take back: paging positions and form tokens. Keeps none of them.

Owns their signature: HMAC-SHA256 under a key made from the web login's database URL, which every
API server of a deployment holds and nobody else; so there is no further secret to look after. A
token serves one purpose only.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from tieout.config import Secret

Part = str | int | None

_MAC_BYTES: Final = 16
_LONGEST: Final = 2_000


class Signer:
    """Makes and reads tokens under one key; the secret is asked for when first needed."""

    def __init__(self, secret: Callable[[], Secret]) -> None:
        self._secret = secret

    @cached_property
    def _key(self) -> bytes:
        return hashlib.sha256(b"tieout page tokens\0" + self._secret().reveal().encode()).digest()

    def sign(self, purpose: str, parts: Sequence[Part]) -> str:
        """A URL-safe token of these parts, good for this purpose."""
        body = json.dumps(list(parts), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(purpose, body) + body).decode().rstrip("=")

    def read(self, purpose: str, token: str) -> list[Part] | None:
        """The parts of a token of ours for this purpose; None for every other text."""
        if len(token) > _LONGEST:
            return None
        try:
            both = base64.b64decode(
                token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
            )
        except ValueError:
            return None
        mac, body = both[:_MAC_BYTES], both[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, body)):
            return None
        found: list[Part] = json.loads(body)
        return found

    def _mac(self, purpose: str, body: bytes) -> bytes:
        whole = hmac.new(self._key, purpose.encode() + b"\0" + body, hashlib.sha256)
        return whole.digest()[:_MAC_BYTES]
