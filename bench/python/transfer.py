"""Times float32 arrays from Python to another process and back: peerloom beside gRPC with the bytes of the arrays.

Started by run.ts, which passes the peers' commands. Each sample sends an array and waits for the same one. The samples
of all systems take turns, so that what else the machine does hits all of them. Prints one line of JSON for each figure.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import grpc
import numpy as np

from peerloom import Node, NodeConnection

SAMPLES = {1: 15, 16: 9, 100: 5}
"""How often each size is sent, in MB of 1,000,000 bytes."""

LARGEST_MESSAGE = 16_000_000
GRPC_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

Echo = Callable[[np.ndarray], Awaitable[np.ndarray]]


def over_peerloom(peer: NodeConnection) -> Echo:
    async def echo(array: np.ndarray) -> np.ndarray:
        if array.nbytes <= LARGEST_MESSAGE:
            return await peer.request(array)
        back = np.empty_like(array)
        async with await peer.open_stream({"bytes": array.nbytes}) as stream:
            await stream.write(array)
            await stream.end()
            await stream.read_into(back)
        return back

    return echo


def over_grpc(channel: grpc.Channel) -> Echo:
    call = channel.unary_unary("/bench/echo")

    async def echo(array: np.ndarray) -> np.ndarray:
        # In the thread of the program, as gRPC's blocking API is used.
        return np.frombuffer(call(array.tobytes()), np.float32)

    return echo


async def start(command: list[str]) -> tuple[asyncio.subprocess.Process, int]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    return process, int(await process.stdout.readline())


async def measure(setup: dict) -> None:
    certificate = open(setup["certificate"], "rb").read()
    options = [*GRPC_OPTIONS, ("grpc.ssl_target_name_override", "localhost")]
    processes = []
    echoes: dict[str, Echo] = {}
    async with Node() as node:
        for name, command in setup["peers"].items():
            process, port = await start(command)
            processes.append(process)
            if name.startswith("peerloom"):
                echoes[name] = over_peerloom(await node.connect_with_node("127.0.0.1", port))
            elif "TLS" in name:
                credentials = grpc.ssl_channel_credentials(certificate)
                echoes[name] = over_grpc(grpc.secure_channel(f"127.0.0.1:{port}", credentials, options))
            else:
                echoes[name] = over_grpc(grpc.insecure_channel(f"127.0.0.1:{port}", GRPC_OPTIONS))
        for megabytes, samples in SAMPLES.items():
            array = np.random.default_rng(1).random(megabytes * 250_000, dtype=np.float32)
            times: dict[str, list[float]] = {name: [] for name in echoes}
            for sample in range(samples + 2):
                for name, echo in echoes.items():
                    began = time.perf_counter()
                    back = await echo(array)
                    took = time.perf_counter() - began
                    if sample == 0:
                        assert np.array_equal(array, back), name
                    if sample >= 2:
                        times[name].append(took)
            for name, all_times in times.items():
                median = sorted(all_times)[len(all_times) // 2]
                print(json.dumps({"system": name, "megabytes": megabytes, "seconds": median}), flush=True)
    for process in processes:
        process.kill()
        await process.wait()


asyncio.run(measure(json.loads(sys.argv[1])))
