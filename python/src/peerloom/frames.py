"""Frames: a header of eight bytes and a body (docs/protocol.md, section 3)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from .errors import ProtocolBreach
from .limits import MAX_FRAME_BODY, MAX_HANDSHAKE_BYTES
from .memory import memory_for

HEADER_BYTES: Final = 8
MORE: Final = 1
"""The flag of all frames of a cut message but its last one."""

_HEADER: Final = struct.Struct(">IBBBB")
_NUMBER: Final = struct.Struct(">I")

HELLO: Final = 1
ACCEPT: Final = 2
GOODBYE: Final = 3
PING: Final = 4
PONG: Final = 5
PART: Final = 6
ACKNOWLEDGE: Final = 7
STREAM_DATA: Final = 8
STREAM_CREDIT: Final = 9
STREAM_END: Final = 10
STREAM_ABORT: Final = 11
CREDIT: Final = 12
MESSAGE: Final = 16
DELIVER: Final = 17
DELIVERED: Final = 18
REQUEST: Final = 19
RESPONSE: Final = 20
FAILURE: Final = 21
STREAM_OPEN: Final = 22
PROTOCOL: Final = 23

_KINDS: Final = frozenset({*range(HELLO, CREDIT + 1), *range(MESSAGE, PROTOCOL + 1)})
_BETWEEN_PARTS: Final = frozenset({GOODBYE, PING, PONG, PART, *range(ACKNOWLEDGE, CREDIT + 1)})


def header(kind: int, length: int, flags: int = 0, format: int = 0, compression: int = 0) -> bytes:
    return _HEADER.pack(length, kind, flags, format, compression)


def frame(kind: int, body: bytes = b"", format: int = 0, compression: int = 0) -> bytes:
    return _HEADER.pack(len(body), kind, 0, format, compression) + body


def number_bytes(number: int) -> bytes:
    return _NUMBER.pack(number)


def number_of(body: memoryview) -> int:
    """The number that a body begins with (clause 3.6)."""
    if len(body) < 4:
        raise ProtocolBreach("a frame is too short for its number")
    return int.from_bytes(body[:4], "big")


OnFrame = Callable[[int, int, int, memoryview], None]
"""Kind, format, compression, and the whole body, in memory of its own. Raises ProtocolBreach."""

_SCRATCH_BYTES: Final = 64 * 1024
_OWN_BODY_BYTES: Final = 8 * 1024
"""A body from this length on is read to where it stays. Shorter ones are copied there."""


class FrameReader:
    """Makes frames of bytes, however they are split. It checks lengths before it keeps anything.

    It says where the next bytes belong (``get_buffer``), so that those of large bodies are never copied.
    """

    def __init__(self, on_frame: OnFrame, max_message_bytes: int, on_growth: Callable[[], None] = lambda: None) -> None:
        """``on_growth``: called when ``kept_bytes`` has grown."""
        self._on_frame = on_frame
        self._on_growth = on_growth
        self._max_body = max_message_bytes + 4
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._start = 0
        self._end = 0
        self._head = (0, 0, 0, 0)
        """Kind, flags, format and compression of the body that is being read to its place."""
        self._target: memoryview | None = None
        """The rest of that body's place."""
        self._body = memoryview(b"")
        self._cut: memoryview | None = None
        """The place of a cut message, while it arrives."""
        self._cut_head = (0, 0, 0)
        self._cut_at = 0
        self._after_large = False
        self._ended = False
        self.is_handshake = True
        """Until the other side's accept has arrived (clauses 4.1 to 4.3)."""
        self._handshake_bytes = 0
        self._handshake_frames = 0
        self.is_busy = False
        self.counted = 0
        """Bytes of whole frames, without acknowledgements (clause 10.2)."""
        self.whole = 0
        """The same up to where no message was in part (clause 10.3)."""

    @property
    def kept_bytes(self) -> int:
        """Memory for what arrives in part."""
        return 0 if self._cut is None else len(self._cut)

    def end(self) -> None:
        """What still arrives is dropped."""
        self._ended = True
        self._target = self._cut = None

    def take_rest(self) -> bytes:
        """Ends it, and returns what it has not looked at."""
        rest = self._scratch[self._start : self._end].tobytes()
        self.end()
        return rest

    def cut_off(self) -> int:
        """The link broke. Forgets what another link does not bring again, and returns the position of the rest."""
        if self._target is not None:
            if self._head[0] != ACKNOWLEDGE:
                return self.counted + HEADER_BYTES + len(self._body) - len(self._target)
            self._target = None
        elif self._end - self._start >= HEADER_BYTES and self._scratch[self._start + 4] != ACKNOWLEDGE:
            return self.counted + self._end - self._start
        self._start = self._end = 0
        return self.counted

    def get_buffer(self) -> memoryview:
        if self._ended:
            self._start = self._end = 0
        elif self._target is not None:
            return self._target
        if self._start == self._end:
            self._start = self._end = 0
            # Behind a large body comes the header of another one: what is read past it would have to be copied.
            if self._after_large:
                return self._scratch[:HEADER_BYTES]
        elif self._start > 0:
            kept = self._end - self._start
            self._scratch[:kept] = self._scratch[self._start : self._end].tobytes()
            self._start, self._end = 0, kept
        return self._scratch[self._end :]

    def buffer_updated(self, count: int) -> None:
        """So many bytes have been written to the buffer. Raises ProtocolBreach."""
        if self._ended:
            return
        self.is_busy = True
        try:
            self._take(count)
        finally:
            self.is_busy = False

    def _take(self, count: int) -> None:
        if self._target is not None:
            self._target = self._target[count:]
            if len(self._target) > 0:
                return
            self._target = None
            self._after_large = len(self._body) >= _OWN_BODY_BYTES
            self._finish(self._head, self._body)
            return
        self._end += count
        self._parse()

    def feed(self, data: bytes | memoryview) -> None:
        """The same for bytes that lie elsewhere. Raises ProtocolBreach."""
        view = memoryview(data)
        while len(view) > 0:
            buffer = self.get_buffer()
            count = min(len(buffer), len(view))
            buffer[:count] = view[:count]
            self.buffer_updated(count)
            view = view[count:]

    def _parse(self) -> None:
        scratch = self._scratch
        while self._end - self._start >= HEADER_BYTES and not self._ended:
            length, kind, flags, format, compression = _HEADER.unpack_from(scratch, self._start)
            self._check(length, kind, flags)
            at = self._start + HEADER_BYTES
            if at + length <= self._end:
                self._start = at + length
                self._after_large = False
                place = self._place(kind, length)
                place[:] = scratch[at : at + length]
                self._finish((kind, flags, format, compression), place)
                continue
            if length >= _OWN_BODY_BYTES or self._after_large:
                place = self._place(kind, length)
                arrived = self._end - at
                place[:arrived] = scratch[at : self._end]
                self._start = self._end = 0
                self._head = (kind, flags, format, compression)
                self._body = place
                self._target = place[arrived:]
            return

    def _check(self, length: int, kind: int, flags: int) -> None:
        if kind not in _KINDS:
            raise ProtocolBreach(f"a frame of the unknown kind {kind}")
        if flags & ~MORE:
            raise ProtocolBreach("a frame with unknown flags")
        if self.is_handshake:
            self._check_handshake(length, kind, flags)
        if length > MAX_FRAME_BODY:
            raise ProtocolBreach("the body of a frame is too long")
        if self._cut is not None and kind not in _BETWEEN_PARTS:
            raise ProtocolBreach("a frame that may not stand inside a cut message")
        if kind == PART and self._cut is None:
            raise ProtocolBreach("a part without a beginning")
        if flags and kind < MESSAGE and kind != PART:
            raise ProtocolBreach("a cut frame of a kind that is never cut")

    def _check_handshake(self, length: int, kind: int, flags: int) -> None:
        self._handshake_bytes += length
        self._handshake_frames += 1
        if self._handshake_bytes > MAX_HANDSHAKE_BYTES or self._handshake_frames > 3:
            raise ProtocolBreach("the handshake is too long")
        if kind > GOODBYE or flags:
            raise ProtocolBreach("a frame that does not belong into the handshake")

    def _place(self, kind: int, length: int) -> memoryview:
        """Where the body belongs: into the cut message, or alone."""
        if kind != PART:
            return memory_for(length)
        assert self._cut is not None
        if length == 0:
            raise ProtocolBreach("an empty part")
        end = self._cut_at + length
        if end > len(self._cut):
            raise ProtocolBreach("a part is too long")
        return self._cut[self._cut_at : end]

    def _finish(self, head: tuple[int, int, int, int], body: memoryview) -> None:
        kind, flags, format, compression = head
        if kind != ACKNOWLEDGE:
            self.counted += HEADER_BYTES + len(body)
        self._hand_on(kind, flags, format, compression, body)
        if self._cut is None:
            self.whole = self.counted

    def _hand_on(self, kind: int, flags: int, format: int, compression: int, body: memoryview) -> None:
        if kind == PART:
            self._add_part(len(body), flags)
        elif flags:
            self._begin_cut(kind, format, compression, body)
        else:
            self._on_frame(kind, format, compression, body)

    def _begin_cut(self, kind: int, format: int, compression: int, body: memoryview) -> None:
        if len(body) < 4:
            raise ProtocolBreach("a frame is too short for the length of its message")
        length = int.from_bytes(body[:4], "big")
        first = body[4:]
        if length > self._max_body:
            raise ProtocolBreach("a message is longer than this node allows")
        if len(first) == 0 or len(first) >= length:
            raise ProtocolBreach("the pieces do not make up the message")
        self._cut = memory_for(length)
        self._cut[: len(first)] = first
        self._cut_at = len(first)
        self._cut_head = (kind, format, compression)
        self._on_growth()

    def _add_part(self, length: int, flags: int) -> None:
        assert self._cut is not None
        self._cut_at += length
        is_whole = self._cut_at == len(self._cut)
        if is_whole == bool(flags):
            raise ProtocolBreach("the pieces do not make up the message")
        if is_whole:
            body, self._cut = self._cut, None
            self._on_frame(*self._cut_head, body)
