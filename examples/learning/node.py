"""A node of the network in Python. It trains with NumPy.

Run it: python3 examples/learning/node.py INDEX ROUNDS ADDRESS [ADDRESS …]
after `pip install './python[numpy]'`.
"""

import asyncio
import json
import pathlib
import random
import sys

import numpy
from peerloom import Node, PeerloomError, Tensor

NODES = 10
TEST_IMAGES = 360
ROUND_SECONDS = 0.15

index, rounds, *addresses = sys.argv[1:]


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


def new_model():
    return {"weight": numpy.zeros((10, 64), numpy.float32), "bias": numpy.zeros(10, numpy.float32)}


def mean(one, other):
    return {name: (one[name] + other[name]) / 2 for name in one}


def message_of(state):
    """As tensors: a NumPy array of one dimension alone would arrive as a typed array."""
    return {name: Tensor.of(array) for name, array in state.items()}


def train(state, pixels, labels, rate):
    weight, bias = state["weight"].copy(), state["bias"].copy()
    for image, label in zip(pixels, labels, strict=True):
        sums = weight @ image + bias
        powers = numpy.exp(sums - sums.max())
        error = powers / powers.sum()
        error[label] -= 1
        weight -= rate * numpy.outer(error, image)
        bias -= rate * error
    return {"weight": weight, "bias": bias}


def accuracy(state, pixels, labels):
    return float(((pixels @ state["weight"].T + state["bias"]).argmax(1) == labels).mean())


class LearningNode(Node):
    state = new_model()

    def node_request(self, peer, theirs):
        ours = self.state
        self.state = mean(ours, theirs)
        return message_of(ours)


async def main():
    part, test = load_digits()
    async with LearningNode("127.0.0.1", 0, name=f"node {index}") as node:
        say(images=len(part[1]))
        for address in addresses:
            await node.connect_with_node(address, reconnect=True)
        alone = new_model()
        for _ in range(30):
            alone = train(alone, *part, 0.02)
        say(alone=accuracy(alone, *test))
        await asyncio.to_thread(sys.stdin.readline)  # run.ts says when all are ready
        for round_number in range(int(rounds)):
            pace = asyncio.create_task(asyncio.sleep(ROUND_SECONDS))
            rate = 0.02 * (1 - round_number / (int(rounds) * 0.75))
            if rate > 0:
                node.state = train(node.state, *part, rate)
            try:
                theirs = await random.choice(node.all_nodes).request(message_of(node.state), timeout=2)
                node.state = mean(node.state, theirs)
            except (PeerloomError, TimeoutError, IndexError):
                pass  # the neighbour has gone, or is busy: another one next time
            say(round=round_number, accuracy=accuracy(node.state, *test))
            await pace
        say(done=True)
        await asyncio.to_thread(sys.stdin.readline)  # the others may still ask for its model


asyncio.run(main())
