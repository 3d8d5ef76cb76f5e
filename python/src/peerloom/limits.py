"""Bounds on everything that a peer could make a node keep, wait for or compute."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

MAX_FRAME_BODY: Final = 262_144
"""Bytes; clause 3.2."""

MAX_HANDSHAKE_BYTES: Final = 8_192
"""Of the bodies of a handshake, together; clause 4.3."""

MESSAGE_COST: Final = 256
"""What a message costs in a window beside its bytes; clause 12.2."""

_UNLIMITED_AT_0: Final = frozenset({"max_inbound_per_address"})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a node. Times are seconds, sizes are bytes. docs/limits.md explains those of both packages."""

    handshake_timeout: float = 10.0
    """From the first byte of a connection to its connected event."""
    dial_timeout: float = 15.0
    """``connect_with_node`` in all."""
    max_half_open: int = 32
    """Inbound handshakes at once; further connections are dropped."""
    max_half_open_per_address: int = 4
    """The same from one address; loopback is exempt."""
    max_inbound_per_address: int = 8
    """Inbound connections from one address, and its suspended sessions; 0: no limit; loopback is exempt."""
    max_message_bytes: int = 16 * 1024 * 1024
    """One message, request or response, compressed and decompressed."""
    max_containers: int = 1_000_000
    """Lists, objects, byte strings and arrays in one message."""
    queue_high_water_bytes: int = 1024 * 1024
    """Above it, ``send`` returns False."""
    queue_max_bytes: int = 32 * 1024 * 1024
    """Above it, ``send`` raises ``ERR_QUEUE_FULL``."""
    unhandled_max_bytes: int = 4 * 1024 * 1024
    """Messages of one peer that are not handled yet, and the same again for requests."""
    max_requests: int = 64
    """Requests of one peer whose handlers run at once."""
    max_streams: int = 256
    """Open streams of one connection."""
    stream_window_bytes: int = 262_144
    """What a stream receives ahead of its reader; a stream that is read fast gets up to 8 MiB."""
    max_state_bytes: int = 128 * 1024 * 1024
    """The elements of one state dict; at most half of ``memory_budget_bytes`` counts."""
    ping_after: float = 15.0
    """Silence after which a peer is pinged."""
    dead_after: float = 45.0
    """Silence after which a connection ends."""
    session_timeout: float = 300.0
    """How long a listener keeps the session of a peer whose connection was lost."""
    memory_budget_bytes: int = 256 * 1024 * 1024
    """What all peers together make the node keep."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"limits.{field.name} must be a number, not {value!r}")
            if not (value > 0 or (value == 0 and field.name in _UNLIMITED_AT_0)):
                least = "from 0" if field.name in _UNLIMITED_AT_0 else "above 0"
                raise ValueError(f"limits.{field.name} must be a number {least}, not {value!r}")
            if field.type == "int" and not isinstance(value, int):
                raise ValueError(f"limits.{field.name} must be a whole number, not {value!r}")
        if self.dead_after <= self.ping_after:
            raise ValueError("limits.dead_after must be above limits.ping_after")
        if not 1024 <= self.stream_window_bytes <= 2**30:
            raise ValueError("limits.stream_window_bytes must be from 1,024 to 2**30")
        if self.memory_budget_bytes < max(self.max_message_bytes, self.queue_max_bytes):
            raise ValueError("limits.memory_budget_bytes must be at least max_message_bytes and queue_max_bytes")
