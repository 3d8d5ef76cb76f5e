"""Nodes for the tests: of this package, and TypeScript ones in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from peerloom import Node, NodeConnection, PeerStream

REPOSITORY = Path(__file__).parents[2]
PROGRAM = REPOSITORY / "test/interop/python-package/peer.ts"
SECONDS = 30.0


def run(test: Coroutine[Any, Any, None]) -> None:
    """Runs a test's coroutine, within bounded time."""
    asyncio.run(asyncio.wait_for(test, SECONDS))


class RecordingNode(Node):
    """Records its events, answers requests with their data, and streams with the hash of theirs."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.events: list[tuple[str, Any]] = []
        self._arrived = asyncio.Event()

    def record(self, event: str, value: Any) -> None:
        self.events.append((event, value))
        self._arrived.set()

    async def next(self, event: str) -> Any:
        """Waits for the event, and takes it off the record."""
        while True:
            for index, (name, value) in enumerate(self.events):
                if name == event:
                    del self.events[index]
                    return value
            self._arrived.clear()
            await self._arrived.wait()

    def outbound_node_connected(self, peer: NodeConnection) -> None:
        self.record("outbound_node_connected", peer)

    def inbound_node_connected(self, peer: NodeConnection) -> None:
        self.record("inbound_node_connected", peer)

    def outbound_node_disconnected(self, peer: NodeConnection) -> None:
        self.record("outbound_node_disconnected", peer)

    def inbound_node_disconnected(self, peer: NodeConnection) -> None:
        self.record("inbound_node_disconnected", peer)

    def node_session_lost(self, peer: NodeConnection) -> None:
        self.record("node_session_lost", peer)

    def node_message(self, peer: NodeConnection, data: Any) -> None:
        self.record("node_message", data)
        if isinstance(data, str) and data == "fail":
            raise RuntimeError("as asked")

    def node_request(self, peer: NodeConnection, data: Any) -> Any:
        if isinstance(data, str) and data == "fail":
            raise RuntimeError("as asked")
        return data

    async def node_stream(self, peer: NodeConnection, stream: PeerStream) -> None:
        import hashlib

        digest = hashlib.sha256()
        async for chunk in stream:
            digest.update(chunk)
        await stream.write(digest.digest())
        await stream.end()

    def node_message_rejected(self, peer: NodeConnection, reason: str) -> None:
        self.record("node_message_rejected", reason)

    def node_error(self, peer: NodeConnection | None, error: Exception) -> None:
        self.record("node_error", error)


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[tuple[RecordingNode, RecordingNode, NodeConnection]]:
    """Two nodes, and the connection of the first with the second."""
    async with RecordingNode(**options) as dialler, RecordingNode(**options) as listener:
        scheme = "ws" if "network_key" in options or options.get("accept") == "ws" else "tls"
        peer = await dialler.connect_with_node(f"{scheme}://127.0.0.1:{listener.port}", id=listener.id)
        await listener.next("inbound_node_connected")
        await dialler.next("outbound_node_connected")
        yield dialler, listener, peer


class TypeScriptNode:
    """A node of the npm package, in a process of its own. It sends every message back."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())
        self.id = ""
        self.port = 0

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "event" in said:
                self._lines.put_nowait(said)
                continue
            answer = self._answers.pop(said["id"])
            if "error" in said:
                answer.set_exception(RuntimeError(f"{said.get('code')}: {said['error']}"))
            else:
                answer.set_result(said["result"])

    async def next(self, event: str) -> dict[str, Any]:
        """The next line about such an event; lines about others are dropped."""
        while True:
            said = await self._lines.get()
            if said["event"] == event:
                return said

    def do(self, command: str, **arguments: Any) -> Awaitable[Any]:
        assert self._process.stdin is not None
        number = len(self._answers) + id(arguments)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._process.stdin.write(json.dumps({"id": number, "do": command, **arguments}).encode() + b"\n")
        return answer

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader


@asynccontextmanager
async def typescript_node(**options: Any) -> AsyncIterator[TypeScriptNode]:
    process = await asyncio.create_subprocess_exec(
        NODE_JS,
        str(PROGRAM),
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    node = TypeScriptNode(process)
    try:
        ready = await node.next("ready")
        node.id, node.port = ready["id"], ready["port"]
        yield node
    finally:
        await node.stop()


NODE_JS = os.environ.get("PEERLOOM_TEST_NODE") or str(REPOSITORY / "node_modules/.bin/node")
