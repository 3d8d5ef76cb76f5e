"""What a remote sends may neither crash a node nor make it grow (docs/protocol.md, the clauses named below)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from conftest import RecordingNode, run
from hypothesis import given, settings
from hypothesis import strategies as st

from peerloom import Identity, Limits, Node, PeerloomError, peering
from peerloom.channel.outgoing import Outbound
from peerloom.errors import ProtocolBreach
from peerloom.frames import (
    ACCEPT,
    ACKNOWLEDGE,
    CREDIT,
    GOODBYE,
    HELLO,
    MESSAGE,
    MORE,
    PART,
    PING,
    PROTOCOL,
    REQUEST,
    STREAM_DATA,
    STREAM_OPEN,
    FrameReader,
    frame,
    header,
    number_bytes,
)
from peerloom.hello import Hello, VersionMismatch, decode_goodbye, decode_hello
from peerloom.identity import id_of, public_key_of, verify
from peerloom.link.certificate import ListenerCertificate, dialler_context, listener_key
from peerloom.link.dial_proof import prove_dial

HELLO_OF_TESTS = Hello("", "", "instance", 2**24, ("zlib",), (2**22, 2**22, 2**22))


class RawPeer:
    """A dialler that may do everything wrong."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        tls = writer.get_extra_info("ssl_object")
        self.certificate: bytes = tls.getpeercert(binary_form=True)
        self.identity = Identity.generate()

    @classmethod
    async def dial(cls, node: Node, alpn: str = "peerloom") -> RawPeer:
        context = dialler_context()
        context.set_alpn_protocols([alpn])
        return cls(*await asyncio.open_connection("127.0.0.1", node.port, ssl=context))

    def proof(self, **changes: bytes) -> bytes:
        key = changes.get("listener_key", listener_key(self.certificate))
        digest = changes.get("certificate_hash", hashlib.sha256(self.certificate).digest())
        return prove_dial(self.identity, digest, key, "")

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def frame(self) -> tuple[int, bytes]:
        head = await self._reader.readexactly(8)
        return head[4], await self._reader.readexactly(int.from_bytes(head[:4], "big"))

    async def shake_hands(self, hello: Hello = HELLO_OF_TESTS) -> None:
        self.write(self.proof() + frame(HELLO, hello.encode()))
        assert (await self.frame())[0] == HELLO
        assert (await self.frame())[0] == ACCEPT
        self.write(frame(ACCEPT))

    async def goodbye(self) -> str:
        """The code of the goodbye that comes, whatever comes before it."""
        while True:
            kind, body = await self.frame()
            if kind == GOODBYE:
                return decode_goodbye(memoryview(body)).code

    async def ended(self) -> bool:
        """Whether the connection ends without a goodbye."""
        try:
            return await self._reader.read() == b""
        except OSError:
            return True

    async def read(self, count: int) -> bytes:
        return await self._reader.readexactly(count)

    async def read_all(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            return await self._reader.read()
        except OSError:
            return b""

    def abort(self) -> None:
        self._writer.transport.abort()

    def close(self) -> None:
        self._writer.close()


def against(test: Callable[[RecordingNode, RawPeer], Awaitable[None]], **options: Any) -> None:
    """Runs a test against a node, and looks whether the node still works afterwards."""

    async def whole() -> None:
        async with RecordingNode(**options) as node:
            raw = await RawPeer.dial(node)
            await test(node, raw)
            raw.close()
            async with RecordingNode() as other:
                peer = await other.connect_with_node("127.0.0.1", node.port)
                assert await peer.request("alive") == "alive"

    run(whole())


def changed(proof: bytes) -> bytes:
    return proof[:100] + bytes([proof[100] ^ 1]) + proof[101:]


FORGED: dict[str, Callable[[RawPeer], bytes]] = {
    "a changed signature": lambda raw: changed(raw.proof()),
    "another certificate": lambda raw: raw.proof(certificate_hash=bytes(32)),
    "another listener": lambda raw: raw.proof(listener_key=Identity.generate().public_key),
    "the key of somebody else": lambda raw: Identity.generate().public_key + raw.proof()[32:],
    "a key of small order": lambda raw: bytes([1]) + bytes(31) + raw.proof()[32:80] + bytes([1]) + bytes(63),
    "zeros": lambda raw: bytes(144),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_2_6_a_forged_proof_ends_the_connection(forge: Callable[[RawPeer], bytes]) -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        raw.write(forge(raw) + frame(HELLO, HELLO_OF_TESTS.encode()))
        assert await raw.ended()
        assert node.all_nodes == ()

    against(test)


def test_2_6_a_proof_counts_once() -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        proof = raw.proof()
        raw.write(proof + frame(HELLO, HELLO_OF_TESTS.encode()))
        assert (await raw.frame())[0] == HELLO
        again = await RawPeer.dial(node)
        again.write(proof + frame(HELLO, HELLO_OF_TESTS.encode()))
        assert await again.ended()
        again.close()

    against(test)


def test_2_1_and_2_4_other_protocols_are_refused() -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        for first in (b"GET / HTTP/1.1\r\n\r\n", b"me:10001", b"\x16\x03\x01\xff\xff" + bytes(70_000)):
            reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
            writer.write(first)
            try:
                answer = await reader.read()
            except OSError:
                answer = b""
            assert answer == b"" or answer[0] == 0x15, "nothing, or an alert of TLS"
            writer.close()
        other = await RawPeer.dial(node, "http/1.1")
        other.write(other.proof())
        assert await other.ended()
        other.close()

    against(test)


HELLOS: dict[str, bytes] = {
    "no JSON": b"{",
    "no object": b"[]",
    "a field missing": json.dumps({"versions": [1, 1]}).encode(),
    "too long": b" " * 8_193,
    "a wrong window": HELLO_OF_TESTS.encode().replace(b"4194304", b"0"),
    "half of a surrogate pair": HELLO_OF_TESTS.encode().replace(b'"name":""', b'"name":"\\ud800"'),
    "deep": b"[" * 8_000,
}


@pytest.mark.parametrize("body", HELLOS.values(), ids=HELLOS.keys())
def test_4_2_a_wrong_hello_is_a_breach(body: bytes) -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        raw.write(raw.proof() + frame(HELLO, body))
        assert await raw.goodbye() == "protocol"

    against(test)


def test_4_5_other_versions_are_told() -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        raw.write(raw.proof() + frame(HELLO, b'{"versions":[7,9]}'))
        assert await raw.goodbye() == "version"

    against(test)


def test_2_6_the_network_of_the_hello_is_that_of_the_proof() -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        other = Hello("other", "", "i", 1, (), (1, 1, 1))
        raw.write(raw.proof() + frame(HELLO, other.encode()))
        assert await raw.goodbye() == "protocol"

    against(test)


EARLY: dict[str, bytes] = {
    "a message": frame(MESSAGE, b"x", 3),
    "a second hello": frame(HELLO, HELLO_OF_TESTS.encode()),
    "an unknown kind": frame(13),
    "a ping": frame(PING, bytes(4)),
}


@pytest.mark.parametrize("data", EARLY.values(), ids=EARLY.keys())
def test_4_1_nothing_else_before_the_accept(data: bytes) -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        raw.write(raw.proof() + frame(HELLO, HELLO_OF_TESTS.encode()) + data)
        assert await raw.goodbye() == "protocol"
        assert node.all_nodes == ()

    against(test)


BREACHES: dict[str, bytes] = {
    "an unknown kind": frame(15),
    "a hello": frame(HELLO, b"{}"),
    "a frame that is too long": header(MESSAGE, 262_145),
    "a long frame of the longest length": header(MESSAGE, 2**32 - 1),
    "unknown flags": header(MESSAGE, 0, flags=2),
    "a cut ping": header(PING, 4, flags=MORE) + bytes(4),
    "a part without a beginning": frame(PART, b"x"),
    "a cut message beyond the limit": header(MESSAGE, 5, MORE, 3) + number_bytes(2**24 + 5) + b"x",
    "a cut message with everything in its first piece": header(MESSAGE, 5, MORE, 3) + number_bytes(1) + b"x",
    "a cut message without a length": header(MESSAGE, 2, MORE, 3) + b"xx",
    "a part that is too long": header(MESSAGE, 5, MORE, 3) + number_bytes(3) + b"x" + frame(PART, b"xxx"),
    "an empty part": header(MESSAGE, 5, MORE, 3) + number_bytes(3) + b"x" + header(PART, 0, MORE),
    "a last part that says more": header(MESSAGE, 5, MORE, 3) + number_bytes(2) + b"x" + header(PART, 1, MORE) + b"x",
    "parts that end too early": header(MESSAGE, 5, MORE, 3) + number_bytes(3) + b"x" + frame(PART, b"x"),
    "a message inside another": header(MESSAGE, 5, MORE, 3) + number_bytes(3) + b"x" + frame(MESSAGE, b"x", 3),
    "a request without its number": frame(REQUEST, b"x", 3),
    "an acknowledgement without a session": frame(ACKNOWLEDGE, bytes(8)),
    "a credit of another lane": frame(CREDIT, bytes([3]) + bytes(8)),
    "a protocol that nobody speaks": frame(PROTOCOL, b"x"),
    "the opening of a stream with an even number": frame(STREAM_OPEN, number_bytes(2) + number_bytes(9) + b"1", 1),
    "a stream without a window": frame(STREAM_OPEN, number_bytes(1) + number_bytes(0) + b"1", 1),
    "data without credit": frame(STREAM_OPEN, number_bytes(1) + number_bytes(9) + b"1", 1)
    + frame(STREAM_DATA, number_bytes(1) + bytes(262_130)) * 2,
    "damaged compression": frame(MESSAGE, b"damaged", 3, 1),
    "messages beyond the window": frame(MESSAGE, bytes(200_000), 3) * 40,
}


@pytest.mark.parametrize("data", BREACHES.values(), ids=BREACHES.keys())
def test_3_11_a_breach_ends_the_link_with_a_goodbye(data: bytes) -> None:
    class Holding(RecordingNode):
        async def node_message(self, peer: Any, data: Any) -> None:  # type: ignore[override]
            await asyncio.sleep(3600)

        async def node_stream(self, peer: Any, stream: Any) -> None:
            await asyncio.sleep(3600)

    async def test(node: RecordingNode, raw: RawPeer) -> None:
        await raw.shake_hands()
        raw.write(data)
        assert await raw.goodbye() == "protocol"

    async def whole() -> None:
        async with Holding() as node:
            raw = await RawPeer.dial(node)
            await test(node, raw)
            raw.close()

    run(whole())


def test_5_11_undecodable_messages_are_rejected_alone() -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        await raw.shake_hands()
        for body, format, compression in ((b"{", 1, 0), (b"\xff", 2, 0), (b"x", 99, 0), (b"\xff", 4, 0), (b"x", 3, 2)):
            raw.write(frame(MESSAGE, body, format, compression))
            assert isinstance(await node.next("node_message_rejected"), str)
        raw.write(frame(MESSAGE, b'"fine"', 1))
        assert await node.next("node_message") == "fine"
        assert node.message_count_rerr == 5

    against(test)


def test_6_8_a_peer_that_does_not_read_its_pongs_is_dropped() -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        await raw.shake_hands()
        for _ in range(200):
            raw.write(frame(PING, bytes(4)) * 10_000)
            if not node.all_nodes and node.events:
                break
            await asyncio.sleep(0)
        peer = await node.next("inbound_node_disconnected")
        assert peer.close_reason.code in ("overload", "disconnected")

    against(test)


def test_all_peers_together_stay_within_the_memory_budget() -> None:
    async def test(node: RecordingNode, raw: RawPeer) -> None:
        await raw.shake_hands()
        others = [await RawPeer.dial(node) for _ in range(3)]
        for other in others:
            await other.shake_hands()
        start = header(MESSAGE, 5, MORE, 3) + number_bytes(2**24) + b"x"
        for other in (raw, *others):
            other.write(start)
        for _ in range(2):
            peer = await node.next("inbound_node_disconnected")
            assert peer.close_reason.code == "overload"
        assert len(node.all_nodes) == 2
        for other in others:
            other.close()

    mebibyte = 2**20
    against(test, limits=Limits(memory_budget_bytes=33 * mebibyte))


def test_handshakes_are_limited_in_number_and_time() -> None:
    async def test() -> None:
        async with RecordingNode(limits=Limits(max_half_open=3, handshake_timeout=1.5)) as node:
            silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(10)]
            for connection in silent:
                connection.settimeout(10)
                assert await asyncio.to_thread(connection.recv, 1) == b"", "the node closes it"
                connection.close()
            raw = await RawPeer.dial(node)
            raw.write(raw.proof())
            assert await raw.goodbye() == "timeout"
            raw.close()

    run(test())


def test_one_address_has_its_share_of_handshakes_and_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    # Loopback is exempt.
    monkeypatch.setattr(peering, "is_loopback", lambda _host: False)
    limits = Limits(max_half_open_per_address=2, max_inbound_per_address=3, handshake_timeout=20.0)

    async def test() -> None:
        async with RecordingNode(limits=limits) as node:
            silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(3)]
            silent[2].settimeout(5)
            assert await asyncio.to_thread(silent[2].recv, 1) == b"", "the third one is closed"
            for connection in silent:
                connection.close()
            raws: list[RawPeer] = []
            while len(raws) < 3:
                try:
                    raw = await RawPeer.dial(node)
                except OSError:
                    # The node has not noticed yet that the silent ones are gone.
                    continue
                await raw.shake_hands()
                raws.append(raw)
                await node.next("inbound_node_connected")
            fourth = await RawPeer.dial(node)
            fourth.write(fourth.proof() + frame(HELLO, HELLO_OF_TESTS.encode()))
            assert await fourth.goodbye() == "full"
            assert len(node.all_nodes) == 3

    run(test())


def test_5_13_a_message_of_too_many_lists_is_rejected_alone() -> None:
    async def attack(node: RecordingNode, raw: RawPeer) -> None:
        await raw.shake_hands()
        many = b"[" + b"[]," * 20 + b"[]]"
        raw.write(frame(MESSAGE, many, format=1) + frame(MESSAGE, b"\x94" + b"\x80" * 20, format=4))
        for _ in range(2):
            assert "too many lists" in await node.next("node_message_rejected")
        raw.write(frame(MESSAGE, b"[[],[]]", format=1))
        assert await node.next("node_message") == [[], []]

    against(attack, limits=Limits(max_containers=10))


def test_2_5_a_dialler_refuses_a_certificate_of_nobody() -> None:
    async def test() -> None:
        identity = Identity.generate()
        certificate = ListenerCertificate(identity)
        async with Node() as node:

            async def code_of(context: ssl.SSLContext) -> str:
                async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    writer.close()

                server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
                port = server.sockets[0].getsockname()[1]
                with pytest.raises(PeerloomError) as failed:
                    await node.connect_with_node("127.0.0.1", port)
                server.close()
                return failed.value.code

            other = ListenerCertificate(identity)
            assert await code_of(certificate.context) == "ERR_CONNECTION_CLOSED"
            other.context.set_alpn_protocols(["http/1.1"])
            assert await code_of(other.context) == "ERR_HANDSHAKE"

    run(test())


def test_2_5_certificates_are_read_strictly() -> None:
    identity = Identity.generate()
    whole = ssl.PEM_cert_to_DER_cert(ListenerCertificate(identity).pem)
    assert listener_key(whole) == identity.public_key
    place = whole.index(identity.public_key)
    forged = whole[:place] + Identity.generate().public_key + whole[place + 32 :]
    for damaged in (
        forged,
        whole[:200],
        b"",
        whole + bytes(4_096),
        whole.replace(bytes.fromhex("83a25a0101"), bytes(5)),
    ):
        with pytest.raises(PeerloomError):
            listener_key(damaged)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_damaged_certificates_do_no_harm(place: int, change: bytes) -> None:
    at = place % len(CERTIFICATE)
    try:
        listener_key(CERTIFICATE[:at] + change + CERTIFICATE[at + len(change) :])
    except PeerloomError:
        pass


CERTIFICATE = ssl.PEM_cert_to_DER_cert(ListenerCertificate(Identity.generate()).pem)


def test_1_4_signatures_are_checked_strictly() -> None:
    identity = Identity.generate()
    message = b"message"
    signature = identity.sign(message)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little")
    assert verify(identity.public_key, signature, message)
    assert not verify(identity.public_key, signature, b"another")
    assert not verify(identity.public_key, signature[:32] + (s + order).to_bytes(32, "little"), message)
    assert not verify(identity.public_key, signature[:63], message)
    small = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    for key in (small, bytes([1]) + bytes(31), bytes(32), (2**255 - 18).to_bytes(32, "little")):
        assert not verify(key, bytes([1]) + bytes(63), message)
        with pytest.raises(ValueError, match="public key"):
            id_of(key)


@pytest.mark.parametrize("text", ["", "12D3KooW", "1" * 52, "12D3KooW" + "0" * 44, "12D3KooW" + "z" * 44])
def test_1_2_texts_that_are_no_ids(text: str) -> None:
    with pytest.raises(ValueError, match="id"):
        public_key_of(text)


Frame = tuple[int, int, int, bytes]


def read_frames(data: bytes, sizes: list[int]) -> list[Frame]:
    found: list[Frame] = []
    reader = FrameReader(lambda *parts: found.append((*parts[:3], bytes(parts[3]))), 2**20)
    reader.is_handshake = False
    at = 0
    while at < len(data):
        size = sizes[len(found) % len(sizes)] if sizes else len(data)
        reader.feed(data[at : at + size])
        at += size
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 600_000), min_size=1, max_size=4), st.lists(st.integers(1, 70_000), max_size=4))
def test_3_7_messages_arrive_whole_however_they_are_cut_and_split(lengths: list[int], sizes: list[int]) -> None:
    stream, expected = b"", []
    for index, length in enumerate(lengths):
        body = bytes([index]) * length
        message = Outbound(MESSAGE, 3, 0, (body,), length)
        while True:
            stream += b"".join(message.next_frame())
            if message.unsent == 0:
                break
            stream += frame(PING, number_bytes(index))
            expected.append((PING, 0, 0, number_bytes(index)))
        expected.append((MESSAGE, 3, 0, body))
    assert read_frames(stream, sizes) == expected


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(1, 9), max_size=3))
def test_random_frames_are_frames_or_a_breach(data: bytes, sizes: list[int]) -> None:
    try:
        read_frames(data, sizes)
    except ProtocolBreach:
        pass


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=100) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_random_hellos_are_hellos_or_a_breach(data: bytes | str) -> None:
    body = memoryview(data.encode() if isinstance(data, str) else data)
    for decode in (decode_hello, decode_goodbye):
        try:
            decode(body)
        except (ProtocolBreach, VersionMismatch):
            pass
