"""Sessions (docs/protocol.md, section 10): a connection outlives its links, and nothing is lost or comes twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import Mock

import pytest
from conftest import RecordingNode, needs_typescript, run, typescript_node
from hypothesis import given, settings
from hypothesis import strategies as st
from test_attacks import HELLO_OF_TESTS, RawPeer

from peerloom import Identity, Limits, NodeConnection, PeerloomError, node, peering, sessions
from peerloom.channel import session as session_module
from peerloom.errors import ProtocolBreach
from peerloom.frames import (
    ACCEPT,
    ACKNOWLEDGE,
    HELLO,
    MESSAGE,
    PING,
    PONG,
    FrameReader,
    frame,
    number_bytes,
)
from peerloom.hello import Hello, HelloSession, decode_hello
from peerloom.link.certificate import ListenerCertificate
from peerloom.link.dial_proof import PROOF_BYTES

SHORT_RECONNECTS = {"minDelayMs": 1, "maxDelayMs": 20}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "_RECONNECT_SECONDS", (0.01, 0.05))


class CuttingProxy:
    """Passes bytes on, and cuts each connection after the number of bytes that ``cuts`` gives, in either direction."""

    def __init__(self, port: int, cuts: Iterator[int]) -> None:
        self._target = port
        self._cuts = cuts
        self.connections = 0
        self.is_closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_closed:
            writer.transport.abort()
            return
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        left = [next(self._cuts, -1)]
        pair = (writer, far_writer)
        self._writers.update(pair)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, target, pair, left))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        left: list[int],
    ) -> None:
        try:
            while data := await source.read(65_536):
                if 0 <= left[0] < len(data):
                    target.write(data[: left[0]])
                    await target.drain()
                    break
                left[0] -= len(data) if left[0] >= 0 else 0
                target.write(data)
                await target.drain()
        except OSError:
            pass
        for writer in pair:
            writer.transport.abort()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int, cuts: Iterable[int] = ()) -> AsyncIterator[CuttingProxy]:
        proxy = cls(port, iter(cuts))
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            proxy.cut()
            server.close()


async def messages(node: RecordingNode, count: int) -> list[Any]:
    return [await node.next("node_message") for _ in range(count)]


def test_a_connection_outlives_its_link_and_keeps_what_is_sent_meanwhile() -> None:
    async def test() -> None:
        async with RecordingNode() as listener, RecordingNode() as dialler, CuttingProxy.to(listener.port) as proxy:
            peer = await dialler.connect_with_node("127.0.0.1", proxy.port, reconnect=True)
            there = await listener.next("inbound_node_connected")
            await dialler.next("outbound_node_connected")
            peer.send("before")
            assert await messages(listener, 1) == ["before"]
            proxy.cut()
            assert await dialler.next("outbound_node_disconnected") is peer
            assert await listener.next("inbound_node_disconnected") is there
            assert peer.close_reason is not None
            peer.send("meanwhile")
            there.send("and back")
            asked = asyncio.create_task(peer.request("a question"))
            assert await dialler.next("outbound_node_connected") is peer
            assert await listener.next("inbound_node_connected") is there
            assert (peer.is_open, peer.is_suspended, peer.close_reason) == (True, False, None)
            assert await messages(listener, 1) == ["meanwhile"]
            assert await messages(dialler, 1) == ["and back"]
            assert await asked == "a question"
            # The end is told to the other side, and there is no other connection.
            await peer.stop()
            assert (await listener.next("inbound_node_disconnected")).close_reason.code == "disconnected"
            assert listener.all_nodes == dialler.all_nodes == ()
            assert proxy.connections == 2

    run(test())


class Unlucky(RecordingNode):
    """Loses the link of each new connection before anything else happens; the links that resume sessions stay."""

    def outbound_node_connected(self, peer: NodeConnection) -> None:
        super().outbound_node_connected(peer)
        channel = peer._channel
        if channel.session is not None and channel.session.breaks == 0:
            asyncio.get_running_loop().call_soon(channel.lose_link, "the test cut it")


def test_a_link_that_breaks_before_the_call_returns_is_dialled_again() -> None:
    async def test() -> None:
        async with RecordingNode() as listener, Unlucky() as dialler:
            peer = await dialler.connect_with_node("127.0.0.1", listener.port, reconnect=True)
            assert peer.is_open
            for _ in range(2):
                assert await dialler.next("outbound_node_connected") is peer
            assert await peer.request("a question") == "a question"
            # The same for a new connection that takes the place of a session which the listener gave up.
            there = listener.all_nodes[0]
            there._channel.lose_link("the test cut it")
            listener._running().sessions._give_up(there, "the test wants it")
            assert await dialler.next("node_session_lost") is peer
            fresh = await dialler.next("outbound_node_connected")
            assert await dialler.next("outbound_node_connected") is fresh
            assert await fresh.request("a question") == "a question"
            assert not any(name == "node_session_lost" for name, _ in dialler.events)

    run(test())


def test_without_reconnect_there_is_no_session() -> None:
    async def test() -> None:
        async with RecordingNode() as listener, RecordingNode() as dialler, CuttingProxy.to(listener.port) as proxy:
            peer = await dialler.connect_with_node("127.0.0.1", proxy.port)
            await listener.next("inbound_node_connected")
            proxy.cut()
            assert not (await dialler.next("outbound_node_disconnected")).is_open
            assert not (await listener.next("inbound_node_disconnected")).is_open
            with pytest.raises(PeerloomError, match="ERR_CONNECTION_CLOSED"):
                peer.send("late")

    run(test())


def test_a_suspended_connection_ends_when_its_user_wants() -> None:
    async def test() -> None:
        async with RecordingNode() as dialler:
            async with RecordingNode() as listener:
                peer = await dialler.connect_with_node("127.0.0.1", listener.port, reconnect=True)
                await listener.next("inbound_node_connected")
            # The listener said goodbye.
            assert await dialler.next("outbound_node_disconnected") is peer
            assert not peer.is_open
            async with RecordingNode() as listener:
                async with CuttingProxy.to(listener.port) as proxy:
                    peer = await dialler.connect_with_node("127.0.0.1", proxy.port, reconnect=True)
                await dialler.next("outbound_node_disconnected")
                assert peer.is_suspended
                assert dialler.all_nodes == ()
                waiting = asyncio.create_task(peer.request("never answered"))
                await asyncio.sleep(0)
                await peer.stop()
                assert await dialler.next("node_session_lost") is peer
                with pytest.raises(PeerloomError, match="ERR_CONNECTION_CLOSED"):
                    await waiting
                assert not peer.is_open

    run(test())


def test_a_listener_keeps_suspended_sessions_for_a_bounded_time() -> None:
    async def test() -> None:
        limits = Limits(session_timeout=0.05)
        async with RecordingNode(limits=limits) as listener:
            raw = await RawPeer.dial(listener)
            await raw.shake_hands(with_session(HelloSession("ours")))
            peer = await listener.next("inbound_node_connected")
            raw.abort()
            await listener.next("inbound_node_disconnected")
            assert await listener.next("node_session_lost") is peer
            assert not peer.is_open

    run(test())


async def suspended(listener: RecordingNode, said: bytes = b"") -> NodeConnection:
    """The connection of a node that said so much in a session, and whose link then broke."""
    raw = await RawPeer.dial(listener)
    await raw.shake_hands(with_session(HelloSession("ours")))
    peer: NodeConnection = await listener.next("inbound_node_connected")
    raw.write(said)
    if said:
        await listener.next("node_message")
    raw.abort()
    await listener.next("inbound_node_disconnected")
    return peer


async def assert_strangers_push_out_only_each_other(listener: RecordingNode) -> None:
    """The listener keeps two suspended sessions."""
    honest = await suspended(listener, text("a message"))
    strangers = [await suspended(listener) for _ in range(3)]
    # Of several that have received as little, the latest is given up.
    assert [await listener.next("node_session_lost") for _ in range(2)] == strangers[1:]
    assert [peer.is_suspended for peer in (honest, *strangers)] == [True, True, False, False]
    other = await suspended(listener, text("a message"))
    assert await listener.next("node_session_lost") is strangers[0]
    assert [peer.is_suspended for peer in (honest, other)] == [True, True]


def test_at_most_max_connections_sessions_are_suspended_and_strangers_push_out_only_each_other() -> None:
    async def test() -> None:
        async with RecordingNode(max_connections=2) as listener:
            await assert_strangers_push_out_only_each_other(listener)
            # Suspended sessions take no place of connections.
            async with RecordingNode() as dialler:
                assert await (await dialler.connect_with_node("127.0.0.1", listener.port)).request(1) == 1

    run(test())


def test_one_address_has_its_share_of_suspended_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    # Loopback is exempt.
    monkeypatch.setattr(sessions, "is_loopback", lambda _host: False)

    async def test() -> None:
        async with RecordingNode(limits=Limits(max_inbound_per_address=2)) as listener:
            await assert_strangers_push_out_only_each_other(listener)

    run(test())


def test_0_is_no_limit_for_sessions_of_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "is_loopback", lambda _host: False)
    monkeypatch.setattr(peering, "is_loopback", lambda _host: False)

    async def test() -> None:
        async with RecordingNode(limits=Limits(max_inbound_per_address=0)) as listener:
            peers = [await suspended(listener) for _ in range(3)]
            assert all(peer.is_suspended for peer in peers)

    run(test())


def test_0_max_connections_is_no_limit_for_suspended_sessions() -> None:
    async def test() -> None:
        kept = sessions.Sessions(Limits(), 0, {})
        peers = [Mock(host="127.0.0.1", _channel=Mock(session=None)) for _ in range(200)]
        for peer in peers:
            kept.suspended(peer)
        assert not any(peer._channel._end_now.called for peer in peers)
        for peer in peers:
            kept.forget(peer)

    run(test())


# Cuts, between nodes of both packages.


async def talk(node: RecordingNode, peer: NodeConnection, count: int) -> None:
    """Numbered messages, which the other side sends back, with requests and a stream among them."""
    for number in range(count):
        peer.send([number, "x" * (number * 997 % 5_000)])
    answers = [await peer.request(number) for number in range(5)]
    assert answers == list(range(5))
    stream = await peer.open_stream({"back": 0})
    await stream.write(bytes(200_000))
    await stream.end()
    assert len(await stream.read()) == 64
    came = await messages(node, count)
    assert [number for number, _ in came] == list(range(count)), "lost, twice, or out of order"


@needs_typescript
@pytest.mark.parametrize("scheme", ["tls", "ws"])
@pytest.mark.parametrize("dials", ["python", "typescript"])
@pytest.mark.parametrize("seed", range(2))
def test_random_cuts_lose_nothing_and_double_nothing(scheme: str, dials: str, seed: int) -> None:
    async def test() -> None:
        drawn = random.Random(seed)
        cuts = iter([drawn.randrange(2_000, 60_000) for _ in range(15)])
        options: dict[str, Any] = {"accept": ["tls", "websocket"], "reconnect": SHORT_RECONNECTS}
        async with typescript_node(**options) as other, RecordingNode(accept=scheme) as node:
            port = other.port if dials == "python" else node.port
            async with CuttingProxy.to(port, cuts) as proxy:
                address = f"{scheme}://127.0.0.1:{proxy.port}"
                if dials == "python":
                    peer = await node.connect_with_node(address, reconnect=True)
                else:
                    await other.do("connect", address=address, options={"reconnect": True})
                    peer = await node.next("inbound_node_connected")
                await talk(node, peer, 100)
                said = [(await other.next("node_message"))["data"][0] for _ in range(100)]
                assert said == list(range(100))
                assert proxy.connections > 5
                assert not any(name == "node_session_lost" for name, _ in node.events)

    run(test())


@needs_typescript
@pytest.mark.parametrize("dials", ["python", "typescript"])
def test_cuts_at_every_state_of_a_handshake_that_resumes(dials: str) -> None:
    async def test() -> None:
        # The first link passes; then each link is cut some bytes later than the one before, into the conversation.
        limits = Limits(handshake_timeout=2.0)
        async with (
            typescript_node(reconnect=SHORT_RECONNECTS) as other,
            RecordingNode(limits=limits) as node,
            CuttingProxy.to(other.port if dials == "python" else node.port, iter([-1, *range(0, 4_000, 61)])) as proxy,
        ):
            if dials == "python":
                peer = await node.connect_with_node("127.0.0.1", proxy.port, reconnect=True)
            else:
                address = f"127.0.0.1:{proxy.port}"
                await other.do("connect", address=address, options={"reconnect": True})
                peer = await node.next("inbound_node_connected")
            number = 0
            proxy.cut()
            while proxy.connections < 67:
                peer.send(number)
                assert await node.next("node_message") == number
                number += 1
            for expected in range(number):
                assert (await other.next("node_message"))["data"] == expected
            assert not any(name == "node_session_lost" for name, _ in node.events)

    run(test())


@needs_typescript
def test_a_typescript_node_that_gave_the_session_up_gets_a_new_one() -> None:
    async def test() -> None:
        limits = {"sessionTimeoutMs": 50}
        async with (
            RecordingNode() as node,
            typescript_node(limits=limits) as other,
            CuttingProxy.to(other.port) as proxy,
        ):
            peer = await node.connect_with_node("127.0.0.1", proxy.port, reconnect=True)
            await node.next("outbound_node_connected")
            await other.next("inbound_node_connected")
            proxy.is_closed = True
            proxy.cut()
            assert await node.next("outbound_node_disconnected") is peer
            peer.send("lost")
            await other.next("node_session_lost")
            proxy.is_closed = False
            fresh = await node.next("outbound_node_connected")
            assert await node.next("node_session_lost") is peer
            assert (peer.is_open, fresh.is_open) == (False, True)
            assert await fresh.request("a question") == "a question"

    run(test())


# Byte by byte.


def with_session(session: HelloSession, **changes: Any) -> Hello:
    return Hello("", "", "instance", 2**24, ("zlib",), (2**22, 2**22, 2**22), session=session, **changes)


async def answered(listener: RecordingNode, identity: Identity, session: HelloSession) -> tuple[RawPeer, HelloSession]:
    """A link whose listener waits for the accept of the dialler, and what it said of the session."""
    raw = await RawPeer.dial(listener)
    raw.identity = identity
    raw.write(raw.proof() + frame(HELLO, with_session(session).encode()))
    kind, body = await raw.frame()
    assert kind == HELLO, body
    assert (await raw.frame())[0] == ACCEPT
    said = decode_hello(memoryview(body)).session
    assert said is not None
    return raw, said


async def next_but_acknowledgements(raw: RawPeer) -> tuple[int, bytes]:
    while True:
        kind, body = await raw.frame()
        if kind != ACKNOWLEDGE:
            return kind, body


def text(value: str) -> bytes:
    return frame(MESSAGE, value.encode(), format=2)


def test_10_5_each_side_resumes_where_the_other_stopped_receiving() -> None:
    async def test() -> None:
        async with RecordingNode() as listener:
            identity = Identity.generate()
            raw, said = await answered(listener, identity, HelloSession("ours"))
            assert (said.received_bytes, said.resumed) == (0, False)
            raw.write(frame(ACCEPT))
            peer = await listener.next("inbound_node_connected")
            whole = text("cut in the middle")
            raw.write(text("one") + whole[:12])
            peer.send("theirs")
            assert await messages(listener, 1) == ["one"]
            kind, body = await next_but_acknowledgements(raw)
            assert (kind, body) == (MESSAGE, b"theirs")
            # The session moves to another link although the first one is still there (10.5).
            again, resumed = await answered(listener, identity, HelloSession(said.id, 3, 1))
            assert resumed == HelloSession(said.id, len(text("one")) + 12, 1, resumed=True)
            assert await raw.ended()
            again.write(frame(ACCEPT) + whole[12:])
            assert await messages(listener, 1) == ["cut in the middle"]
            rest = await again.read(len(text("theirs")) - 3)
            assert rest == text("theirs")[3:]
            assert listener.all_nodes == (peer,)
            # A header in part is forgotten, and so is an acknowledgement.
            position = len(text("one")) + len(whole) + 12
            acknowledgement = frame(ACKNOWLEDGE, len(text("theirs")).to_bytes(8, "big"))
            again.write(acknowledgement)
            again.write(frame(PING, number_bytes(1)))
            assert (await next_but_acknowledgements(again))[0] == PONG
            again.write(acknowledgement[:13])
            third, resumed = await answered(listener, identity, HelloSession(said.id, len(text("theirs")), 2))
            assert (resumed.received_bytes, resumed.breaks) == (position, 2)
            third.write(frame(ACCEPT) + text("last"))
            assert await messages(listener, 1) == ["last"]
            # A position before the one that was acknowledged belongs to a late hello (10.6).
            late = await RawPeer.dial(listener)
            late.identity = identity
            late.write(late.proof() + frame(HELLO, with_session(HelloSession(said.id, 2)).encode()))
            assert await late.goodbye() == "duplicate"

    run(test())


def test_10_3_positions_that_cannot_be_are_breaches() -> None:
    async def test() -> None:
        async with RecordingNode() as listener:
            for body in (bytes(7), bytes(9), (1_000).to_bytes(8, "big"), b"\xff" * 8):
                raw = await RawPeer.dial(listener)
                await raw.shake_hands(with_session(HelloSession("ours")))
                raw.write(frame(ACKNOWLEDGE, body))
                assert await raw.goodbye() == "protocol"

    run(test())


def test_10_3_and_10_4_what_arrives_whole_is_acknowledged() -> None:
    async def test() -> None:
        async with RecordingNode() as listener:
            raw = await RawPeer.dial(listener)
            await raw.shake_hands(with_session(HelloSession("ours")))
            cut = frame(MESSAGE, number_bytes(6) + b"abc", format=2)
            cut = cut[:5] + b"\x01" + cut[6:]
            raw.write(text("whole") + cut)
            kind, body = await raw.frame()
            assert (kind, int.from_bytes(body, "big")) == (ACKNOWLEDGE, len(text("whole")))

    run(test())


def test_10_6_a_session_that_is_not_known_is_answered_with_a_new_one() -> None:
    async def test() -> None:
        async with RecordingNode() as listener:
            identity = Identity.generate()
            raw, said = await answered(listener, identity, HelloSession("ours"))
            raw.write(frame(ACCEPT))
            peer = await listener.next("inbound_node_connected")
            raw.abort()
            await listener.next("inbound_node_disconnected")
            again, other = await answered(listener, identity, HelloSession(said.id, 10_000))
            assert other.id != said.id
            assert not other.resumed
            again.write(frame(ACCEPT))
            assert await listener.next("node_session_lost") is peer
            assert await listener.next("inbound_node_connected") is not peer

    run(test())


async def accept_raw(raw: RawPeer, answer: Callable[[HelloSession], HelloSession]) -> HelloSession | None:
    """Shakes hands as a listener. Returns what the dialler asked for; None: it refused the answer."""
    await raw.read(PROOF_BYTES)
    kind, body = await raw.frame()
    asked = decode_hello(memoryview(body)).session
    assert kind == HELLO
    assert asked is not None
    raw.write(frame(HELLO, with_session(answer(asked)).encode()) + frame(ACCEPT))
    return asked if (await raw.frame())[0] == ACCEPT else None


@pytest.mark.parametrize("lie", [0, 1_000_000], ids=["acknowledged already", "never sent"])
def test_a_listener_that_resumes_at_an_impossible_position_ends_the_session(lie: int) -> None:
    async def test() -> None:
        links: asyncio.Queue[RawPeer] = asyncio.Queue()

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            links.put_nowait(RawPeer(reader, writer))

        certificate = ListenerCertificate(Identity.generate())
        server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=certificate.context)
        async with RecordingNode() as dialler:
            port = server.sockets[0].getsockname()[1]
            dialling = asyncio.create_task(dialler.connect_with_node("127.0.0.1", port, reconnect=True))
            raw = await links.get()
            await accept_raw(raw, lambda _asked: HelloSession("first"))
            peer = await dialling
            peer.send("a message")
            while (await raw.frame())[0] != MESSAGE:
                pass
            raw.write(frame(ACKNOWLEDGE, len(text("a message")).to_bytes(8, "big")) + frame(PING, number_bytes(1)))
            while (await raw.frame())[0] != PONG:
                pass
            raw.abort()
            raw = await links.get()
            assert await accept_raw(raw, lambda asked: HelloSession(asked.id, lie, resumed=True)) is None
            assert await dialler.next("node_session_lost") is peer
            asked = await accept_raw(await links.get(), lambda _asked: HelloSession("second"))
            assert asked is not None
            assert asked.id != "first"
            await dialler.next("outbound_node_connected")
            assert await dialler.next("outbound_node_connected") is not peer
        server.close()

    run(test())


def test_10_9_and_10_10_a_session_that_ends_while_it_is_resumed_goes_on_nowhere() -> None:
    async def test() -> None:
        async with RecordingNode(limits=Limits(handshake_timeout=0.3)) as listener:
            identity = Identity.generate()
            raw, said = await answered(listener, identity, HelloSession("ours"))
            raw.write(frame(ACCEPT))
            peer = await listener.next("inbound_node_connected")
            # A listener that waits in vain for the accept says no goodbye.
            silent, resumed = await answered(listener, identity, HelloSession(said.id, 0, 1))
            assert resumed.resumed
            assert await silent.read_all() == b""
            again, _ = await answered(listener, identity, HelloSession(said.id, 0, 2))
            await listener.disconnect_with_node(peer)
            again.write(frame(ACCEPT) + text("for the session"))
            assert await again.read_all() == b""
            assert listener.all_nodes == ()
            assert listener.message_count_recv == 0

    run(test())


def test_10_9_a_session_that_has_ended_does_not_resume_while_its_last_handler_runs() -> None:
    class Slow(RecordingNode):
        async def node_message(self, peer: NodeConnection, data: Any) -> None:  # type: ignore[override]
            self.record("node_message", data)
            await done.wait()

    done = asyncio.Event()

    async def test() -> None:
        async with Slow() as listener:
            identity = Identity.generate()
            raw, said = await answered(listener, identity, HelloSession("ours"))
            raw.write(frame(ACCEPT) + text("handled slowly"))
            peer = await listener.next("inbound_node_connected")
            await listener.next("node_message")
            raw.abort()
            await listener.next("inbound_node_disconnected")
            await listener.disconnect_with_node(peer)
            again = await RawPeer.dial(listener)
            again.identity = identity
            hello = with_session(HelloSession(said.id, 0, 1), replace=True)
            again.write(again.proof() + frame(HELLO, hello.encode()))
            kind, body = await again.frame()
            assert kind == HELLO
            other = decode_hello(memoryview(body)).session
            assert other is not None
            assert other.id != said.id
            assert (await again.frame())[0] == ACCEPT
            again.write(frame(ACCEPT) + frame(PING, number_bytes(1)))
            assert (await next_but_acknowledgements(again))[0] == PONG
            done.set()
            assert await listener.next("node_session_lost") is peer
            assert len(listener.all_nodes) == 1

    run(test())


def test_10_11_a_session_whose_dialler_was_not_heard_is_on_offer() -> None:
    async def test() -> None:
        async with RecordingNode(limits=Limits(handshake_timeout=0.3)) as listener:
            identity = Identity.generate()
            silent, said = await answered(listener, identity, HelloSession("ours"))
            assert await silent.read_all() == b"", "no goodbye with the code timeout"
            early, other = await answered(listener, identity, HelloSession(said.id))
            assert other == HelloSession(said.id, resumed=True)
            later, again = await answered(listener, identity, HelloSession(said.id))
            assert again == other
            later.write(frame(ACCEPT) + text("said before it began"))
            peer = await listener.next("inbound_node_connected")
            assert await messages(listener, 1) == ["said before it began"]
            peer.send("and back")
            assert (await next_but_acknowledgements(later))[1] == b"and back"
            # An accept over the older link is too late.
            early.write(frame(ACCEPT) + text("too late"))
            assert await early.read_all() == b""
            assert listener.all_nodes == (peer,)
            # Another position than 0 gets another session.
            stranger = Identity.generate()
            unheard, offer = await answered(listener, stranger, HelloSession("ours"))
            unheard.abort()
            assert (await answered(listener, stranger, HelloSession(offer.id, 1)))[1].id != offer.id

    run(test())


def test_10_13_a_session_cannot_move() -> None:
    async def test() -> None:
        async with RecordingNode() as listener:
            raw = await RawPeer.dial(listener)
            body = with_session(HelloSession("ours")).encode().replace(b'"ours"', b'"ours","moves":true,"beside":true')
            raw.write(raw.proof() + frame(HELLO, body))
            assert await raw.goodbye() == "duplicate"

    run(test())


async def send_much(peer: NodeConnection) -> None:
    for _ in range(100):
        peer.send(bytes(100_000))
        await asyncio.sleep(0.001)


def test_a_peer_that_acknowledges_nothing_holds_back_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr(session_module, "MAX_KEPT_BYTES", 1_000_000)
        limits = Limits(queue_max_bytes=2_000_000)
        async with RecordingNode(limits=limits) as listener:
            raw = await RawPeer.dial(listener)
            await raw.shake_hands(with_session(HelloSession("ours")))
            reading = asyncio.create_task(raw.read_all())
            peer = await listener.next("inbound_node_connected")
            with pytest.raises(PeerloomError, match="ERR_QUEUE_FULL"):
                await send_much(peer)
            assert peer._channel.session is not None
            assert peer._channel.session.kept_bytes < 1_300_000
            assert peer._channel.kept_bytes < 4_000_000
            raw.abort()
            await asyncio.gather(reading, return_exceptions=True)

    run(test())


def test_what_sessions_keep_counts_in_the_memory_budget() -> None:
    async def test() -> None:
        mebibyte = 2**20
        limits = Limits(max_message_bytes=mebibyte, queue_max_bytes=4 * mebibyte, memory_budget_bytes=10 * mebibyte)
        async with RecordingNode(limits=limits) as listener:
            readings = []
            for _ in range(4):
                raw = await RawPeer.dial(listener)
                await raw.shake_hands(with_session(HelloSession("ours")))
                readings.append(asyncio.create_task(raw.read_all()))
                peer = await listener.next("inbound_node_connected")
                # It reads, and acknowledges nothing.
                for _ in range(38):
                    if peer.is_open:
                        peer.send(bytes(100_000))
                        await peer.drained()
                kept = [one._channel.kept_bytes for one in listener.all_nodes]
                assert sum(kept) <= 12 * mebibyte
            assert (await listener.next("inbound_node_disconnected")).close_reason.code == "overload"
        await asyncio.gather(*readings, return_exceptions=True)

    run(test())


def test_offers_to_strangers_are_bounded() -> None:
    async def test() -> None:
        async with RecordingNode() as listener:
            sessions = listener._running().sessions
            for _ in range(300):
                raw = await RawPeer.dial(listener)
                raw.write(raw.proof() + frame(HELLO, with_session(HelloSession("ours")).encode()))
                assert (await raw.frame())[0] == HELLO
                raw.abort()
            assert len(sessions._offers) == 256

    run(test())


WRONG: list[Any] = [None, 1, "ours", [], {}, {"id": "ours"}, {"id": 1, "receivedBytes": 0}]
WRONG += [{"id": "ours", "receivedBytes": value} for value in (-1, 0.5, "0", None, True, 2**60)]
WRONG += [{"id": "x" * 65, "receivedBytes": 0}, {"id": "o", "receivedBytes": 0, "resumed": 1}]


@pytest.mark.parametrize("wrong", WRONG)
def test_4_2_a_hello_with_a_wrong_session_is_a_breach(wrong: Any) -> None:
    import json

    fields = {**json.loads(HELLO_OF_TESTS.encode()), "session": wrong}
    with pytest.raises(ProtocolBreach):
        decode_hello(memoryview(json.dumps(fields).encode()))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from([0, 3, 8, 500, 9_000, 70_000]), min_size=1, max_size=6),
    st.lists(st.integers(0, 100_000), max_size=6),
    st.randoms(use_true_random=False),
)
def test_10_5_a_reader_that_is_cut_off_anywhere_reads_on(lengths: list[int], cuts: list[int], drawn: Any) -> None:
    """Whatever the cuts, the frames are those that were sent, once each."""
    sent: list[tuple[int, bytes]] = [(MESSAGE, drawn.randbytes(length)) for length in lengths]
    flow = b"".join(frame(kind, body) for kind, body in sent)
    came: list[tuple[int, bytes]] = []
    reader = FrameReader(lambda kind, _format, _compression, body: came.append((kind, bytes(body))), 2**24)
    reader.is_handshake = False
    position = 0
    for cut in [*cuts, -1]:
        # Acknowledgements stand between frames, and are not sent again.
        link = flow[position:]
        boundary = sum(len(body) + 8 for kind, body in came if kind == MESSAGE)
        if position == boundary:
            link = frame(ACKNOWLEDGE, bytes(8)) + link
        if cut < 0:
            reader.feed(link)
            break
        reader.feed(link[:cut])
        position = reader.cut_off()
        assert position <= len(flow)
    assert [pair for pair in came if pair[0] == MESSAGE] == sent
    assert reader.whole == reader.counted == len(flow)
