"""Frames of docs/protocol.md, section 3."""

import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from libp2p.abc import INetStream


class Kind(IntEnum):
    """Kinds of frames (clause 3.4)."""

    HELLO = 1
    ACCEPT = 2
    GOODBYE = 3
    PING = 4
    PONG = 5
    PART = 6
    STREAM_ABORT = 11
    MESSAGE = 16
    DELIVER = 17
    DELIVERED = 18
    REQUEST = 19
    RESPONSE = 20
    FAILURE = 21
    STREAM_OPEN = 22


TEXT = 2
"""Format of a payload that is UTF-8."""
MORE = 1
"""Flag of a frame whose message goes on in another one."""
MAX_BODY = 262_144
"""What the body of a frame may hold."""
MAX_MESSAGE = 16 * 1024 * 1024
"""What a whole message may hold here."""


def number(value: int) -> bytes:
    return struct.pack(">I", value)


@dataclass(frozen=True)
class Frame:
    """A whole frame, or a message that was put together from several."""

    kind: int
    body: bytes = b""
    format: int = 0

    @classmethod
    def text(cls, kind: Kind, number: bytes, text: str) -> Self:
        return cls(kind, number + text.encode(), TEXT)

    @classmethod
    def hello(cls, name: str) -> Self:
        """The windows are as good as endless, so that this program need not give credit."""
        endless = 2**53 - 1
        fields = {
            "versions": [1, 1],
            "network": "",
            "addresses": [],
            "name": name,
            "instance": f"{name}-1",
            "maxMessageBytes": MAX_MESSAGE,
            "compressions": [],
            "protocols": [],
            "windows": {"messages": endless, "requests": endless, "protocols": endless},
        }
        return cls(Kind.HELLO, json.dumps(fields).encode())

    @property
    def number(self) -> bytes:
        """What pairs a question with its answer."""
        return self.body[:4]

    def __str__(self) -> str:
        payload = self.body[4:] if Kind.DELIVER <= self.kind <= Kind.STREAM_OPEN else self.body
        is_text = self.format == TEXT or self.kind < Kind.MESSAGE
        return payload.decode(errors="replace") if is_text else f"{len(payload)} bytes"


class Link:
    """Reads and writes frames."""

    def __init__(self, stream: INetStream) -> None:
        self._stream = stream

    async def write(self, frame: Frame) -> None:
        """Cuts what is too long for one frame: the first piece then begins with the length of the whole."""
        kind, format, rest = frame.kind, frame.format, frame.body
        if len(rest) > MAX_BODY:
            rest = number(len(rest)) + rest
        while True:
            piece, rest = rest[:MAX_BODY], rest[MAX_BODY:]
            head = struct.pack(">IBBBB", len(piece), kind, MORE if rest else 0, format, 0)
            await self._stream.write(head + piece)
            if not rest:
                return
            kind, format = Kind.PART, 0

    async def read(self) -> Frame:
        """The next frame, or the next message in one piece. Pings may come between its pieces."""
        flags, frame = await self._read_one()
        if flags != MORE:
            return frame
        length = int.from_bytes(frame.number)
        if length > MAX_MESSAGE + 4:
            raise ValueError("a message that is too long")
        whole = bytearray(frame.body[4:])
        while flags == MORE and len(whole) <= length:
            part_flags, part = await self._read_one()
            if part.kind == Kind.PART:
                whole += part.body
                flags = part_flags
            elif part.kind == Kind.PING:
                await self.write(Frame(Kind.PONG, part.body))
        if len(whole) != length:
            raise ValueError("a message of another length than it said")
        return Frame(frame.kind, bytes(whole), frame.format)

    async def _read_one(self) -> tuple[int, Frame]:
        length, kind, flags, format, _ = struct.unpack(">IBBBB", await self._exactly(8))
        if length > MAX_BODY:
            raise ValueError(f"a frame of {length} bytes")
        return flags, Frame(kind, await self._exactly(length), format)

    async def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            piece = await self._stream.read(length - len(data))
            if not piece:
                raise EOFError("the other side has ended the link")
            data += piece
        return bytes(data)
