"""A session outlives its links (docs/protocol.md, section 10): it keeps what was sent until it is acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from ..data.cbor import Piece
from ..errors import ProtocolBreach
from ..link.link import Link

MAX_KEPT_BYTES: Final = 16 * 1024 * 1024
"""Of what is sent and not acknowledged, with its cost; beyond it, nothing more is sent."""

_PIECE_COST: Final = 96
_GROWTH_BYTES: Final = 1024 * 1024
"""After so much, the node looks at what all peers together make it keep."""


class Session:
    """Stands between a channel and the link that carries it at present. Positions count bytes (clause 10.2)."""

    def __init__(self, id: str, link: Link, on_growth: Callable[[], None]) -> None:
        self.id = id
        self.link: Link | None = link
        """None while the session is suspended."""
        self.protocol = link.protocol
        self.breaks = 0
        self.received = 0
        """What had arrived when the link was lost."""
        self._sent = 0
        self._acknowledged = 0
        self._kept: deque[bytes] = deque()
        self._kept_from = 0
        self._kept_cost = 0
        self._told_cost = 0
        self._on_growth = on_growth

    @property
    def kept_bytes(self) -> int:
        return self._kept_cost

    @property
    def is_writable(self) -> bool:
        return self.link is not None and self.link.is_writable and self._kept_cost < MAX_KEPT_BYTES

    @property
    def unsent_bytes(self) -> int:
        return 0 if self.link is None else self.link.unsent_bytes

    def write(self, pieces: Sequence[Piece]) -> None:
        """Sends whole frames, and keeps a copy."""
        data = b"".join(pieces)
        self._kept.append(data)
        self._kept_cost += len(data) + _PIECE_COST
        self._sent += len(data)
        if self.link is not None:
            self.link.write((data,))
        if self._kept_cost >= self._told_cost + _GROWTH_BYTES:
            self._told_cost = self._kept_cost
            self._on_growth()

    def acknowledge(self, position: int) -> None:
        """The other side has everything before the position. Raises ProtocolBreach."""
        if position > self._sent:
            raise ProtocolBreach("an acknowledgement of what was not sent")
        self._acknowledged = max(self._acknowledged, position)
        while self._kept and self._kept_from + len(self._kept[0]) <= self._acknowledged:
            size = len(self._kept.popleft())
            self._kept_from += size
            self._kept_cost -= size + _PIECE_COST
        self._told_cost = min(self._told_cost, self._kept_cost)

    def can_resume_at(self, position: int) -> bool:
        return self._acknowledged <= position <= self._sent

    def is_past(self, position: int) -> bool:
        """Whoever names this position said so before the session resumed over another link (clause 10.6)."""
        return position < self._acknowledged

    def suspend(self, received: int) -> None:
        self.link = None
        self.received = received
        self.breaks += 1

    def resume(self, link: Link, position: int) -> None:
        """Continues sending where the other side stopped receiving, perhaps in the middle of a frame."""
        self.acknowledge(position)
        self.link = link
        before = position - self._kept_from
        rest = list(self._kept)
        if before > 0:
            rest[0] = rest[0][before:]
        if rest:
            link.write(rest)
