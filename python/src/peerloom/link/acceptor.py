"""Tells by the first bytes of a connection what it speaks (docs/protocol.md, clauses 2.1 and 16.2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ..errors import PeerloomError
from .link import Link
from .tls import TlsLink
from .websocket import WebSocketLink

if TYPE_CHECKING:
    from ..peering import Peering

_TLS: Final = 0x16
_HTTP: Final = b"GET "


class Acceptor(asyncio.Protocol):
    """A connection that came in, until its link is there."""

    def __init__(self, peering: Peering) -> None:
        self._peering = peering
        self._first = b""
        self._transport: asyncio.Transport | None = None
        self._is_done = False
        self._began = asyncio.get_running_loop().time()
        self._timer = asyncio.get_running_loop().call_later(peering.limits.handshake_timeout, self.abort)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        address = transport.get_extra_info("peername")
        if not self._peering.may_begin(self, address[0] if address else ""):
            self.abort()

    def data_received(self, data: bytes) -> None:
        self._first += data
        accept = self._peering.accept
        if "tls" in accept and self._first[0] == _TLS:
            self._take_over(
                TlsLink(self._peering.settings, self._peering.buffer, certificate=self._peering.certificate)
            )
        elif "ws" in accept and self._first[:4] == _HTTP[: len(self._first)]:
            if len(self._first) >= len(_HTTP):
                self._take_over(
                    WebSocketLink(self._peering.settings, self._peering.buffer, listen_host=self._peering.node.host)
                )
        else:
            self.abort()

    def _take_over(self, link: TlsLink | WebSocketLink) -> None:
        assert self._transport is not None
        self._timer.cancel()
        link.began = self._began
        self._transport.set_protocol(link)
        link.ready.add_done_callback(self._finish)
        link.connection_made(self._transport)
        link.take(self._first)

    def _finish(self, ready: asyncio.Future[Link]) -> None:
        if self._is_done:
            if not ready.cancelled() and ready.exception() is None:
                ready.result().abort()
            return
        self._is_done = True
        failed = ready.cancelled() or isinstance(ready.exception(), PeerloomError)
        self._peering.accepted(self, None if failed else ready.result())

    def connection_lost(self, exc: Exception | None) -> None:
        self.abort()

    def abort(self) -> None:
        self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        if not self._is_done:
            self._is_done = True
            self._peering.accepted(self, None)
