"""A message's data ready for the wire, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..errors import Undecodable
from .arrays import KIND_OF_FORMAT, elements, is_numpy_scalar, kind_of_buffer, little_endian
from .cbor import MAX_INTEGER, Piece, decode_cbor, decode_text, encode_cbor, flat_kind
from .compression import CODES, compress
from .json_text import decode_json, encode_json

JSON: Final = 1
TEXT: Final = 2
BYTES: Final = 3
CBOR: Final = 4


@dataclass(frozen=True, slots=True)
class Payload:
    format: int
    compression: int
    pieces: Sequence[Piece]
    """They may lie over the caller's memory."""
    length: int


def encode_payload(data: Any, compression: str = "none") -> Payload:
    """Writes data in the simplest format that loses nothing (clause 5.7).

    Raises TypeError or ValueError for data that no message can carry.
    """
    number, pieces = _encode(data)
    length = sum(len(piece) for piece in pieces)
    if compression != "none":
        packed = compress(compression, b"".join(pieces))
        if len(packed) < length:
            return Payload(number, CODES[compression], (packed,), len(packed))
    return Payload(number, 0, pieces, length)


def _encode(data: Any) -> tuple[int, Sequence[Piece]]:
    if isinstance(data, str):
        try:
            return TEXT, (data.encode(),)
        except UnicodeEncodeError:
            return JSON, (encode_json(data),)
    if isinstance(data, bytes):
        return BYTES, (data,)
    if isinstance(data, bytearray | memoryview) or _has_buffer(data):
        return _encode_buffer(data)
    if is_numpy_scalar(data):
        return _encode(data.item())
    kind = flat_kind(data)
    if kind is not None:
        return kind.format, (_bytes_of(little_endian(data)),)
    if _is_plain(data, 0):
        return JSON, (encode_json(data),)
    return CBOR, encode_cbor(data)


def _encode_buffer(data: Any) -> tuple[int, Sequence[Piece]]:
    view = memoryview(data)
    kind = kind_of_buffer(view)
    return BYTES if kind is None else kind.format, (_bytes_of(view),)


def _bytes_of(value: Any) -> Piece:
    view = memoryview(value)
    if view.nbytes == 0:
        return b""
    return view.cast("B") if view.c_contiguous else view.tobytes()


def _has_buffer(data: Any) -> bool:
    return type(data).__module__ == "array"


def _is_plain(data: Any, depth: int) -> bool:
    """Whether JSON carries the data without loss. What is too deep is left to CBOR, which names the place."""
    if data is None or isinstance(data, bool | str):
        return True
    if isinstance(data, int):
        return -MAX_INTEGER <= data <= MAX_INTEGER
    if isinstance(data, float):
        return data - data == 0 and (data != 0 or str(data)[0] != "-")
    if isinstance(data, list | tuple):
        return depth < 256 and all(_is_plain(item, depth + 1) for item in data)
    if type(data) is dict:
        return depth < 256 and all(isinstance(key, str) and _is_plain(item, depth + 1) for key, item in data.items())
    return False


def decode_payload(number: int, body: memoryview, max_containers: int = 1_000_000) -> Any:
    """Reads what :func:`encode_payload` wrote, whoever wrote it. Raises Undecodable, and nothing else."""
    if number == JSON:
        return decode_json(body, max_containers)
    if number == TEXT:
        return decode_text(body)
    if number == BYTES:
        return body.tobytes()
    if number == CBOR:
        return decode_cbor(body, max_containers)
    kind = KIND_OF_FORMAT.get(number)
    if kind is None:
        raise Undecodable(f"its format {number} is not known")
    return elements(kind, body)
