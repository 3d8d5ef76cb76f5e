"""The hello and the goodbye of a handshake (docs/protocol.md, sections 4 and 7)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from .errors import PeerloomError, ProtocolBreach
from .visible import utf16_units, visible

VERSION: Final = 1

GOODBYES: Final = {
    "disconnected": "ERR_CONNECTION_CLOSED",
    "stopped": "ERR_CONNECTION_CLOSED",
    "duplicate": "ERR_CONNECTION_CLOSED",
    "replaced": "ERR_CONNECTION_CLOSED",
    "conflict": "ERR_NOT_ALLOWED",
    "full": "ERR_NOT_ALLOWED",
    "refused": "ERR_NOT_ALLOWED",
    "network": "ERR_NETWORK_MISMATCH",
    "version": "ERR_VERSION",
    "self": "ERR_SELF_CONNECTION",
    "protocol": "ERR_PROTOCOL",
    "timeout": "ERR_TIMEOUT",
    "overload": "ERR_CONNECTION_CLOSED",
    "neighbour": "ERR_NOT_ALLOWED",
    "probe": "ERR_CONNECTION_CLOSED",
}
"""The codes of clause 7.2, and the code of the error that a dialler gets for each."""


@dataclass(frozen=True)
class Goodbye:
    code: str
    message: str

    def encode(self) -> bytes:
        return json.dumps({"code": self.code, "message": self.message[:500]}).encode()

    def error(self) -> PeerloomError:
        return PeerloomError(GOODBYES[self.code], f"the other side closed the connection: {self.message}")


class VersionMismatch(Exception):
    """Clause 4.5."""


@dataclass(frozen=True)
class HelloSession:
    """What a hello says of a session (clauses 10.1, 10.5)."""

    id: str
    received_bytes: int = 0
    breaks: int = 0
    resumed: bool = False
    beside: bool = False

    def encode(self) -> dict[str, Any]:
        flags = {"resumed": True} if self.resumed else {}
        return {"id": self.id, "receivedBytes": self.received_bytes, "breaks": self.breaks, **flags}


@dataclass(frozen=True)
class Hello:
    network: str
    name: str
    instance: str
    max_message_bytes: int
    compressions: tuple[str, ...]
    windows: tuple[int, int, int]
    """Of messages, requests and protocols."""
    addresses: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    replace: bool = False
    session: HelloSession | None = None

    def encode(self) -> bytes:
        messages, requests, protocols = self.windows
        fields: dict[str, Any] = {
            "versions": [VERSION, VERSION],
            "network": self.network,
            "addresses": list(self.addresses),
            "name": self.name,
            "instance": self.instance,
            "maxMessageBytes": self.max_message_bytes,
            "compressions": list(self.compressions),
            "windows": {"messages": messages, "requests": requests, "protocols": protocols},
            "protocols": list(self.protocols),
        }
        if self.replace:
            fields["replace"] = True
        if self.session is not None:
            fields["session"] = self.session.encode()
        return json.dumps(fields, separators=(",", ":")).encode()


def decode_hello(body: memoryview) -> Hello:
    """Raises ProtocolBreach for a field that is missing or wrong, and VersionMismatch before that."""
    fields = _object(body, "a hello")
    versions = fields.get("versions")
    if not (isinstance(versions, list) and len(versions) == 2 and all(map(_is_whole, versions))):
        raise ProtocolBreach("a hello without versions")
    lowest, highest = versions
    if lowest > highest:
        raise ProtocolBreach("a hello with versions in the wrong order")
    if min(highest, VERSION) < max(lowest, VERSION):
        raise VersionMismatch(f"the other side speaks the versions {lowest} to {highest}, this one {VERSION}")
    windows = fields.get("windows")
    if not isinstance(windows, dict):
        raise ProtocolBreach("a hello without windows")
    protocols = _texts(fields, "protocols", 32, 64)
    if len(set(protocols)) < len(protocols) or not all(_is_protocol(name) for name in protocols):
        raise ProtocolBreach("a hello with wrong protocols")
    if "replace" in fields and not isinstance(fields["replace"], bool):
        raise ProtocolBreach("a hello with a wrong 'replace'")
    return Hello(
        network=_text(fields, "network", 256),
        name=visible(_text(fields, "name", 64), 64),
        instance=_text(fields, "instance", 64),
        max_message_bytes=_count(fields, "maxMessageBytes"),
        compressions=_texts(fields, "compressions", 1_000, 8_192),
        windows=(_count(windows, "messages"), _count(windows, "requests"), _count(windows, "protocols")),
        addresses=tuple(_address(text) for text in _texts(fields, "addresses", 8, 256)),
        protocols=protocols,
        replace=fields.get("replace") is True,
        session=_session(fields["session"]) if "session" in fields else None,
    )


def _session(fields: Any) -> HelloSession:
    if not isinstance(fields, dict):
        raise ProtocolBreach("a hello with a wrong session")
    received: Any = fields.get("receivedBytes")
    breaks: Any = fields.get("breaks", 0)
    if not _is_whole(received) or not _is_whole(breaks):
        raise ProtocolBreach("a hello with a wrong position in its session")
    if any(not isinstance(fields.get(flag, False), bool) for flag in ("resumed", "moves", "brief", "beside")):
        raise ProtocolBreach("a hello with a wrong session")
    return HelloSession(
        _text(fields, "id", 64), int(received), int(breaks), fields.get("resumed") is True, fields.get("beside") is True
    )


def decode_goodbye(body: memoryview) -> Goodbye:
    fields = _object(body, "a goodbye")
    code, message = fields.get("code"), fields.get("message")
    if not isinstance(code, str) or not isinstance(message, str):
        raise ProtocolBreach("a goodbye without its two texts")
    return Goodbye(code if code in GOODBYES else "disconnected", visible(message, 500))


def _object(body: memoryview, what: str) -> dict[str, Any]:
    try:
        fields = json.loads(str(body, "utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ProtocolBreach(f"{what} is not a JSON object")
    return fields


def _refuse(name: str) -> None:
    raise ValueError(name)


def _is_whole(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and value == value // 1 and 0 <= value < 2**53


def _count(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if not _is_whole(value) or value < 1:  # type: ignore[operator]
        raise ProtocolBreach(f"a hello with a wrong {name!r}")
    return int(value)  # type: ignore[arg-type]


def _text(fields: dict[str, Any], name: str, max_units: int) -> str:
    return _checked(fields.get(name), name, max_units)


def _texts(fields: dict[str, Any], name: str, most: int, max_units: int) -> tuple[str, ...]:
    value = fields.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise ProtocolBreach(f"a hello with wrong {name!r}")
    return tuple(_checked(text, name, max_units) for text in value)


def _checked(text: Any, name: str, max_units: int) -> str:
    if not isinstance(text, str) or utf16_units(text) > max_units:
        raise ProtocolBreach(f"a hello with a wrong {name!r}")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ProtocolBreach(f"a hello whose {name!r} holds half of a surrogate pair")
    return text


def _address(text: str) -> str:
    if visible(text, 256) != text:
        raise ProtocolBreach("a hello with an invisible character in an address")
    return text


def _is_protocol(name: str) -> bool:
    return 1 <= len(name) <= 64 and all("!" <= character <= "~" for character in name)
