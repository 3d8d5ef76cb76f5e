"""Addresses: ``host:port``, ``tls://host:port`` and ``ws://host:port``."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from .errors import PeerloomError

SCHEMES: Final = ("tls", "ws")


@dataclass(frozen=True)
class Address:
    scheme: str
    host: str
    port: int
    path: str = "/"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_address(text: str, default_scheme: str) -> Address:
    """Raises PeerloomError ``ERR_ADDRESS_INVALID``."""
    whole = text if "://" in text else f"{default_scheme}://{text}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.username or parts.query or parts.fragment:
        raise _invalid(text, "it must be host:port, tls://host:port or ws://host:port")
    if parts.scheme not in SCHEMES:
        raise _invalid(text, f"this package knows {' and '.join(SCHEMES)}, not {parts.scheme}")
    return Address(parts.scheme, host, port, parts.path or "/")


def _invalid(text: str, why: str) -> PeerloomError:
    return PeerloomError("ERR_ADDRESS_INVALID", f"{text!r} is not an address: {why}")


def check_port(port: object, name: str) -> None:
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65_535:
        raise ValueError(f"{name} must be a whole number from 0 to 65535, not {port!r}")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def group_of(host: str) -> str:
    """What counts as one address: an IPv4 address, or a /64 network of IPv6."""
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return host
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
