"""torch tensors, in a Python that has torch: Debian's, or the one that PEERLOOM_TORCH_PYTHON names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import needs_typescript

CHOSEN = os.environ.get("PEERLOOM_TORCH_PYTHON")


TORCH = """
import asyncio, torch
from peerloom import Node, to_torch

class Learner(Node):
    def node_state(self, peer, state, details):
        self.model.load_state_dict(to_torch(state))
        self.bits = to_torch(state)["bits"] if "bits" in state else None

async def main():
    async with Learner() as learner, Node() as sender:
        learner.model, model = torch.nn.Linear(64, 10), torch.nn.Linear(64, 10)
        peer = await sender.connect_with_node("127.0.0.1", learner.port)
        await sender.send_state(peer, model.state_dict())
        for mine, theirs in zip(model.parameters(), learner.model.parameters(), strict=True):
            assert torch.equal(mine, theirs)
        learner.model.weight.data += 1  # its memory can be written to
        learner.model = torch.nn.Module()
        learner.model.register_buffer("bits", torch.zeros(3, dtype=torch.bfloat16))
        await sender.send_state(peer, {"bits": torch.tensor([1.5, -2, 3], dtype=torch.bfloat16)})
        assert learner.bits.dtype == torch.bfloat16 and learner.bits.tolist() == [1.5, -2, 3]

asyncio.run(main())
"""


def python_with_torch() -> str | None:
    for python in (CHOSEN,) if CHOSEN else (sys.executable, "/usr/bin/python3"):
        done = subprocess.run([python, "-c", "import torch, cryptography"], capture_output=True, check=False)
        if done.returncode == 0:
            return python
    return None


@pytest.fixture
def python() -> str:
    found = python_with_torch()
    if found is None:
        assert CHOSEN is None, f"{CHOSEN} cannot import torch and cryptography"
        pytest.skip("needs torch: apt-get install python3-torch python3-cryptography")
    return found


def test_state_dicts_are_sent_and_loaded(python: str, pytestconfig: pytest.Config) -> None:
    source = str(pytestconfig.rootpath / "src")
    subprocess.run([python, "-c", TORCH], check=True, env={"PYTHONPATH": source, "PATH": ""}, timeout=60)


@needs_typescript
def test_every_type_and_shape_to_a_typescript_node_and_back(python: str, pytestconfig: pytest.Config) -> None:
    program = Path(__file__).parent / "torch_both_ways.py"
    paths = [str(pytestconfig.rootpath / "src"), str(program.parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    subprocess.run([python, str(program)], check=True, env=environment, timeout=150)
