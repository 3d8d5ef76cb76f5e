"""A connection with another node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .channel.channel import Channel
from .channel.streams import PeerStream
from .frames import DELIVER, REQUEST
from .hello import Goodbye

if TYPE_CHECKING:
    from .node import Node


class NodeConnection:
    """A connection with another node, whose id is proven. A handler of a Node gets it as ``peer``."""

    def __init__(self, main_node: Node, channel: Channel) -> None:
        assert channel.remote_hello is not None
        self.main_node = main_node
        self.id: str = channel.link.remote_id
        self.host: str = channel.link.host
        self.port: int = channel.link.port
        self.direction: str = "outbound" if channel.is_dialler else "inbound"
        self.name: str = channel.remote_hello.name
        """What the node calls itself. It proves nothing."""
        self.addresses: tuple[str, ...] = channel.remote_hello.addresses
        """Where the node says that it listens."""
        self.protocol: str = channel.link.protocol
        """``tls`` or ``websocket``; both are encrypted, with both ids proven."""
        self.close_reason: Goodbye | None = None
        """Why the connection ended: a code of docs/protocol.md, clause 7.2, and a message."""
        self._channel = channel
        self._info: dict[str, Any] = {}

    @property
    def is_open(self) -> bool:
        return self._channel.state == "up"

    @property
    def _session_id(self) -> str | None:
        return None if self._channel.session is None else self._channel.session.id

    @property
    def is_suspended(self) -> bool:
        """The connection was lost, and its session waits for another link. What is sent meanwhile is kept."""
        return self.is_open and self._channel.is_suspended

    def send(self, data: Any, *, compression: str = "none") -> bool:
        """Sends a message. False means: more than 1 MiB waits to be sent, so wait for :meth:`drained`.

        ``data``: what JSON holds, whole numbers of any size, ``bytes``, NumPy arrays, torch tensors and Tensor, also
        inside lists and objects. It may change once this returns.
        ``compression``: ``none``, ``zlib``, ``bzip2`` or ``lzma``. Raises TypeError or ValueError for data that no
        message carries, and PeerloomError with ``ERR_CONNECTION_CLOSED``, ``ERR_MESSAGE_TOO_LARGE``,
        ``ERR_QUEUE_FULL`` or ``ERR_COMPRESSION_UNAVAILABLE``.
        """
        self.main_node.message_count_send += 1
        return self._channel.send(data, compression)

    async def drained(self) -> None:
        """Waits until less than 1 MiB waits to be sent."""
        await self._channel.outgoing.drained()

    async def deliver(self, data: Any, *, compression: str = "none", timeout: float | None = 30.0) -> None:
        """Sends a message, and waits until the other side has handled it. Do not change ``data`` meanwhile.

        ``timeout``: seconds; None: no limit. Raises what ``send`` raises, and PeerloomError with ``ERR_HANDLER`` if
        the handler of the other side failed, or ``ERR_TIMEOUT``.
        """
        await self._channel.call(DELIVER, data, compression, timeout)
        self.main_node.message_count_send += 1

    async def request(self, data: Any, *, compression: str = "none", timeout: float | None = 30.0) -> Any:
        """Asks the other side, and returns what its ``node_request`` answers. Do not change ``data`` meanwhile.

        Raises what ``deliver`` raises.
        """
        return await self._channel.call(REQUEST, data, compression, timeout)

    async def open_stream(self, header: Any = None, *, timeout: float | None = 30.0) -> PeerStream:
        """Opens a stream, for data of any size. ``header`` says what it is about, in at most 65,536 bytes."""
        return await self._channel.open_stream(header, timeout)

    async def ping(self, *, timeout: float | None = 30.0) -> float:
        """The time of a round trip in seconds."""
        return await self._channel.ping(timeout)

    def set_info(self, key: str, value: Any) -> None:
        """Keeps something of your own with the connection."""
        self._info[key] = value

    def get_info(self, key: str) -> Any:
        return self._info.get(key)

    async def stop(self) -> None:
        """Closes the connection, once everything sent has gone out."""
        await self.main_node.disconnect_with_node(self)

    def __repr__(self) -> str:
        return f"NodeConnection({self.direction}, {self.id}, {self.host}:{self.port})"
