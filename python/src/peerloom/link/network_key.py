"""The pre-shared key of a network (docs/protocol.md, clause 2.7)."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_SALT: Final = b"peerloom network key 1"


def derive_network_key(text: str) -> bytes:
    """Takes about 0.1 s. Raises ValueError for text that is empty or not well-formed."""
    if not isinstance(text, str) or text == "":
        raise ValueError("network_key must be a text that is not empty")
    try:
        secret = text.encode()
    except UnicodeEncodeError:
        raise ValueError("network_key must be well-formed text") from None
    return Scrypt(salt=_SALT, length=32, n=32_768, r=8, p=1).derive(secret)
