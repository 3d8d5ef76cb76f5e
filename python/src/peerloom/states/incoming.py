"""A state dict as far as it is here."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from ..data.tensor import Tensor, received
from ..memory import memory_for
from .form import Announced, InvalidState, StateHeader, decode_manifest

_PIECE_BYTES: Final = 1024 * 1024


class IncomingState:
    """It outlives the stream that brings it, so that another stream can bring the rest.

    Memory is taken for a tensor when its turn comes, after the manifest was checked as a whole.
    """

    def __init__(self, header: StateHeader) -> None:
        self.header = header
        self.received = 0
        """Of manifest and elements: the position from which the sender is to resume."""
        self.held_bytes = header.manifest_bytes
        self._hash = hashlib.sha256()
        self._manifest = bytearray(header.manifest_bytes)
        self._announced: list[Announced] | None = None
        self._elements: list[memoryview] = []
        self._filled = 0
        """Bytes of the last of the elements that are here."""

    @property
    def received_of_elements(self) -> int:
        return max(0, self.received - self.header.manifest_bytes)

    def place(self) -> memoryview:
        """Where the next bytes belong. It is empty if all are here. Raises InvalidState for a wrong manifest."""
        if self.received < self.header.manifest_bytes:
            return memoryview(self._manifest)[self.received :]
        announced = self._tensors()
        while not self._elements or self._filled == len(self._elements[-1]):
            if len(self._elements) == len(announced):
                return memoryview(b"")
            size = announced[len(self._elements)].size
            self._elements.append(memory_for(size))
            self._filled = 0
            self.held_bytes += size
        return self._elements[-1][self._filled : self._filled + _PIECE_BYTES]

    def placed(self, piece: memoryview) -> None:
        """These bytes, the beginning of what ``place`` returned, have been written there."""
        self._hash.update(piece)
        if self.received >= self.header.manifest_bytes:
            self._filled += len(piece)
        self.received += len(piece)

    def finish(self) -> dict[str, Any]:
        """The state, of NumPy arrays where it can. Raises InvalidState unless all of it is here and unaltered."""
        if self.received != self.header.manifest_bytes + self.header.bytes:
            raise InvalidState("the state ended early")
        self.place()
        if self._hash.hexdigest() != self.header.sha256:
            raise InvalidState("the state is not the one that was announced: its hash differs")
        return {tensor.name: _array(tensor, data) for tensor, data in zip(self._tensors(), self._elements, strict=True)}

    def _tensors(self) -> list[Announced]:
        if self._announced is None:
            self._announced = decode_manifest(self._manifest, self.header)
        return self._announced


def _array(announced: Announced, data: memoryview) -> Any:
    if announced.dtype == "bool" and any(bytes(data).translate(None, b"\x00\x01")):
        raise InvalidState("a tensor of bool has elements that are neither 0 nor 1")
    return received(Tensor(announced.dtype, announced.shape, data))
