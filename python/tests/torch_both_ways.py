"""Sends torch tensors of every type and shape to a TypeScript node and back. test_torch.py runs it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import Any

import torch
from nodes import RecordingNode, typescript_node

from peerloom import Tensor, to_torch

NAMES = (
    *("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"),
    *(name for name in ("uint16", "uint32", "uint64") if hasattr(torch, name)),  # since torch 2.3
)
SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (3,), (2, 3), (2, 0, 3), (2, 1, 3, 1, 2), (300,), (70_000,))


def elements(name: str, shape: tuple[int, ...]) -> bytes:
    """Every bit pattern may come, those of NaN with a payload too; of bool, only 0 and 1."""
    count = int(torch.Size(shape).numel()) * torch.zeros(1, dtype=getattr(torch, name)).element_size()
    drawn = random.Random(f"{name} {shape}").randbytes(count)
    return bytes(byte & 1 for byte in drawn) if name == "bool" else drawn


def tensor_of(name: str, shape: tuple[int, ...]) -> Any:
    data, dtype = bytearray(elements(name, shape)), getattr(torch, name)
    return torch.frombuffer(data, dtype=dtype).reshape(shape) if data else torch.zeros(shape, dtype=dtype)


class Learner(RecordingNode):
    def node_state(self, peer: Any, state: dict[str, Any], details: Any) -> None:
        self.record("node_state", state)


def check(name: str, shape: tuple[int, ...], arrived: Any) -> None:
    tensor = Tensor.of(arrived)
    assert (tensor.dtype, tuple(tensor.shape)) == (name, shape)
    assert bytes(tensor.data) == elements(name, shape), f"{name} {shape} came back as something else"
    back = tensor.torch()
    assert (str(back.dtype), tuple(back.shape)) == (f"torch.{name}", shape)
    assert bytes(Tensor.of(back).data) == elements(name, shape)


async def main() -> None:
    samples = [(name, shape) for name in NAMES for shape in SHAPES]
    state = {f"{name} {shape}": tensor_of(name, shape) for name, shape in samples}
    async with typescript_node() as other, Learner() as node:
        peer = await node.connect_with_node("127.0.0.1", other.port)
        # Bare, inside objects, and as a state dict.
        for name, shape in samples:
            for message in (tensor_of(name, shape), {"w": [tensor_of(name, shape)]}):
                peer.send(message)
                seen = (await other.next("node_message"))["data"]
                seen = seen if "dtype" in seen else seen["w"][0]
                digest = hashlib.sha256(elements(name, shape)).hexdigest()
                assert seen == {"dtype": name, "shape": list(shape), "sha256": digest}
                arrived = await node.next("node_message")
                check(name, shape, arrived["w"][0] if isinstance(arrived, dict) else arrived)
        await node.send_state(peer, state)
        await other.next("node_state")
        await other.do("state")
        arrived = await node.next("node_state")
        assert arrived.keys() == state.keys()
        for name, shape in samples:
            check(name, shape, arrived[f"{name} {shape}"])
        assert to_torch(arrived).keys() == state.keys()
        # The state dict of a model, and views that do not lie in memory row by row.
        model, learner = torch.nn.Linear(64, 10), torch.nn.Linear(64, 10)
        await node.send_state(peer, model.state_dict())
        await other.do("state")
        learner.load_state_dict(to_torch(await node.next("node_state")))
        assert torch.equal(model.weight, learner.weight)
        numbers = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4).requires_grad_()
        for view in (numbers.transpose(0, 2), numbers[:, :, ::2], numbers[0].expand(3, 3, 4), numbers.flip(0)):
            peer.send(view)
            assert torch.equal(torch.from_numpy(await node.next("node_message")), view.detach())
    print(f"torch {torch.__version__}: {len(samples)} tensors of {len(NAMES)} types")


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(), 120))
