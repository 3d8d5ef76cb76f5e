"""Two nodes of this package: events, messages, requests, streams, admission."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RecordingNode, connected, run

from peerloom import Identity, Limits, Node, NodeConnection, PeerloomError, PeerStream
from peerloom.channel import channel
from peerloom.data.payload import decode_payload

KINDS = [{}, {"accept": "ws"}, {"network_key": "secret", "network": "n"}]


@pytest.mark.parametrize("options", KINDS, ids=["tls", "ws", "network key"])
def test_a_conversation(options: dict[str, Any]) -> None:
    async def test() -> None:
        async with connected(**options) as (dialler, listener, peer):
            assert peer.id == listener.id
            assert peer.protocol == ("websocket" if options else "tls")
            weights: dict[str, Any] = {"round": 1, "w": np.arange(3_000_000, dtype=np.float32).reshape(3, -1)}
            peer.send(weights)
            peer.send("after")
            assert np.array_equal((await listener.next("node_message"))["w"], weights["w"])
            assert await listener.next("node_message") == "after"
            assert await peer.request([1, b"2"]) == [1, b"2"]
            assert await peer.ping() > 0
            await peer.deliver("delivered", compression="zlib")
            with pytest.raises(PeerloomError, match="raised") as failed:
                await peer.deliver("fail")
            assert failed.value.code == "ERR_HANDLER"
            with pytest.raises(PeerloomError, match="raised"):
                await peer.request("fail")
            data = os.urandom(3_000_000)
            async with await peer.open_stream("hash") as stream:
                await stream.write(data)
                await stream.end()
                assert await stream.read() == hashlib.sha256(data).digest()
            back = listener.nodes_inbound[0]
            assert await back.request("the other way") == "the other way"
            listener.send_to_node(dialler.id, "by id")
            assert await dialler.next("node_message") == "by id"
            assert listener.send_to_nodes("to all").sent == (back,)
            assert await dialler.next("node_message") == "to all"
            await peer.stop()
            assert (await dialler.next("outbound_node_disconnected")).close_reason.code == "disconnected"
            assert (await listener.next("inbound_node_disconnected")).close_reason.code == "disconnected"
            with pytest.raises(PeerloomError, match="closed"):
                peer.send("late")

    run(test())


def test_events_reach_the_method_the_callback_and_listeners() -> None:
    async def test() -> None:
        seen: list[str] = []

        async def callback(event: str, node: Node, peer: NodeConnection | None, data: Any) -> None:
            seen.append(event)

        async with Node(callback=callback) as listener, RecordingNode(name="dialler") as dialler:
            listener.on("node_message", lambda peer, data: dialler.record(peer.name, data))
            peer = await dialler.connect_with_node("127.0.0.1", listener.port)
            await peer.deliver({"a": 1})
            assert await dialler.next("dialler") == {"a": 1}
        assert seen[:2] == ["inbound_node_connected", "node_message"]
        assert sorted(seen[2:]) == ["inbound_node_disconnected", "node_request_to_stop"]

    run(test())


def send_until_full(peer: NodeConnection) -> None:
    for _ in range(100):
        peer.send(bytes(20_000))


def test_a_slow_message_handler_holds_up_messages_alone() -> None:
    async def test() -> None:
        release = asyncio.Event()
        handled: list[Any] = []

        class Slow(RecordingNode):
            async def node_message(self, peer: NodeConnection, data: Any) -> None:  # type: ignore[override]
                await release.wait()
                handled.append(len(data))

        limits = Limits(unhandled_max_bytes=64 * 1024, queue_high_water_bytes=100_000, queue_max_bytes=1_000_000)
        async with Slow(limits=limits) as listener, RecordingNode(limits=limits) as dialler:
            peer = await dialler.connect_with_node("127.0.0.1", listener.port)
            answers = [peer.send(bytes(20_000)) for _ in range(20)]
            assert answers[0]
            assert not answers[-1]
            with pytest.raises(PeerloomError) as full:
                send_until_full(peer)
            assert full.value.code == "ERR_QUEUE_FULL"
            assert await peer.request("still answered") == "still answered"
            stream = await peer.open_stream()
            await stream.end()
            assert len(await stream.read()) == 32
            waiting = asyncio.create_task(peer.drained())
            await asyncio.sleep(0)
            assert not waiting.done()
            release.set()
            await waiting
            await peer.deliver(b"last")
            assert handled[-1] == 4
            assert len(handled) > 20

    run(test())


def test_refusals_name_their_reason() -> None:
    async def test() -> None:
        owner = Identity.generate()

        async def fails(code: str, listener: Node, **options: Any) -> None:
            network = {name: options.pop(name) for name in ("network", "identity", "network_key") if name in options}
            async with Node(**network) as dialler:
                scheme = "ws" if "network_key" in network else "tls"
                with pytest.raises(PeerloomError) as failed:
                    await dialler.connect_with_node(f"{scheme}://127.0.0.1:{listener.port}", **options)
                assert failed.value.code == code
                assert dialler.all_nodes == ()

        async with Node(network="one", identity=owner, allow=[owner.id]) as listener:
            await fails("ERR_NETWORK_MISMATCH", listener, network="two")
            await fails("ERR_NOT_ALLOWED", listener, network="one")
            await fails("ERR_ID_MISMATCH", listener, network="one", id=Identity.generate().id)
            await fails("ERR_SELF_CONNECTION", listener, network="one", identity=owner)
        async with Node(authorize=lambda details: details.name == "friend", max_connections=1) as listener:
            await fails("ERR_NOT_ALLOWED", listener)
            async with Node(name="friend") as friend, Node(name="friend") as second:
                await friend.connect_with_node("127.0.0.1", listener.port)
                with pytest.raises(PeerloomError, match="as many connections"):
                    await second.connect_with_node("127.0.0.1", listener.port)
        async with Node(network_key="right") as listener:
            await fails("ERR_NETWORK_MISMATCH", listener, network_key="wrong")
            await fails("ERR_HANDSHAKE", listener)
        await fails("ERR_CONNECTION_REFUSED", listener)

    run(test())


def test_one_connection_for_each_pair() -> None:
    async def test() -> None:
        async with RecordingNode() as one, RecordingNode() as other:
            dials = [one.connect_with_node("127.0.0.1", other.port) for _ in range(3)]
            dials += [other.connect_with_node("127.0.0.1", one.port) for _ in range(3)]
            peers = await asyncio.gather(*dials)
            for peer in peers:
                assert await peer.main_node.all_nodes[0].request(1) == 1
            assert len(one.all_nodes) == len(other.all_nodes) == 1
            assert one.all_nodes[0].direction != other.all_nodes[0].direction

    run(test())


def test_a_restarted_node_takes_the_place_of_its_old_connection() -> None:
    async def test() -> None:
        identity = Identity.generate()
        async with RecordingNode() as listener, RecordingNode(identity=identity) as first:
            await first.connect_with_node("127.0.0.1", listener.port)
            async with RecordingNode(identity=identity) as second:
                await second.connect_with_node("127.0.0.1", listener.port)
                assert (await first.next("outbound_node_disconnected")).close_reason.code == "replaced"
                assert len(listener.all_nodes) == 1

    run(test())


def test_a_lost_connection_is_connected_again() -> None:
    async def test() -> None:
        async with RecordingNode() as listener, RecordingNode() as dialler:
            await dialler.connect_with_node("127.0.0.1", listener.port, reconnect=True)
            await dialler.next("outbound_node_connected")
            listener.all_nodes[0]._channel.link.abort()
            await dialler.next("outbound_node_disconnected")
            peer = await dialler.next("outbound_node_connected")
            assert await peer.request("again") == "again"

    run(test())


def test_silent_peers_are_pinged_and_then_dropped() -> None:
    async def test() -> None:
        limits = Limits(ping_after=0.05, dead_after=2.0)
        async with connected(limits=limits) as (dialler, listener, _):
            heard = listener.all_nodes[0]._channel
            before = heard._heard
            while heard._heard == before:  # noqa: ASYNC110 - pings fire no event
                await asyncio.sleep(0.02)
            assert heard.state == "up", "pings are heard on an idle connection"
            heard.link.receiver = None
            peer = await dialler.next("outbound_node_disconnected")
            assert peer.close_reason.code == "timeout"

    run(test())


def test_streams_hold_back_a_writer_and_can_be_aborted() -> None:
    async def test() -> None:
        arrived: asyncio.Queue[PeerStream] = asyncio.Queue()

        class Holding(RecordingNode):
            async def node_stream(self, peer: NodeConnection, stream: PeerStream) -> None:
                await arrived.put(stream)

        async with Holding() as listener, RecordingNode() as dialler:
            peer = await dialler.connect_with_node("127.0.0.1", listener.port)
            stream = await peer.open_stream({"name": "weights"})
            other = await arrived.get()
            assert other.header == {"name": "weights"}
            writing = asyncio.create_task(stream.write(bytes(2_000_000)))
            await peer.ping()
            assert not writing.done(), "nobody reads"
            place = np.zeros(250_000, np.float64)
            assert await other.read_into(place) == 2_000_000
            await writing
            writing = asyncio.create_task(stream.write(bytes(30_000_000)))
            other.abort("enough")
            with pytest.raises(PeerloomError, match="enough") as aborted:
                await writing
            assert aborted.value.code == "ERR_STREAM_ABORTED"

    run(test())


def test_requests_and_streams_without_a_handler_fail() -> None:
    async def test() -> None:
        async with Node() as listener, Node() as dialler:
            peer = await dialler.connect_with_node("127.0.0.1", listener.port)
            for asking in (peer.request(1), peer.deliver(1)):
                with pytest.raises(PeerloomError, match="no handler"):
                    await asking
            with pytest.raises(PeerloomError, match="no handler"):
                await (await peer.open_stream()).read()

    run(test())


def test_decoding_a_long_message_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    was_released: list[bool] = []

    def slow(number: int, body: memoryview, most: int) -> Any:
        if len(body) > 200_000:
            was_released.append(release.wait(10))
        return decode_payload(number, body, most)

    async def test() -> None:
        async with connected() as (_, listener, peer):
            long = ["text"] * 50_000
            peer.send(long)
            peer.send({"long": long, "bytes": b"so that it is CBOR"})
            for number in range(20):
                assert await peer.request(number) == number
            assert listener.events == []
            release.set()
            assert await listener.next("node_message") == long
            assert (await listener.next("node_message"))["long"] == long
            assert was_released == [True, True]

    monkeypatch.setattr(channel, "decode_payload", slow)
    run(test())


def test_data_may_change_after_send() -> None:
    async def test() -> None:
        async with connected() as (_, listener, peer):
            weights = np.ones(3_000_000, np.float32)
            peer.send(weights)
            weights[:] = 0
            small = np.ones(10, np.float32)
            peer.send(small)
            small[:] = 0
            assert (await listener.next("node_message")).min() == 1
            assert (await listener.next("node_message")).min() == 1

    run(test())


def test_an_identity_is_kept_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "node.pem"
    first = Identity.load_or_create(file, "passphrase")
    assert file.stat().st_mode & 0o77 == 0
    assert Identity.load_or_create(file, "passphrase").id == first.id
    with pytest.raises(PeerloomError, match="cannot be used"):
        Identity.load_or_create(file)


def test_wrong_arguments_fail_at_once() -> None:
    wrong: list[dict[str, Any]] = [
        {"port": -1},
        {"port": "10001"},
        {"max_connections": -1},
        {"network_key": ""},
        {"accept": ["p2pnetwork"]},
        {"accept": ["tls"], "network_key": "k"},
        {"allow": ["me"]},
        {"name": "a\nb"},
        {"network": "n" * 257},
    ]
    for options in wrong:
        with pytest.raises((TypeError, ValueError)):
            Node(**options)
    with pytest.raises(ValueError, match="max_streams must be a number above 0"):
        Limits(max_streams=0)
    with pytest.raises(ValueError, match="max_inbound_per_address must be a number from 0"):
        Limits(max_inbound_per_address=-1)
    with pytest.raises(ValueError, match="session_timeout must be a number above 0"):
        Limits(session_timeout=float("nan"))
