"""A node of the network in Python. It trains with PyTorch, or with NumPy where PyTorch is not installed.

Run it: python3 examples/learning/node.py INDEX ROUNDS ADDRESS [ADDRESS …]
after `pip install './python[numpy]'`.
"""

import asyncio
import json
import math
import pathlib
import random
import sys

import numpy
from model import LIBRARY, new_model
from peerloom import Node, PeerloomError

NODES = 10
TEST_IMAGES = 360
ROUND_SECONDS = 0.15

index, rounds, *addresses = sys.argv[1:]
ROUNDS = int(rounds)
LAST_QUARTER = 0.75 * ROUNDS
"""From this round on, the nodes only average, until they agree."""


def say(**line):
    print(json.dumps({"index": int(index), **line}), flush=True)


def load_digits():
    """The part of this node, and the images for testing; shared out as in digits.ts."""
    archive = numpy.load(pathlib.Path(__file__).with_name("digits.npz"))
    pixels, labels = archive["images"].astype(numpy.float32) / 16, archive["labels"].astype(numpy.int64)
    training, test = slice(None, -TEST_IMAGES), slice(-TEST_IMAGES, None)
    kinds = numpy.arange(len(labels[training])) % 7
    owners = (labels[training] + NODES - numpy.where(kinds < 4, 0, numpy.where(kinds < 6, 1, 2))) % NODES
    own = owners == int(index)
    return (pixels[training][own], labels[training][own]), (pixels[test], labels[test])


class LearningNode(Node):
    model = new_model()
    round = 0

    def exchange(self):
        return {"round": self.round, "model": self.model.state}

    def take_over(self, theirs):
        """A node that is slower than others leaves rounds of training out, as in node.ts."""
        self.model.average_with(theirs["model"])
        self.round = max(self.round, min(theirs["round"], math.ceil(LAST_QUARTER)))

    def node_request(self, peer, theirs):
        ours = self.exchange()
        self.take_over(theirs)
        return ours


async def main():
    part, test = load_digits()
    async with LearningNode("127.0.0.1", 0, name=f"node {index}") as node:
        say(images=len(part[1]), library=LIBRARY)
        for address in addresses:
            await node.connect_with_node(address, reconnect=True)
        alone = new_model()
        for _ in range(30):
            alone.train(*part, 0.02)
        say(alone=alone.accuracy(*test))
        await asyncio.to_thread(sys.stdin.readline)  # run.ts says when all are ready
        while node.round < ROUNDS:
            pace = asyncio.create_task(asyncio.sleep(ROUND_SECONDS))
            rate = 0.02 * (1 - node.round / LAST_QUARTER)
            if rate > 0:
                node.model.train(*part, rate)
            try:
                theirs = await random.choice(node.all_nodes).request(node.exchange(), timeout=2)
                node.take_over(theirs)
            except (PeerloomError, IndexError):
                pass  # the neighbour has gone, or is busy: another one next time
            say(round=node.round, accuracy=node.model.accuracy(*test))
            await pace
            node.round += 1
        say(done=True)
        await asyncio.to_thread(sys.stdin.readline)  # the others may still ask for its model


asyncio.run(main())
