"""The frames of WebSockets (RFC 6455): pure, no I/O. Fragments are joined, and masks taken off."""

from __future__ import annotations

import secrets
import struct
from typing import Final

from ..errors import ProtocolBreach

BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

MAX_MESSAGE: Final = 65_535
_CONTINUATION: Final = 0
_MAX_FRAGMENTS: Final = 256
_MAX_CONTROL: Final = 125


def encode_frame(opcode: int, body: bytes, *, is_client: bool) -> bytes:
    length = len(body)
    mask_bit = 0x80 if is_client else 0
    if length < 126:
        head = struct.pack(">BB", 0x80 | opcode, mask_bit | length)
    else:
        head = struct.pack(">BBH", 0x80 | opcode, mask_bit | 126, length)
    if not is_client:
        return head + body
    mask = secrets.token_bytes(4)
    return head + mask + _masked(body, mask)


def _masked(body: bytes | memoryview, mask: bytes) -> bytes:
    length = len(body)
    repeated = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(body, "little") ^ int.from_bytes(repeated, "little")).to_bytes(length, "little")


class FrameParser:
    """Takes bytes, and gives messages and control frames as (opcode, body)."""

    def __init__(self, *, is_client: bool) -> None:
        self._is_client = is_client
        self._bytes = bytearray()
        self._parts: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes | memoryview) -> None:
        self._bytes += data

    def next(self) -> tuple[int, bytes] | None:
        """The next message or control frame, once it is whole. Raises ProtocolBreach."""
        while (found := self._next_frame()) is not None:
            is_last, opcode, body = found
            if opcode >= CLOSE:
                return opcode, body
            if (opcode == _CONTINUATION) != bool(self._parts):
                raise ProtocolBreach("a fragment of a WebSocket message at the wrong place")
            self._parts.append(body)
            self._length += len(body)
            if self._length > MAX_MESSAGE or len(self._parts) > _MAX_FRAGMENTS:
                raise ProtocolBreach("a WebSocket message is too long, or in too many pieces")
            if is_last:
                message = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts = []
                self._length = 0
                return BINARY, message
        return None

    def _next_frame(self) -> tuple[bool, int, bytes] | None:
        data = self._bytes
        if len(data) < 2:
            return None
        first, second = data[0], data[1]
        opcode = first & 0x0F
        length = second & 0x7F
        if first & 0x70 or bool(second & 0x80) == self._is_client:
            raise ProtocolBreach("a WebSocket frame with a wrong flag or mask")
        if opcode not in (_CONTINUATION, BINARY, CLOSE, PING, PONG):
            raise ProtocolBreach("a WebSocket frame that is not binary")
        if opcode >= CLOSE and (length > _MAX_CONTROL or not first & 0x80):
            raise ProtocolBreach("a control frame of a WebSocket is too long, or cut")
        at = 2
        if length == 127:
            raise ProtocolBreach("a WebSocket frame is too long")
        if length == 126:
            if len(data) < 4:
                return None
            (length,) = struct.unpack_from(">H", data, 2)
            at = 4
        mask = b""
        if not self._is_client:
            mask = bytes(data[at : at + 4])
            at += 4
        if len(data) < at + length:
            return None
        body = bytes(data[at : at + length])
        del data[: at + length]
        return bool(first & 0x80), opcode, _masked(body, mask) if mask else body
