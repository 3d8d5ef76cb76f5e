"""JSON (RFC 8259), strict, and bounded before anything is made of it."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from ..errors import Undecodable
from .cbor import MAX_DEPTH, decode_text

_NOT_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[^\[\]{}"]++', re.DOTALL)


def encode_json(value: Any) -> bytes:
    """Raises ValueError for numbers that JSON lacks, and TypeError for what it cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON escapes
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def decode_json(body: memoryview, max_containers: int) -> Any:
    """Raises Undecodable, and nothing else."""
    _check_shape(body, max_containers)
    try:
        return json.loads(decode_text(body), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"it is not JSON: {error}") from None


def _check_shape(body: memoryview, max_containers: int) -> None:
    raw = body.tobytes()
    opened = raw.count(b"[") + raw.count(b"{")
    if opened <= MAX_DEPTH and opened <= max_containers:
        return
    depth = containers = 0
    for bracket in _NOT_BRACKETS.sub(b"", raw):
        if bracket in b"[{":
            depth += 1
            containers += 1
            if depth > MAX_DEPTH:
                raise Undecodable(f"it is nested more than {MAX_DEPTH} levels deep")
            if containers > max_containers:
                raise Undecodable("it holds too many lists and objects")
        else:
            depth -= 1


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
