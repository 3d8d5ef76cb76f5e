"""Tensors on the wire: elements of one type, in any number of dimensions (clause 5.6)."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .arrays import KIND_OF_DTYPE, is_numpy_array, little_endian, numpy

ELEMENT_BYTES: Final = {dtype: kind.size for dtype, kind in KIND_OF_DTYPE.items()} | {
    "bfloat16": 2,
    "bool": 1,
}
"""The types of elements, with the size of one."""

MAX_DIMENSIONS: Final = 32


class Tensor:
    """Elements of one type in row-major order: what NumPy arrays and torch tensors are on the wire.

    ``numpy()`` and ``torch()`` share its memory where they can. Messages hand on tensors as NumPy arrays, where NumPy
    is installed and has the type; ``bfloat16`` arrives as a Tensor.
    """

    __slots__ = ("data", "dtype", "shape")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, dtype: str, shape: Iterable[int], data: Any) -> None:
        """``data``: the elements as bytes, little-endian and without gaps."""
        size = ELEMENT_BYTES.get(dtype)
        if size is None:
            raise ValueError(f"a tensor has one of the types {', '.join(ELEMENT_BYTES)}, not {dtype!r}")
        self.dtype = dtype
        self.shape = tuple(shape)
        view = memoryview(data)
        self.data = view.cast("B") if view.nbytes else memoryview(b"")
        if len(self.shape) > MAX_DIMENSIONS:
            raise ValueError(f"a tensor has at most {MAX_DIMENSIONS} dimensions, not {len(self.shape)}")
        if any(isinstance(length, bool) or not isinstance(length, int) or length < 0 for length in self.shape):
            raise ValueError(f"the dimensions of a tensor are whole numbers from 0, not {self.shape}")
        if math.prod(self.shape) * size != self.data.nbytes:
            raise ValueError(f"{self.data.nbytes} bytes are no tensor of {dtype} with the shape {self.shape}")

    @classmethod
    def of(cls, value: Any) -> Tensor:
        """The tensor of a NumPy array or a torch tensor; its memory is shared where it is contiguous."""
        if isinstance(value, Tensor):
            return value
        if is_torch_tensor(value):
            return cls._of_torch(value)
        if not is_numpy_array(value):
            raise TypeError(f"not a NumPy array or a torch tensor: {type(value).__name__}")
        return cls._of_numpy(value)

    @classmethod
    def _of_numpy(cls, value: Any) -> Tensor:
        name = value.dtype.name
        if name not in ELEMENT_BYTES:
            raise TypeError(f"a message cannot carry a NumPy array of {name}: it has {', '.join(ELEMENT_BYTES)}")
        if name == "bfloat16":  # of ml_dtypes
            data = little_endian(numpy.ascontiguousarray(value).view(numpy.uint16))
        elif name == "bool":
            data = numpy.ascontiguousarray(value).view(numpy.uint8)
        else:
            data = little_endian(numpy.asarray(value))
        return cls(name, value.shape, _bytes_of(data))

    @classmethod
    def _of_torch(cls, value: Any) -> Tensor:
        import torch

        name = str(value.dtype).removeprefix("torch.")
        if name not in ELEMENT_BYTES:
            raise TypeError(f"a message cannot carry a torch tensor of {name}: it has {', '.join(ELEMENT_BYTES)}")
        plain = value.detach().cpu().contiguous()
        if name == "bfloat16":
            plain = plain.view(torch.int16)
        elif name == "bool":
            plain = plain.view(torch.uint8)
        return cls(name, tuple(value.shape), _bytes_of(little_endian(plain.numpy())))

    def numpy(self) -> Any:
        """The NumPy array; of bfloat16, a float32 one with the same values."""
        if numpy is None:
            raise TypeError("NumPy is not installed: pip install 'peerloom[numpy]'")
        if self.dtype == "bfloat16":
            bits = numpy.frombuffer(self.data, dtype="<u2").astype("<u4")
            return (bits << 16).view(numpy.dtype("<f4")).reshape(self.shape)
        dtype = numpy.dtype(self.dtype)
        found = numpy.frombuffer(self.data, dtype=dtype.newbyteorder("<"))
        return (found if found.flags.aligned else found.copy()).reshape(self.shape)

    def torch(self) -> Any:
        """The torch tensor. It shares the memory of this tensor if that can be written to."""
        import torch

        if self.dtype == "bfloat16":
            bits = numpy.frombuffer(self.data, dtype="<i2").reshape(self.shape)
            return torch.from_numpy(_writable(bits)).view(torch.bfloat16)
        return torch.from_numpy(_writable(self.numpy()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tensor):
            return NotImplemented
        return (self.dtype, self.shape, self.data) == (other.dtype, other.shape, other.data)

    def __repr__(self) -> str:
        return f"Tensor({self.dtype}, {list(self.shape)})"


def received(tensor: Tensor) -> Any:
    """What a handler gets: a NumPy array, where there is one of that type."""
    return tensor if numpy is None or tensor.dtype == "bfloat16" else tensor.numpy()


def to_torch(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state dict with torch tensors, for ``load_state_dict``. They share the memory of what arrived."""
    return {name: Tensor.of(value).torch() for name, value in state.items()}


def is_torch_tensor(value: object) -> bool:
    """Without importing torch: whoever has a tensor has imported it."""
    torch = sys.modules.get("torch")
    kind = getattr(torch, "Tensor", None)
    return kind is not None and isinstance(value, kind)


def _bytes_of(value: Any) -> Any:
    return memoryview(value.reshape(-1).view(numpy.uint8)) if value.size else b""


def _writable(value: Any) -> Any:
    return value if value.flags.writeable else value.copy()
