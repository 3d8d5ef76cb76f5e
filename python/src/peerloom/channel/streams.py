"""Streams: an ordered flow of bytes in each direction, beside messages (docs/protocol.md, section 9)."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Protocol

from ..data.cbor import Piece
from ..data.payload import decode_payload, encode_payload
from ..errors import PeerloomError, ProtocolBreach, Undecodable
from ..frames import (
    HEADER_BYTES,
    STREAM_ABORT,
    STREAM_CREDIT,
    STREAM_DATA,
    STREAM_END,
    STREAM_OPEN,
    frame,
    header,
    number_bytes,
    number_of,
)
from ..limits import MAX_FRAME_BODY, Limits
from ..visible import visible
from .outgoing import Outbound, Outgoing

_MAX_DATA: Final = MAX_FRAME_BODY - 4
_FRAME_COST: Final = HEADER_BYTES + 4
_MAX_CREDIT: Final = 2**31 - 1
_MAX_HEADER: Final = 65_536
_MAX_WINDOW: Final = 8 * 1024 * 1024
_ALL_WINDOWS: Final = 16 * 1024 * 1024
"""Of the windows that have grown, over all streams of a connection."""

_MAX_REFUSALS: Final = 16_384
_ABORT_ERRORS: Final = {"limit": "ERR_STREAM_LIMIT", "handler": "ERR_HANDLER"}
"""By the codes of clause 9.7; others stand for an abort."""

_SHORT_BYTES: Final = 16 * 1024


class PeerStream:
    """An open stream. Read it as an asynchronous iterator of bytes, or with ``read``; write to it with ``write``.

    Leaving an ``async with`` block ends the own direction, or aborts the stream after an exception.
    """

    def __init__(self, streams: Streams, number: int, header_data: Any, window: int) -> None:
        self.header = header_data
        """What the side that opened the stream says it is about."""
        self._streams = streams
        self._number = number
        self._arrived: deque[memoryview | bytearray] = deque()
        self._arrived_bytes = 0
        self._frame_cost = 0
        """Of the frames that arrived since the last read."""
        self._window = window
        self._owed = 0
        """Credit that was used up, read and not given back yet."""
        self._remote_ended = False
        self._reader: asyncio.Future[None] | None = None
        self._credit = 0
        self._first_credit = 0
        self._opened = asyncio.get_running_loop().create_future()
        self._sending: memoryview | None = None
        self._written: asyncio.Future[None] | None = None
        self._own_ended = False
        self._error: PeerloomError | None = None
        self._is_starved = False

    # Reading.

    async def read(self, max_bytes: int = -1) -> bytes:
        """The next bytes, at most so many; all of them up to the end for -1. Empty at the end of the stream."""
        if max_bytes < 0:
            return b"".join([chunk async for chunk in self])
        return b"" if max_bytes == 0 else await self._next(max_bytes)

    async def read_into(self, buffer: Any) -> int:
        """Fills the buffer, and returns how many bytes it holds then: fewer than it has room for at the end alone."""
        place = memoryview(buffer).cast("B")
        at = 0
        while at < len(place):
            count = await self.read_available(place[at:])
            if count == 0:
                break
            at += count
        return at

    async def read_available(self, place: memoryview) -> int:
        """Writes what is there to the beginning of ``place``: at least one byte, or none at the end of the stream."""
        if not await self._wait():
            return 0
        at = 0
        while self._arrived and at < len(place):
            chunk = self._take(len(place) - at)
            place[at : at + len(chunk)] = chunk
            at += len(chunk)
            self._give_back(len(chunk))
        return at

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._next(_MAX_WINDOW):
            yield chunk

    async def _next(self, max_bytes: int) -> bytes:
        if not await self._wait():
            return b""
        chunk = self._take(max_bytes).tobytes()
        self._give_back(len(chunk))
        return chunk

    async def _wait(self) -> bool:
        """Whether there is something to read, or the stream has ended."""
        while not self._arrived:
            if self._error is not None:
                raise self._error
            if self._remote_ended:
                return False
            if self._reader is not None:
                raise RuntimeError("another task reads from this stream")
            self._is_starved = True
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return True

    def _take(self, max_bytes: int) -> memoryview:
        chunk = memoryview(self._arrived.popleft())
        if len(chunk) > max_bytes:
            self._arrived.appendleft(chunk[max_bytes:])
            chunk = chunk[:max_bytes]
        self._owed += self._frame_cost
        self._frame_cost = 0
        self._arrived_bytes -= len(chunk)
        return chunk

    def _give_back(self, count: int) -> None:
        self._owed += count
        if self._owed < self._window // 4 or self._remote_ended:
            return
        # A reader that waits for bytes could take more at once.
        grown = self._streams.grow(self._window) if self._is_starved else 0
        self._is_starved = False
        self._window += grown
        self._streams.give_credit(self._number, self._owed + grown)
        self._owed = 0

    # Writing.

    async def write(self, data: Any) -> None:
        """Sends bytes, and waits until the other side has room for them. Do not change ``data`` meanwhile."""
        view = memoryview(data)
        view = view.cast("B") if view.nbytes else memoryview(b"")
        if self._written is not None:
            raise RuntimeError("another task writes to this stream")
        self._check_writable()
        await self._opened
        self._check_writable()
        if len(view) == 0:
            return
        self._sending = view
        self._written = asyncio.get_running_loop().create_future()
        try:
            self._streams.wake(self._next_frame)
            await self._written
        finally:
            self._written = self._sending = None

    def _check_writable(self) -> None:
        if self._error is not None:
            raise self._error
        if self._own_ended:
            raise PeerloomError("ERR_STREAM_ENDED", "write() was called on a stream after end()")

    def _next_frame(self) -> list[Piece] | None:
        view = self._sending
        if view is None or self._credit <= _FRAME_COST:
            return None
        room = self._credit - _FRAME_COST
        # Small credit is not worth a frame of its own (clause 9.5).
        if room < min(len(view), _MAX_DATA) and self._credit < self._first_credit // 2:
            return None
        size = min(len(view), _MAX_DATA, room)
        self._credit -= size + _FRAME_COST
        self._sending = view[size:] if size < len(view) else None
        if self._sending is None and self._written is not None and not self._written.done():
            self._written.set_result(None)
        return [header(STREAM_DATA, size + 4) + number_bytes(self._number), view[:size]]

    async def end(self) -> None:
        """Ends the own direction; the other one stays open."""
        if self._own_ended or self._error is not None:
            return
        await self._opened
        if self._own_ended or self._error is not None:
            return
        self._own_ended = True
        self._streams.send_end(self._number)
        self._streams.release(self)

    def abort(self, message: str = "the stream was aborted") -> None:
        """Ends both directions at once; what waits is dropped."""
        if self._error is None and not self.is_done:
            # Behind a streamOpen that may still wait to be sent (clause 9.7).
            self._streams.send_abort(self._number, "aborted", message, follows_open=not self._opened.done())
            self._fail(PeerloomError("ERR_STREAM_ABORTED", f"this side aborted the stream: {message}"))

    async def __aenter__(self) -> PeerStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.end()
        else:
            self.abort(str(error))

    # The other side.

    @property
    def is_done(self) -> bool:
        return self._error is not None or (self._own_ended and self._remote_ended)

    @property
    def kept_bytes(self) -> int:
        return self._arrived_bytes

    def _receive(self, data: memoryview) -> None:
        # What is granted and not used: the window without what has arrived, and without what is still owed.
        waiting = self._arrived_bytes + self._frame_cost
        if self._remote_ended or len(data) == 0 or not self._opened.done():
            raise ProtocolBreach("data of a stream that is not open, or empty")
        if waiting + self._owed + len(data) + _FRAME_COST > self._window:
            raise ProtocolBreach("data of a stream without credit")
        last = self._arrived[-1] if self._arrived else None
        # Many short pieces would take many times their bytes.
        if isinstance(last, bytearray) and len(last) < _SHORT_BYTES:
            last += data
        else:
            self._arrived.append(bytearray(data) if len(data) < _SHORT_BYTES else data)
        self._arrived_bytes += len(data)
        self._frame_cost += _FRAME_COST
        self._wake_reader()

    def _receive_credit(self, amount: int) -> None:
        self._credit += amount
        if self._credit > _MAX_CREDIT:
            raise ProtocolBreach("too much credit of a stream")
        if not self._opened.done():
            self._first_credit = amount
            self._opened.set_result(None)
        if self._sending is not None:
            self._streams.wake(self._next_frame)

    def _receive_end(self) -> None:
        if self._remote_ended or not self._opened.done():
            raise ProtocolBreach("a second end of a stream, or one before it is open")
        self._remote_ended = True
        self._wake_reader()
        self._streams.release(self)

    def _fail(self, error: PeerloomError) -> None:
        if self._error is not None:
            return
        self._error = error
        self._arrived.clear()
        self._arrived_bytes = 0
        if not self._opened.done():
            self._opened.set_result(None)
        if self._written is not None and not self._written.done():
            self._written.set_exception(error)
        self._sending = None
        self._wake_reader()
        self._streams.release(self)

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class StreamHost(Protocol):
    """What streams need of their connection."""

    limits: Limits
    outgoing: Outgoing

    def stream_arrived(self, stream: PeerStream) -> None: ...

    def stream_rejected(self, reason: str) -> None: ...


class Streams:
    """The streams of a connection."""

    def __init__(self, host: StreamHost, *, is_dialler: bool) -> None:
        self._host = host
        self._open: dict[int, PeerStream] = {}
        self._next_number = 1 if is_dialler else 2
        self._last_remote = 0
        self._remote_parity = 0 if is_dialler else 1
        self._grown = 0
        self._refusals = 0

    @property
    def kept_bytes(self) -> int:
        return sum(stream.kept_bytes for stream in self._open.values())

    async def open(self, header_data: Any) -> PeerStream:
        if len(self._open) >= self._host.limits.max_streams:
            raise PeerloomError("ERR_STREAM_LIMIT", f"the connection has {len(self._open)} streams: close some")
        payload = encode_payload(header_data)
        if payload.length > _MAX_HEADER:
            raise PeerloomError("ERR_MESSAGE_TOO_LARGE", "the header of a stream has at most 65,536 bytes")
        window = self._host.limits.stream_window_bytes
        number = self._next_number
        self._next_number += 2
        stream = PeerStream(self, number, header_data, window)
        self._open[number] = stream
        start = number_bytes(number) + number_bytes(window)
        pieces = (start + b"".join(payload.pieces),)
        self._host.outgoing.send(Outbound(STREAM_OPEN, payload.format, 0, pieces, payload.length + 8))
        try:
            await stream._opened
        except asyncio.CancelledError:
            stream.abort("the side that opened the stream gave up")
            raise
        if stream._error is not None:
            raise stream._error
        return stream

    # Frames of the other side.

    def receive_open(self, format: int, compression: int, body: memoryview) -> None:
        number = number_of(body)
        if len(body) < 8 or len(body) > _MAX_HEADER + 8:
            raise ProtocolBreach("the opening of a stream is too short or too long")
        window = int.from_bytes(body[4:8], "big")
        if not 1 <= window <= _MAX_CREDIT:
            raise ProtocolBreach("the window of a stream is out of range")
        if number % 2 != self._remote_parity or number <= self._last_remote:
            raise ProtocolBreach("the number of a stream is not in order")
        self._last_remote = number
        if len(self._open) >= self._host.limits.max_streams:
            self._refuse(number, "limit", "this side has as many streams as it allows")
            return
        try:
            if compression:
                raise Undecodable("the header of a stream is compressed")
            data = decode_payload(format, body[8:], self._host.limits.max_containers)
        except Undecodable as error:
            self._host.stream_rejected(f"the header of a stream cannot be decoded: {error}")
            self._refuse(number, "aborted", "the header of the stream cannot be decoded")
            return
        own_window = self._host.limits.stream_window_bytes
        stream = PeerStream(self, number, data, own_window)
        self._open[number] = stream
        stream._receive_credit(window)
        self.give_credit(number, own_window)
        self._host.stream_arrived(stream)

    def receive_data(self, body: memoryview) -> None:
        stream = self._of(body)
        if stream is not None:
            stream._receive(body[4:])

    def receive_credit(self, body: memoryview) -> None:
        if len(body) != 8:
            raise ProtocolBreach("the credit of a stream has another length")
        amount = int.from_bytes(body[4:], "big")
        if not 1 <= amount <= _MAX_CREDIT:
            raise ProtocolBreach("the credit of a stream is out of range")
        stream = self._of(body)
        if stream is not None:
            stream._receive_credit(amount)

    def receive_end(self, body: memoryview) -> None:
        stream = self._of(body)
        if stream is not None:
            stream._receive_end()

    def receive_abort(self, body: memoryview) -> None:
        stream = self._of(body)
        try:
            said = json.loads(bytes(body[4:]))
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("code"), str):
            raise ProtocolBreach("the abort of a stream is not the JSON that it should be")
        if not isinstance(said.get("message"), str):
            raise ProtocolBreach("the abort of a stream has no message")
        if stream is not None:
            code = _ABORT_ERRORS.get(said["code"], "ERR_STREAM_ABORTED")
            stream._fail(PeerloomError(code, f"the other side aborted the stream: {visible(said['message'], 500)}"))

    def fail_all(self, error: PeerloomError) -> None:
        for stream in list(self._open.values()):
            stream._fail(error)

    def _of(self, body: memoryview) -> PeerStream | None:
        """None for a stream that does not exist any more (clause 9.8)."""
        return self._open.get(number_of(body))

    # What streams send.

    def wake(self, frames: Callable[[], list[Piece] | None]) -> None:
        self._host.outgoing.add_stream(frames)

    def give_credit(self, number: int, amount: int) -> None:
        self._host.outgoing.urgent(frame(STREAM_CREDIT, number_bytes(number) + number_bytes(amount)))

    def send_end(self, number: int) -> None:
        self._host.outgoing.urgent(frame(STREAM_END, number_bytes(number)))

    def send_abort(self, number: int, code: str, message: str, *, follows_open: bool = False) -> None:
        body = number_bytes(number) + json.dumps({"code": code, "message": message[:500]}).encode()
        if follows_open:
            self._host.outgoing.send(Outbound(STREAM_ABORT, 0, 0, (body,), len(body)), is_answer=True)
        else:
            self._host.outgoing.urgent(frame(STREAM_ABORT, body))

    def _refuse(self, number: int, code: str, message: str) -> None:
        self._refusals += 1
        if self._refusals > _MAX_REFUSALS:
            raise ProtocolBreach("too many streams beyond the limit")
        self.send_abort(number, code, message)

    def refuse(self, stream: PeerStream, message: str) -> None:
        """No handler takes the stream."""
        if not stream.is_done:
            self.send_abort(stream._number, "handler", message)
            stream._fail(PeerloomError("ERR_STREAM_ABORTED", message))

    def release(self, stream: PeerStream) -> None:
        if stream.is_done and self._open.pop(stream._number, None) is not None:
            self._grown -= stream._window - self._host.limits.stream_window_bytes

    def grow(self, window: int) -> int:
        """By how much a window may grow."""
        room = min(_MAX_WINDOW - window, _ALL_WINDOWS - self._grown, window)
        if room <= 0:
            return 0
        self._grown += room
        return room
