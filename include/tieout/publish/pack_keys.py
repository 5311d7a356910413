"""The key that signs checkpoints: an Ed25519 key in a file that only its owner can read.

Owns the two texts of signed notes: the verifier key `name+hint+base64` and the signature line. The
hint is the first four bytes of SHA-256 over name, newline, 0x01 and the public key. Which process
holds the key is the deployment's business: the API server or the deployer, never a worker's DAG.
"""

import base64
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tieout.core.errors import SettingError
from tieout.core.ids import sha256_hex

NAME = "tieout"
_ED25519 = b"\x01"
_OWNER_READS = 0o400
_HINT_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key that does not print itself, and its public half as a verifier key."""

    verifier_key: str
    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier_key})"

    def line(self, body: str) -> str:
        """The signature line of a signed note over a checkpoint's text."""
        hint = bytes.fromhex(self.verifier_key.split("+")[1])
        signed = base64.b64encode(hint + self.private.sign(body.encode())).decode()
        return f"\u2014 {NAME} {signed}"


def load_key(file: str) -> SigningKey | None:
    """The key of a setting; None when the setting is empty.

    Raises:
        SettingError: the file is missing, readable by others, or no Ed25519 key.
    """
    if not file:
        return None
    path = Path(file)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise SettingError(
            f"Cannot read the signing key {path}: {error.strerror}; set TIEOUT_SIGNING_KEY, or "
            "make one with `tieout checkpoint keygen`."
        ) from None
    if mode != _OWNER_READS:
        raise SettingError(
            f"The signing key {path} has mode {mode:04o}: expected 0400, readable by its owner "
            f"alone; run `chmod 0400 {path}`."
        )
    try:
        private = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise SettingError(
            f"The file {path} is no Ed25519 key in PEM: make one with `tieout checkpoint keygen`."
        )
    return SigningKey(verifier_key=_verifier_key(private), private=private)


def make_key(path: Path) -> str:
    """Write a new private key to a file of mode 0400; gives the verifier key to hand out.

    Raises:
        SettingError: the file exists, or cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_READS)
    except OSError as error:
        raise SettingError(
            f"Cannot write the signing key {path}: {error.strerror}; give the name of a new file."
        ) from None
    with os.fdopen(opened, "wb") as sink:
        sink.write(content)
    return _verifier_key(private)


def _verifier_key(private: Ed25519PrivateKey) -> str:
    public = _ED25519 + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    hint = sha256_hex(NAME.encode() + b"\n" + public)[:_HINT_DIGITS]
    return f"{NAME}+{hint}+{base64.b64encode(public).decode()}"
