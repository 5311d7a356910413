"""A key of tests and its signature lines, made by the library. Not a test itself."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import pack_data
from tieout.core.ids import sha256_hex

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def signer(private: Ed25519PrivateKey = PRIVATE, name: str = "tieout") -> pack_data.Signer:
    public = b"\x01" + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    hint = sha256_hex(name.encode() + b"\n" + public)[:8]

    def line(body: str) -> str:
        signed = base64.b64encode(bytes.fromhex(hint) + private.sign(body.encode())).decode()
        return f"\u2014 {name} {signed}"

    return f"{name}+{hint}+{base64.b64encode(public).decode()}", line
