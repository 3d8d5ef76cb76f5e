"""The public face: extend Node, override the events that matter."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from .address import Address, check_port, parse_address
from .channel.channel import Channel
from .channel.streams import PeerStream
from .connection import NodeConnection
from .data.payload import encode_payload
from .errors import PeerloomError
from .events import Callback, Events
from .hello import Goodbye
from .identity import Identity, public_key_of
from .limits import Limits
from .link.acceptor import Acceptor
from .link.link import LinkSettings
from .link.network_key import derive_network_key
from .peering import Admission, Authorize, Keep, Peering
from .states.form import StateDetails, StateOffer
from .states.send import Progress, send_state_over
from .visible import utf16_units, visible

_RECONNECT_SECONDS: Final = (1.0, 60.0)
"""The longest wait before the second attempt, and before any attempt."""

_FINAL_GOODBYES: Final = frozenset({"duplicate", "replaced", "conflict", "refused", "network", "version", "self"})
"""After these, dialling again would lead to the same end."""


@dataclass(frozen=True)
class SendReport:
    """What became of a message to several nodes."""

    sent: tuple[NodeConnection, ...] = ()
    congested: tuple[NodeConnection, ...] = ()
    """Those of ``sent`` for which more than 1 MiB waits."""
    failed: dict[NodeConnection, Exception] = field(default_factory=dict)


class Node:
    """A node of a network. Override the methods named after events; they may be ``async``.

    >>> class MyNode(Node):
    ...     def node_message(self, peer, data):
    ...         print(peer.id, data)
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        name: str = "",
        identity: Identity | str | os.PathLike[str] | None = None,
        callback: Callback | None = None,
        max_connections: int = 128,
        network: str = "",
        network_key: str | None = None,
        accept: Iterable[str] | None = None,
        allow: Iterable[str] | None = None,
        deny: Iterable[str] = (),
        authorize: Authorize | None = None,
        limits: Limits | None = None,
        debug: bool = False,
    ) -> None:
        """Makes a node; ``start`` lets it listen.

        ``host``, ``port``: where it listens; with port 0 the system picks one.
        ``identity``: an Identity, or the path of a file that keeps one. Default: a new one.
        ``max_connections``: inbound ones; 0: no limit.
        ``network``: nodes of other networks are refused.
        ``network_key``: only nodes with the same key connect. Such a node speaks ``ws`` alone.
        ``accept``: ``tls``, ``ws`` or both, on one port. Default: ``tls``, or ``ws`` with a network key.
        ``allow``, ``deny``, ``authorize``: which ids may connect, in either direction.
        """
        check_port(port, "port")
        _check_text(name, "name", 64)
        _check_text(network, "network", 256)
        if isinstance(max_connections, bool) or not isinstance(max_connections, int) or max_connections < 0:
            raise ValueError(f"max_connections must be a whole number from 0, not {max_connections!r}")
        self.host = host
        self.port = port
        self.name = name
        self.debug = debug
        self.message_count_send = 0
        self.message_count_recv = 0
        self.message_count_rerr = 0
        own = identity if isinstance(identity, Identity) else _identity_of(identity)
        self.id: str = own.id
        self._accept = _accepted(accept, network_key)
        self._limits = limits or Limits()
        key = None if network_key is None else derive_network_key(network_key)
        settings = LinkSettings(own, network, key, self._limits.handshake_timeout)
        admission = Admission(
            max_connections,
            None if allow is None else frozenset(map(_checked_id, allow)),
            frozenset(map(_checked_id, deny)),
            authorize,
        )
        self._events = Events(self, Node, callback)
        self._peering_parts = (settings, admission)
        self._peering: Peering | None = None
        self._server: asyncio.Server | None = None
        self._state = "new"
        self._reconnecting: dict[NodeConnection, Address] = {}
        self._redialling: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # Start and stop.

    async def start(self) -> None:
        """Listens at the host and port. Raises OSError if the system refuses."""
        if self._state != "new":
            raise PeerloomError("ERR_NOT_STARTED", "a node starts once: make a new one")
        self._state = "started"
        settings, admission = self._peering_parts
        peering = Peering(self, self._events, settings, self._limits, admission)
        peering.accept = self._accept
        peering.closed_handler = self._closed
        peering.suspended_handler = self._suspended
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Acceptor(peering), self.host, self.port)
        except OSError:
            self._state = "stopped"
            raise
        self.port = self._server.sockets[0].getsockname()[1]
        schemes = sorted(self._accept)
        peering.addresses = tuple(str(Address(scheme, self.host, self.port)) for scheme in schemes)
        self._peering = peering

    async def stop(self) -> None:
        """Sends what waits, closes all connections, and stops to listen. Calling it again does nothing."""
        if self._state != "started" or self._peering is None:
            self._state = "stopped"
            return
        self._state = "stopping"
        await self._events.fire("node_request_to_stop")
        for task in list(self._tasks):
            task.cancel()
        self._reconnecting.clear()
        assert self._server is not None
        self._server.close()
        for peer in self.nodes_outbound:
            await self._events.fire("node_disconnect_with_outbound_node", peer)
        await self._peering.stop(Goodbye("stopped", "the node stopped"))
        self._state = "stopped"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # Connections.

    @property
    def all_nodes(self) -> tuple[NodeConnection, ...]:
        """Those with which this node is connected; not those whose sessions are suspended."""
        found = () if self._peering is None else self._peering.connections.values()
        return tuple(peer for peer in found if not peer.is_suspended)

    @property
    def nodes_inbound(self) -> tuple[NodeConnection, ...]:
        return tuple(peer for peer in self.all_nodes if peer.direction == "inbound")

    @property
    def nodes_outbound(self) -> tuple[NodeConnection, ...]:
        return tuple(peer for peer in self.all_nodes if peer.direction == "outbound")

    async def connect_with_node(
        self,
        host: str,
        port: int | None = None,
        reconnect: bool = False,
        *,
        id: str | None = None,
        timeout: float | None = None,
    ) -> NodeConnection:
        """Connects with a node, and returns the connection; it may exist already. Raises PeerloomError.

        ``host``: a host with a ``port``, or an address such as ``tls://127.0.0.1:10001`` or ``ws://[::1]:10001``.
        ``reconnect``: dial again whenever the connection is lost. A session then outlives the break: the connection
        stays the same, and what was sent arrives once and in order.
        ``id``: the id that the other node must prove.
        ``timeout``: seconds in all; default 15.
        """
        peering = self._running()
        address = self._address(host, port)
        expected = None if id is None else _checked_id(id)
        seconds = self._limits.dial_timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                return await peering.dial(address, expected, self._keeper(address) if reconnect else None)
        except TimeoutError:
            error = PeerloomError("ERR_TIMEOUT", f"{address} did not answer within {seconds} s")
            self._events.start("connection_error", None, error)
            raise error from None
        except PeerloomError as failed:
            self._events.start("connection_error", None, failed)
            raise

    def _keeper(self, address: Address) -> Keep:
        def keep(peer: NodeConnection) -> None:
            self._reconnecting[peer] = address

        return keep

    def _address(self, host: str, port: int | None) -> Address:
        scheme = "tls" if "tls" in self._accept else "ws"
        if port is None:
            return parse_address(host, scheme)
        check_port(port, "port")
        return Address(scheme, host, port)

    async def disconnect_with_node(self, peer: NodeConnection) -> None:
        """Closes a connection, once everything sent has gone out. It is not connected again."""
        self._reconnecting.pop(peer, None)
        if peer.is_suspended and peer.id in self._redialling:
            self._redialling[peer.id].cancel()
        if peer.is_open and not peer.is_suspended and peer.direction == "outbound":
            await self._events.fire("node_disconnect_with_outbound_node", peer)
        await peer._channel.close(Goodbye("disconnected", "the node closed the connection"))

    def create_new_connection(self, channel: Channel) -> NodeConnection:
        """Override it for an own class of connections."""
        return NodeConnection(self, channel)

    def _closed(self, peer: NodeConnection, goodbye: Goodbye, is_remote: bool) -> None:
        address = self._reconnecting.pop(peer, None)
        if address is None or self._state != "started" or goodbye.code in _FINAL_GOODBYES:
            return
        self._begin_reconnecting(peer, address)

    def _suspended(self, peer: NodeConnection) -> None:
        address = self._reconnecting.get(peer)
        if address is not None and self._state == "started":
            self._begin_reconnecting(peer, address)
        elif peer.direction == "outbound":
            peer._channel._end_now(Goodbye("disconnected", "the node does not dial it again"))

    def _begin_reconnecting(self, peer: NodeConnection, address: Address) -> None:
        remote_id = peer.id
        # A session may end, and a new connection be lost, while an attempt is under way.
        if remote_id in self._redialling:
            return
        loop = asyncio.get_running_loop()
        lasted = loop.time() - peer._channel.link.began
        task = loop.create_task(self._reconnect(remote_id, address, lasted))
        self._redialling[remote_id] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._redialling.pop(remote_id, None))

    async def _reconnect(self, remote_id: str, address: Address, lasted: float) -> None:
        longest, most = _RECONNECT_SECONDS
        if lasted < longest:
            # Links that end at once are not dialled as fast as they end.
            await asyncio.sleep(random.random() * longest)  # noqa: S311 - it only spreads load
        trials = 0
        while self._state == "started":
            try:
                async with asyncio.timeout(self._limits.dial_timeout):
                    peer = await self._running().dial(address, remote_id, self._keeper(address))
            except (PeerloomError, TimeoutError):
                trials += 1
                if await self._gives_up(address, trials):
                    given_up = self._running().connections.get(remote_id)
                    if given_up is not None and given_up.is_suspended:
                        await given_up._channel.close(Goodbye("disconnected", "the node does not dial it again"))
                    return
            else:
                if peer.is_open and not peer.is_suspended:
                    return
            await asyncio.sleep(random.random() * longest)  # noqa: S311 - it only spreads load
            longest = min(2 * longest, most)

    async def _gives_up(self, address: Address, trials: int) -> bool:
        try:
            answer = self.node_reconnection_error(address.host, address.port, trials)
            return (answer if isinstance(answer, bool) else await answer) is False
        except Exception as error:  # of the user
            self._events.report(error, "node_reconnection_error", None)
            return False

    def _running(self) -> Peering:
        if self._peering is None or self._state != "started":
            raise PeerloomError("ERR_NOT_STARTED", "the node is not running: await start() first")
        return self._peering

    def print_connections(self) -> None:
        """Prints how many connections there are, and with whom."""
        print(f"{self.id} has {len(self.all_nodes)} connections")
        for peer in self.all_nodes:
            print(f"- {peer.direction} {peer.id} {peer.host}:{peer.port} {peer.name}")

    # Sending.

    def send_to_node(self, target: NodeConnection | str, data: Any, compression: str = "none") -> bool:
        """Sends a message to a connection, or to the node with an id. See NodeConnection.send."""
        return self._connection_of(target).send(data, compression=compression)

    def send_to_nodes(
        self, data: Any, exclude: Iterable[NodeConnection | str] = (), compression: str = "none"
    ) -> SendReport:
        """Sends a message to all connected nodes but those in ``exclude``.

        Raises TypeError or ValueError for data that no message carries. What fails for one node is in the report.
        """
        left_out = {other if isinstance(other, str) else other.id for other in exclude}
        if not self.all_nodes:
            encode_payload(data)
        sent: list[NodeConnection] = []
        congested: list[NodeConnection] = []
        failed: dict[NodeConnection, Exception] = {}
        for peer in self.all_nodes:
            if peer.id in left_out:
                continue
            try:
                if not peer.send(data, compression=compression):
                    congested.append(peer)
                sent.append(peer)
            except PeerloomError as error:
                failed[peer] = error
        return SendReport(tuple(sent), tuple(congested), failed)

    async def send_state(
        self,
        target: NodeConnection | str,
        state: Mapping[str, Any],
        *,
        info: Any = None,
        on_progress: Progress | None = None,
        timeout: float | None = 60.0,
    ) -> None:
        """Sends a state dict, all tensors of a model, in a stream of its own: it may be larger than a message.

        Returns when the ``node_state`` handlers of the other side have run. If the connection breaks, call it again
        with the same state within five minutes: it sends only what the other side lacks. Do not change the tensors
        meanwhile.

        ``state``: NumPy arrays, torch tensors or Tensors by name, such as ``model.state_dict()``; at most 16,384.
        ``info``: any data, up to some 60 KiB, that tells the receiver what the state is.
        ``on_progress``: called after each piece with the bytes that are on their way or there, and all of them.
        ``timeout``: seconds in which nothing moves until ``ERR_TIMEOUT``, the wait for the handlers included; None: no
        limit.
        Raises TypeError or ValueError for what is no state, and PeerloomError with ``ERR_STATE_REFUSED`` if the other
        side does not want it, allows no such size, or ended the transfer; ``ERR_HANDLER`` if its handler failed or
        does not exist; ``ERR_TIMEOUT``, ``ERR_NOT_CONNECTED``, and what ``open_stream`` raises.
        """
        await send_state_over(self._connection_of(target), state, info, on_progress, timeout)

    def _connection_of(self, target: NodeConnection | str) -> NodeConnection:
        if isinstance(target, NodeConnection):
            return target
        peer = self._running().connections.get(target)
        if peer is None:
            raise PeerloomError("ERR_NOT_CONNECTED", f"this node is not connected with {target}")
        return peer

    # Events. What they are called with is in docs/python.md.

    def on(self, event: str, listener: Any) -> Any:
        """Adds a listener of an event; it gets what the method of that name gets. Returns the listener."""
        self._events.on(event, listener)
        return listener

    def outbound_node_connected(self, peer: NodeConnection) -> Any:
        """Our connection to a node is up."""

    def inbound_node_connected(self, peer: NodeConnection) -> Any:
        """A node's connection to us is up."""

    def outbound_node_disconnected(self, peer: NodeConnection) -> Any:
        """Exactly once for each ``outbound_node_connected``; ``peer.close_reason`` says why."""

    def inbound_node_disconnected(self, peer: NodeConnection) -> Any:
        """Exactly once for each ``inbound_node_connected``; ``peer.close_reason`` says why."""

    def node_session_lost(self, peer: NodeConnection) -> Any:
        """A suspended session is over: what the other side did not acknowledge may be lost. ``peer`` is closed."""

    def node_message(self, peer: NodeConnection, data: Any) -> Any:
        """A message arrived. Messages of a peer are handled one at a time and in order."""

    def node_request(self, peer: NodeConnection, data: Any) -> Any:
        """A request arrived; what this returns is the answer."""

    def node_stream(self, peer: NodeConnection, stream: PeerStream) -> Any:
        """A peer opened a stream."""

    def node_state_offered(self, peer: NodeConnection, offer: StateOffer) -> Any:
        """A peer wants to send a state dict. Return False to refuse it; set ``offer.on_progress`` to follow it."""

    def node_state(self, peer: NodeConnection, state: dict[str, Any], details: StateDetails) -> Any:
        """A state dict has arrived whole: NumPy arrays by name, and Tensors where NumPy lacks the type.

        ``to_torch(state)`` makes torch tensors of them.
        """

    def node_message_rejected(self, peer: NodeConnection, reason: str) -> Any:
        """A message arrived that cannot be decoded, or a state dict that is not the one that was announced."""

    def node_disconnect_with_outbound_node(self, peer: NodeConnection) -> Any:
        """Before we close an outbound connection: a last message still goes out."""

    def node_request_to_stop(self) -> Any:
        """Before this node stops."""

    def node_reconnection_error(self, host: str, port: int, trials: int) -> Any:
        """An attempt to reconnect failed. Return False to give up."""
        return True

    def connection_error(self, peer: NodeConnection | None, error: Exception) -> Any:
        """``connect_with_node`` failed; it raises the error as well."""

    def node_error(self, peer: NodeConnection | None, error: Exception) -> Any:
        """A handler raised. Without an override, the error goes to the log ``peerloom``."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id}, {self.host}:{self.port})"


def _identity_of(path: str | os.PathLike[str] | None) -> Identity:
    return Identity.generate() if path is None else Identity.load_or_create(path)


def _accepted(accept: Iterable[str] | None, network_key: str | None) -> frozenset[str]:
    if accept is None:
        return frozenset({"tls" if network_key is None else "ws"})
    chosen = frozenset([accept] if isinstance(accept, str) else accept)
    if not chosen or not chosen <= {"tls", "ws"}:
        raise ValueError(f"accept must hold 'tls', 'ws' or both, not {sorted(chosen)}")
    if network_key is not None and "tls" in chosen:
        raise ValueError("with a network_key, accept must be ('ws',): Python's ssl lacks what TLS would need")
    return chosen


def _checked_id(node_id: str) -> str:
    public_key_of(node_id)
    return node_id


def _check_text(text: str, name: str, max_units: int) -> None:
    if not isinstance(text, str) or utf16_units(text) > max_units or visible(text, max_units) != text:
        raise ValueError(f"{name} must be visible text of at most {max_units} characters, not {text!r}")
