"""The conversation over one link: it sends what the user sends, and hands on what arrives."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from ..data.compression import CODES, NAMES, decompress
from ..data.payload import CBOR, JSON, Payload, decode_payload, encode_payload
from ..errors import PeerloomError, ProtocolBreach, Undecodable
from ..frames import (
    ACCEPT,
    ACKNOWLEDGE,
    CREDIT,
    DELIVER,
    DELIVERED,
    FAILURE,
    GOODBYE,
    HELLO,
    MESSAGE,
    PING,
    PONG,
    REQUEST,
    RESPONSE,
    STREAM_ABORT,
    STREAM_CREDIT,
    STREAM_DATA,
    STREAM_END,
    STREAM_OPEN,
    FrameReader,
    frame,
    number_bytes,
    number_of,
)
from ..hello import Goodbye, Hello, VersionMismatch, decode_goodbye, decode_hello
from ..limits import Limits
from ..link.link import Link
from ..visible import visible
from .outgoing import Outbound, Outgoing
from .session import Session
from .streams import PeerStream, Streams
from .windows import ReceiveWindow

_FLUSH_SECONDS: Final = 5.0
"""How long a goodbye waits for the messages before it."""

_LONG_BYTES: Final = 128 * 1024
"""From this length on, payloads are decompressed, and JSON and CBOR decoded, in another thread."""

_ACKNOWLEDGE_BYTES: Final = 256 * 1024
_ACKNOWLEDGE_SECONDS: Final = 0.05
"""Clause 10.4."""

_TURN_SECONDS: Final = 0.005
"""After handling messages for so long, other connections get their turn."""


class Handlers(Protocol):
    """What the node makes of what a channel brings. None of these raises."""

    async def hello_arrived(self, channel: Channel, hello: Hello) -> Goodbye | None:
        """Decides on the other side; a goodbye refuses it."""

    def channel_up(self, channel: Channel) -> asyncio.Future[None] | None:
        """The handshake is done. What it returns is waited for before messages are handed on."""

    async def message(self, channel: Channel, data: Any) -> str | None:
        """Runs the handlers of a message. The text says why a delivery has failed."""

    async def request(self, channel: Channel, data: Any) -> Any:
        """Raises PeerloomError if there is no answer; its message goes to the other side."""

    async def stream(self, channel: Channel, stream: PeerStream) -> str | None:
        """Runs the handlers of a stream. The text says why it is refused."""

    def rejected(self, channel: Channel, reason: str) -> None:
        """A message could not be decoded."""

    def memory_grew(self, channel: Channel) -> None:
        """A large message began to arrive, or waits, or what a session keeps has grown."""

    def channel_suspended(self, channel: Channel, reason: str) -> None:
        """Its link is lost, and its session waits for another one."""

    def channel_resumed(self, channel: Channel) -> None:
        """Another link carries its session."""

    def channel_closed(self, channel: Channel, goodbye: Goodbye, *, is_remote: bool) -> None:
        """Exactly once."""


class Channel:
    """One connection's conversation. ``state``: hello, deciding, accept, up, closed.

    With a session, it outlives its links: each further link shakes hands in a channel of its own, which then hands the
    link over.
    """

    def __init__(self, link: Link, own_hello: Hello, handlers: Handlers, limits: Limits, *, is_dialler: bool) -> None:
        self.link = link
        self.limits = limits
        self.own_hello = own_hello
        self.is_dialler = is_dialler
        self.remote_hello: Hello | None = None
        self.state = "hello"
        self.session: Session | None = None
        self._acknowledged = 0
        self._acknowledging: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._is_accepted = False
        self.closed: asyncio.Future[Goodbye] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._handlers = handlers
        self._reader = FrameReader(self._route, limits.max_message_bytes, lambda: handlers.memory_grew(self))
        self.outgoing = Outgoing(link, limits, self._overload)
        self.streams = Streams(self, is_dialler=is_dialler)
        messages, requests, _ = own_hello.windows
        self._message_window = ReceiveWindow(messages, lambda position: self._grant(0, position))
        self._request_window = ReceiveWindow(requests, lambda position: self._grant(1, position))
        self._inbox: deque[tuple[int, int, int, memoryview, int]] = deque()
        self._inbox_task: asyncio.Task[None] | None = None
        self._waiting_requests: deque[tuple[int, int, memoryview, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running_requests = 0
        self._connected: asyncio.Future[None] | None = None
        self._calls: dict[int, tuple[int, asyncio.Future[Any]]] = {}
        self._numbers = itertools.count(1)
        self._heard = time.monotonic()
        self._has_pinged = False
        self._timer = self._loop.call_at(link.began + limits.handshake_timeout, self._handshake_timeout)
        self._routes: dict[int, Callable[[int, int, memoryview], None]] = {
            PING: self._take_ping,
            PONG: lambda _format, _compression, body: self._settle(PING, number_of(body), None),
            ACKNOWLEDGE: self._take_acknowledge,
            CREDIT: self._take_credit,
            MESSAGE: self._take_message,
            DELIVER: self._take_deliver,
            DELIVERED: lambda _format, _compression, body: self._settle(DELIVER, number_of(body), None),
            REQUEST: self._take_request,
            RESPONSE: self._take_response,
            FAILURE: self._take_failure,
            STREAM_OPEN: self.streams.receive_open,
            STREAM_DATA: lambda _format, _compression, body: self.streams.receive_data(body),
            STREAM_CREDIT: lambda _format, _compression, body: self.streams.receive_credit(body),
            STREAM_END: lambda _format, _compression, body: self.streams.receive_end(body),
            STREAM_ABORT: lambda _format, _compression, body: self.streams.receive_abort(body),
        }

    def start(self) -> None:
        self.link.receiver = self
        if self.is_dialler:
            self._write(frame(HELLO, self.own_hello.encode()))
        self.link.resume()

    # What the link brings.

    def get_buffer(self) -> memoryview:
        return self._reader.get_buffer()

    def buffer_updated(self, count: int) -> None:
        self._heard = time.monotonic()
        self._has_pinged = False
        self._reader.buffer_updated(count)
        if self.session is not None:
            self._owe()

    def link_writable(self) -> None:
        self.outgoing.flush()

    def link_broken(self, error: Exception) -> None:
        self._end_now(Goodbye("protocol", f"the other side broke the protocol: {error}"))

    def link_closed(self, reason: str) -> None:
        if self.session is not None and self.state == "up" and not self._is_closing:
            if self._reader.is_busy:
                self._loop.call_soon(self._suspend, self.link, reason)
            else:
                self._suspend(self.link, reason)
            return
        self._finish(Goodbye("disconnected", f"the connection was lost: {reason}"), is_remote=True)

    def _route(self, kind: int, format: int, compression: int, body: memoryview) -> None:
        if self.state == "closed":
            return
        if kind == GOODBYE:
            self._finish(decode_goodbye(body), is_remote=True)
            self.link.close()
            return
        if self.state != "up":
            self._shake_hands(kind, body)
            return
        route = self._routes.get(kind)
        if route is None:
            raise ProtocolBreach(f"a frame of the kind {kind} at a place where it does not belong")
        route(format, compression, body)

    # The handshake.

    def _shake_hands(self, kind: int, body: memoryview) -> None:
        if self.state == "hello" and kind == HELLO:
            try:
                hello = decode_hello(body)
            except VersionMismatch as mismatch:
                self._end_now(Goodbye("version", str(mismatch)))
                return
            self.remote_hello = hello
            self.state = "deciding"
            self._track(self._decide(hello))
        elif self.state in ("deciding", "accept") and kind == ACCEPT and not self._is_accepted:
            if len(body) > 0:
                raise ProtocolBreach("an accept with a body")
            if self.state == "deciding" and not self.is_dialler:
                raise ProtocolBreach("an accept before this side said hello")
            self._is_accepted = True
            # What follows this frame may be messages.
            self._reader.is_handshake = False
            if self.state == "accept":
                self._up()
        else:
            raise ProtocolBreach("a frame that does not belong into the handshake")

    async def _decide(self, hello: Hello) -> None:
        refusal = await self._handlers.hello_arrived(self, hello)
        if self.state != "deciding":
            return
        if refusal is not None:
            self._end_now(refusal)
            return
        self.state = "accept"
        if not self.is_dialler:
            self._write(frame(HELLO, self.own_hello.encode()) + frame(ACCEPT))
        elif self._is_accepted:
            self._up()

    def _up(self) -> None:
        assert self.remote_hello is not None
        if self.is_dialler:
            self._write(frame(ACCEPT))
        self.state = "up"
        self._timer.cancel()
        self._timer = self._loop.call_later(self.limits.ping_after, self._watch)
        self.outgoing.open(self.remote_hello.windows[:2])
        self._connected = self._handlers.channel_up(self)

    def _handshake_timeout(self) -> None:
        self._end_now(Goodbye("timeout", "the handshake took too long"))

    # The session.

    @property
    def is_suspended(self) -> bool:
        return self.session is not None and self.session.link is None

    def begin_session(self, id: str) -> None:
        """The handshake is done, and nothing has been sent yet."""
        self.session = Session(id, self.link, lambda: self._handlers.memory_grew(self))
        self.outgoing.use(self.session)
        self._reader.counted = self._reader.whole = 0

    def lose_link(self, reason: str) -> None:
        """Gives the link up, but not the session."""
        link = self.link
        link.receiver = None
        link.abort()
        self._suspend(link, reason)

    def _suspend(self, link: Link, reason: str) -> None:
        session = self.session
        if self.state != "up" or session is None or session.link is not link:
            return
        session.suspend(self._reader.cut_off())
        self._timer.cancel()
        self._stop_acknowledging()
        self._handlers.channel_suspended(self, reason)

    def hand_over(self) -> tuple[Link, bytes]:
        """The link whose handshake this channel has done, and what arrived behind that."""
        self.state = "closed"
        self._timer.cancel()
        self.outgoing.close()
        return self.link, self._reader.take_rest()

    def drop(self) -> None:
        """Ends the link without a word: it led to a session that is over (clauses 10.9, 10.11)."""
        self.hand_over()
        self.link.receiver = None
        self.link.abort()

    def resume_over(self, fresh: Channel, position: int) -> None:
        """The session continues over the link of another channel, from the position that the other side named."""
        assert self.session is not None
        self.link, rest = fresh.hand_over()
        self.link.receiver = self
        self._heard = time.monotonic()
        self._has_pinged = False
        self._timer = self._loop.call_later(self.limits.ping_after, self._watch)
        self.session.resume(self.link, position)
        # The last acknowledgement may be lost.
        self._acknowledge()
        self._handlers.channel_resumed(self)
        self.outgoing.schedule()
        try:
            self._reader.feed(rest)
        except ProtocolBreach as breach:
            self.link_broken(breach)
        self._owe()

    def _take_acknowledge(self, _format: int, _compression: int, body: memoryview) -> None:
        if self.session is None or len(body) != 8:
            raise ProtocolBreach("an acknowledgement of another form, or without a session")
        self.session.acknowledge(int.from_bytes(body, "big"))
        self.outgoing.schedule()

    def _owe(self) -> None:
        owed = self._reader.whole - self._acknowledged
        if owed >= _ACKNOWLEDGE_BYTES and self.link.is_writable:
            self._acknowledge()
        elif owed > 0 and self._acknowledging is None and self.state == "up":
            self._acknowledging = self._loop.call_later(_ACKNOWLEDGE_SECONDS, self._acknowledge_late)

    def _acknowledge_late(self) -> None:
        self._acknowledging = None
        if self.link.is_writable:
            self._acknowledge()
        else:
            self._owe()

    def _acknowledge(self) -> None:
        self._stop_acknowledging()
        self._acknowledged = self._reader.whole
        self._write(frame(ACKNOWLEDGE, self._acknowledged.to_bytes(8, "big")))

    def _stop_acknowledging(self) -> None:
        if self._acknowledging is not None:
            self._acknowledging.cancel()
            self._acknowledging = None

    # Messages, one at a time and in order (clause 5.1).

    def _take_message(self, format: int, compression: int, body: memoryview) -> None:
        self._queue(-1, format, compression, body)

    def _take_deliver(self, format: int, compression: int, body: memoryview) -> None:
        self._queue(number_of(body), format, compression, body)

    def _queue(self, number: int, format: int, compression: int, body: memoryview) -> None:
        cost = self._message_window.arrive(len(body))
        self._inbox.append((number, format, compression, body, cost))
        if len(body) >= _LONG_BYTES:
            self._handlers.memory_grew(self)
        if self._inbox_task is None:
            self._inbox_task = self._loop.create_task(self._handle_messages())

    async def _handle_messages(self) -> None:
        try:
            if self._connected is not None:
                await self._connected
            turn = time.monotonic()
            while self._inbox:
                number, format, compression, body, cost = self._inbox.popleft()
                await self._handle_message(number, format, compression, body)
                self._message_window.finish(cost)
                if time.monotonic() - turn > _TURN_SECONDS:
                    await asyncio.sleep(0)
                    turn = time.monotonic()
        finally:
            self._inbox_task = None

    async def _handle_message(self, number: int, format: int, compression: int, body: memoryview) -> None:
        try:
            data = await self._decode(format, compression, body if number < 0 else body[4:])
        except Undecodable as error:
            self._handlers.rejected(self, str(error))
            if number >= 0:
                self._answer(FAILURE, number, encode_payload(f"the message cannot be decoded: {error}"))
            return
        except ProtocolBreach as breach:
            self.link_broken(breach)
            return
        failed = await self._handlers.message(self, data)
        if number < 0:
            return
        if failed is None:
            self._answer(DELIVERED, number, Payload(0, 0, (), 0))
        else:
            self._answer(FAILURE, number, encode_payload(failed))

    async def _decode(self, format: int, compression: int, body: memoryview) -> Any:
        limits = self.limits
        if compression != 0:
            if compression not in NAMES:
                raise Undecodable(f"its compression {compression} is not known")
            if len(body) >= _LONG_BYTES:
                unpacked = await asyncio.to_thread(decompress, compression, body, limits.max_message_bytes)
            else:
                unpacked = decompress(compression, body, limits.max_message_bytes)
            body = memoryview(unpacked)
        if len(body) > limits.max_message_bytes:
            raise ProtocolBreach("a payload is longer than this node allows")
        if len(body) >= _LONG_BYTES and format in (JSON, CBOR):
            return await asyncio.to_thread(decode_payload, format, body, limits.max_containers)
        return decode_payload(format, body, limits.max_containers)

    # Requests, as they arrive (clause 12.6).

    def _take_request(self, format: int, compression: int, body: memoryview) -> None:
        number_of(body)
        cost = self._request_window.arrive(len(body))
        self._waiting_requests.append((format, compression, body, cost))
        self._run_requests()

    def _run_requests(self) -> None:
        while self._waiting_requests and self._running_requests < self.limits.max_requests:
            self._running_requests += 1
            self._track(self._answer_request(*self._waiting_requests.popleft()))

    async def _answer_request(self, format: int, compression: int, body: memoryview, cost: int) -> None:
        number = number_of(body)
        try:
            data = await self._decode(format, compression, body[4:])
            if self.state != "up":
                return
            answer = self._checked(encode_payload(await self._handlers.request(self, data)))
            self._answer(RESPONSE, number, answer)
        except ProtocolBreach as breach:
            self.link_broken(breach)
        except Undecodable as error:
            self._handlers.rejected(self, str(error))
            self._answer(FAILURE, number, encode_payload(f"the request cannot be decoded: {error}"))
        except PeerloomError as error:
            self._answer(FAILURE, number, encode_payload(error.message))
        except (TypeError, ValueError) as error:
            self._answer(FAILURE, number, encode_payload(f"the response cannot be sent: {error}"))
        finally:
            self._running_requests -= 1
            self._request_window.finish(cost)
            self._run_requests()

    def _answer(self, kind: int, number: int, payload: Payload) -> None:
        if self.state == "up":
            pieces = (number_bytes(number), *payload.pieces)
            message = Outbound(kind, payload.format, payload.compression, pieces, payload.length + 4)
            self.outgoing.send(message, is_answer=True)

    # Questions of our own.

    async def call(self, kind: int, data: Any, compression: str, timeout: float | None) -> Any:
        """Sends a deliver or a request, and waits for what settles it."""
        number, answer = self._new_call(kind)
        try:
            self._send(kind, data, compression, number)
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise PeerloomError("ERR_TIMEOUT", f"no answer within {timeout} s") from None
        finally:
            self._calls.pop(number, None)

    async def ping(self, timeout: float | None) -> float:
        number, answer = self._new_call(PING)
        began = time.perf_counter()
        try:
            self.outgoing.urgent(frame(PING, number_bytes(number)))
            async with asyncio.timeout(timeout):
                await answer
        except TimeoutError:
            raise PeerloomError("ERR_TIMEOUT", f"no answer within {timeout} s") from None
        finally:
            self._calls.pop(number, None)
        return time.perf_counter() - began

    def _new_call(self, kind: int) -> tuple[int, asyncio.Future[Any]]:
        self.check_up()
        number = next(self._numbers) & 0xFFFFFFFF
        while number in self._calls:
            number = next(self._numbers) & 0xFFFFFFFF
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._calls[number] = (kind, answer)
        return number, answer

    def _settle(self, kind: int, number: int, result: Any) -> None:
        asked, answer = self._calls.get(number, (None, None))
        if answer is None or asked != kind or answer.done():
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)

    def _take_response(self, format: int, compression: int, body: memoryview) -> None:
        number = number_of(body)
        if self._calls.get(number, (None,))[0] == REQUEST:
            self._track(self._read_answer(REQUEST, number, format, compression, body))

    def _take_failure(self, format: int, compression: int, body: memoryview) -> None:
        number = number_of(body)
        kind = self._calls.get(number, (None,))[0]
        if kind is not None and kind != PING:
            self._track(self._read_answer(kind, number, format, compression, body, has_failed=True))

    async def _read_answer(
        self,
        kind: int,
        number: int,
        format: int,
        compression: int,
        body: memoryview,
        *,
        has_failed: bool = False,
    ) -> None:
        try:
            data = await self._decode(format, compression, body[4:])
        except ProtocolBreach as breach:
            self.link_broken(breach)
            return
        except Undecodable as error:
            self._handlers.rejected(self, str(error))
            self._settle(kind, number, PeerloomError("ERR_MESSAGE_INVALID", f"the answer cannot be decoded: {error}"))
            return
        self._settle(kind, number, _failure(data) if has_failed else data)

    # What the user sends.

    async def open_stream(self, header: Any, timeout: float | None) -> PeerStream:
        self.check_up()
        try:
            async with asyncio.timeout(timeout):
                return await self.streams.open(header)
        except TimeoutError:
            raise PeerloomError("ERR_TIMEOUT", f"the stream was not opened within {timeout} s") from None

    def check_up(self) -> None:
        if self.state != "up":
            raise PeerloomError("ERR_CONNECTION_CLOSED", "the connection is closed")

    def send(self, data: Any, compression: str) -> bool:
        self._send(MESSAGE, data, compression, None)
        return not self.outgoing.is_congested

    def _send(self, kind: int, data: Any, compression: str, number: int | None) -> None:
        self.check_up()
        self.check_compression(compression)
        payload = self._checked(encode_payload(data, compression))
        if number is None:
            message = Outbound(kind, payload.format, payload.compression, payload.pieces, payload.length)
        else:
            pieces = (number_bytes(number), *payload.pieces)
            message = Outbound(kind, payload.format, payload.compression, pieces, payload.length + 4)
        # Whoever waits for an answer does not change the data meanwhile.
        self.outgoing.send(message, is_lent=number is not None)

    def check_compression(self, name: str) -> None:
        if name not in CODES:
            raise ValueError(f"compression must be one of {', '.join(CODES)}, not {name!r}")
        assert self.remote_hello is not None
        if name != "none" and name not in self.remote_hello.compressions:
            raise PeerloomError("ERR_COMPRESSION_UNAVAILABLE", f"the peer does not know the compression {name}")

    def _checked(self, payload: Payload) -> Payload:
        assert self.remote_hello is not None
        most = self.remote_hello.max_message_bytes
        if payload.length > most:
            message = f"the message has {payload.length:,} bytes and the peer takes {most:,}: send it through a stream"
            raise PeerloomError("ERR_MESSAGE_TOO_LARGE", message)
        return payload

    # Short frames.

    def _take_ping(self, _format: int, _compression: int, body: memoryview) -> None:
        self.outgoing.urgent(frame(PONG, number_bytes(number_of(body))))

    def _take_credit(self, _format: int, _compression: int, body: memoryview) -> None:
        if len(body) != 9 or body[0] > 2:
            raise ProtocolBreach("a credit of another form")
        self.outgoing.grant(body[0], int.from_bytes(body[1:], "big"))

    def _grant(self, lane: int, position: int) -> None:
        if self.state == "up":
            self.outgoing.urgent(frame(CREDIT, bytes([lane]) + position.to_bytes(8, "big")))

    # Streams.

    def stream_arrived(self, stream: PeerStream) -> None:
        self._track(self._handle_stream(stream))

    def stream_rejected(self, reason: str) -> None:
        self._handlers.rejected(self, reason)

    async def _handle_stream(self, stream: PeerStream) -> None:
        refusal = await self._handlers.stream(self, stream)
        if refusal is not None:
            self.streams.refuse(stream, refusal)

    # The end.

    @property
    def kept_bytes(self) -> int:
        """Memory that the other side makes this node keep."""
        return (
            self._reader.kept_bytes
            + self._message_window.kept_bytes
            + self._request_window.kept_bytes
            + self.streams.kept_bytes
            + self.outgoing.queued_bytes
            + (0 if self.session is None else self.session.kept_bytes)
        )

    def _watch(self) -> None:
        """Clause 6.7."""
        silent = time.monotonic() - self._heard
        if silent >= self.limits.dead_after and self.session is not None:
            self.lose_link(f"the peer was silent for {silent:.0f} s")
            return
        if silent >= self.limits.dead_after:
            self._end_now(Goodbye("timeout", f"the peer was silent for {silent:.0f} s"))
            self.link.abort()
            return
        if silent >= self.limits.ping_after and not self._has_pinged:
            self._has_pinged = True
            self.outgoing.urgent(frame(PING, number_bytes(0)))
        until = self.limits.dead_after if self._has_pinged else self.limits.ping_after
        self._timer = self._loop.call_later(max(until - silent, 0.01), self._watch)

    def _overload(self, why: str) -> None:
        self._loop.call_soon(self._end_now, Goodbye("overload", why))

    async def close(self, goodbye: Goodbye) -> None:
        """Sends what waits, within a few seconds, and then says goodbye."""
        self._is_closing = True
        if self.state == "up" and not self.is_suspended:
            try:
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await self.outgoing.empty()
            except TimeoutError:
                pass
        self._end_now(goodbye)

    def _end_now(self, goodbye: Goodbye) -> None:
        if self.state == "closed":
            return
        # A goodbye may stand between the frames of a cut message (clause 3.10).
        if not self._must_be_silent(goodbye):
            self._write(frame(GOODBYE, goodbye.encode()))
        self._finish(goodbye, is_remote=False)
        self.link.close()

    def _must_be_silent(self, goodbye: Goodbye) -> bool:
        """To the dialler, what follows may belong to the session already (clauses 10.10, 10.11)."""
        session = self.own_hello.session
        if self.is_dialler or self.state != "accept" or session is None:
            return False
        return session.resumed or goodbye.code == "timeout"

    def _write(self, data: bytes) -> None:
        self.link.write((data,))

    def _finish(self, goodbye: Goodbye, *, is_remote: bool) -> None:
        if self.state == "closed":
            return
        was_up = self.state == "up"
        self.state = "closed"
        self._timer.cancel()
        self._stop_acknowledging()
        self.outgoing.close()
        if not is_remote:
            self._reader.end()
            self._inbox.clear()
        self._waiting_requests.clear()
        error = PeerloomError("ERR_CONNECTION_CLOSED", f"the connection closed: {goodbye.message}")
        for _, answer in list(self._calls.values()):
            if not answer.done():
                answer.set_exception(error)
                answer.exception()
        self.streams.fail_all(error)
        if not self.closed.done():
            self.closed.set_result(goodbye)
        if was_up and self._inbox_task is not None:
            # Messages that arrived before the goodbye are still handed on (clause 7.4).
            self._inbox_task.add_done_callback(
                lambda _: self._handlers.channel_closed(self, goodbye, is_remote=is_remote)
            )
        else:
            self._handlers.channel_closed(self, goodbye, is_remote=is_remote)

    def _track(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _failure(data: Any) -> PeerloomError:
    """Clause 6.3."""
    text = data.get("message") if isinstance(data, dict) else data
    message = visible(text, 500) if isinstance(text, str) else "no reason was given"
    return PeerloomError("ERR_HANDLER", f"the other side failed: {message}")
