"""Links over WebSockets, encrypted by Noise (docs/protocol.md, section 16)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from ..address import Address
from ..data.cbor import Piece
from ..errors import PeerloomError, ProtocolBreach
from ..identity import id_of, verify
from .dial_proof import network_hash
from .link import WRITE_HIGH_WATER, Link, LinkSettings, Receiver, check_expected
from .noise import Noise
from .upgrade import (
    MAX_HEAD_BYTES,
    SUBPROTOCOLS,
    RefusedRequestError,
    Upgrade,
    answer_request,
    new_key,
    read_response,
    refusal_text,
    request_text,
)
from .websocket_frames import BINARY, CLOSE, PING, FrameParser, encode_frame

_SIGNED_TEXT: Final = b"noise-libp2p-static-key:"
_PROOF_BYTES: Final = 96
_OTHER_KEY: Final = 4001
"""How a listener closes whose network key is another one; clause 16.7."""

_DATA: Final = 0
_CREDIT: Final = 1
_END: Final = 2
_MAX_CONTENT: Final = 65_518
_RECORD_COST: Final = 256
_FIRST_CREDIT: Final = 1_048_576
_GIVE_BACK: Final = 98_304
_MAX_CONTROL_FRAMES: Final = 32
"""At once; and one a second over a longer time (clause 16.4)."""

_CLOSE_SECONDS: Final = 5.0


class WebSocketLink(asyncio.BufferedProtocol):
    """One WebSocket. Its states: upgrade, noise, up, closing, closed."""

    protocol = "websocket"

    def __init__(
        self,
        settings: LinkSettings,
        buffer: memoryview,
        *,
        address: Address | None = None,
        expected_id: str | None = None,
        listen_host: str = "",
    ) -> None:
        """``address``: what this side dials; without it, this side listens."""
        self._settings = settings
        self._buffer = buffer
        self._address = address
        self._expected_id = expected_id
        self._listen_host = listen_host
        self._is_client = address is not None
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()
        self.ready: asyncio.Future[Link] = self._loop.create_future()
        self.remote_id = ""
        self.host = ""
        self.port = 0
        self.network_hash: bytes | None = None
        self.receiver: Receiver | None = None
        self._state = "upgrade"
        self._head = bytearray()
        self._key = new_key()
        self._frames = FrameParser(is_client=self._is_client)
        self._noise: Noise | None = None
        self._credit = _FIRST_CREDIT
        self._granted = _FIRST_CREDIT
        self._owed = 0
        self._waiting = bytearray()
        """What waits for credit."""
        self._early: list[bytes] = []
        """What arrived before there was a receiver."""
        self._has_ended = False
        self._control_frames = 0.0
        self._control_at = self.began
        self._is_paused = False
        self._transport: asyncio.Transport | None = None
        self._timer = self._loop.call_later(settings.timeout, self._time_out)

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        peername = transport.get_extra_info("peername")
        if peername:
            self.host, self.port = peername[0], peername[1]
        if self._address is not None:
            transport.write(request_text(self._address.host, self._address.port, self._address.path, self._key))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.take(self._buffer[:nbytes])

    def take(self, data: bytes | memoryview) -> None:
        if self._state == "closed":
            return
        try:
            if self._state == "upgrade":
                rest = self._upgrade(data)
                if rest is None:
                    return
                data = rest
            self._frames.feed(data)
            while self._state != "closed" and (found := self._frames.next()) is not None:
                self._frame(*found)
        except ProtocolBreach as breach:
            self._break(breach)
        except PeerloomError as error:
            self._fail(error)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._tell_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc is not None else "the connection was cut off")

    # The upgrade.

    def _upgrade(self, data: bytes | memoryview) -> bytes | None:
        """What follows the head of HTTP; None while that is not whole."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD_BYTES:
            if len(self._head) > MAX_HEAD_BYTES:
                raise PeerloomError("ERR_HANDSHAKE", "the head of the HTTP request is too long")
            return None
        head, rest = bytes(self._head[:end]), bytes(self._head[end + 4 :])
        self._head.clear()
        if self._is_client:
            upgrade = read_response(head, self._key)
        else:
            try:
                upgrade, answer = answer_request(head, self._listen_host)
            except RefusedRequestError as refusal:
                self._write_raw(refusal_text(str(refusal)))
                raise PeerloomError("ERR_HANDSHAKE", f"a request was refused: {refusal}") from None
            self._write_raw(answer)
        self._begin_noise(upgrade)
        return rest

    def _begin_noise(self, upgrade: Upgrade) -> None:
        self._state = "noise"
        cipher = SUBPROTOCOLS[upgrade.chosen]
        self._noise = Noise(cipher, upgrade.prologue, self._settings.network_key, is_initiator=self._is_client)
        if self._is_client:
            self._send_message(self._noise.write(b""))

    # Noise.

    def _shake_hands(self, message: bytes) -> None:
        noise = self._noise
        assert noise is not None
        if self._is_client:
            proof = noise.read(message)
            if len(proof) != _PROOF_BYTES:
                raise ProtocolBreach("the listener's proof has another length")
            self._check_proof(proof, self._expected_id)
            self._send_message(noise.write(self._proof() + network_hash(self._settings.network)))
            self._up()
        elif noise.turn == 0:
            self._answer_first(message)
        else:
            proof = noise.read(message)
            if len(proof) != _PROOF_BYTES + 32:
                raise ProtocolBreach("the dialler's proof has another length")
            self._check_proof(proof[:_PROOF_BYTES], None)
            self.network_hash = proof[_PROOF_BYTES:]
            self._up()

    def _answer_first(self, message: bytes) -> None:
        assert self._noise is not None
        try:
            payload = self._noise.read(message)
        except ProtocolBreach:
            payload = b"unreadable"
        if payload:
            self._send_frame(CLOSE, _OTHER_KEY.to_bytes(2, "big"))
            raise PeerloomError("ERR_NETWORK_MISMATCH", "the dialler does not hold the same network key")
        self._send_message(self._noise.write(self._proof()))

    def _proof(self) -> bytes:
        assert self._noise is not None
        identity = self._settings.identity
        return identity.public_key + identity.sign(_SIGNED_TEXT + self._noise.static_key)

    def _check_proof(self, proof: bytes, expected_id: str | None) -> None:
        assert self._noise is not None
        if not verify(proof[:32], proof[32:], _SIGNED_TEXT + self._noise.remote_static):
            raise PeerloomError("ERR_HANDSHAKE", "the other side did not prove its id")
        self.remote_id = id_of(proof[:32])
        check_expected(self.remote_id, expected_id, self._settings.identity.id)

    def _up(self) -> None:
        self._timer.cancel()
        self._state = "up"
        if self._transport is not None:
            self._transport.pause_reading()
        if not self.ready.done():
            self.ready.set_result(self)

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        early, self._early = self._early, []
        try:
            for message in early:
                self._record(message)
        except ProtocolBreach as breach:
            self._break(breach)

    # Frames and records.

    def _frame(self, opcode: int, body: bytes) -> None:
        if opcode == BINARY:
            if self._state == "noise":
                self._shake_hands(body)
            elif self._state == "up" and self.receiver is None:
                # Bounded by what one reading of the socket brings: after it, reading is paused.
                self._early.append(body)
            elif self._state in ("up", "closing"):
                self._record(body)
            return
        self._count_control_frame()
        if opcode == PING:
            self._send_frame(PING + 1, body)
        elif opcode == CLOSE:
            self._closed_by_remote(body)

    def _count_control_frame(self) -> None:
        now = self._loop.time()
        self._control_frames = max(0.0, self._control_frames - (now - self._control_at)) + 1
        self._control_at = now
        if self._control_frames > _MAX_CONTROL_FRAMES:
            raise ProtocolBreach("too many control frames of the WebSocket")

    def _closed_by_remote(self, body: bytes) -> None:
        code = int.from_bytes(body[:2], "big")
        if self._state == "noise" and code == _OTHER_KEY:
            raise PeerloomError("ERR_NETWORK_MISMATCH", "the other side does not hold the same network key")
        if self._state != "closing":
            self._send_frame(CLOSE, body[:2])
        if self._transport is not None:
            self._transport.close()

    def _record(self, sealed: bytes) -> None:
        assert self._noise is not None
        assert self._noise.receiving is not None
        record = self._noise.receiving.open(sealed)
        if self._has_ended or not record:
            raise ProtocolBreach("a record after the end, or an empty one")
        content = memoryview(record)[1:]
        if record[0] == _DATA and 1 <= len(content) <= _MAX_CONTENT:
            self._take_data(content)
        elif record[0] == _CREDIT and len(content) == 4:
            self._take_credit(int.from_bytes(content, "big"))
        elif record[0] == _END and len(content) == 0:
            self._has_ended = True
            self.close()
        else:
            raise ProtocolBreach("a record of another kind or length")

    def _take_data(self, content: memoryview) -> None:
        cost = len(content) + _RECORD_COST
        self._granted -= cost
        if self._granted < 0:
            raise ProtocolBreach("more data than the credit allows")
        # A session that resumes puts another receiver in the place of the one that shook hands.
        while (receiver := self.receiver) is not None and self._state == "up" and len(content) > 0:
            place = receiver.get_buffer()
            count = min(len(place), len(content))
            place[:count] = content[:count]
            receiver.buffer_updated(count)
            content = content[count:]
        self._owed += cost
        if self._owed >= _GIVE_BACK and self._state == "up":
            self._send_record(_CREDIT, self._owed.to_bytes(4, "big"))
            self._granted += self._owed
            self._owed = 0

    def _take_credit(self, amount: int) -> None:
        self._credit += amount
        if amount <= _RECORD_COST or self._credit > _FIRST_CREDIT:
            raise ProtocolBreach("a wrong amount of credit")
        self._send_waiting()
        self._tell_writable()

    # The link.

    @property
    def is_writable(self) -> bool:
        return self._state == "up" and not self._is_paused and not self._waiting

    @property
    def unsent_bytes(self) -> int:
        buffered = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return len(self._waiting) + buffered

    def write(self, pieces: Sequence[Piece]) -> None:
        if self._state == "up":
            for piece in pieces:
                self._waiting += piece
            self._send_waiting()

    def _send_waiting(self) -> None:
        at = 0
        while at < len(self._waiting) and self._credit > _RECORD_COST and self._state == "up":
            size = min(len(self._waiting) - at, _MAX_CONTENT, self._credit - _RECORD_COST)
            self._credit -= size + _RECORD_COST
            self._send_record(_DATA, self._waiting[at : at + size])
            at += size
        del self._waiting[:at]

    def _send_record(self, kind: int, content: bytes | bytearray) -> None:
        assert self._noise is not None
        assert self._noise.sending is not None
        self._send_message(self._noise.sending.seal(bytes([kind]) + content))

    def _send_message(self, message: bytes) -> None:
        self._send_frame(BINARY, message)

    def _send_frame(self, opcode: int, body: bytes) -> None:
        self._write_raw(encode_frame(opcode, body, is_client=self._is_client))

    def _write_raw(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _tell_writable(self) -> None:
        if self.receiver is not None and self.is_writable:
            self.receiver.link_writable()

    def close(self) -> None:
        if self._state in ("closing", "closed"):
            return
        if self._state != "up":
            self.abort()
            return
        # What waits for credit would wait for a side that may not read any more.
        self._send_record(_END, b"")
        self._send_frame(CLOSE, (1000).to_bytes(2, "big"))
        self._state = "closing"
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._timer = self._loop.call_later(_CLOSE_SECONDS, self.abort)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._end("the connection was aborted")

    def _break(self, breach: ProtocolBreach) -> None:
        if self._state == "up" and self.receiver is not None:
            self.receiver.link_broken(breach)
        else:
            self._fail(PeerloomError("ERR_HANDSHAKE", str(breach)))

    def _time_out(self) -> None:
        self._fail(PeerloomError("ERR_TIMEOUT", "the other side did not complete the handshake in time"))

    def _fail(self, error: PeerloomError) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()
        if self._transport is not None:
            self._transport.close()
        self._end(error.message)

    def _end(self, reason: str) -> None:
        if self._state == "closed":
            return
        self._state = "closed"
        self._timer.cancel()
        if not self.ready.done():
            error = PeerloomError("ERR_CONNECTION_CLOSED", f"the handshake ended early: {reason}")
            self.ready.set_exception(error)
            self.ready.exception()
        if self.receiver is not None:
            self.receiver.link_closed(reason)
