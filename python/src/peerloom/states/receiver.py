"""Receives the state dicts that peers send, each in a stream of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from ..channel.streams import PeerStream
from ..connection import NodeConnection
from ..errors import PeerloomError
from ..events import Events
from ..limits import Limits
from .form import (
    MAX_MANIFEST_BYTES,
    MAX_TENSORS,
    InvalidState,
    StateDetails,
    StateHeader,
    StateOffer,
    accepted_from,
    read_header,
    refused_for,
)
from .incoming import IncomingState

_MAX_AT_ONCE: Final = 4
"""States of one peer that arrive at once; further ones are refused."""

_MAX_KEPT: Final = 16
"""Broken transfers that are kept, one of each peer at most."""

_KEPT_SECONDS: Final = 300.0
STALL_SECONDS: Final = 60.0
"""A transfer in which nothing comes for so long ends."""


@dataclass
class _Kept:
    """A transfer that broke, with what has arrived."""

    state: IncomingState
    timer: asyncio.TimerHandle


class StateHost(Protocol):
    """What the receiver needs of the node."""

    limits: Limits
    events: Events

    def state_memory_grew(self) -> None: ...

    def state_rejected(self, peer: NodeConnection, error: PeerloomError) -> None: ...


class StateReceiver:
    def __init__(self, host: StateHost) -> None:
        self._host = host
        self._kept: dict[str, _Kept] = {}
        """By the id of the peer, the oldest first."""
        self._running: Counter[str] = Counter()
        self._incoming: dict[PeerStream, IncomingState] = {}

    def accounts(self) -> Iterator[tuple[int, Callable[[], None]]]:
        """What is kept, with what gives it up."""
        for stream, state in self._incoming.items():
            yield state.held_bytes, lambda stream=stream: self._shed(stream)  # type: ignore[misc]
        for peer_id, kept in self._kept.items():
            yield kept.state.held_bytes, lambda peer_id=peer_id: self._drop(peer_id)  # type: ignore[misc]

    async def receive(self, peer: NodeConnection, stream: PeerStream) -> str | None:
        """Takes a state. The text says why it is refused as a stream without a handler, or with one that failed."""
        if not self._host.events.has_handler("node_state"):
            return "the node has no handler for states"
        self._running[peer.id] += 1
        try:
            return await self._receive(peer, stream)
        except InvalidState as invalid:
            stream.abort(str(invalid))
            self._host.state_rejected(peer, PeerloomError("ERR_STATE_INVALID", f"no state arrived: {invalid}"))
        except TimeoutError:
            stream.abort(f"nothing of the state came for {STALL_SECONDS:.0f} s")
        except PeerloomError:
            pass  # the connection or the sender ended the stream
        finally:
            self._running[peer.id] -= 1
            if not self._running[peer.id]:
                del self._running[peer.id]
        return None

    def close(self) -> None:
        """Drops what is kept of broken transfers."""
        for peer_id in list(self._kept):
            self._drop(peer_id)

    async def _receive(self, peer: NodeConnection, stream: PeerStream) -> str | None:
        header = read_header(stream.header)
        kept = self._find(peer.id, header)
        resumed_at = 0 if kept is None else kept.received_of_elements
        offer = StateOffer(header.bytes, header.tensors, header.sha256, header.info, resumed_at)
        refusal = self._refusal_of(header, peer.id)
        if refusal is None and not await self._host.events.consult("node_state_offered", peer, offer):
            refusal = "the node does not want it"
        if refusal is not None:
            await stream.write(refused_for(refusal))
            await stream.end()
            if await stream.read(1):
                stream.abort("the state was refused")
            return None
        state = self._take(peer.id, header) or IncomingState(header)
        self._incoming[stream] = state
        try:
            await self._read(peer, stream, state, offer)
            found = state.finish()
        except (PeerloomError, TimeoutError):
            # Of a stream that was shed nothing is kept.
            if stream in self._incoming:
                self._keep(peer.id, state)
            raise
        finally:
            self._incoming.pop(stream, None)
        details = StateDetails(header.bytes, header.tensors, header.sha256, header.info)
        if await self._host.events.fire("node_state", peer, found, details) is not None:
            return "the handler of the state raised"
        await stream.end()
        return None

    async def _read(self, peer: NodeConnection, stream: PeerStream, state: IncomingState, offer: StateOffer) -> None:
        await stream.write(accepted_from(state.received))
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(STALL_SECONDS) as stall:
            while len(place := state.place()) > 0:
                self._host.state_memory_grew()
                count = await stream.read_available(place)
                if count == 0:
                    return
                stall.reschedule(loop.time() + STALL_SECONDS)
                state.placed(place[:count])
                if offer.on_progress is not None:
                    self._report(peer, offer, state.received_of_elements)
            if await stream.read(1):
                raise InvalidState("more bytes came than were announced")

    def _report(self, peer: NodeConnection, offer: StateOffer, received: int) -> None:
        assert offer.on_progress is not None
        try:
            offer.on_progress(received, offer.bytes)
        except Exception as error:  # of the user
            self._host.events.report(error, "node_state", peer)

    def _refusal_of(self, header: StateHeader, peer_id: str) -> str | None:
        limits = self._host.limits
        most = min(limits.max_state_bytes, limits.memory_budget_bytes // 2)
        if header.bytes > most:
            bounds = "limits.max_state_bytes, and half of limits.memory_budget_bytes"
            return f"it has {header.bytes} bytes, and {most} are allowed ({bounds})"
        if header.tensors > MAX_TENSORS:
            return f"it has {header.tensors} tensors, and {MAX_TENSORS} are allowed"
        if header.manifest_bytes > MAX_MANIFEST_BYTES:
            return "its names and shapes take too many bytes"
        if self._running[peer_id] > _MAX_AT_ONCE:
            return f"{_MAX_AT_ONCE} states of this node are under way"
        return None

    # Transfers that broke.

    def _find(self, peer_id: str, header: StateHeader) -> IncomingState | None:
        kept = self._kept.get(peer_id)
        return kept.state if kept is not None and kept.state.header.is_of_same_state(header) else None

    def _take(self, peer_id: str, header: StateHeader) -> IncomingState | None:
        """The same, which is then kept no longer: only one transfer continues it."""
        state = self._find(peer_id, header)
        if state is not None:
            self._drop(peer_id)
        return state

    def _keep(self, peer_id: str, state: IncomingState) -> None:
        if state.received == 0:
            return
        self._drop(peer_id)
        timer = asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._drop, peer_id)
        self._kept[peer_id] = _Kept(state, timer)
        while len(self._kept) > _MAX_KEPT:
            self._drop(next(iter(self._kept)))

    def _drop(self, peer_id: str) -> None:
        kept = self._kept.pop(peer_id, None)
        if kept is not None:
            kept.timer.cancel()

    def _shed(self, stream: PeerStream) -> None:
        self._incoming.pop(stream, None)
        stream.abort("the receiver has too little memory for the state")
