"""Two nodes that exchange weights: python two_nodes.py"""

import asyncio

import numpy as np

from peerloom import Node


class Averager(Node):
    weights = np.zeros(4, np.float32)

    async def inbound_node_connected(self, peer):
        print(f"{self.name}: {peer.name} is here")

    def node_message(self, peer, data):
        self.weights = (self.weights + data["weights"]) / 2
        print(f"{self.name}: round {data['round']}, now {self.weights}")

    def node_request(self, peer, data):
        return {"weights": self.weights}


async def main():
    async with Averager("127.0.0.1", 0, name="one") as one, Averager("127.0.0.1", 0, name="two") as two:
        peer = await two.connect_with_node("127.0.0.1", one.port)
        await peer.deliver({"round": 1, "weights": np.array([2, 4, 6, 8], np.float32)})
        answer = await peer.request("weights")
        print("two: one has", answer["weights"])


asyncio.run(main())
