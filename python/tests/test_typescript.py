"""Nodes of this package together with real TypeScript nodes, in both directions."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from typing import Any

import numpy as np
import pytest
from conftest import RecordingNode, TypeScriptNode, needs_typescript, run, typescript_node

from peerloom import Identity, NodeConnection, PeerloomError, PeerStream, Tensor

pytestmark = needs_typescript

LARGE = 16 * 1024 * 1024
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tls": ({}, {}),
    "ws": ({"accept": "ws"}, {"accept": ["tls", "websocket"]}),
    "network key": ({"network_key": "secret"}, {"accept": ["tls", "websocket"], "networkKey": "secret"}),
}
"""By name, the options of the Python node and of the TypeScript node."""

DATA: list[Any] = [
    "text",
    "123",
    "\ud83d alone",
    b"\x00\x04\xff",
    b"",
    None,
    True,
    -5,
    0.5,
    -0.0,
    math.inf,
    2**60,
    [1, {"a": [b"bytes", None]}],
    {"ключ": "значение", "😀": 1},
    *(np.arange(5, dtype=dtype) for dtype in ("i1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")),
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.zeros((0, 3)),
    np.array(7, np.int64),
    np.array([True, False]),
    np.arange(3, dtype=np.uint8),
    {"layer": np.ones((2, 2), np.float16), "bits": Tensor("bfloat16", (2,), b"\x80\x3f\x00\xc0")},
]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return repr(one) == repr(other)


@pytest.mark.parametrize(
    ("kind", "dials"),
    [
        ("tls", "python dials"),
        ("tls", "typescript dials"),
        ("ws", "python dials"),
        ("network key", "typescript dials"),
    ],
)
def test_everything_between_both(kind: str, dials: str) -> None:
    async def test() -> None:
        python_options, options = KINDS[kind]
        async with typescript_node(**options) as other, TypeScriptPeer(name="snake", **python_options) as node:
            scheme = "tls" if kind == "tls" else "ws"
            if dials == "python dials":
                peer = await node.connect_with_node(f"{scheme}://127.0.0.1:{other.port}", id=other.id)
                event = "inbound_node_connected"
            else:
                address = f"{scheme}://127.0.0.1:{node.port}"
                assert await other.do("connect", address=address, options={"id": node.id}) == node.id
                peer = await node.next("inbound_node_connected")
                event = "outbound_node_connected"
            connected = await other.next(event)
            assert connected["peer"] == node.id
            assert connected["name"] == "snake"
            assert connected["addresses"] == [f"{scheme}://127.0.0.1:{node.port}"]
            await talk(node, other, peer, is_whole=kind == "tls")

    run(test())


class TypeScriptPeer(RecordingNode):
    """Its streams send back as much as they bring."""

    async def node_stream(self, peer: NodeConnection, stream: PeerStream) -> None:
        data = await stream.read()
        self.record("stream", (stream.header, hashlib.sha256(data).hexdigest()))
        await stream.write(data)
        await stream.end()


async def talk(node: RecordingNode, other: TypeScriptNode, peer: NodeConnection, *, is_whole: bool) -> None:
    for data in DATA:
        peer.send(data)
        assert equal(data, await node.next("node_message")), f"{data!r} came back as something else"
    for compression in ("zlib", "bzip2"):
        peer.send({"w": np.zeros(100_000, np.float32)}, compression=compression)
        assert (await node.next("node_message"))["w"].shape == (100_000,)
    # The length of a whole message, which both cut into frames.
    large = np.random.default_rng(1).random(LARGE // 8 if is_whole else LARGE // 64)
    peer.send(large)
    assert equal(large, await node.next("node_message"))
    # Requests and deliveries, each way.
    assert equal({"a": [1, b"2"]}, await peer.request({"a": [1, b"2"]}))
    with pytest.raises(PeerloomError) as failed:
        await peer.request("fail")
    assert failed.value.code == "ERR_HANDLER"
    await peer.deliver("quiet")
    with pytest.raises(PeerloomError):
        await peer.deliver("fail")
    assert await other.do("request", data=["from TypeScript"]) == ["from TypeScript"]
    with pytest.raises(RuntimeError, match="ERR_HANDLER"):
        await other.do("request", data="fail")
    await other.do("deliver", data="handled")
    assert await node.next("node_message") == "handled"
    with pytest.raises(RuntimeError, match="ERR_HANDLER"):
        await other.do("deliver", data="fail")
    assert await peer.ping() > 0
    assert await other.do("ping") is True
    # Streams, each way in both directions.
    size = LARGE if is_whole else LARGE // 16
    data = os.urandom(size)
    stream = await peer.open_stream({"back": size})
    await stream.write(data)
    await stream.end()
    answer = await stream.read()
    assert answer[:64].decode() == hashlib.sha256(data).hexdigest()
    assert answer[64:] == b"\x07" * size
    hashes = await other.do("stream", bytes=size, data="model")
    assert hashes["sent"] == hashes["received"]
    assert await node.next("stream") == ("model", hashes["sent"])
    # The end.
    await other.do("stop")
    assert (await node.next(f"{peer.direction}_node_disconnected")).close_reason.code == "stopped"


def test_refusals_each_way() -> None:
    async def test() -> None:
        async with (
            typescript_node(network="one", accept=["tls", "websocket"]) as other,
            RecordingNode(network="two") as node,
            RecordingNode(network="one", network_key="k") as keyed,
            RecordingNode(network="one", deny=[other.id]) as denying,
        ):
            address = f"127.0.0.1:{other.port}"

            async def code_of(dialler: RecordingNode, *arguments: Any, **options: Any) -> str:
                with pytest.raises(PeerloomError) as failed:
                    await dialler.connect_with_node(*arguments, **options)
                return failed.value.code

            assert await code_of(node, address) == "ERR_NETWORK_MISMATCH"
            assert await code_of(node, address, id=Identity.generate().id) == "ERR_ID_MISMATCH"
            assert await code_of(keyed, f"ws://{address}") == "ERR_NETWORK_MISMATCH"
            assert await code_of(denying, address) == "ERR_NOT_ALLOWED"
            for listener, code in ((node, "ERR_NETWORK_MISMATCH"), (denying, "ERR_NOT_ALLOWED")):
                with pytest.raises(RuntimeError, match=code):
                    await other.do("connect", address=f"127.0.0.1:{listener.port}")
            pinned = {"id": Identity.generate().id}
            with pytest.raises(RuntimeError, match="ERR_ID_MISMATCH"):
                await other.do("connect", address=f"127.0.0.1:{node.port}", options=pinned)
            with pytest.raises(RuntimeError, match="ERR_"):
                await other.do("connect", address=f"ws://127.0.0.1:{keyed.port}")
            assert node.all_nodes == keyed.all_nodes == denying.all_nodes == ()

    run(test())


def test_both_dial_at_once() -> None:
    async def test() -> None:
        async with typescript_node() as other, RecordingNode() as node:
            dialled, told = await asyncio.gather(
                node.connect_with_node("127.0.0.1", other.port),
                other.do("connect", address=f"127.0.0.1:{node.port}"),
            )
            assert (dialled.id, told) == (other.id, node.id)
            assert await node.all_nodes[0].request("one") == "one"
            assert len(node.all_nodes) == 1

    run(test())
