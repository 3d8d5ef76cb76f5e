"""A chat of Python and TypeScript nodes: each line that you type goes to all peers.

Run it: python3 examples/python/chat.py boris 10002 10001
after `pip install p2pnetwork==1.2`, and with examples/python/chat.ts in another terminal.
"""
import sys

from p2pnetwork.node import Node

name = sys.argv[1] if len(sys.argv) > 1 else "boris"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 10002


class ChatNode(Node):
    def inbound_node_connected(self, peer):
        print("a node has joined", flush=True)

    def node_message(self, peer, data):
        print(f"{data['name']}: {data['text']}", flush=True)


node = ChatNode("127.0.0.1", port, id=name)
node.start()
if len(sys.argv) > 3 and node.connect_with_node("127.0.0.1", int(sys.argv[3])):
    print("connected", flush=True)

for line in sys.stdin:
    node.send_to_nodes({"name": name, "text": line.rstrip("\n")})

print("leaving, which takes a while", flush=True)
node.stop()
