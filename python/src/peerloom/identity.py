"""A node is an Ed25519 key; its id is the libp2p PeerId of that key (docs/protocol.md, section 1)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from .errors import PeerloomError

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ID_PREFIX: Final = bytes.fromhex("002408011220")
_FIELD: Final = 2**255 - 19


def raw_bytes(key: Ed25519PublicKey | X25519PublicKey) -> bytes:
    """Its 32 bytes. ``public_bytes_raw`` does the same, from version 40 of cryptography on."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _small_order_ys() -> frozenset[int]:
    """The y coordinates of the eight points of small order: 0, 1, -1, and those of the points of order 8."""
    p = _FIELD
    d = -121665 * pow(121666, -1, p) % p
    # A point of order 8 doubles to one of order 4, whose y is 0: so y^2 = -x^2, which gives d*y^4 + 2*y^2 - 1 = 0.
    ys = {0, 1, p - 1}
    root = _square_root((1 + d) % p)
    for sign in (1, -1):
        if root is None:
            break
        square = (-1 + sign * root) * pow(d, -1, p) % p
        y = _square_root(square)
        if y is not None:
            ys |= {y, p - y}
    return frozenset(ys)


def _square_root(value: int) -> int | None:
    p = _FIELD
    root = pow(value, (p + 3) // 8, p)
    if root * root % p != value:
        root = root * pow(2, (p - 1) // 4, p) % p
    return root if root * root % p == value else None


_SMALL_ORDER: Final = _small_order_ys()


def _is_allowed_point(encoded: bytes) -> bool:
    """Whether clause 1.4 allows these 32 bytes as A or R: a canonical y, and no point of small order."""
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    return y < _FIELD and y not in _SMALL_ORDER


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is valid by clause 1.4."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    if not (_is_allowed_point(public_key) and _is_allowed_point(signature[:32])):
        return False
    try:
        # OpenSSL refuses an S that is not below L, and does not multiply by the cofactor.
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def id_of(public_key: bytes) -> str:
    """The id of a public key of 32 bytes. Raises ValueError for a key that has none (clause 1.5)."""
    if len(public_key) != 32 or not _is_allowed_point(public_key):
        raise ValueError("not an Ed25519 public key that can have an id")
    number = int.from_bytes(_ID_PREFIX + public_key, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    return "1" + "".join(reversed(digits))


def public_key_of(node_id: str) -> bytes:
    """The public key of an id. Raises ValueError for a text that is not an id."""
    if not isinstance(node_id, str) or len(node_id) != 52 or not node_id.startswith("12D3KooW"):
        raise ValueError(f"not the id of a peerloom node: {node_id!r}")
    number = 0
    for character in node_id[1:]:
        digit = _ALPHABET.find(character)
        if digit < 0:
            raise ValueError(f"not the id of a peerloom node: {node_id!r}")
        number = number * 58 + digit
    decoded = number.to_bytes(38, "big")
    if not decoded.startswith(_ID_PREFIX) or id_of(decoded[6:]) != node_id:
        raise ValueError(f"not the id of a peerloom node: {node_id!r}")
    return decoded[6:]


class Identity:
    """The key pair of a node.

    >>> Identity.generate().id.startswith("12D3KooW")
    True
    """

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key: bytes = raw_bytes(private_key.public_key())
        self.id: str = id_of(self.public_key)

    @classmethod
    def generate(cls) -> Identity:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Identity:
        """The identity of an Ed25519 private key of 32 bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load_or_create(cls, path: str | os.PathLike[str], passphrase: str | None = None) -> Identity:
        """Loads the identity in a file: PKCS#8 as PEM, encrypted or not, which the npm package reads too.

        A missing file is created, readable for this user only. Raises PeerloomError ``ERR_IDENTITY_FILE``.
        """
        file = Path(path)
        secret = None if passphrase is None else passphrase.encode()
        try:
            if not file.exists():
                identity = cls.generate()
                identity._create(file, secret)
                return identity
            key = serialization.load_pem_private_key(file.read_bytes(), secret)
        except (OSError, ValueError, TypeError) as error:
            raise PeerloomError("ERR_IDENTITY_FILE", f"the identity file {file} cannot be used: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise PeerloomError("ERR_IDENTITY_FILE", f"the identity file {file} holds a key that is not Ed25519")
        return cls(key)

    def _create(self, file: Path, secret: bytes | None) -> None:
        pem = self._private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption() if secret is None else serialization.BestAvailableEncryption(secret),
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            output.write(pem)

    def sign(self, message: bytes) -> bytes:
        return self._private_key.sign(message)

    def __repr__(self) -> str:
        return f"Identity({self.id})"
