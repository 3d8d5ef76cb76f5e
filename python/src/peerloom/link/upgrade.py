"""How a connection becomes a WebSocket: one request and one answer of HTTP (docs/protocol.md, clauses 16.1 to 16.3)."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..errors import PeerloomError

MAX_HEAD_BYTES: Final = 8_192
SUBPROTOCOLS: Final = {"peerloom.1.aesgcm": "AESGCM", "peerloom.1.chachapoly": "ChaChaPoly"}
"""With the cipher of each, in the order of our preference."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Upgrade:
    offered: tuple[str, ...]
    chosen: str

    @property
    def prologue(self) -> bytes:
        """Clause 16.5."""
        return b"\n".join((b"peerloom websocket 1", ",".join(self.offered).encode(), self.chosen.encode()))


class RefusedRequestError(Exception):
    """A request that leads to no WebSocket; the text is the answer."""


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(16)).decode()


def request_text(host: str, port: int, path: str, key: str) -> bytes:
    shown = f"[{host}]" if ":" in host else host
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {shown}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {', '.join(SUBPROTOCOLS)}",
    )
    return _head(lines)


def read_response(head: bytes, key: str) -> Upgrade:
    """Raises PeerloomError ``ERR_HANDSHAKE``."""
    status, fields = _parse(head)
    if not status.startswith("HTTP/1.1 101"):
        raise _wrong(f"it answered {status[:60]!r}")
    if fields.get("sec-websocket-accept") != _accept(key) or "sec-websocket-extensions" in fields:
        raise _wrong("its answer is not that of a WebSocket")
    chosen = fields.get("sec-websocket-protocol", "")
    if chosen not in SUBPROTOCOLS:
        raise _wrong("it chose no subprotocol of peerloom")
    return Upgrade(tuple(SUBPROTOCOLS), chosen)


def answer_request(head: bytes, listen_host: str) -> tuple[Upgrade, bytes]:
    """What was agreed on, and the answer. Raises RefusedRequestError."""
    try:
        first, fields = _parse(head)
    except PeerloomError:
        raise RefusedRequestError("400 Bad Request") from None
    parts = first.split(" ")
    if len(parts) != 3 or parts[0] != "GET" or parts[2] != "HTTP/1.1":
        raise RefusedRequestError("400 Bad Request")
    if "websocket" not in _tokens(fields, "upgrade") or "upgrade" not in _tokens(fields, "connection"):
        raise RefusedRequestError("426 Upgrade Required")
    if fields.get("sec-websocket-version") != "13":
        raise RefusedRequestError("426 Upgrade Required")
    key = fields.get("sec-websocket-key", "")
    if len(key) != 24 or not _is_base64(key):
        raise RefusedRequestError("400 Bad Request")
    origin = fields.get("origin")
    if origin is not None and not _is_own_page(origin, fields.get("host", ""), listen_host):
        raise RefusedRequestError("403 Forbidden")
    offered = tuple(name.strip() for name in fields.get("sec-websocket-protocol", "").split(","))
    chosen = next((name for name in offered if name in SUBPROTOCOLS), None)
    if chosen is None:
        raise RefusedRequestError("400 Bad Request")
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {_accept(key)}",
        f"Sec-WebSocket-Protocol: {chosen}",
    )
    return Upgrade(offered, chosen), _head(lines)


def refusal_text(status: str) -> bytes:
    return _head((f"HTTP/1.1 {status}", "Connection: close", "Content-Length: 0"))


def _head(lines: tuple[str, ...]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _parse(head: bytes) -> tuple[str, Mapping[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    fields: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise _wrong("a header line is damaged")
        key = name.lower()
        fields[key] = f"{fields[key]}, {value.strip()}" if key in fields else value.strip()
    return first, fields


def _tokens(fields: Mapping[str, str], name: str) -> list[str]:
    return [token.strip().lower() for token in fields.get(name, "").split(",")]


def _is_base64(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except ValueError:
        return False


def _is_own_page(origin: str, host: str, listen_host: str) -> bool:
    """Clause 16.3: a page may connect with the machine that it came from."""
    try:
        page, own = urlsplit(origin).hostname, urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if page is None or page != own:
        return False
    if page in ("localhost", listen_host):
        return True
    try:
        ipaddress.ip_address(page)
    except ValueError:
        return False
    return True


def _accept(key: str) -> str:
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _wrong(what: str) -> PeerloomError:
    return PeerloomError("ERR_HANDSHAKE", f"the address leads to no WebSocket of a peerloom node: {what}")
