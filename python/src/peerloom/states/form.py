"""What is said of a state dict before its elements: the header of the stream, the manifest, and the answer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from ..data.cbor import MAX_INTEGER
from ..data.json_text import decode_json, encode_json
from ..data.tensor import ELEMENT_BYTES, MAX_DIMENSIONS, Tensor
from ..errors import Undecodable
from ..visible import utf16_units, visible

MARK: Final = "state/1"
MAX_TENSORS: Final = 16_384
MAX_MANIFEST_BYTES: Final = 2 * 1024 * 1024
_MAX_NAME: Final = 512

ACCEPTED: Final = 0
REFUSED: Final = 1
ACCEPTED_BYTES: Final = 9
MAX_ANSWER_BYTES: Final = 2_000

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class InvalidState(Exception):
    """What arrived is not the state that was announced."""


@dataclass(frozen=True)
class StateHeader:
    """What the sender says of a state."""

    sha256: str
    """Of manifest and elements."""
    bytes: int
    """Of all elements."""
    manifest_bytes: int
    tensors: int
    info: Any

    def encode(self) -> dict[str, Any]:
        return {
            "peerloom": MARK,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "manifestBytes": self.manifest_bytes,
            "tensors": self.tensors,
            "info": self.info,
        }

    def is_of_same_state(self, other: StateHeader) -> bool:
        """Whether all but ``info`` is equal."""
        names = ("sha256", "bytes", "manifest_bytes", "tensors")
        return all(getattr(self, name) == getattr(other, name) for name in names)


@dataclass(frozen=True)
class StateDetails:
    """What is known of a state that has arrived whole."""

    bytes: int
    """Of all elements together."""
    tensors: int
    """How many there are."""
    sha256: str
    """Of names, types, shapes and elements as they travel, 64 hexadecimal digits."""
    info: Any
    """What the sender passed as ``info``."""


@dataclass
class StateOffer:
    """What a peer says of a state that it wants to send."""

    bytes: int
    """Of all elements together, as announced."""
    tensors: int
    sha256: str
    info: Any
    resumed_at: int
    """Bytes that are here already, from a transfer of the same state that broke."""
    on_progress: Callable[[int, int], object] | None = None
    """Set it to be told, after each piece, how many bytes are here, of how many."""


@dataclass(frozen=True)
class Announced:
    """A tensor whose elements are still to come."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    """In bytes."""


def is_state_header(header: Any) -> bool:
    return isinstance(header, dict) and isinstance(header.get("peerloom"), str) and header["peerloom"] == MARK


def read_header(fields: dict[str, Any]) -> StateHeader:
    """Raises InvalidState."""
    sha256 = fields.get("sha256")
    counts = [fields.get(name) for name in ("bytes", "manifestBytes", "tensors")]
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256) or not all(map(_is_count, counts)):
        raise InvalidState("the header of the state is malformed")
    size, manifest_bytes, tensors = (int(count) for count in counts if count is not None)
    return StateHeader(sha256, size, manifest_bytes, tensors, fields.get("info"))


def _is_count(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= MAX_INTEGER and value == int(value)


def encode_manifest(entries: Iterable[tuple[str, Tensor]]) -> bytes:
    """Raises TypeError or ValueError for names and sizes that no receiver takes."""
    listed = [[name, tensor.dtype, list(tensor.shape)] for name, tensor in entries]
    if len(listed) > MAX_TENSORS:
        raise ValueError(f"a state has at most {MAX_TENSORS:,} tensors, not {len(listed):,}")
    for name, _, _ in listed:
        if not isinstance(name, str):
            raise TypeError(f"the names of tensors must be text, not {name!r}")
        if utf16_units(name) > _MAX_NAME or not _is_well_formed(name):
            raise ValueError(
                f"the name of a tensor is well-formed text of at most {_MAX_NAME} characters: {name!r:.60}"
            )
    manifest = encode_json(listed)
    if len(manifest) > MAX_MANIFEST_BYTES:
        raise ValueError(f"names and shapes of a state take at most {MAX_MANIFEST_BYTES:,} bytes: {len(manifest):,}")
    return manifest


def decode_manifest(manifest: bytes | bytearray, header: StateHeader) -> list[Announced]:
    """What the elements behind a manifest are, before any of them is there. Raises InvalidState."""
    try:
        entries = decode_json(memoryview(manifest), 2 * MAX_TENSORS + 1)
    except Undecodable as error:
        raise InvalidState(f"the manifest cannot be read: {error}") from None
    if not isinstance(entries, list) or len(entries) != header.tensors:
        raise InvalidState(f"the manifest has not {header.tensors} tensors")
    announced = [_announced(entry) for entry in entries]
    if len({tensor.name for tensor in announced}) < len(announced):
        raise InvalidState("the manifest has a name twice")
    total = sum(tensor.size for tensor in announced)
    if total != header.bytes:
        raise InvalidState(f"the tensors of the manifest have {total} bytes, but {header.bytes} were announced")
    return announced


def _announced(entry: Any) -> Announced:
    name, dtype, shape = entry if isinstance(entry, list) and len(entry) == 3 else (None, None, None)
    if not isinstance(name, str) or utf16_units(name) > _MAX_NAME or not _is_well_formed(name):
        raise InvalidState("the manifest has a name that no tensor can have")
    if not isinstance(dtype, str) or dtype not in ELEMENT_BYTES or not isinstance(shape, list):
        raise InvalidState("the manifest has a tensor without type or shape")
    if len(shape) > MAX_DIMENSIONS or not all(map(_is_count, shape)):
        raise InvalidState(f"a tensor has at most {MAX_DIMENSIONS} dimensions, each a whole number from 0")
    dimensions = tuple(map(int, shape))
    size = math.prod(dimensions) * ELEMENT_BYTES[dtype]
    if size > MAX_INTEGER:
        raise InvalidState("a tensor has more than 2^53 bytes")
    return Announced(name, dtype, dimensions, size)


def _is_well_formed(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def accepted_from(position: int) -> bytes:
    return bytes([ACCEPTED]) + position.to_bytes(8, "big")


def refused_for(reason: str) -> bytes:
    return bytes([REFUSED]) + visible(reason, 300).encode()
