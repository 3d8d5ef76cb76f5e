"""How a dialler proves its id inside TLS (docs/protocol.md, clause 2.6).

::

    public key (32) · nonce (16) · SHA-256 of the network's name (32) · signature (64)
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from ..identity import Identity, verify

PROOF_BYTES: Final = 144
_SIGNED_TEXT: Final = b"peerloom dial proof 1 "


def network_hash(network: str) -> bytes:
    return hashlib.sha256(network.encode()).digest()


def prove_dial(identity: Identity, certificate_hash: bytes, listener_key: bytes, network: str) -> bytes:
    nonce = secrets.token_bytes(16)
    network_part = network_hash(network)
    signed = _SIGNED_TEXT + certificate_hash + identity.public_key + listener_key + network_part + nonce
    return identity.public_key + nonce + network_part + identity.sign(signed)


def check_dial(proof: bytes, certificate_hash: bytes, listener_key: bytes) -> tuple[bytes, bytes, bytes] | None:
    """The public key, the nonce and the network hash of a proof; None if it does not verify."""
    key, nonce, network_part, signature = proof[:32], proof[32:48], proof[48:80], proof[80:]
    signed = _SIGNED_TEXT + certificate_hash + key + listener_key + network_part + nonce
    return (key, nonce, network_part) if verify(key, signature, signed) else None
