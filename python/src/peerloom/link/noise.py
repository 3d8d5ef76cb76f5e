"""Noise XX and XXpsk0 (the Noise protocol framework, revision 34), with X25519 and SHA-256."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from ..errors import ProtocolBreach
from ..identity import raw_bytes

RECORDS_PER_KEY: Final = 2**20
"""After so many records of one direction, its key changes (docs/protocol.md, clause 16.8)."""

_CIPHERS: Final[dict[str, type[AESGCM] | type[ChaCha20Poly1305]]] = {"AESGCM": AESGCM, "ChaChaPoly": ChaCha20Poly1305}
_LAST_NONCE: Final = 2**64 - 1


class Sealing:
    """A key, and the number of its next message."""

    def __init__(self, cipher: str, key: bytes) -> None:
        self._name = cipher
        self._cipher = _CIPHERS[cipher](key)
        self._number = 0

    def seal(self, plain: bytes, associated: bytes = b"") -> bytes:
        return self._cipher.encrypt(self._next_nonce(), plain, associated)

    def open(self, sealed: bytes | memoryview, associated: bytes = b"") -> bytes:
        """Raises ProtocolBreach."""
        try:
            return self._cipher.decrypt(self._next_nonce(), sealed, associated)
        except (InvalidTag, ValueError):
            raise ProtocolBreach("a record cannot be decrypted") from None

    def _next_nonce(self) -> bytes:
        if self._number > 0 and self._number % RECORDS_PER_KEY == 0:
            # Rekey, section 4.2 of the framework.
            key = self._cipher.encrypt(self._nonce(_LAST_NONCE), bytes(32), b"")[:32]
            self._cipher = _CIPHERS[self._name](key)
        nonce = self._nonce(self._number)
        self._number += 1
        return nonce

    def _nonce(self, number: int) -> bytes:
        return bytes(4) + number.to_bytes(8, "big" if self._name == "AESGCM" else "little")


class Noise:
    """The handshake of one side. After its three messages, ``sending`` and ``receiving`` are there."""

    def __init__(self, cipher: str, prologue: bytes, psk: bytes | None, *, is_initiator: bool) -> None:
        self._cipher = cipher
        self._psk = psk
        self._is_initiator = is_initiator
        self._static = X25519PrivateKey.generate()
        self._ephemeral = X25519PrivateKey.generate()
        self.static_key: bytes = raw_bytes(self._static.public_key())
        self.remote_static = b""
        self._remote_ephemeral = b""
        name = f"Noise_XX{'' if psk is None else 'psk0'}_25519_{cipher}_SHA256".encode()
        self._h = name.ljust(32, b"\0") if len(name) <= 32 else _hash(name)
        self._ck = self._h
        self._key: Sealing | None = None
        self.turn = 0
        """How many messages there have been."""
        self.sending: Sealing | None = None
        self.receiving: Sealing | None = None
        self._mix_hash(prologue)

    def write(self, payload: bytes) -> bytes:
        """The next message of the handshake."""
        turn = self._begin()
        message = b""
        if turn < 2:
            message = raw_bytes(self._ephemeral.public_key())
            self._mix_ephemeral(message)
        if turn == 1:
            self._mix_key(_shared(self._ephemeral, self._remote_ephemeral))
        if turn > 0:
            message += self._seal(self.static_key)
            self._mix_key(_shared(self._static, self._remote_ephemeral))
        message += self._seal(payload)
        self._end(turn)
        return message

    def read(self, message: bytes) -> bytes:
        """The payload of the other side's next message. Raises ProtocolBreach."""
        turn = self._begin()
        if turn < 2:
            self._remote_ephemeral, message = message[:32], message[32:]
            if len(self._remote_ephemeral) < 32:
                raise ProtocolBreach("a message of the handshake is too short")
            self._mix_ephemeral(self._remote_ephemeral)
        if turn == 1:
            self._mix_key(_shared(self._ephemeral, self._remote_ephemeral))
        if turn > 0:
            self.remote_static = self._open(message[:48])
            message = message[48:]
            self._mix_key(_shared(self._ephemeral, self.remote_static))
        payload = self._open(message)
        self._end(turn)
        return payload

    def _begin(self) -> int:
        turn = self.turn
        self.turn += 1
        if turn == 0 and self._psk is not None:
            self._ck, mixed, key = _hkdf(self._ck, self._psk, 3)
            self._mix_hash(mixed)
            self._key = Sealing(self._cipher, key)
        return turn

    def _end(self, turn: int) -> None:
        if turn < 2:
            return
        first, second = (Sealing(self._cipher, key) for key in _hkdf(self._ck, b"", 2))
        self.sending, self.receiving = (first, second) if self._is_initiator else (second, first)

    def _seal(self, plain: bytes) -> bytes:
        sealed = plain if self._key is None else self._key.seal(plain, self._h)
        self._mix_hash(sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        plain = sealed if self._key is None else self._key.open(sealed, self._h)
        self._mix_hash(sealed)
        return plain

    def _mix_hash(self, data: bytes) -> None:
        self._h = _hash(self._h + data)

    def _mix_key(self, data: bytes) -> None:
        self._ck, key = _hkdf(self._ck, data, 2)
        self._key = Sealing(self._cipher, key)

    def _mix_ephemeral(self, key: bytes) -> None:
        self._mix_hash(key)
        if self._psk is not None:
            self._mix_key(key)


def _shared(own: X25519PrivateKey, other: bytes) -> bytes:
    try:
        return own.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError:
        raise ProtocolBreach("a key of the handshake has a small order") from None


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _hkdf(chaining_key: bytes, data: bytes, outputs: int) -> list[bytes]:
    """Section 4.3 of the framework."""
    temporary = hmac.digest(chaining_key, data, "sha256")
    found: list[bytes] = []
    for number in range(1, outputs + 1):
        found.append(hmac.digest(temporary, (found[-1] if found else b"") + bytes([number]), "sha256"))
    return found
