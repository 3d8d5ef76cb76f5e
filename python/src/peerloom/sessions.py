"""What both hellos say of sessions, and the sessions that wait for a link (docs/protocol.md, section 10)."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from .address import group_of, is_loopback
from .channel.channel import Channel
from .connection import NodeConnection
from .hello import Goodbye, HelloSession
from .limits import Limits

_MAX_OFFERS: Final = 256
"""Sessions that a listener has named and whose dialler has not accepted (clause 10.11)."""


def new_session() -> HelloSession:
    return HelloSession(secrets.token_hex(16))


def described(channel: Channel, *, resumed: bool) -> HelloSession:
    """What this side says of a session that is suspended."""
    session = channel.session
    assert session is not None
    return HelloSession(session.id, session.received, session.breaks, resumed)


def _waits(channel: Channel, id: str, promised: HelloSession) -> bool:
    """Whether the session with this id is suspended, and as it was when this side said hello."""
    session = channel.session
    if session is None or not channel.is_suspended:
        return False
    return (session.id, session.received, session.breaks) == (id, promised.received_bytes, promised.breaks)


def _received(peer: NodeConnection) -> int:
    session = peer._channel.session
    return 0 if session is None else session.received


class Sessions:
    """Those of a node."""

    def __init__(self, limits: Limits, max_connections: int, connections: dict[str, NodeConnection]) -> None:
        self._limits = limits
        self._max_suspended = max_connections
        self._connections = connections
        self._offers: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._timers: dict[NodeConnection, asyncio.TimerHandle] = {}
        """Of inbound connections that are suspended, in the order of their breaks."""

    def propose(self, remote_id: str, protocol: str, *, wants_session: bool) -> HelloSession | None:
        """What a dialler says."""
        channel = self._over(remote_id, protocol)
        if channel is not None and channel.is_suspended:
            return described(channel, resumed=False)
        return new_session() if wants_session else None

    def judge(self, channel: Channel, asked: HelloSession | None) -> bool | Goodbye:
        """Whether a listener may resume what a dialler asks for. A goodbye refuses the dialler."""
        if asked is None:
            return False
        if asked.beside:
            return Goodbye("duplicate", "the session cannot move")
        found = self._over(channel.link.remote_id, channel.link.protocol)
        if found is None or found.session is None or found.session.id != asked.id:
            return False
        if found.session.is_past(asked.received_bytes):
            return Goodbye("duplicate", "the session has resumed over another link")
        return found.session.can_resume_at(asked.received_bytes)

    def answer(self, channel: Channel, asked: HelloSession | None) -> HelloSession | None:
        """What a listener says. A session that it resumes is given up by its present link first."""
        if asked is None:
            return None
        link = channel.link
        if self.judge(channel, asked) is True:
            found = self._over(link.remote_id, link.protocol)
            assert found is not None
            if not found.is_suspended:
                found.lose_link("another link takes its place")
            return described(found, resumed=True)
        if asked.received_bytes == 0 and self._offers.get(link.remote_id) == (link.protocol, asked.id):
            return HelloSession(asked.id, resumed=True)
        offer = new_session()
        self._offers[link.remote_id] = (link.protocol, offer.id)
        self._offers.move_to_end(link.remote_id)
        if len(self._offers) > _MAX_OFFERS:
            self._offers.popitem(last=False)
        return offer

    def judge_answer(self, channel: Channel, answer: HelloSession) -> Goodbye | None:
        """Whether a dialler may resume where a listener says. If it never can, the session ends.

        If it did not, the dialler would propose the session again and again.
        """
        link, promised = channel.link, channel.own_hello.session
        peer = self._connections.get(link.remote_id)
        found = self._over(link.remote_id, link.protocol)
        if not answer.resumed or peer is None or found is None or found.session is None or promised is None:
            return None
        # Otherwise, the session has ended, or resumed over another link, since this side said hello.
        if not _waits(found, answer.id, promised) or found.session.can_resume_at(answer.received_bytes):
            return None
        why = "the other side names a position from which it can never resume"
        self._give_up(peer, why)
        return Goodbye("protocol", f"the session is over: {why}")

    def takes_offer(self, channel: Channel, said: HelloSession) -> bool:
        """Whether the dialler's accept begins the session that is on offer; it is not any more then."""
        link = channel.link
        if self._offers.get(link.remote_id) != (link.protocol, said.id):
            return False
        del self._offers[link.remote_id]
        return True

    def resume(self, channel: Channel, said: HelloSession) -> NodeConnection | None:
        """Continues over the link of a channel; None if the session ended, or resumed, during the handshake."""
        link = channel.link
        peer = self._connections.get(link.remote_id)
        found = self._over(link.remote_id, link.protocol)
        promised = channel.own_hello.session
        assert channel.remote_hello is not None
        theirs = channel.remote_hello.session
        if peer is None or found is None or found.session is None or theirs is None or promised is None:
            return None
        if not _waits(found, said.id, promised) or not found.session.can_resume_at(theirs.received_bytes):
            return None
        self.forget(peer)
        found.resume_over(channel, theirs.received_bytes)
        return peer

    def suspended(self, peer: NodeConnection) -> None:
        """An inbound connection waits for its dialler, within bounds of time and number."""
        loop = asyncio.get_running_loop()
        why = "its node did not come back in time"
        self._timers[peer] = loop.call_later(self._limits.session_timeout, self._give_up, peer, why)
        same = [one for one in self._timers if group_of(one.host) == group_of(peer.host)]
        if not is_loopback(peer.host) and 0 < self._limits.max_inbound_per_address < len(same):
            self._give_up_one(same)
        elif 0 < self._max_suspended < len(self._timers):
            self._give_up_one(self._timers)

    def forget(self, peer: NodeConnection) -> None:
        timer = self._timers.pop(peer, None)
        if timer is not None:
            timer.cancel()

    def _give_up_one(self, suspended: Iterable[NodeConnection]) -> None:
        """The one that received the fewest bytes, of several the latest: strangers push out only each other."""
        self._give_up(min(reversed(list(suspended)), key=_received), "too many sessions are suspended")

    def _give_up(self, peer: NodeConnection, why: str) -> None:
        self.forget(peer)
        peer._channel._end_now(Goodbye("disconnected", f"the session was given up: {why}"))

    def _over(self, remote_id: str, protocol: str) -> Channel | None:
        """The channel of a session that can resume over a link of this kind."""
        peer = self._connections.get(remote_id)
        if peer is None or not peer.is_open:
            return None
        if peer._channel.session is None or peer._channel.session.protocol != protocol:
            return None
        return peer._channel
