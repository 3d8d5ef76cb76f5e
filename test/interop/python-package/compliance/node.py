"""A Python node for the tests beside it. Its options are its first argument, in JSON.

It prints each event as a line of JSON. Each line of its input is a command: a method of Commands, with arguments.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from peerloom import Limits, Node, NodeConnection, PeerloomError, PeerStream, StateDetails, StateOffer


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


class EchoNode(Node):
    streams: list[PeerStream]
    released: asyncio.Event
    requests = 0

    async def node_message(self, peer: NodeConnection, data: Any) -> None:
        say(event="message", data=data if isinstance(data, str) else len(data))
        if data == "ask":
            asyncio.get_running_loop().create_task(self.ask(peer))
        await self.released.wait()

    async def ask(self, peer: NodeConnection) -> None:
        say(event="answer", data=await peer.request("ab" * 300_000))

    async def node_request(self, peer: NodeConnection, data: Any) -> Any:
        say(event="request", data=data if isinstance(data, str) else len(data))
        self.requests += 1
        await self.released.wait()
        self.requests -= 1
        return data

    async def node_stream(self, peer: NodeConnection, stream: PeerStream) -> None:
        say(event="stream", data=stream.header)
        if stream.header == "fail":
            raise RuntimeError("as asked")
        self.streams.append(stream)
        if stream.header == "echo":
            async for chunk in stream:
                await stream.write(chunk)
            await stream.end()
            say(event="echoed", data=stream.header)

    def node_state_offered(self, peer: NodeConnection, offer: StateOffer) -> bool:
        return bool(offer.info != "refuse")

    def node_state(self, peer: NodeConnection, state: dict[str, Any], details: StateDetails) -> None:
        say(event="state", data={name: array.tolist()[:2] for name, array in state.items()})
        if details.info == "fail":
            raise RuntimeError("as asked")

    def inbound_node_connected(self, peer: NodeConnection) -> None:
        say(event="connected", data=peer.id)

    def inbound_node_disconnected(self, peer: NodeConnection) -> None:
        assert peer.close_reason is not None
        say(event="disconnected", data=peer.close_reason.code)

    def node_message_rejected(self, peer: NodeConnection, reason: str) -> None:
        say(event="rejected", data=reason)

    def node_error(self, peer: NodeConnection | None, error: Exception) -> None:
        say(event="error", data=str(error))


class Commands:
    def __init__(self, node: EchoNode) -> None:
        self.node = node

    @property
    def peer(self) -> NodeConnection:
        return self.node.all_nodes[-1]

    async def hold(self, held: bool) -> None:
        """Whether handlers of messages and requests wait."""
        if held:
            self.node.released.clear()
        else:
            self.node.released.set()

    async def requests(self) -> int:
        """Those whose handlers run."""
        return self.node.requests

    async def connect(self, address: str, id: str | None = None) -> str:
        return (await self.node.connect_with_node(address, id=id, timeout=10)).id

    async def send(self, bytes: int, count: int = 1) -> None:
        for _ in range(count):
            self.peer.send(bytearray(bytes))

    async def request(self, bytes: int) -> int:
        return len(await self.peer.request(bytearray(bytes)))

    async def stop(self) -> None:
        await self.peer.stop()

    async def open(self, header: Any = None, timeout: float = 10) -> int:
        self.node.streams.append(await self.peer.open_stream(header, timeout=timeout))
        return len(self.node.streams) - 1

    async def write(self, stream: int, text: str, times: int = 1) -> None:
        await self.node.streams[stream].write((text * times).encode())

    async def read(self, stream: int, bytes: int) -> str:
        return (await self.node.streams[stream].read(bytes)).decode()

    async def end(self, stream: int) -> None:
        await self.node.streams[stream].end()

    async def abort(self, stream: int, message: str) -> None:
        self.node.streams[stream].abort(message)

    async def forget_streams(self) -> None:
        self.node.streams.clear()


async def answer(commands: Commands, id: int, do: str, arguments: dict[str, Any]) -> None:
    try:
        say(id=id, result=await getattr(commands, do)(**arguments))
    except PeerloomError as error:
        say(id=id, code=error.code, message=error.message)


async def main() -> None:
    options = json.loads(sys.argv[1])
    limits = Limits(**options.pop("limits", {}))
    async with EchoNode("127.0.0.1", 0, limits=limits, **options) as node:
        node.streams = []
        node.released = asyncio.Event()
        node.released.set()
        commands = Commands(node)
        say(event="ready", data={"port": node.port, "id": node.id})
        reader = asyncio.StreamReader(limit=2**24)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        tasks = set()
        while line := await reader.readline():
            tasks.add(asyncio.create_task(answer(commands, **json.loads(line))))
        for task in tasks:
            task.cancel()


asyncio.run(main())
