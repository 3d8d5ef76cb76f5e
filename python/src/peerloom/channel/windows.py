"""The windows of a receiver: how much of a lane the other side may send (docs/protocol.md, section 12)."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ProtocolBreach
from ..limits import MESSAGE_COST


class ReceiveWindow:
    """Counts what arrives in a lane, and grants more as the handlers finish."""

    def __init__(self, size: int, grant: Callable[[int], None]) -> None:
        self._size = size
        self._grant = grant
        self._arrived = 0
        self._finished = 0
        self._granted = size

    @property
    def kept_bytes(self) -> int:
        return self._arrived - self._finished

    def arrive(self, length: int) -> int:
        """A message of this length; its cost is to be finished with. Raises ProtocolBreach."""
        if self._arrived >= self._granted:
            raise ProtocolBreach("a message beyond the window")
        self._arrived += length + MESSAGE_COST
        return length + MESSAGE_COST

    def finish(self, cost: int) -> None:
        self._finished += cost
        position = self._finished + self._size
        if position - self._granted >= self._size // 2:
            self._granted = position
            self._grant(position)
