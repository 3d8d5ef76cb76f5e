"""Typed arrays: one-dimensional NumPy arrays, or memoryviews where NumPy is not installed (RFC 8746)."""

from __future__ import annotations

import array
import importlib
import sys
from dataclasses import dataclass
from typing import Any, Final

from ..errors import Undecodable

numpy: Any
try:
    numpy = importlib.import_module("numpy")
except ImportError:  # optional
    numpy = None


@dataclass(frozen=True)
class Kind:
    """A type of elements."""

    dtype: str
    code: str
    """Of the struct module."""
    size: int
    tag: int
    """Of RFC 8746, for little-endian elements."""
    format: int
    """Of a payload that is nothing else (clause 5.2); 0: there is none."""


KINDS: Final = (
    Kind("int8", "b", 1, 72, 5),
    Kind("int16", "h", 2, 77, 7),
    Kind("uint16", "H", 2, 69, 8),
    Kind("int32", "i", 4, 78, 9),
    Kind("uint32", "I", 4, 70, 10),
    Kind("int64", "q", 8, 79, 11),
    Kind("uint64", "Q", 8, 71, 12),
    Kind("float16", "e", 2, 84, 13),
    Kind("float32", "f", 4, 85, 14),
    Kind("float64", "d", 8, 86, 15),
)
UINT8: Final = Kind("uint8", "B", 1, 64, 0)
_CLAMPED: Final = Kind("uint8", "B", 1, 68, 6)

KIND_OF_FORMAT: Final = {kind.format: kind for kind in (*KINDS, _CLAMPED)}
KIND_OF_TAG: Final = {kind.tag: kind for kind in (*KINDS, _CLAMPED)}
KIND_OF_DTYPE: Final = {kind.dtype: kind for kind in (*KINDS, UINT8)}


def elements(kind: Kind, body: memoryview) -> Any:
    """The array over these bytes, without a copy where they are aligned (clause 5.4)."""
    if len(body) % kind.size:
        raise Undecodable(f"{len(body)} bytes are no whole number of {kind.dtype} elements")
    if numpy is not None:
        found = numpy.frombuffer(body, dtype=numpy.dtype(kind.dtype).newbyteorder("<"))
        return found if found.flags.aligned else found.copy()
    try:
        if sys.byteorder == "little":
            return memoryview.cast(body, kind.code)  # type: ignore[call-overload]
        swapped = array.array(kind.code, body.tobytes())
    except ValueError:  # Python's own buffers have no float16
        raise Undecodable(f"{kind.dtype} elements need NumPy: pip install numpy") from None
    swapped.byteswap()
    return memoryview(swapped)


def kind_of_buffer(view: memoryview) -> Kind | None:
    """The kind of elements that a buffer has; None for bytes."""
    code = view.format.lstrip("@=<")
    if code in ("B", "c"):
        return None
    for kind in KINDS:
        if view.itemsize == kind.size and (code == kind.code or (code in "lL" and _is_long(code, kind))):
            return kind
    raise TypeError(f"a message cannot carry a buffer of the format {view.format!r}")


def _is_long(code: str, kind: Kind) -> bool:
    return kind.dtype == f"{'int' if code == 'l' else 'uint'}{8 * kind.size}"


def is_numpy_array(value: object) -> bool:
    return numpy is not None and isinstance(value, numpy.ndarray)


def is_numpy_scalar(value: object) -> bool:
    """Such as ``numpy.float32(3)``, which is a number to others."""
    return numpy is not None and isinstance(value, numpy.generic)


def little_endian(value: Any) -> Any:
    """A NumPy array as contiguous little-endian elements; itself, where it is that already."""
    order = value.dtype.newbyteorder("<")
    return numpy.ascontiguousarray(value, dtype=order).reshape(value.shape)
