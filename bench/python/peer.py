"""The other process of transfer.py, in Python: `peer.py peerloom`, `peer.py grpc` or `peer.py grpc KEY CERTIFICATE`."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np

from peerloom import Node, NodeConnection, PeerStream


class EchoNode(Node):
    def node_request(self, peer: NodeConnection, data: Any) -> Any:
        return data

    async def node_stream(self, peer: NodeConnection, stream: PeerStream) -> None:
        array = np.empty(stream.header["bytes"] // 4, np.float32)
        await stream.read_into(array)
        await stream.write(array)
        await stream.end()


async def serve_peerloom() -> None:
    async with EchoNode() as node:
        print(node.port, flush=True)
        await asyncio.Event().wait()


def serve_grpc(files: list[str]) -> None:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(2), options=options)
    echo = grpc.unary_unary_rpc_method_handler(lambda data, _context: np.frombuffer(data, np.float32).tobytes())
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench", {"echo": echo}),))
    if files:
        key, certificate = (open(file, "rb").read() for file in files)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if sys.argv[1] == "peerloom":
    asyncio.run(serve_peerloom())
else:
    serve_grpc(sys.argv[2:])
