"""A node of the Python package p2pnetwork that is driven by JSON lines.

Each line on stdin is a command, {"call": 1, "do": "connect", ...}; its answer is {"call": 1, "value": ...} or
{"call": 1, "error": "..."}. What happens to the node is told as {"event": "node_message", "peer": id, ...}, and an
exception that ends one of the package's threads as {"event": "exception", ...}. What the package prints goes to
stderr.
"""
import json
import os
import sys
import threading

from p2pnetwork.node import Node

reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
sys.stdout = sys.stderr
report_lock = threading.Lock()


def report(**fields):
    with report_lock:
        reports.write(json.dumps(fields) + "\n")
        reports.flush()


def describe(data):
    """What arrived, so that the reader can tell 123 from '123' and b'123'."""
    if isinstance(data, bytes):
        return {"type": "bytes", "hex": data.hex()}
    if isinstance(data, str):
        return {"type": "str", "hex": data.encode("utf-8", "surrogatepass").hex()}
    return {"type": type(data).__name__, "json": json.dumps(data, sort_keys=True, separators=(",", ":"))}


may_handle = threading.Event()
may_handle.set()


def told(event, peer=None, **more):
    report(event=event, peer=None if peer is None else peer.id, **more)
    if event == Commands.raises:
        raise ValueError("raised on " + event)


class ExtendedNode(Node):
    """Programmed as the package's documentation has it first: by overriding its methods."""

    def outbound_node_connected(self, node):
        told("outbound_node_connected", node)

    def inbound_node_connected(self, node):
        told("inbound_node_connected", node)

    def inbound_node_disconnected(self, node):
        told("inbound_node_disconnected", node)

    def outbound_node_disconnected(self, node):
        told("outbound_node_disconnected", node)

    def node_message(self, node, data):
        may_handle.wait()
        if getattr(self, "echo", False):
            self.send_to_node(node, data)
        told("node_message", node, **describe(data))

    def node_disconnect_with_outbound_node(self, node):
        told("node_disconnect_with_outbound_node", node)

    def node_request_to_stop(self):
        told("node_request_to_stop")

    def node_reconnection_error(self, host, port, trials):
        told("node_reconnection_error", trials=trials)
        return True


def callback(event, main_node, connected_node, data):
    """The other way; for events without a peer or without data the package passes an empty dict."""
    peer = connected_node if hasattr(connected_node, "id") else None
    told(event, peer, **(describe(data) if event == "node_message" else {}))


class Commands:
    node = None
    raises = None

    def start(
        self, port=0, style="class", id=None, max_connections=0, debug=False, echo=False, raises=None, tell_port=True
    ):
        Commands.raises = raises
        options = {"id": id, "max_connections": max_connections}
        if style == "callback":
            self.node = Node("127.0.0.1", port, callback=callback, **options)
        else:
            self.node = ExtendedNode("127.0.0.1", port, **options)
        self.node.debug = debug
        self.node.echo = echo
        bound_port = self.node.sock.getsockname()[1]
        if tell_port:
            self.node.port = bound_port
        self.node.start()
        return {"id": self.node.id, "port": bound_port}

    def connect(self, port, host="127.0.0.1", reconnect=False):
        return self.node.connect_with_node(host, port, reconnect=reconnect)

    def send(self, to=None, compression="none", **data):
        """One of json=, text=, hex=; to all, or to the node with the id `to`. With times=, that often."""
        times = data.pop("times", 1)
        [(kind, value)] = data.items()
        message = bytes.fromhex(value) if kind == "hex" else value
        for _ in range(times):
            if to is None:
                self.node.send_to_nodes(message, compression=compression)
            else:
                self.node.send_to_node(self.peer(to), message, compression=compression)

    def count(self, to, times):
        """Numbered messages to one node."""
        for number in range(times):
            self.node.send_to_node(self.peer(to), {"number": number})

    def hold(self):
        """The handlers of messages wait from now on."""
        may_handle.clear()

    def disconnect(self, peer):
        """As the package offers it for connections that this node made."""
        self.node.disconnect_with_node(self.peer(peer))

    def hang_up(self, peer):
        """For connections that were made to this node, there is only this."""
        self.peer(peer).stop()

    def state(self):
        return {
            "inbound": [connection.id for connection in self.node.nodes_inbound],
            "outbound": [connection.id for connection in self.node.nodes_outbound],
            "reconnecting": len(self.node.reconnect_to_nodes),
            "reading": [connection.id for connection in self.node.all_nodes if connection.is_alive()],
            "listening": self.node.is_alive(),
            "sent": self.node.message_count_send,
            "received": self.node.message_count_recv,
            "errors": self.node.message_count_rerr,
        }

    def stop(self, wait=False):
        self.node.stop()
        if wait:
            self.node.join()

    def peer(self, id):
        for connection in self.node.all_nodes:
            if connection.id == id:
                return connection
        raise ValueError("not connected with " + id)


def tell_exception(args):
    report(event="exception", peer=None, type=args.exc_type.__name__, message=str(args.exc_value))


threading.excepthook = tell_exception
commands = Commands()
for line in sys.stdin:
    command = json.loads(line)
    call, do = command.pop("call"), command.pop("do")
    try:
        report(call=call, value=getattr(commands, do)(**command))
    except Exception as error:
        report(call=call, error=repr(error))
os._exit(0)
