"""What all links have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ..data.cbor import Piece
from ..errors import PeerloomError
from ..identity import Identity

WRITE_HIGH_WATER: Final = 512 * 1024
"""Bytes that the socket has not taken, above which a link is not writable."""


class Receiver(Protocol):
    """Who takes what a link brings. Each call may raise ProtocolBreach, which ``link_broken`` then gets."""

    def get_buffer(self) -> memoryview:
        """Where the next bytes of the link belong; never empty."""

    def buffer_updated(self, count: int) -> None:
        """So many bytes have been written there."""

    def link_writable(self) -> None:
        """The link takes bytes again."""

    def link_broken(self, error: Exception) -> None:
        """The other side broke the protocol. The link is still there, to say goodbye."""

    def link_closed(self, reason: str) -> None:
        """The link has ended, once."""


@dataclass(frozen=True)
class LinkSettings:
    """What all links of a node share."""

    identity: Identity
    network: str
    network_key: bytes | None
    """The pre-shared key of clause 2.7."""
    timeout: float
    """Of the handshake, in seconds."""


class Link(Protocol):
    """A link whose ids are proven. ``receiver`` is set right after it came up."""

    remote_id: str
    host: str
    port: int
    protocol: str
    began: float
    """The loop's time at which the connection began."""
    network_hash: bytes | None
    """SHA-256 of the name of the network that a dialler has proven itself for (clauses 2.6, 16.6)."""
    receiver: Receiver | None

    @property
    def is_writable(self) -> bool: ...

    @property
    def unsent_bytes(self) -> int: ...

    def write(self, pieces: Sequence[Piece]) -> None:
        """Sends the pieces. They are copied or encrypted before it returns."""

    def resume(self) -> None:
        """Begins to hand bytes to the receiver."""

    def close(self) -> None:
        """Ends the link in order, once everything written has been sent."""

    def abort(self) -> None:
        """Ends the link at once."""


def check_expected(remote_id: str, expected_id: str | None, own_id: str) -> None:
    """Clauses 2.13 and 2.14. Raises PeerloomError."""
    if remote_id == own_id:
        raise PeerloomError("ERR_SELF_CONNECTION", "the address leads to this node itself")
    if expected_id is not None and remote_id != expected_id:
        raise PeerloomError("ERR_ID_MISMATCH", f"the node that answered is {remote_id}, not {expected_id}")
