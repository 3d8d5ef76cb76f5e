"""Sends a state dict."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ..channel.streams import PeerStream
from ..connection import NodeConnection
from ..data.tensor import Tensor
from ..errors import PeerloomError
from ..visible import visible
from .form import ACCEPTED, ACCEPTED_BYTES, MAX_ANSWER_BYTES, REFUSED, StateHeader, encode_manifest

_PIECE_BYTES: Final = 1024 * 1024
"""Written at once; progress is reported after each."""

Progress = Callable[[int, int], object]
"""How many bytes are on their way or there, of how many."""


async def send_state_over(
    peer: NodeConnection, state: Mapping[str, Any], info: Any, on_progress: Progress | None, timeout: float | None
) -> None:
    """``Node.send_state``, on a connection."""
    entries = [(name, Tensor.of(value)) for name, value in state.items()]
    parts = [memoryview(encode_manifest(entries)), *(tensor.data for _, tensor in entries)]
    # Another thread hashes: that takes a second for some hundreds of MB.
    sha256 = await asyncio.to_thread(_hash_of, parts)
    size = sum(map(len, parts[1:]))
    header = StateHeader(sha256, size, len(parts[0]), len(entries), info)
    stream = await peer.open_stream(header.encode(), timeout=timeout)
    try:
        await _Transfer(stream, header, on_progress, timeout).run(parts)
    except PeerloomError as error:
        if error.code == "ERR_STREAM_ABORTED":
            raise PeerloomError("ERR_STATE_REFUSED", f"the receiver ended the transfer: {error.message}") from error
        raise
    except TimeoutError:
        message = f"nothing of the state moved for {timeout} s"
        stream.abort(message)
        raise PeerloomError("ERR_TIMEOUT", message) from None
    except BaseException as error:
        stream.abort(str(error) or "the sender gave up")
        raise


def _hash_of(parts: Sequence[memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


class _Transfer:
    """One stream with a state. It ends with TimeoutError when nothing moves for ``timeout`` seconds."""

    def __init__(
        self, stream: PeerStream, header: StateHeader, on_progress: Progress | None, timeout: float | None
    ) -> None:
        self._stream = stream
        self._header = header
        self._on_progress = on_progress
        self._seconds = timeout
        self._stall = asyncio.timeout(timeout)

    async def run(self, parts: Sequence[memoryview]) -> None:
        async with self._stall:
            start = await self._read_answer()
            self._moved_to(start)
            position = 0
            for part in parts:
                for at in range(max(0, start - position), len(part), _PIECE_BYTES):
                    piece = part[at : at + _PIECE_BYTES]
                    await self._stream.write(piece)
                    self._moved_to(position + at + len(piece))
                position += len(part)
            await self._stream.end()
            # The other half ends when the handlers have run.
            async for _ in self._stream:
                pass

    def _moved_to(self, position: int) -> None:
        if self._seconds is not None:
            self._stall.reschedule(asyncio.get_running_loop().time() + self._seconds)
        if self._on_progress is not None:
            self._on_progress(max(0, position - self._header.manifest_bytes), self._header.bytes)

    async def _read_answer(self) -> int:
        """The position to send from."""
        answer = b""
        while True:
            more = await self._stream.read(MAX_ANSWER_BYTES)
            answer += more
            if len(answer) == ACCEPTED_BYTES and answer[0] == ACCEPTED:
                position = int.from_bytes(answer[1:], "big")
                if position > self._header.manifest_bytes + self._header.bytes:
                    raise PeerloomError("ERR_PROTOCOL", "the receiver asked for bytes behind the end of the state")
                return position
            is_refused = answer[:1] == bytes([REFUSED])
            if is_refused and not more:
                await self._stream.end()
                reason = visible(answer[1:].decode(errors="replace"), 500)
                raise PeerloomError("ERR_STATE_REFUSED", f"the receiver refused the state: {reason}")
            if not more or len(answer) > (MAX_ANSWER_BYTES if is_refused else ACCEPTED_BYTES):
                raise PeerloomError("ERR_PROTOCOL", "the offer of a state was answered with something else")
