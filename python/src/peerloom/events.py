"""Events: the method of the class, then the callback, then the listeners (the names are those of p2pnetwork)."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

EVENTS: Final = (
    "outbound_node_connected",
    "inbound_node_connected",
    "outbound_node_disconnected",
    "inbound_node_disconnected",
    "node_session_lost",
    "node_message",
    "node_disconnect_with_outbound_node",
    "node_request_to_stop",
    "node_request",
    "node_stream",
    "node_state_offered",
    "node_state",
    "node_message_rejected",
    "node_reconnection_error",
    "connection_error",
    "node_error",
)

Callback = Callable[[str, Any, Any, Any], Any]
"""Event, node, connected node (or None), data (or None). It may be asynchronous."""

log: Final = logging.getLogger("peerloom")


class Events:
    """Calls the handlers of a node. A handler that raises is reported as ``node_error``, and the node lives on."""

    def __init__(self, node: Any, base: type, callback: Callback | None) -> None:
        self._node = node
        self._base = base
        self._callback = callback
        self._listeners: dict[str, list[Callable[..., Any]]] = {}

    def on(self, event: str, listener: Callable[..., Any]) -> None:
        if event not in EVENTS:
            raise ValueError(f"an event must be one of {', '.join(EVENTS)}, not {event!r}")
        self._listeners.setdefault(event, []).append(listener)

    def has_handler(self, event: str) -> bool:
        return self._is_overridden(event) or self._callback is not None or bool(self._listeners.get(event))

    def _is_overridden(self, event: str) -> bool:
        return getattr(type(self._node), event) is not getattr(self._base, event) or event in vars(self._node)

    def start(self, event: str, peer: Any = None, data: Any = None, *args: Any) -> asyncio.Future[Any] | None:
        """Calls all handlers at once. Returns what to wait for, if some of them are asynchronous."""
        self._trace(event, peer)
        waiting: list[Awaitable[Any]] = []
        for handler in self._handlers(event, peer, data, args):
            try:
                result = handler()
            except Exception as error:  # a handler of the user
                self.report(error, event, peer)
                continue
            if inspect.isawaitable(result):
                waiting.append(self._wait_for(result, event, peer))
        return asyncio.gather(*waiting) if waiting else None

    async def _wait_for(self, result: Awaitable[Any], event: str, peer: Any) -> None:
        try:
            await result
        except Exception as error:  # a handler of the user
            self.report(error, event, peer)

    def _trace(self, event: str, peer: Any) -> None:
        if self._node.debug:
            log.warning("%s: %s %s", self._node.id[-8:], event, "" if peer is None else peer)

    async def fire(self, event: str, peer: Any = None, data: Any = None, *args: Any) -> Exception | None:
        """Calls all handlers and waits for them. Returns the first exception, which it has reported."""
        self._trace(event, peer)
        failed: Exception | None = None
        for handler in self._handlers(event, peer, data, args):
            try:
                result = handler()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:  # a handler of the user
                failed = failed or error
                self.report(error, event, peer)
        return failed

    async def ask(self, event: str, peer: Any, data: Any) -> Any:
        """The answer of the first handler that there is. What it raises is reported, and raised."""
        handler = self._handlers(event, peer, data, ())[0]
        try:
            result = handler()
            return await result if inspect.isawaitable(result) else result
        except Exception as error:  # a handler of the user
            self.report(error, event, peer)
            raise

    async def consult(self, event: str, peer: Any, data: Any) -> bool:
        """Whether no handler says False. One that raises, which is reported, counts as False."""
        self._trace(event, peer)
        for handler in self._handlers(event, peer, data, ()):
            try:
                result = handler()
                if inspect.isawaitable(result):
                    result = await result
            except Exception as error:  # a handler of the user
                self.report(error, event, peer)
                return False
            if result is False:
                return False
        return True

    def _handlers(self, event: str, peer: Any, data: Any, args: tuple[Any, ...]) -> list[Callable[[], Any]]:
        given = (peer, data, *args)
        found: list[Callable[[], Any]] = []
        if self._is_overridden(event):
            method = getattr(self._node, event)
            found.append(lambda: method(*_arguments(event, given)))
        if self._callback is not None:
            callback = self._callback
            found.append(lambda: callback(event, self._node, peer, data))
        for listener in self._listeners.get(event, ()):
            found.append(lambda listener=listener: listener(*_arguments(event, given)))  # type: ignore[misc]
        return found

    def report(self, error: Exception, event: str, peer: Any) -> None:
        """Fires ``node_error``; without a handler for it, the error goes to the log."""
        if event == "node_error" or not self.has_handler("node_error"):
            log.error("a handler of %s raised", event, exc_info=error)
            return
        self.start("node_error", peer, error)


_WITH_DATA: Final = frozenset(
    {
        "node_message",
        "node_request",
        "node_stream",
        "node_state_offered",
        "node_message_rejected",
        "connection_error",
        "node_error",
    }
)


def _arguments(event: str, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """What the methods of an event take: ``(peer, data)``, ``(peer)`` or nothing; ``node_state`` takes more."""
    if event == "node_reconnection_error":
        return given[2:]
    if event == "node_request_to_stop":
        return ()
    if event == "node_state":
        return given[:3]
    if event in _WITH_DATA:
        return given[:2]
    return given[:1]
