"""The Python package p2pnetwork as a system of the benchmark: worker.ts in another language.

Orders come as JSON, a line each, on standard input; answers go to standard output. The rows are those of
the catalogue that it can do, in the way of its README: extend Node, override node_message, node.send.
"""

import json
import math
import os
import queue
import socket
import sys
import threading
import time

from p2pnetwork.node import Node

SMALL_BYTES = 100
SILENCE_SECONDS = 5

# A link reads at most 4 KiB, then sleeps for 10 ms: what is sent beyond that only waits in the system.
BYTES_PER_MS = 400


def now_ms():
    """The clock of process.hrtime() in Node."""
    return time.monotonic_ns() / 1e6


def sum_of(message):
    """The checksum of payload.ts."""
    if isinstance(message, dict):
        return message["sequence"]
    return sum(message[:: max(16, len(message) >> 6)])


def small_payload():
    """100 bytes each: no end mark (0x04) in them, and no valid UTF-8, which would arrive as text."""
    return [bytes(0x80 + (index * 31 + at * 7) % 120 for at in range(SMALL_BYTES)) for index in range(64)]


def json_payload():
    return [
        {
            "type": "position",
            "sequence": 100_000 + index,
            "from": f"node-{index % 10}",
            "x": 12.25 + index,
            "y": -7.5,
            "alive": True,
            "tag": "abcdefgh",
        }
        for index in range(64)
    ]


PAYLOADS = {"small": small_payload, "json": json_payload, "round-trip": small_payload}


class BenchNode(Node):
    def __init__(self, row):
        super().__init__("127.0.0.1", free_port())
        self.echoes = False
        self.count = 0
        self.sum = 0
        self.row = row
        self.arrived = threading.Condition()
        self.answers = queue.SimpleQueue()

    def node_message(self, node, data):
        if self.row == "round-trip":
            if self.echoes:
                node.send(data)
            else:
                self.answers.put(data)
            return
        with self.arrived:
            self.count += 1
            self.sum += sum_of(data)
            self.arrived.notify()

    def receive(self, count):
        with self.arrived:
            while self.count < count and self.arrived.wait(SILENCE_SECONDS):
                pass
            taken = {"count": self.count, "sum": self.sum, "doneAtMs": now_ms()}
            self.count = self.sum = 0
        return taken

    def send_for(self, sample_ms):
        messages = PAYLOADS[self.row]()
        [link] = self.nodes_outbound
        started = now_ms()
        count = total = 0
        most = max(1, int(sample_ms * BYTES_PER_MS / SMALL_BYTES))
        while count < most and now_ms() - started < sample_ms:
            message = messages[count % len(messages)]
            link.send(message)
            count += 1
            total += sum_of(message)
        return {"count": count, "sum": total, "startedAtMs": started}

    def ask_for(self, sample_ms):
        message = small_payload()[0]
        [link] = self.nodes_outbound
        trips = []
        end = now_ms() + sample_ms
        while now_ms() < end:
            before = now_ms()
            link.send(message)
            self.answers.get(timeout=SILENCE_SECONDS)
            trips.append((now_ms() - before) * 1000)
        trips.sort()
        return {f"round-trip-p{share}": trips[math.ceil(len(trips) * share / 100) - 1] for share in (50, 99)}


def free_port():
    """The package needs to know its port beforehand."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Worker:
    node = None

    def obey(self, order):
        if order["do"] == "open":
            self.node = BenchNode(order["row"])
            self.node.echoes = "dial" not in order
            self.node.start()
            if "dial" in order:
                self.node.connect_with_node("127.0.0.1", int(order["dial"]))
            return str(self.node.port)
        if order["do"] == "close":
            self.node.stop()
            return None
        actions = {"send": self.node.send_for, "receive": self.node.receive, "ask": self.node.ask_for}
        return actions[order["action"]](order["input"])


def main():
    answers, sys.stdout = sys.stdout, open(os.devnull, "w")  # the package prints
    worker = Worker()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"id": order["id"], "result": worker.obey(order)}
        except Exception as error:
            answer = {"id": order["id"], "error": repr(error)}
        print(json.dumps(answer), file=answers, flush=True)


main()
