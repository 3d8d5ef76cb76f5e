"""A node for compliance.ts. It prints its port, and then each event as a line of JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from peerloom import Node, NodeConnection, PeerStream


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


class EchoNode(Node):
    def node_message(self, peer: NodeConnection, data: Any) -> None:
        say(event="message", data=data)
        if data == "ask":
            asyncio.get_running_loop().create_task(self.ask(peer))

    async def ask(self, peer: NodeConnection) -> None:
        say(event="answer", data=await peer.request("ab" * 300_000))

    def node_request(self, peer: NodeConnection, data: Any) -> Any:
        return data

    async def node_stream(self, peer: NodeConnection, stream: PeerStream) -> None:
        await stream.write(await stream.read())
        await stream.end()

    def inbound_node_disconnected(self, peer: NodeConnection) -> None:
        assert peer.close_reason is not None
        say(event="disconnected", data=peer.close_reason.code)


async def main() -> None:
    async with EchoNode("127.0.0.1", 0) as node:
        say(event="ready", data=node.port)
        await asyncio.Event().wait()


asyncio.run(main())
