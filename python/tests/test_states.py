"""State dicts in streams: between two nodes of this package, with TypeScript nodes, and from peers that lie."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable
from typing import Any

import numpy as np
import pytest
from conftest import RecordingNode, needs_typescript, run, typescript_node

from peerloom import Limits, Node, NodeConnection, PeerloomError, StateDetails, StateOffer, Tensor
from peerloom.channel.streams import PeerStream
from peerloom.states import receiver

SMALL: dict[str, Any] = {
    "layer.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "layer.bias": np.arange(3, dtype=np.float16),
    "steps": np.array(7, np.int64),
    "mask": np.array([True, False, True]),
    "none": np.zeros((0, 3)),
    "bits": Tensor("bfloat16", (2,), b"\x80\x3f\x00\xc0"),
    "имя 😀": np.arange(5, dtype=np.uint8),
}


class Learner(RecordingNode):
    """Records what it is offered and gets."""

    answer: Any = None
    on_progress: Any = None

    def node_state_offered(self, peer: NodeConnection, offer: StateOffer) -> Any:
        self.record("node_state_offered", offer)
        offer.on_progress = self.on_progress
        return self.answer

    def node_state(self, peer: NodeConnection, state: dict[str, Any], details: StateDetails) -> None:
        self.record("node_state", (state, details))
        if details.info == "fail":
            raise RuntimeError("a secret")


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return list(one) == list(other) and all(Tensor.of(one[name]) == Tensor.of(other[name]) for name in one)


@pytest.mark.parametrize("options", [{}, {"accept": "ws"}], ids=["tls", "ws"])
def test_a_state_arrives_as_it_was(options: dict[str, Any]) -> None:
    async def test() -> None:
        async with Learner(**options) as learner, RecordingNode(**options) as sender:
            scheme = "ws" if options else "tls"
            peer = await sender.connect_with_node(f"{scheme}://127.0.0.1:{learner.port}")
            info = {"round": 3, "rate": np.array([0.5], np.float32)}
            await sender.send_state(peer, SMALL, info=info)
            state, details = await learner.next("node_state")
            assert same(state, SMALL)
            assert isinstance(state["layer.weight"], np.ndarray)
            state["layer.weight"] += 1
            assert (details.tensors, details.bytes, details.info["round"]) == (7, 48 + 6 + 8 + 3 + 4 + 5, 3)
            await sender.send_state(learner.id, {})
            assert (await learner.next("node_state"))[0] == {}
            # Larger than a message, with progress on both sides, while messages pass.
            large = {"large": np.arange(5_000_000, dtype=np.float32), "other": np.ones(1_000)}
            received: list[int] = []
            sent: list[int] = []
            learner.on_progress = lambda bytes, total: received.append(bytes)
            await sender.send_state(peer, large, on_progress=lambda bytes, total: sent.append(bytes))
            assert same((await learner.next("node_state"))[0], large)
            for steps in (sent, received):
                assert steps == sorted(steps)
                assert steps[-1] == 20_008_000
                assert len(steps) > 10

    run(test())


def test_a_state_is_refused_before_it_is_sent() -> None:
    async def test() -> None:
        async def code_of(state: dict[str, Any], **options: Any) -> PeerloomError:
            with pytest.raises(PeerloomError) as failed:
                await sender.send_state(learner.id, state, **options)
            return failed.value

        limits = Limits(max_state_bytes=1_000)
        async with Learner(limits=limits) as learner, RecordingNode() as sender, Node() as deaf:
            await sender.connect_with_node("127.0.0.1", learner.port)
            later = asyncio.get_running_loop().create_future()
            later.set_result(False)
            for learner.answer in (False, later):
                error = await code_of(SMALL)
                assert error.code == "ERR_STATE_REFUSED"
                assert "does not want it" in error.message
            learner.answer = None
            assert "1000 are allowed" in (await code_of({"w": np.zeros(1_001, np.uint8)})).message
            failed = await code_of(SMALL, info="fail")
            assert failed.code == "ERR_HANDLER"
            assert "secret" not in failed.message
            assert str(await learner.next("node_error")) == "a secret"
            peer = await sender.connect_with_node("127.0.0.1", deaf.port)
            with pytest.raises(PeerloomError) as none:
                await sender.send_state(peer, SMALL)
            assert none.value.code == "ERR_HANDLER"
            for wrong in ({"w": "text"}, {1: np.zeros(1)}):
                with pytest.raises(TypeError):
                    await sender.send_state(peer, wrong)  # type: ignore[arg-type]
            with pytest.raises(PeerloomError, match="not connected"):
                await sender.send_state(Node().id, SMALL)

    run(test())


def test_a_broken_transfer_is_resumed() -> None:
    async def test() -> None:
        async with Learner() as learner, RecordingNode() as sender:
            peer = await sender.connect_with_node("127.0.0.1", learner.port)
            state = {"large": np.arange(4_000_000, dtype=np.float32)}
            half = 8_000_000

            def cut(received: int, total: int) -> None:
                if received > half:
                    learner.all_nodes[0]._channel.link.abort()

            learner.on_progress = cut
            with pytest.raises(PeerloomError) as broken:
                await sender.send_state(peer, state)
            assert broken.value.code == "ERR_CONNECTION_CLOSED"
            assert (await learner.next("node_state_offered")).resumed_at == 0
            await sender.next("outbound_node_disconnected")
            await learner.next("inbound_node_disconnected")
            learner.on_progress = None
            sent: list[int] = []
            peer = await sender.connect_with_node("127.0.0.1", learner.port)
            await sender.send_state(peer, state, on_progress=lambda bytes, total: sent.append(bytes))
            offer = await learner.next("node_state_offered")
            assert offer.resumed_at > half
            assert sent[0] == offer.resumed_at
            assert same((await learner.next("node_state"))[0], state)
            assert list(learner._peering.states.accounts()) == []  # type: ignore[union-attr]

    run(test())


def test_a_transfer_ends_when_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with Learner() as learner, RecordingNode() as sender:
            peer = await sender.connect_with_node("127.0.0.1", learner.port)
            learner.answer = asyncio.get_running_loop().create_future()
            with pytest.raises(PeerloomError) as stalled:
                await sender.send_state(peer, SMALL, timeout=0.05)
            assert stalled.value.code == "ERR_TIMEOUT"
            learner.answer.set_result(None)
            learner.answer = None
            monkeypatch.setattr(receiver, "STALL_SECONDS", 0.05)
            header, body = forged([["w", "int8", [8]]], bytes(8))
            stream = await peer.open_stream(header)
            assert (await stream.read(9))[0] == 0
            await stream.write(body[:-1])
            with pytest.raises(PeerloomError, match="nothing of the state came"):
                await stream.read()
            # A sender that gives up ends the transfer, and the receiver lives on.
            task = asyncio.create_task(sender.send_state(peer, {"w": np.zeros(10_000_000)}))
            await learner.next("node_state_offered")
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await peer.request("lives") == "lives"

    run(test())


def forged(manifest: Any, elements: bytes, **fields: Any) -> tuple[dict[str, Any], bytes]:
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    body = text.encode() + elements
    tensors = len(manifest) if isinstance(manifest, list) else 1
    honest = {"peerloom": "state/1", "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(elements)}
    return {**honest, "manifestBytes": len(text.encode()), "tensors": tensors, **fields}, body


async def outcome(opening: Awaitable[PeerStream], body: bytes) -> str:
    """How the receiver ended it."""
    try:
        stream = await opening
        answer = await stream.read(2_000)
        if answer[0] == 0:
            await stream.write(body)
        await stream.end()
        rest = await stream.read()
    except PeerloomError as error:
        return error.message
    return "arrived" if answer[0] == 0 else (answer + rest)[1:].decode()


HONEST = [["w", "int8", [8]]]
LIES: list[tuple[str, Any, bytes, dict[str, Any]]] = [
    ("arrived", HONEST, bytes(8), {}),
    ("its hash differs", HONEST, bytes(8), {"sha256": "ab" * 32}),
    ("malformed", HONEST, bytes(8), {"sha256": "ab"}),
    ("malformed", HONEST, bytes(8), {"bytes": -1}),
    ("malformed", HONEST, bytes(8), {"bytes": 0.5}),
    ("malformed", HONEST, bytes(8), {"tensors": True}),
    ("it has 1099511627776 bytes", HONEST, bytes(8), {"bytes": 2**40}),
    ("too many bytes", HONEST, bytes(8), {"manifestBytes": 2**30}),
    ("16384 are allowed", HONEST, bytes(8), {"tensors": 16_385}),
    ("has not 2 tensors", HONEST, bytes(8), {"tensors": 2}),
    ("8 bytes, but 12 were announced", HONEST, bytes(8), {"bytes": 12}),
    ("more bytes came", [["w", "int8", [4]]], bytes(8), {"bytes": 4}),
    ("ended early", [["w", "int8", [16]]], bytes(8), {"bytes": 16}),
    ("2^53 bytes", [["w", "int8", [2**30, 2**30]]], b"", {}),
    ("whole number", [["w", "int8", ["8"]]], bytes(8), {}),
    ("32 dimensions", [["w", "int8", [1] * 33]], b"\0", {}),
    ("without type or shape", [["w", "int128", [1]]], bytes(8), {}),
    ("without type or shape", [["w", ["int8"], [8]]], bytes(8), {}),
    ("name that no tensor can have", [["n" * 513, "int8", [8]]], bytes(8), {}),
    ("name that no tensor can have", [["\ud800", "int8", [8]]], bytes(8), {}),
    ("name that no tensor can have", [[1, "int8", [8]]], bytes(8), {}),
    ("name that no tensor can have", [["w", "int8", [8], 1]], bytes(8), {}),
    ("name twice", [["w", "int8", [4]], ["w", "int8", [4]]], bytes(8), {}),
    ("JSON", "{", bytes(8), {}),
    ("levels deep", "[" * 1_000, bytes(8), {}),
    ("too many lists", f"[{'[],' * 40_000}[]]", bytes(8), {}),
    ("neither 0 nor 1", [["w", "bool", [8]]], b"\x02" * 8, {}),
]


def test_a_state_that_is_not_what_was_announced_ends_and_is_reported() -> None:
    async def test() -> None:
        async with Learner() as learner, RecordingNode() as attacker:
            peer = await attacker.connect_with_node("127.0.0.1", learner.port)
            for expected, manifest, elements, fields in LIES:
                header, body = forged(manifest, elements, **fields)
                found = await outcome(peer.open_stream(header), body)
                assert expected in found, (expected, found)
                is_offer_refused = "allowed" in expected or ("bytes" in expected and "it has" in expected)
                if found != "arrived" and not is_offer_refused and expected != "too many bytes":
                    reason = await learner.next("node_message_rejected")
                    assert "ERR_STATE_INVALID" in reason
                    assert expected in reason
            await peer.deliver("the connection lives on")
            assert [name for name, _ in learner.events].count("node_state") == 1
            assert list(learner._peering.states.accounts()) == []  # type: ignore[union-attr]

    run(test())


def test_states_keep_within_the_memory_of_the_node() -> None:
    async def test() -> None:
        million = 1_000_000
        limits = Limits(
            memory_budget_bytes=40 * million, queue_max_bytes=million, max_message_bytes=million, max_state_bytes=10**9
        )
        async with Learner(limits=limits) as learner, RecordingNode() as attacker:
            peer = await attacker.connect_with_node("127.0.0.1", learner.port)
            assert learner._peering is not None
            states = learner._peering.states
            # What is announced and not sent takes no memory, and there are at most four at once.
            streams = []
            for number in range(5):
                header, body = forged([["w", "int8", [19 * million]]], b"", bytes=19 * million, sha256=f"{number}" * 64)
                streams.append((await peer.open_stream(header), body))
            answers = [await stream.read(9) for stream, _ in streams]
            assert [answer[0] for answer in answers] == [0, 0, 0, 0, 1]
            assert sum(kept for kept, _ in states.accounts()) < 1_000
            # Three of them are more than the budget: the largest ends.
            ended = 0
            for stream, body in streams[:4]:
                try:
                    await stream.write(body + b"\0")
                    await peer.ping()
                    ended += stream.is_done
                except PeerloomError:
                    ended += 1
            while sum(stream.is_done for stream, _ in streams[:4]) < 2:
                await peer.ping()
            assert sum(kept for kept, _ in states.accounts()) <= limits.memory_budget_bytes
            assert await peer.request("lives") == "lives"

    run(test())


@needs_typescript
def test_states_to_a_typescript_node_and_back() -> None:
    async def test() -> None:
        async with typescript_node(limits={"maxStateBytes": 50_000_000}) as other, Learner() as node:
            peer = await node.connect_with_node("127.0.0.1", other.port)
            await node.send_state(peer, SMALL, info={"round": 1})
            arrived = await other.next("node_state")
            assert arrived["details"] == {"bytes": 74, "tensors": 7, "info": {"round": 1}}
            assert arrived["dtypes"]["mask"] == "bool"
            await other.do("state", data={"back": True})
            state, details = await node.next("node_state")
            assert same(state, SMALL)
            assert details.info == {"back": True}
            # Larger ones, cut in the middle and resumed, each way.
            large = {"large": np.arange(5_000_000, dtype=np.float32)}

            def cut(moved: int, total: int) -> None:
                if moved > 10_000_000:
                    peer._channel.link.abort()

            with pytest.raises(PeerloomError, match="closed"):
                await node.send_state(peer, large, on_progress=cut)
            await other.next("inbound_node_disconnected")
            peer = await node.connect_with_node("127.0.0.1", other.port)
            sent: list[int] = []
            await node.send_state(peer, large, on_progress=lambda bytes, total: sent.append(bytes))
            assert sent[0] > 1_000_000
            node.on_progress = cut
            with pytest.raises(RuntimeError, match="ERR_CONNECTION_CLOSED"):
                await other.do("state")
            node.on_progress = None
            node.events.clear()
            peer = await node.connect_with_node("127.0.0.1", other.port)
            await other.do("state")
            assert (await node.next("node_state_offered")).resumed_at > 10_000_000
            assert same((await node.next("node_state"))[0], large)
            # Refusals and failures, each way.
            node.answer = False
            with pytest.raises(RuntimeError, match=r"ERR_STATE_REFUSED.*does not want it"):
                await other.do("state")
            node.answer = None
            with pytest.raises(RuntimeError, match="ERR_HANDLER"):
                await other.do("state", data="fail")
            with pytest.raises(PeerloomError, match="ERR_HANDLER"):
                await node.send_state(peer, SMALL, info="fail")
            with pytest.raises(PeerloomError, match=r"allowed.*ERR_STATE_REFUSED"):
                await node.send_state(peer, {"w": np.zeros(60_000_000, np.uint8)})
            header, body = forged(HONEST, bytes(8), sha256="ab" * 32)
            assert "hash differs" in await outcome(peer.open_stream(header), body)
            assert "ERR_STATE_INVALID" in (await other.next("node_message_rejected"))["error"]

    run(test())
