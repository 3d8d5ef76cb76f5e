"""The compressions of clause 5.8 that Python's standard library has."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Any, Final, Literal

from ..errors import ProtocolBreach

Compression = Literal["none", "zlib", "bzip2", "lzma"]

CODES: Final = {"none": 0, "zlib": 1, "bzip2": 4, "lzma": 5}
NAMES: Final = {code: name for name, code in CODES.items()}

_LZMA_MEMORY: Final = 16 * 1024 * 1024
"""Enough for the dictionary of 8 MiB that clause 5.8 allows."""

_STEP: Final = 256 * 1024


def compress(name: str, data: bytes) -> bytes:
    if name == "zlib":
        return zlib.compress(data)
    if name == "bzip2":
        return bz2.compress(data)
    return lzma.compress(data, preset=4)


def decompress(code: int, body: memoryview, max_bytes: int) -> bytearray:
    """Raises ProtocolBreach for damaged streams, and for those that are too long (clause 5.12)."""
    decoder: Any
    if code == 1:
        decoder = zlib.decompressobj()
    elif code == 4:
        decoder = bz2.BZ2Decompressor()
    else:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)
    output = bytearray()
    waiting: Any = body
    try:
        while not decoder.eof:
            piece = decoder.decompress(waiting, min(_STEP, max_bytes + 1 - len(output)))
            output += piece
            waiting = decoder.unconsumed_tail if code == 1 else b""
            if len(output) > max_bytes:
                raise ProtocolBreach("a compressed message is too long once it is decompressed")
            if not piece and not decoder.eof and not (waiting if code == 1 else not decoder.needs_input):
                raise ProtocolBreach("compressed data ends too early")
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError) as error:
        raise ProtocolBreach(f"compressed data is damaged: {error}") from None
    if decoder.unused_data:
        raise ProtocolBreach("bytes follow the end of compressed data")
    return output
