"""Sends an array to a TypeScript node, which answers with its mean.

Run it: python3 examples/python/mean.py 10001
after `pip install p2pnetwork==1.2`, and with examples/python/mean.ts in another terminal. Uses NumPy if it is there.
"""
import sys

from p2pnetwork.node import Node

try:
    import numpy

    raw = numpy.arange(100_000, dtype="<f4").tobytes()
except ImportError:
    import array

    values = array.array("f", range(100_000))
    if sys.byteorder == "big":
        values.byteswap()
    raw = values.tobytes()


class TensorNode(Node):
    def node_message(self, peer, data):
        print(f"the mean of {data['count']} elements is {data['mean']}", flush=True)
        self.stop()  # takes ten seconds or more


node = TensorNode("127.0.0.1", 0)
node.start()
if not node.connect_with_node("127.0.0.1", int(sys.argv[1])):
    print("no connection", flush=True)
    node.stop()
# The bytes of a tensor hold 0x04 sooner or later, which ends a message unless it is compressed.
node.send_to_nodes(raw, compression="zlib")
