"""CBOR (RFC 8949) as docs/protocol.md has it (clauses 5.5, 5.6), limits applied while it is read."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..errors import Undecodable
from .arrays import (
    KIND_OF_DTYPE,
    KIND_OF_TAG,
    UINT8,
    Kind,
    elements,
    is_numpy_array,
    is_numpy_scalar,
    kind_of_buffer,
    little_endian,
)
from .tensor import ELEMENT_BYTES, MAX_DIMENSIONS, Tensor, is_torch_tensor, received

MAX_DEPTH: Final = 256
"""Levels of lists and objects (clause 5.3)."""

MAX_INTEGER: Final = 2**53 - 1
"""Whole numbers beyond it, on either side of 0, are bigints."""

_MAX_DIGITS: Final = 4_300
_MAX_BIG: Final = 10**_MAX_DIGITS
_JSON_TAG: Final = 262
_ARRAY_TAG: Final = 40
_TENSOR_TAG: Final = 28_780
_RFC_TYPES: Final = frozenset(KIND_OF_DTYPE)
"""Tensors of other types, and those with a dimension of 0, have a tag of our own (clause 5.6)."""

Piece = bytes | memoryview
_SHARED_BYTES: Final = 1_024
"""Binary data from this length on is not copied while it is written."""


def encode_cbor(value: Any) -> list[Piece]:
    """The pieces of the CBOR of a value. Raises TypeError or ValueError, with the path, for what no message carries."""
    writer = _Writer()
    writer.write(value, 0, "data")
    return writer.end()


class _Writer:
    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._open = bytearray()

    def end(self) -> list[Piece]:
        self._close()
        return self._pieces

    def _close(self) -> None:
        if self._open:
            self._pieces.append(bytes(self._open))
            self._open = bytearray()

    def write(self, value: Any, depth: int, path: str) -> None:
        if value is None:
            self._open.append(0xF6)
        elif value is True:
            self._open.append(0xF5)
        elif value is False:
            self._open.append(0xF4)
        elif isinstance(value, str):
            self._text(value)
        elif isinstance(value, int):
            self._integer(value, path)
        elif isinstance(value, float):
            self._open += b"\xfb" + struct.pack(">d", value)
        elif isinstance(value, list | tuple):
            self._check(depth, path)
            self._head(4, len(value))
            for index, item in enumerate(value):
                self.write(item, depth + 1, f"{path}[{index}]")
        elif isinstance(value, Mapping):
            self._check(depth, path)
            self._head(5, len(value))
            for key, item in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"{path}: the keys of an object must be text, not {key!r}")
                self._text(key)
                self.write(item, depth + 1, f"{path}.{key}")
        elif is_numpy_scalar(value):
            self.write(value.item(), depth, path)
        else:
            self._binary(value, path)

    def _check(self, depth: int, path: str) -> None:
        if depth >= MAX_DEPTH:
            raise ValueError(f"{path[:100]}… is nested more than {MAX_DEPTH} levels deep")

    def _binary(self, value: Any, path: str) -> None:
        if isinstance(value, bytes | bytearray):
            self._bytes(2, value)
        elif is_numpy_array(value) or is_torch_tensor(value) or isinstance(value, Tensor):
            self._array(value)
        else:
            try:
                view = memoryview(value)
            except TypeError:
                raise TypeError(f"{path}: a message cannot carry {type(value).__name__}") from None
            kind = kind_of_buffer(view)
            if kind is not None:
                self._head(6, kind.tag)
            self._bytes(2, view if view.c_contiguous else view.tobytes())

    def _array(self, value: Any) -> None:
        kind = flat_kind(value)
        if kind is not None:
            self._head(6, kind.tag)
            self._bytes(2, little_endian(value))
            return
        tensor = Tensor.of(value)
        has_own_tag = tensor.dtype not in _RFC_TYPES or 0 in tensor.shape
        self._head(6, _TENSOR_TAG if has_own_tag else _ARRAY_TAG)
        self._head(4, 3 if has_own_tag else 2)
        self._head(4, len(tensor.shape))
        for length in tensor.shape:
            self._head(0, length)
        if has_own_tag:
            self._text(tensor.dtype)
        else:
            self._head(6, KIND_OF_DTYPE[tensor.dtype].tag)
        self._bytes(2, tensor.data)

    def _integer(self, value: int, path: str) -> None:
        if -MAX_INTEGER <= value <= MAX_INTEGER:
            self._head(*((0, value) if value >= 0 else (1, -1 - value)))
            return
        if not -_MAX_BIG < value < _MAX_BIG:
            raise ValueError(f"{path}: a whole number has at most {_MAX_DIGITS:,} digits")
        magnitude = value if value >= 0 else -1 - value
        self._head(6, 2 if value >= 0 else 3)
        self._bytes(2, magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big"))

    def _text(self, value: str) -> None:
        try:
            self._bytes(3, value.encode())
        except UnicodeEncodeError:  # half of a surrogate pair
            self._head(6, _JSON_TAG)
            self._bytes(2, json.dumps(value).encode())

    def _bytes(self, major: int, value: Any) -> None:
        view = memoryview(value)
        self._head(major, view.nbytes)
        if view.nbytes < _SHARED_BYTES:
            self._open += view.tobytes()
            return
        self._close()
        self._pieces.append(value if isinstance(value, bytes) else _flat(view))

    def _head(self, major: int, argument: int) -> None:
        first = major << 5
        if argument < 24:
            self._open.append(first | argument)
        elif argument < 0x100:
            self._open += struct.pack(">BB", first | 24, argument)
        elif argument < 0x10000:
            self._open += struct.pack(">BH", first | 25, argument)
        elif argument < 0x1_0000_0000:
            self._open += struct.pack(">BI", first | 26, argument)
        else:
            self._open += struct.pack(">BQ", first | 27, argument)


def _flat(view: memoryview) -> memoryview:
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def flat_kind(value: Any) -> Kind | None:
    """The kind of a NumPy array that is a typed array on the wire, and not a tensor: it has one dimension."""
    if not is_numpy_array(value) or value.ndim != 1 or value.dtype.name == "uint8":
        return None
    return KIND_OF_DTYPE.get(value.dtype.name)


def decode_cbor(body: memoryview, max_containers: int) -> Any:
    """The value of the bytes. Raises Undecodable, and nothing else. Arrays lie over the memory of ``body``."""
    reader = _Reader(body, max_containers)
    try:
        value = reader.read(0)
    except (struct.error, IndexError):
        raise Undecodable("it ends in the middle of an item") from None
    except RecursionError:
        raise Undecodable("it is nested too deep for this stack") from None
    if reader.at != len(body):
        raise Undecodable("bytes follow its end")
    return value


class _Reader:
    def __init__(self, body: memoryview, max_containers: int) -> None:
        self._body = body
        self._left = max_containers
        self.at = 0

    def read(self, depth: int) -> Any:
        first = self._body[self.at]
        self.at += 1
        return _READERS[first >> 5](self, first & 31, depth)

    def _argument(self, short: int) -> int:
        if short < 24:
            return short
        if short > 27:
            raise Undecodable("a length is not given in advance")
        size = 1 << (short - 24)
        return int.from_bytes(self._take(size), "big")

    def _take(self, length: int) -> memoryview:
        end = self.at + length
        if end > len(self._body):
            raise Undecodable("it ends in the middle of an item")
        taken = self._body[self.at : end]
        self.at = end
        return taken

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Undecodable("it holds too many lists, objects, byte strings and arrays")

    def _unsigned(self, short: int, _depth: int) -> int:
        number = self._argument(short)
        if number > MAX_INTEGER:
            raise Undecodable("a whole number is beyond 2^53 - 1")
        return number

    def _negative(self, short: int, _depth: int) -> int:
        number = -1 - self._argument(short)
        if number < -MAX_INTEGER:
            raise Undecodable("a whole number is beyond -(2^53 - 1)")
        return number

    def _bytes(self, short: int, _depth: int) -> bytes:
        self._count()
        return self._take(self._argument(short)).tobytes()

    def _text(self, short: int, _depth: int) -> str:
        return decode_text(self._take(self._argument(short)))

    def _list(self, short: int, depth: int) -> list[Any]:
        length = self._enter(short, depth)
        return [self.read(depth + 1) for _ in range(length)]

    def _map(self, short: int, depth: int) -> dict[str, Any]:
        length = self._enter(short, depth)
        found: dict[str, Any] = {}
        for _ in range(length):
            key = self._key()
            if key in found:
                raise Undecodable("an object has the same key twice")
            found[key] = self.read(depth + 1)
        return found

    def _key(self) -> str:
        first = self._body[self.at]
        self.at += 1
        if first >> 5 == 3:
            return self._text(first & 31, 0)
        if first >> 5 == 6 and self._argument(first & 31) == _JSON_TAG:
            return self._embedded_text()
        raise Undecodable("the key of an object is not text")

    def _enter(self, short: int, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise Undecodable(f"it is nested more than {MAX_DEPTH} levels deep")
        self._count()
        length = self._argument(short)
        if length > len(self._body) - self.at:
            raise Undecodable("it ends in the middle of an item")
        return length

    def _tagged(self, short: int, _depth: int) -> Any:
        tag = self._argument(short)
        if tag in (_ARRAY_TAG, _TENSOR_TAG):
            return self._tensor(tag)
        if tag in (2, 3):
            return self._big(tag)
        if tag == _JSON_TAG:
            return self._embedded_text()
        kind = KIND_OF_TAG.get(tag)
        if kind is None:
            raise Undecodable(f"the tag {tag} is not known")
        return elements(kind, self._byte_string())

    def _byte_string(self) -> memoryview:
        return self._take(self._expect(2))

    def _expect(self, major: int) -> int:
        first = self._body[self.at]
        self.at += 1
        if first >> 5 != major:
            raise Undecodable("a tag stands on the wrong kind of item")
        if major == 2 or major == 4:
            self._count()
        return self._argument(first & 31)

    def _big(self, tag: int) -> int:
        digits = self._byte_string()
        if len(digits) > 1_786:  # of the largest number below 10**4300
            raise Undecodable(f"a bigint has more than {_MAX_DIGITS:,} digits")
        magnitude = int.from_bytes(digits, "big")
        number = magnitude if tag == 2 else -1 - magnitude
        if not -_MAX_BIG < number < _MAX_BIG:
            raise Undecodable(f"a bigint has more than {_MAX_DIGITS:,} digits")
        return number

    def _embedded_text(self) -> str:
        text = decode_text(self._byte_string())
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, str):
            raise Undecodable("embedded JSON is not a text")
        return value

    def _tensor(self, tag: int) -> Any:
        if self._expect(4) != (3 if tag == _TENSOR_TAG else 2):
            raise Undecodable("a tensor has another number of parts")
        dimensions = self._expect(4)
        if dimensions > MAX_DIMENSIONS:
            raise Undecodable(f"a tensor has more than {MAX_DIMENSIONS} dimensions")
        shape = tuple(self._expect(0) for _ in range(dimensions))
        if tag == _ARRAY_TAG and 0 in shape:
            raise Undecodable("a tensor with a dimension of 0 has the wrong tag")
        dtype = self._own_type() if tag == _TENSOR_TAG else self._element_type()
        data = self._byte_string()
        if math.prod(shape) * ELEMENT_BYTES[dtype] != len(data) or any(length > MAX_INTEGER for length in shape):
            raise Undecodable("a tensor has another number of elements than its shape says")
        if dtype == "bool" and any(bytes(data).translate(None, b"\x00\x01")):
            raise Undecodable("a tensor of bool has elements that are neither 0 nor 1")
        return received(Tensor(dtype, shape, data))

    def _element_type(self) -> str:
        tag = self._expect(6)
        kind = UINT8 if tag == UINT8.tag else KIND_OF_TAG.get(tag)
        if kind is None or tag == 68:
            raise Undecodable("a tensor has elements of an unknown type")
        return kind.dtype

    def _own_type(self) -> str:
        name = decode_text(self._take(self._expect(3)))
        if name not in ELEMENT_BYTES:
            raise Undecodable("a tensor has elements of an unknown type")
        return name

    def _simple(self, short: int, _depth: int) -> Any:
        if short in _SIMPLE:
            return _SIMPLE[short]
        layout = _FLOATS.get(short)
        if layout is None:
            raise Undecodable("a simple value is not known")
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]


def decode_text(body: memoryview) -> str:
    try:
        return str(body, "utf-8")
    except UnicodeDecodeError:
        raise Undecodable("a text is not UTF-8") from None


_SIMPLE: Final[dict[int, Any]] = {20: False, 21: True, 22: None}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}
_READERS: Final[tuple[Callable[[_Reader, int, int], Any], ...]] = (
    _Reader._unsigned,
    _Reader._negative,
    _Reader._bytes,
    _Reader._text,
    _Reader._list,
    _Reader._map,
    _Reader._tagged,
    _Reader._simple,
)
