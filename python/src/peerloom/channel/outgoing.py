"""What a connection sends: in order within a lane, within the windows of the other side (sections 3 and 12)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from ..data.cbor import Piece
from ..errors import PeerloomError
from ..frames import DELIVER, HEADER_BYTES, MESSAGE, MORE, PART, REQUEST, header, number_bytes
from ..limits import MAX_FRAME_BODY, MESSAGE_COST, Limits
from ..link.link import Link
from .session import Session

LANES: Final = {MESSAGE: 0, DELIVER: 0, REQUEST: 1}
"""By kind; other kinds belong to none of these lanes."""

_BATCH_BYTES: Final = 64 * 1024
"""Small frames are gathered up to here."""

_MAX_URGENT_BYTES: Final = 64 * 1024
"""Of pongs and other short answers that wait; clause 6.8."""

_AT_ONCE_BYTES: Final = 32 * 1024
"""Messages from this length on go to the link at once, and what it does not take is copied."""


class Outbound:
    """A message on its way out."""

    __slots__ = ("_head", "_index", "_offset", "_pieces", "_sent", "kind", "length")

    def __init__(self, kind: int, format: int, compression: int, pieces: Sequence[Piece], length: int) -> None:
        self.kind = kind
        self._head = (format, compression)
        self._pieces: Sequence[Piece] = pieces
        self.length = length
        """Of the whole body, number included."""
        self._index = 0
        self._offset = 0
        self._sent = 0

    @property
    def unsent(self) -> int:
        return self.length - self._sent

    def next_frame(self) -> list[Piece]:
        """The pieces of its next frame. It is done when nothing is ``unsent``."""
        format, compression = self._head
        if self._sent == 0 and self.length <= MAX_FRAME_BODY:
            self._sent = self.length
            return [header(self.kind, self.length, 0, format, compression), *self._pieces]
        if self._sent == 0:
            taken = self._take(MAX_FRAME_BODY - 4)
            start = header(self.kind, MAX_FRAME_BODY, MORE, format, compression)
            return [start + number_bytes(self.length), *taken]
        size = min(MAX_FRAME_BODY, self.unsent)
        taken = self._take(size)
        return [header(PART, size, MORE if self.unsent > 0 else 0), *taken]

    def _take(self, count: int) -> list[Piece]:
        taken: list[Piece] = []
        self._sent += count
        while count > 0:
            piece = memoryview(self._pieces[self._index])[self._offset :]
            if len(piece) > count:
                taken.append(piece[:count])
                self._offset += count
                return taken
            taken.append(piece)
            count -= len(piece)
            self._index += 1
            self._offset = 0
        return taken

    def own(self) -> None:
        """Copies what is not sent yet: the sender may change its memory from now on."""
        if self.unsent == 0 or (len(self._pieces) == 1 and isinstance(self._pieces[0], bytes)):
            return
        rest = list(self._pieces[self._index :])
        if self._offset > 0:
            rest[0] = memoryview(rest[0])[self._offset :]
        self._pieces = (b"".join(rest),)
        self._index = self._offset = 0


StreamFrames = Callable[[], list[Piece] | None]
"""The pieces of the next frame of a stream, if one may be sent."""


class Outgoing:
    """The queues of a connection."""

    def __init__(self, link: Link, limits: Limits, on_overload: Callable[[str], None]) -> None:
        self._link: Link | Session = link
        self._limits = limits
        self._on_overload = on_overload
        self._loop = asyncio.get_running_loop()
        self._urgent = bytearray()
        self._answers: deque[Outbound] = deque()
        self._lanes: tuple[deque[Outbound], deque[Outbound]] = (deque(), deque())
        self._positions = [0, 0]
        self._granted = [0, 0]
        self._cut: Outbound | None = None
        self._queued = 0
        self._streams: deque[StreamFrames] = deque()
        self._is_stream_turn = False
        self._is_scheduled = False
        self._is_open = False
        self._drained: list[asyncio.Future[None]] = []
        self._empty: list[asyncio.Future[None]] = []

    def open(self, windows: Sequence[int]) -> None:
        """The handshake is done: messages may go out, up to the windows of the other side."""
        self._granted = list(windows)
        self._is_open = True
        self.schedule()

    def use(self, session: Session) -> None:
        """What is sent from now on goes through the session."""
        self._link = session

    def close(self) -> None:
        self._is_open = False
        for waiting in (*self._drained, *self._empty):
            if not waiting.done():
                waiting.set_result(None)
        self._drained.clear()
        self._empty.clear()
        self._streams.clear()
        self._answers.clear()
        for lane in self._lanes:
            lane.clear()

    @property
    def queued_bytes(self) -> int:
        return self._queued + self._link.unsent_bytes

    @property
    def is_congested(self) -> bool:
        return self.queued_bytes >= self._limits.queue_high_water_bytes

    def urgent(self, frame: bytes) -> None:
        """A short frame that goes out ahead of messages."""
        self._urgent += frame
        if len(self._urgent) > _MAX_URGENT_BYTES:
            self._on_overload("it does not read the answers that it asks for")
            return
        self.schedule()

    def send(self, message: Outbound, *, is_answer: bool = False, is_lent: bool = False) -> None:
        """Queues a message; its memory is copied unless it ``is_lent``.

        Raises PeerloomError ``ERR_QUEUE_FULL``, but not for answers: these end the link.
        """
        if self._queued > 0 and self._queued + message.length > self._limits.queue_max_bytes:
            if is_answer:
                self._on_overload("it does not read the answers to its requests")
                return
            raise PeerloomError(
                "ERR_QUEUE_FULL",
                f"{self._queued:,} bytes wait to be sent: wait for drained() before you send more",
            )
        lane = LANES.get(message.kind)
        (self._answers if lane is None else self._lanes[lane]).append(message)
        self._queued += message.length + HEADER_BYTES
        if message.length >= _AT_ONCE_BYTES:
            self._pump()
        else:
            self.schedule()
        if not is_lent:
            message.own()

    def grant(self, lane: int, position: int) -> None:
        if lane < 2 and position > self._granted[lane]:
            self._granted[lane] = position
            self.schedule()

    def add_stream(self, frames: StreamFrames) -> None:
        """The stream has something to send."""
        if frames not in self._streams:
            self._streams.append(frames)
        self.schedule()

    def flush(self) -> None:
        """Sends what may be sent."""
        self._pump()

    def schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._scheduled_pump)

    def _scheduled_pump(self) -> None:
        self._is_scheduled = False
        self._pump()

    async def drained(self) -> None:
        """Waits until less waits than the high-water mark."""
        if self._is_open and self.is_congested:
            waiting = self._loop.create_future()
            self._drained.append(waiting)
            await waiting

    async def empty(self) -> None:
        """Waits until everything has been handed to the system's socket."""
        if self._is_open and (self._queued > 0 or self._link.unsent_bytes > 0):
            waiting = self._loop.create_future()
            self._empty.append(waiting)
            await waiting

    def _pump(self) -> None:
        batch: list[Piece] = []
        size = 0
        while self._is_open and self._link.is_writable:
            frame = self._next()
            if frame is None:
                break
            batch += frame
            size += sum(map(len, frame))
            if size >= _BATCH_BYTES:
                self._write(batch, size)
                batch, size = [], 0
        if batch:
            self._write(batch, size)
        if self._drained and not self.is_congested:
            for waiting in self._drained:
                if not waiting.done():
                    waiting.set_result(None)
            self._drained.clear()
        if self._empty and self._queued == 0 and self._link.unsent_bytes == 0:
            for waiting in self._empty:
                if not waiting.done():
                    waiting.set_result(None)
            self._empty.clear()

    def _write(self, batch: list[Piece], size: int) -> None:
        self._link.write([b"".join(batch)] if size < 4 * _BATCH_BYTES and len(batch) > 4 else batch)

    def _next(self) -> list[Piece] | None:
        if self._urgent:
            urgent, self._urgent = bytes(self._urgent), bytearray()
            return [urgent]
        # Messages and streams take turns.
        self._is_stream_turn = not self._is_stream_turn
        if self._is_stream_turn:
            return self._next_of_streams() or self._next_of_messages()
        return self._next_of_messages() or self._next_of_streams()

    def _next_of_streams(self) -> list[Piece] | None:
        while self._streams:
            frames = self._streams.popleft()
            frame = frames()
            if frame is not None:
                self._streams.append(frames)
                return frame
        return None

    def _next_of_messages(self) -> list[Piece] | None:
        message = self._cut or self._next_message()
        if message is None:
            return None
        before = message.unsent
        frame = message.next_frame()
        self._cut = message if message.unsent > 0 else None
        self._queued -= before - message.unsent + (HEADER_BYTES if self._cut is None else 0)
        return frame

    def _next_message(self) -> Outbound | None:
        if self._answers:
            return self._answers.popleft()
        for lane in (1, 0):
            if self._lanes[lane] and self._positions[lane] < self._granted[lane]:
                message = self._lanes[lane].popleft()
                self._positions[lane] += message.length + MESSAGE_COST
                return message
        return None
