"""Payloads (docs/protocol.md, section 5): every kind of data arrives as it was sent, and no bytes do harm."""

from __future__ import annotations

import array
import json
import math
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerloom import Tensor
from peerloom.data.arrays import KINDS, elements
from peerloom.data.cbor import decode_cbor, encode_cbor
from peerloom.data.compression import compress, decompress
from peerloom.data.payload import decode_payload, encode_payload
from peerloom.errors import ProtocolBreach, Undecodable

CASES: list[tuple[Any, int]] = [
    ("text", 2),
    ("123", 2),
    ("\ud800", 1),
    (b"\x04\x02", 3),
    (bytearray(b"bytes"), 3),
    (None, 1),
    (True, 1),
    (-7, 1),
    (1.5, 1),
    ([1, "a", {"b": None}], 1),
    (2**53 - 1, 1),
    (2**53, 4),
    (-(2**70), 4),
    (math.inf, 4),
    (-0.0, 4),
    ({"b": b"1", "\ud800": "\ud801", "deep": [[b""]]}, 4),
    (array.array("d", [1.5, 2.5]), 15),
    (np.float32(1.5), 1),
    (np.int64(3), 1),
]


def sent(data: Any, compression: str = "none") -> Any:
    payload = encode_payload(data, compression)
    body = bytearray(b"".join(payload.pieces))
    assert len(body) == payload.length
    if payload.compression:
        body = decompress(payload.compression, memoryview(body), 2**24)
    return decode_payload(payload.format, memoryview(body))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return repr(one) == repr(other)
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize(("data", "format"), CASES)
def test_data_travels_in_the_simplest_format(data: Any, format: int) -> None:
    assert encode_payload(data).format == format
    expected = np.asarray(data) if isinstance(data, array.array) else data
    expected = bytes(expected) if isinstance(expected, bytearray) else expected
    expected = expected.item() if isinstance(expected, np.generic) else expected
    assert same(expected, sent(data))


@pytest.mark.parametrize("dtype", ["bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5,), (0,), (), (2, 3), (0, 3), (1, 2, 1, 2)])
@pytest.mark.parametrize("order", "<>")
def test_arrays_arrive_with_their_type_and_shape(dtype: str, shape: tuple[int, ...], order: Any) -> None:
    original = np.arange(math.prod(shape)).astype(np.dtype(dtype).newbyteorder(order)).reshape(shape)
    native = original.astype(original.dtype.newbyteorder("="))
    assert same(native, sent(original))
    assert same({"inside": [native]}, sent({"inside": [original]}))


def test_views_that_are_not_contiguous_are_written_in_order() -> None:
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    for view in (whole.T, whole[:, ::2], whole[::-1], whole[1]):
        assert same(np.ascontiguousarray(view), sent(view))


def test_arrays_are_neither_copied_when_written_nor_when_read() -> None:
    original = np.zeros((512, 512), np.float32)
    pieces = encode_payload(original).pieces
    assert any(np.shares_memory(np.frombuffer(piece, np.uint8), original) for piece in pieces if len(piece) > 1000)
    body = bytearray(np.zeros(1000, np.float32).tobytes())
    arrived = decode_payload(14, memoryview(body))
    arrived[0] = 1
    assert body[:4] == np.float32(1).tobytes()


def test_bfloat16_is_a_tensor_whose_bits_stay() -> None:
    tensor = Tensor("bfloat16", (2, 2), np.array([0x3F80, 0xC000, 0, 0x7F80], "<u2").tobytes())
    arrived = sent({"w": tensor})["w"]
    assert arrived == tensor
    assert arrived.numpy().tolist() == [[1.0, -2.0], [0.0, math.inf]]


def test_torch_tensors_travel_as_tensors() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    original = torch.arange(6, dtype=torch.float32).reshape(2, 3).t().requires_grad_()
    arrived = sent(original)
    assert arrived.shape == (3, 2)
    assert torch.equal(torch.from_numpy(arrived), original.detach())
    assert torch.equal(sent(original.to(torch.bfloat16)).torch(), original.detach().to(torch.bfloat16))


@pytest.mark.parametrize(
    "wrong",
    [{1: 2}, [{1, 2}], object(), np.zeros(2, np.complex64), {"a": [print]}, np.array(["a"])],
)
def test_what_no_message_carries_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode_payload(wrong)


def test_bigints_have_at_most_4300_digits() -> None:
    largest = 10**4_300 - 1
    assert sent(largest) == largest
    assert sent(-largest) == -largest
    with pytest.raises(ValueError, match="digits"):
        encode_payload(largest + 1)
    with pytest.raises(Undecodable):
        decode_payload(4, memoryview(b"\xc2\x59\x06\xfb" + b"\xff" * 1_787))


def nested(levels: int) -> Any:
    data: Any = b"x"
    for _ in range(levels):
        data = [data]
    return data


def test_depth_is_limited_both_ways() -> None:
    assert same(nested(256), sent(nested(256)))
    with pytest.raises(ValueError, match="256"):
        encode_payload(nested(257))
    for body in (b"\x81" * 257 + b"\x00", b"\x81" * 100_000):
        with pytest.raises(Undecodable):
            decode_payload(4, memoryview(body))
    for text in ("[" * 257 + "]" * 257, "[" * 100_000, '{"a":' * 300 + "1" + "}" * 300):
        with pytest.raises(Undecodable):
            decode_payload(1, memoryview(text.encode()))
    assert decode_payload(1, memoryview(json.dumps("[" * 9_000).encode())) == "[" * 9_000


UNDECODABLE = {
    "indefinite length": "9fff",
    "undefined": "f7",
    "integer beyond 2^53 - 1": "1b0020000000000000",
    "key that is no text": "a10102",
    "key twice": "a2616101616102",
    "unknown tag": "c100",
    "text that is not UTF-8": "61ff",
    "list that is longer than the bytes": "9affffffff",
    "byte string that ends too early": "5affffffff00",
    "bytes behind the end": "0000",
    "nothing": "",
    "typed array with a byte left over": "d85545" + "00" * 5,
    "tensor whose shape is too large": "d828828202039" + "0d85544" + "00" * 4,
    "tensor with a huge shape": "d82882821b001fffffffffffff1b001fffffffffffffd85540",
    "tensor with a dimension of 0 and the tag 40": "d8288281" + "00d85540",
    "tensor of an unknown type": "d9706c83810164" + b"half".hex() + "4100",
    "bool that is neither 0 nor 1": "d9706c83810164" + b"bool".hex() + "4102",
    "embedded JSON that is no text": "d901064131",
}


@pytest.mark.parametrize("hexadecimal", UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_cbor_outside_the_protocol_is_undecodable(hexadecimal: str) -> None:
    with pytest.raises(Undecodable):
        decode_payload(4, memoryview(bytes.fromhex(hexadecimal)))


@pytest.mark.parametrize("text", ["NaN", "[1,]", "{", "Infinity", '"\t"', "\ufeff1", "01"])
def test_json_is_strict(text: str) -> None:
    with pytest.raises(Undecodable):
        decode_payload(1, memoryview(text.encode()))


def test_tensors_with_the_own_tag_may_have_every_type() -> None:
    body = bytes.fromhex("d9706c8381" + "0167" + b"float32".hex() + "44") + np.float32(2).tobytes()
    assert decode_payload(4, memoryview(body)).tolist() == [2.0]


@pytest.mark.parametrize("name", ["zlib", "bzip2", "lzma"])
def test_compressions_are_bounded_and_strict(name: str) -> None:
    weights = np.zeros(100_000)
    assert same({"w": weights}, sent({"w": weights}, name))
    code = encode_payload({"w": weights}, name).compression
    packed = compress(name, bytes(2**20))
    assert decompress(code, memoryview(packed), 2**20) == bytes(2**20)
    damaged = packed[: len(packed) // 2], packed + b"x", packed[:20] + b"\xff\xff\xff" + packed[23:]
    for body in (*damaged, b""):
        with pytest.raises(ProtocolBreach):
            decompress(code, memoryview(body), 2**20)
    with pytest.raises(ProtocolBreach, match="too long"):
        decompress(code, memoryview(packed), 2**20 - 1)


def values(integers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | integers | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    )


VALUES = values(st.integers(-(2**80), 2**80))


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_every_value_arrives_equal(data: Any) -> None:
    assert same(data, sent(data))


@settings(max_examples=60, deadline=None)
@given(values(st.integers(-(2**53) + 1, 2**53 - 1)))
def test_cbor2_reads_what_is_written_and_the_other_way_around(data: Any) -> None:
    written = b"".join(encode_cbor(data))
    assert same(data, cbor2.loads(written))
    assert same(data, decode_cbor(memoryview(cbor2.dumps(data)), 1_000_000))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([1, 2, 3, 4, 6, 14, 99]), st.binary(max_size=200))
def test_random_bytes_are_data_or_undecodable(format: int, body: bytes) -> None:
    try:
        decode_payload(format, memoryview(bytearray(body)), 1_000)
    except Undecodable:
        pass


@settings(max_examples=150, deadline=None)
@given(VALUES, st.integers(0, 10_000), st.integers(0, 255))
def test_damaged_cbor_is_data_or_undecodable(data: Any, place: int, byte: int) -> None:
    body = bytearray(b"".join(encode_cbor({"data": data, "w": np.zeros((2, 2), np.float32)})))
    body[place % len(body)] = byte
    try:
        decode_payload(4, memoryview(body), 1_000)
    except Undecodable:
        pass


def test_without_numpy_every_typed_array_arrives_or_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerloom.data.arrays.numpy", None)
    for kind in KINDS:
        body = memoryview(bytes(2 * kind.size))
        if kind.dtype == "float16":
            with pytest.raises(Undecodable, match="float16 elements need NumPy"):
                elements(kind, body)
        else:
            assert elements(kind, body).tolist() == [0, 0]
