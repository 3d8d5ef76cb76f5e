"""Memory for what arrives."""

from __future__ import annotations

from typing import Final

from .data.arrays import numpy

_LARGE_BYTES: Final = 64 * 1024


def memory_for(size: int) -> memoryview:
    """Bytes to be written over before anybody reads them.

    NumPy's are not filled with zeros first, and the system gives large ones as they are written to.
    """
    if numpy is None or size < _LARGE_BYTES:
        return memoryview(bytearray(size))
    return memoryview(numpy.empty(size, numpy.uint8))
