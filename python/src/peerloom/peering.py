"""Which links become connections: dialling, accepting, admission, one connection for each pair (section 8)."""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from .address import Address, group_of, is_loopback
from .channel.channel import Channel
from .channel.streams import PeerStream
from .connection import NodeConnection
from .errors import PeerloomError
from .events import Events
from .hello import Goodbye, Hello, HelloSession
from .limits import Limits
from .link.acceptor import Acceptor
from .link.certificate import ListenerCertificate
from .link.dial_proof import network_hash
from .link.link import Link, LinkSettings
from .link.tls import TlsLink
from .link.websocket import WebSocketLink
from .sessions import Sessions
from .states.form import is_state_header
from .states.receiver import StateReceiver

if TYPE_CHECKING:
    from .node import Node

_COMPRESSIONS: Final = ("zlib", "bzip2", "lzma")
_RECEIVE_BUFFER_BYTES: Final = 256 * 1024
_DUPLICATE_SECONDS: Final = 1.0
"""How long a dialler that was refused as a duplicate waits for the other connection (clause 8.5)."""

_HANDLER_SECONDS: Final = 5.0
"""How long a node that stops waits for the handlers of its last events."""


@dataclass(frozen=True)
class PeerDetails:
    """What ``authorize`` decides on."""

    id: str
    name: str
    host: str
    direction: str


Authorize = Callable[[PeerDetails], bool | Awaitable[bool]]


@dataclass(frozen=True)
class Admission:
    """Who may connect."""

    max_connections: int
    allow: frozenset[str] | None
    deny: frozenset[str]
    authorize: Authorize | None


Keep = Callable[[NodeConnection], None]
"""Learns of a connection that is to be dialled again, before its link can break."""


@dataclass
class _Dial:
    """An outbound handshake under way."""

    channel: Channel
    keepers: list[Keep] = field(default_factory=list)
    result: asyncio.Future[NodeConnection] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def keep(self, peer: NodeConnection) -> None:
        if peer.is_open:
            for keep in self.keepers:
                keep(peer)


class Peering:
    """The connections of a node, and the handshakes that may become some. It handles what channels bring."""

    def __init__(
        self, node: Node, events: Events, settings: LinkSettings, limits: Limits, admission: Admission
    ) -> None:
        self.node = node
        self.events = events
        self.settings = settings
        self.limits = limits
        self.admission = admission
        self.connections: dict[str, NodeConnection] = {}
        self.addresses: tuple[str, ...] = ()
        self.accept: frozenset[str] = frozenset()
        self.buffer = memoryview(bytearray(_RECEIVE_BUFFER_BYTES))
        """All links of the node receive into it: what arrives is taken from it at once."""
        self.closed_handler: Callable[[NodeConnection, Goodbye, bool], None] = lambda _peer, _goodbye, _remote: None
        self.suspended_handler: Callable[[NodeConnection], None] = lambda _peer: None
        self.states = StateReceiver(self)
        self.sessions = Sessions(limits, admission.max_connections, self.connections)
        self._instance = secrets.token_hex(16)
        self._certificate: ListenerCertificate | None = None
        self._dials: dict[str, _Dial] = {}
        self._inbound: dict[Channel, None] = {}
        """Inbound handshakes under way."""
        self._acceptors: dict[Acceptor, str] = {}
        self._by_channel: dict[Channel, NodeConnection] = {}
        self._changed: set[asyncio.Future[None]] = set()
        self._ending: set[asyncio.Future[Any]] = set()
        """Asynchronous handlers of connections that have ended."""
        self.is_stopping = False

    # Dialling.

    def connected(self, remote_id: str | None) -> NodeConnection | None:
        """The connection, unless it is suspended."""
        peer = self.connections.get(remote_id or "")
        return None if peer is None or peer.is_suspended else peer

    async def dial(self, address: Address, expected_id: str | None, keep: Keep | None = None) -> NodeConnection:
        """Connects with the node at an address, or finds the connection with it that exists. Raises PeerloomError.

        ``keep``: is called with the connection before its link can break. With it, the node asks for a session.
        """
        existing = self.connected(expected_id)
        if existing is not None:
            return _kept(existing, keep)
        try:
            return await self._dial_once(address, expected_id, keep, replace=False)
        except _DuplicateError as duplicate:
            found = await self._connection_with(duplicate.remote_id)
            if found is not None:
                return _kept(found, keep)
            return await self._dial_again(address, duplicate.remote_id, keep)

    async def _dial_again(self, address: Address, remote_id: str, keep: Keep | None) -> NodeConnection:
        try:
            return await self._dial_once(address, remote_id, keep, replace=True)
        except _DuplicateError as duplicate:
            raise duplicate.goodbye.error() from None

    async def _dial_once(
        self, address: Address, expected_id: str | None, keep: Keep | None, *, replace: bool
    ) -> NodeConnection:
        link = await self._open_link(address, expected_id)
        existing = self.connected(link.remote_id)
        if existing is not None:
            link.close()
            return _kept(existing, keep)
        keepers = [] if keep is None else [keep]
        under_way = self._dials.get(link.remote_id)
        if under_way is not None:
            link.close()
            under_way.keepers += keepers
            try:
                return await asyncio.shield(under_way.result)
            finally:
                under_way.keepers = [one for one in under_way.keepers if one is not keep]
        session = self.sessions.propose(link.remote_id, link.protocol, wants_session=keep is not None)
        suspended = self.connections.get(link.remote_id)
        is_other = suspended is not None and (session is None or session.id != suspended._session_id)
        channel = Channel(link, self._hello(replace or is_other, session), self, self.limits, is_dialler=True)
        dial = _Dial(channel, keepers)
        self._dials[link.remote_id] = dial
        try:
            channel.start()
            return await asyncio.shield(dial.result)
        except asyncio.CancelledError:
            if not dial.result.done():
                channel.link.abort()
            raise
        finally:
            if self._dials.get(link.remote_id) is dial:
                del self._dials[link.remote_id]
            if not dial.result.done():
                dial.result.cancel()

    async def _open_link(self, address: Address, expected_id: str | None) -> Link:
        link: TlsLink | WebSocketLink
        if address.scheme == "ws":
            link = WebSocketLink(self.settings, self.buffer, address=address, expected_id=expected_id)
        elif self.settings.network_key is not None:
            raise PeerloomError("ERR_NOT_SUPPORTED", "with a network key, this package dials ws:// addresses alone")
        else:
            link = TlsLink(self.settings, self.buffer, expected_id=expected_id)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: link, address.host, address.port, happy_eyeballs_delay=0.25)
            return await link.ready
        except OSError as error:
            link.abort()
            raise dial_error(address, error) from error
        except asyncio.CancelledError:
            link.abort()
            raise

    async def _connection_with(self, remote_id: str) -> NodeConnection | None:
        """The connection that exists, or that is coming up."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _DUPLICATE_SECONDS
        while (found := self.connected(remote_id)) is None:
            is_coming = any(channel.link.remote_id == remote_id for channel in self._inbound)
            left = until - loop.time()
            if left <= 0 and not is_coming:
                return None
            changed = loop.create_future()
            self._changed.add(changed)
            await asyncio.wait([changed], timeout=max(left, 0.05))
            self._changed.discard(changed)
        return found

    def _has_changed(self) -> None:
        for changed in self._changed:
            if not changed.done():
                changed.set_result(None)

    def _hello(self, replace: bool, session: HelloSession | None = None) -> Hello:
        window = self.limits.unhandled_max_bytes
        return Hello(
            network=self.settings.network,
            name=self.node.name,
            instance=self._instance,
            max_message_bytes=self.limits.max_message_bytes,
            compressions=_COMPRESSIONS,
            windows=(window, window, window),
            addresses=self.addresses,
            replace=replace,
            session=session,
        )

    # Accepting.

    @property
    def certificate(self) -> ListenerCertificate:
        if self._certificate is None or self._certificate.is_due:
            self._certificate = ListenerCertificate(self.settings.identity)
        return self._certificate

    def may_begin(self, acceptor: Acceptor, host: str) -> bool:
        """Whether one more inbound handshake may begin."""
        if self.is_stopping:
            return False
        waiting = len(self._acceptors) + len(self._inbound)
        group = group_of(host)
        same = sum(other == group for other in self._acceptors.values())
        if waiting >= self.limits.max_half_open:
            return False
        if not is_loopback(host) and same >= self.limits.max_half_open_per_address:
            return False
        self._acceptors[acceptor] = group
        return True

    def accepted(self, acceptor: Acceptor, link: Link | None) -> None:
        """The first bytes of a connection led to a link, or to none."""
        self._acceptors.pop(acceptor, None)
        if link is None:
            return
        if self.is_stopping:
            link.abort()
            return
        channel = Channel(link, self._hello(False), self, self.limits, is_dialler=False)
        self._inbound[channel] = None
        channel.start()

    # What channels bring.

    async def hello_arrived(self, channel: Channel, hello: Hello) -> Goodbye | None:
        link = channel.link
        if link.network_hash is not None and link.network_hash != network_hash(hello.network):
            return Goodbye("protocol", "the network of the hello is not that of the proof")
        if hello.network != self.settings.network:
            names = f"{self.settings.network!r}, and the other node to {hello.network!r}"
            return Goodbye("network", f"this node belongs to the network {names}")
        if channel.is_dialler:
            return self._judge_session(channel, hello) or await self._judge_peer(channel, hello)
        refusal = (
            self._judge_pair(channel, hello) or self._judge_room(channel) or await self._judge_peer(channel, hello)
        )
        if refusal is not None:
            return refusal
        if channel.state != "deciding":
            return None
        # The answer of ``authorize`` took its time.
        refusal = self._judge_pair(channel, hello)
        if refusal is None:
            channel.own_hello = replace(channel.own_hello, session=self.sessions.answer(channel, hello.session))
        return refusal

    def _judge_session(self, channel: Channel, hello: Hello) -> Goodbye | None:
        """Clauses 10.1 and 10.5, of the answer to a dialler. A session that never can resume ends."""
        asked, answer = channel.own_hello.session, hello.session
        if answer is None:
            return None
        if asked is None or answer.beside or (answer.resumed and answer.id != asked.id):
            return Goodbye("protocol", "the answer is not one to the session that was asked for")
        if not answer.resumed and answer.received_bytes > 0:
            return Goodbye("protocol", "a new session begins at another position than 0")
        return self.sessions.judge_answer(channel, answer)

    def _judge_pair(self, channel: Channel, hello: Hello) -> Goodbye | None:
        remote_id = channel.link.remote_id
        existing = self.connected(remote_id)
        resumes = self.sessions.judge(channel, hello.session)
        if isinstance(resumes, Goodbye):
            return resumes
        if existing is not None and not resumes:
            known = existing._channel.remote_hello
            if known is not None and known.instance == hello.instance and not hello.replace:
                return Goodbye("duplicate", "the two nodes are connected already")
        elif remote_id in self._dials and self.settings.identity.id < remote_id:
            return Goodbye("duplicate", "both nodes dialled, and the other connection stays")
        return None

    def _judge_room(self, channel: Channel) -> Goodbye | None:
        inbound = [peer for peer in self.connections.values() if peer.direction == "inbound" and not peer.is_suspended]
        if self.connected(channel.link.remote_id) is not None:
            return None
        if 0 < self.admission.max_connections <= len(inbound):
            return Goodbye("full", "this node has as many connections as it allows")
        host = channel.link.host
        same = sum(group_of(peer.host) == group_of(host) for peer in inbound)
        if not is_loopback(host) and 0 < self.limits.max_inbound_per_address <= same:
            return Goodbye("full", "this node has as many connections with this address as it allows")
        return None

    async def _judge_peer(self, channel: Channel, hello: Hello) -> Goodbye | None:
        remote_id = channel.link.remote_id
        refused = Goodbye("refused", "this node does not admit the peer")
        admission = self.admission
        if remote_id in admission.deny or (admission.allow is not None and remote_id not in admission.allow):
            return refused
        if admission.authorize is None:
            return None
        direction = "outbound" if channel.is_dialler else "inbound"
        try:
            answer = admission.authorize(PeerDetails(remote_id, hello.name, channel.link.host, direction))
            admits = answer if isinstance(answer, bool) else await answer
        except Exception as error:  # of the user
            self.events.report(error, "authorize", None)
            return refused
        return None if admits is True else refused

    def channel_up(self, channel: Channel) -> asyncio.Future[None] | None:
        remote_id = channel.link.remote_id
        self._inbound.pop(channel, None)
        said = self._session_of(channel)
        is_offer = said is not None and not channel.is_dialler and self.sessions.takes_offer(channel, said)
        if said is not None and not is_offer and (said.resumed or not channel.is_dialler):
            self._resume(channel, said)
            return None
        existing = self.connections.get(remote_id)
        if existing is not None and not existing.is_suspended and not self._takes_place(channel, existing):
            self._by_channel.pop(channel, None)
            channel._end_now(Goodbye("duplicate", "the two nodes are connected already"))
            return None
        if said is not None:
            channel.begin_session(said.id)
        peer = self.node.create_new_connection(channel)
        self._by_channel[channel] = peer
        self.connections[remote_id] = peer
        if existing is not None:
            existing._channel._end_now(Goodbye("replaced", "a newer connection of the same node took its place"))
        dial = self._dial_of(channel)
        if dial is not None:
            dial.keep(peer)
        waiting = self.events.start(f"{peer.direction}_node_connected", peer)
        if dial is not None and not dial.result.done():
            dial.result.set_result(peer)
        self._has_changed()
        return waiting

    def _session_of(self, channel: Channel) -> HelloSession | None:
        """What the listener said of a session that the dialler had asked for."""
        hello = channel.remote_hello if channel.is_dialler else channel.own_hello
        return None if hello is None or channel.own_hello.session is None else hello.session

    def _resume(self, channel: Channel, said: HelloSession) -> None:
        """Continues the session; if it is over, or its accept comes too late, the link ends (clauses 10.9, 10.11)."""
        dial = self._dial_of(channel)
        peer = self.sessions.resume(channel, said) if said.resumed else None
        if peer is None:
            channel.drop()
        if dial is not None:
            if peer is None:
                gone = "the session ended while the two sides resumed it: connect again"
                dial.result.set_exception(PeerloomError("ERR_CONNECTION_CLOSED", gone))
                dial.result.exception()
            else:
                dial.keep(peer)
                dial.result.set_result(peer)
        self._has_changed()

    def channel_suspended(self, channel: Channel, reason: str) -> None:
        peer = self._by_channel[channel]
        peer.close_reason = Goodbye("disconnected", f"the connection was lost: {reason}")
        self._fire(f"{peer.direction}_node_disconnected", peer)
        if self.is_stopping:
            channel._end_now(Goodbye("stopped", "the node stopped"))
            return
        if peer.direction == "inbound":
            self.sessions.suspended(peer)
        self.suspended_handler(peer)

    def channel_resumed(self, channel: Channel) -> None:
        peer = self._by_channel[channel]
        peer.close_reason = None
        peer.host, peer.port = channel.link.host, channel.link.port
        self._fire(f"{peer.direction}_node_connected", peer)

    def _fire(self, event: str, peer: NodeConnection) -> None:
        waiting = self.events.start(event, peer)
        if waiting is not None:
            self._ending.add(waiting)
            waiting.add_done_callback(self._ending.discard)

    def _takes_place(self, channel: Channel, existing: NodeConnection) -> bool:
        """Clauses 8.3 and 8.6."""
        if existing._channel.is_dialler == channel.is_dialler:
            return True
        hello, known = channel.remote_hello, existing._channel.remote_hello
        if hello is not None and known is not None and (hello.replace or hello.instance != known.instance):
            return True
        own_is_lower = self.settings.identity.id < channel.link.remote_id
        return channel.is_dialler == own_is_lower

    async def message(self, channel: Channel, data: Any) -> str | None:
        self.node.message_count_recv += 1
        if not self.events.has_handler("node_message"):
            return "the node has no handler for messages"
        failed = await self.events.fire("node_message", self._by_channel.get(channel), data)
        return None if failed is None else "the handler of the message raised"

    async def request(self, channel: Channel, data: Any) -> Any:
        if not self.events.has_handler("node_request"):
            raise PeerloomError("ERR_HANDLER", "the node has no handler for requests")
        try:
            return await self.events.ask("node_request", self._by_channel.get(channel), data)
        except Exception:
            # What the user's code says stays here.
            raise PeerloomError("ERR_HANDLER", "the handler of the request raised") from None

    async def stream(self, channel: Channel, stream: PeerStream) -> str | None:
        peer = self._by_channel.get(channel)
        if peer is not None and is_state_header(stream.header):
            return await self.states.receive(peer, stream)
        if not self.events.has_handler("node_stream"):
            return "the node has no handler for streams"
        failed = await self.events.fire("node_stream", peer, stream)
        return None if failed is None else "the handler of the stream raised"

    def rejected(self, channel: Channel, reason: str) -> None:
        self.node.message_count_rerr += 1
        self.events.start("node_message_rejected", self._by_channel.get(channel), reason)

    def memory_grew(self, channel: Channel) -> None:
        self._keep_budget()

    def state_memory_grew(self) -> None:
        self._keep_budget()

    def state_rejected(self, peer: NodeConnection, error: PeerloomError) -> None:
        self.node.message_count_rerr += 1
        self.events.start("node_message_rejected", peer, str(error))

    def _keep_budget(self) -> None:
        """Ends the connections and the transfers that cost most, until the rest fits into the budget."""
        why = "all peers together make this node keep too much"
        accounts: list[tuple[int, Callable[[], None]]] = [
            (channel.kept_bytes, functools.partial(channel._overload, why)) for channel in self._by_channel
        ]
        accounts += self.states.accounts()
        accounts.sort(key=lambda account: account[0])
        total = sum(kept for kept, _ in accounts)
        while total > self.limits.memory_budget_bytes:
            kept, give_up = accounts.pop()
            total -= kept
            give_up()

    def channel_closed(self, channel: Channel, goodbye: Goodbye, *, is_remote: bool) -> None:
        self._inbound.pop(channel, None)
        peer = self._by_channel.pop(channel, None)
        self._settle_dial(channel, goodbye, is_remote=is_remote)
        self._has_changed()
        if peer is None:
            return
        self.sessions.forget(peer)
        peer.close_reason = goodbye
        if self.connections.get(peer.id) is peer:
            del self.connections[peer.id]
        # The break of a suspended one has been reported.
        event = "node_session_lost" if channel.is_suspended else f"{peer.direction}_node_disconnected"
        self._fire(event, peer)
        self.closed_handler(peer, goodbye, is_remote)

    def _dial_of(self, channel: Channel) -> _Dial | None:
        return next((one for one in self._dials.values() if one.channel is channel and not one.result.done()), None)

    def _settle_dial(self, channel: Channel, goodbye: Goodbye, *, is_remote: bool) -> None:
        dial = self._dial_of(channel)
        if dial is None:
            return
        error = goodbye.error() if is_remote else PeerloomError(_own_code(goodbye.code), goodbye.message)
        is_duplicate = goodbye.code == "duplicate"
        dial.result.set_exception(_DuplicateError(channel.link.remote_id, goodbye) if is_duplicate else error)
        dial.result.exception()

    async def stop(self, goodbye: Goodbye) -> None:
        self.is_stopping = True
        for acceptor in list(self._acceptors):
            acceptor.abort()
        for channel in [*self._inbound, *(dial.channel for dial in self._dials.values())]:
            channel._end_now(goodbye)
        await close_all((peer._channel for peer in list(self.connections.values())), goodbye)
        self.states.close()
        if self._ending:
            await asyncio.wait(self._ending, timeout=_HANDLER_SECONDS)


def _kept(peer: NodeConnection, keep: Keep | None) -> NodeConnection:
    if keep is not None:
        keep(peer)
    return peer


async def close_all(channels: Iterable[Channel], goodbye: Goodbye) -> None:
    await asyncio.gather(*(channel.close(goodbye) for channel in channels))


class _DuplicateError(Exception):
    """The other side is connected with this node already (clause 8.5)."""

    def __init__(self, remote_id: str, goodbye: Goodbye) -> None:
        super().__init__(goodbye.message)
        self.remote_id = remote_id
        self.goodbye = goodbye


def dial_error(address: Address, error: OSError) -> PeerloomError:
    if isinstance(error, ConnectionRefusedError):
        return PeerloomError("ERR_CONNECTION_REFUSED", f"nothing listens at {address}")
    return PeerloomError("ERR_UNREACHABLE", f"{address} cannot be reached: {error}")


def _own_code(code: str) -> str:
    return {
        "network": "ERR_NETWORK_MISMATCH",
        "protocol": "ERR_PROTOCOL",
        "refused": "ERR_NOT_ALLOWED",
        "timeout": "ERR_TIMEOUT",
        "version": "ERR_VERSION",
    }.get(code, "ERR_CONNECTION_CLOSED")
