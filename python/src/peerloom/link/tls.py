"""Links over TLS 1.3 on TCP (docs/protocol.md, clauses 2.3 to 2.6)."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Sequence
from typing import Final

from ..data.cbor import Piece
from ..errors import PeerloomError, ProtocolBreach
from ..identity import id_of
from .certificate import ALPN, ListenerCertificate, dialler_context, listener_key
from .dial_proof import PROOF_BYTES, check_dial, prove_dial
from .link import WRITE_HIGH_WATER, Link, LinkSettings, Receiver, check_expected

_RECORD_BYTES: Final = 16_384
_MAX_EARLY_BYTES: Final = 24_576
"""Of what arrives before the TLS handshake is done: the other side's part of it, and a proof and a hello behind it."""

_CLOSE_SECONDS: Final = 5.0


class TlsLink(asyncio.BufferedProtocol):
    """One TLS connection. OpenSSL works on memory; this class moves bytes between it, the socket and the receiver.

    Bytes are decrypted to the place where the receiver wants them.
    """

    protocol = "tls"

    def __init__(
        self,
        settings: LinkSettings,
        buffer: memoryview,
        *,
        certificate: ListenerCertificate | None = None,
        expected_id: str | None = None,
    ) -> None:
        """``certificate``: what a listener shows; without it, this side dials."""
        self._settings = settings
        self._buffer = buffer
        self._certificate = certificate
        self._expected_id = expected_id
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Link] = self._loop.create_future()
        self.began = self._loop.time()
        self.remote_id = ""
        self.host = ""
        self.port = 0
        self.network_hash: bytes | None = None
        self.receiver: Receiver | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        context = dialler_context() if certificate is None else certificate.context
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=certificate is not None)
        self._state = "handshake"
        """handshake, proof (of a dialler), up, closing (its own direction has ended), closed."""
        self._proof = bytearray()
        self._early_bytes = 0
        self._is_paused = False
        self._transport: asyncio.Transport | None = None
        self._timer = self._loop.call_later(settings.timeout, self._time_out)

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        address = transport.get_extra_info("peername")
        if address:
            self.host, self.port = address[0], address[1]
        self._work()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._state in ("closing", "closed"):
            return
        if self._state in ("handshake", "proof"):
            self._early_bytes += nbytes
            if self._early_bytes > _MAX_EARLY_BYTES and self._state == "handshake":
                self._fail(_handshake_error("the other side's handshake is too long"))
                return
        self._incoming.write(self._buffer[:nbytes])
        self._work()

    def take(self, data: bytes) -> None:
        """The first bytes of the connection, which somebody else has read."""
        self._early_bytes += len(data)
        self._incoming.write(data)
        self._work()

    def eof_received(self) -> bool:
        if self._state not in ("closing", "closed"):
            self._incoming.write_eof()
            self._work()
        return False

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        if self.receiver is not None and self._state == "up":
            self.receiver.link_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc is not None else "the connection was cut off")

    # TLS.

    def _work(self) -> None:
        try:
            if self._state == "handshake":
                self._tls.do_handshake()
                self._shaken()
            if self._state == "proof":
                self._read_proof()
            if self._state == "up" and self.receiver is not None:
                self._read()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._flush()
            self._remote_ended()
            return
        except ssl.SSLError as error:
            self._flush()
            self._fail(_handshake_error(f"TLS failed: {error.reason or error}"))
            return
        except PeerloomError as error:
            self._fail(error)
            return
        self._flush()

    def _shaken(self) -> None:
        if self._tls.selected_alpn_protocol() != ALPN or self._tls.version() != "TLSv1.3":
            raise _handshake_error("the other side speaks TLS, but not peerloom")
        if self._certificate is not None:
            self._state = "proof"
            return
        shown = self._tls.getpeercert(binary_form=True) or b""
        key = listener_key(shown)
        self.remote_id = id_of(key)
        check_expected(self.remote_id, self._expected_id, self._settings.identity.id)
        proof = prove_dial(self._settings.identity, hashlib.sha256(shown).digest(), key, self._settings.network)
        self._tls.write(proof)
        self._up()

    def _read_proof(self) -> None:
        while len(self._proof) < PROOF_BYTES:
            read = self._tls.read(PROOF_BYTES - len(self._proof))
            if not read:
                raise _handshake_error("the connection ended before the proof of the dialler")
            self._proof += read
        assert self._certificate is not None
        own_key = self._settings.identity.public_key
        proven = check_dial(bytes(self._proof), self._certificate.hash, own_key)
        if proven is None or not self._certificate.is_new(proven[1]):
            raise _handshake_error("the dialler did not prove its id")
        self.remote_id = id_of(proven[0])
        self.network_hash = proven[2]
        check_expected(self.remote_id, None, self._settings.identity.id)
        self._up()

    def _up(self) -> None:
        self._timer.cancel()
        self._state = "up"
        if self._transport is not None:
            self._transport.pause_reading()
        if not self.ready.done():
            self.ready.set_result(self)

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._work()

    def _read(self) -> None:
        receiver = self.receiver
        try:
            while self._state == "up" and self.receiver is not None:
                # A session that resumes puts another one in the place of the one that shook hands.
                receiver = self.receiver
                buffer = receiver.get_buffer()
                count: int = self._tls.read(len(buffer), buffer)  # type: ignore[assignment]
                if not count:
                    self._remote_ended()
                    return
                receiver.buffer_updated(count)
        except ProtocolBreach as breach:
            assert receiver is not None
            receiver.link_broken(breach)

    def _remote_ended(self) -> None:
        """Its close_notify, or the end of the connection."""
        if self._state == "up" and self.receiver is not None:
            self.close()
            if self._transport is not None:
                self._transport.close()
        else:
            self._fail(_handshake_error("the other side ended the connection during the handshake"))

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    # The link.

    @property
    def is_writable(self) -> bool:
        return self._state == "up" and not self._is_paused

    @property
    def unsent_bytes(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, pieces: Sequence[Piece]) -> None:
        if self._state != "up":
            return
        rest: Piece = b""
        for piece in pieces:
            # A header shares its record with the beginning of what follows.
            if len(rest) > 0:
                room = _RECORD_BYTES - len(rest)
                self._tls.write(b"".join((rest, piece[:room])))
                piece = memoryview(piece)[room:]
                rest = b""
            if 0 < len(piece) < 1_024:
                rest = piece
            elif len(piece) > 0:
                self._tls.write(piece)
        if len(rest) > 0:
            self._tls.write(rest)
        self._flush()

    def close(self) -> None:
        if self._state in ("closing", "closed"):
            return
        if self._state != "up":
            self.abort()
            return
        self._state = "closing"
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass
        self._flush()
        if self._transport is not None and not self._transport.is_closing():
            # What still arrives is read and dropped: a socket that is closed with unread bytes resets the
            # connection, and the other side would lose what was sent last.
            self._transport.resume_reading()
            self._transport.write_eof()
            self._timer = self._loop.call_later(_CLOSE_SECONDS, self.abort)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._end("the connection was aborted")

    def _time_out(self) -> None:
        self._fail(PeerloomError("ERR_TIMEOUT", "the other side did not complete the handshake in time"))

    def _fail(self, error: PeerloomError) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()
        if self._transport is not None and self._state in ("handshake", "proof"):
            self._transport.close()
            self._end(error.message)
        else:
            self.abort()

    def _end(self, reason: str) -> None:
        if self._state == "closed":
            return
        self._state = "closed"
        self._timer.cancel()
        if not self.ready.done():
            self.ready.set_exception(PeerloomError("ERR_CONNECTION_CLOSED", f"the handshake ended early: {reason}"))
            self.ready.exception()
        if self.receiver is not None:
            self.receiver.link_closed(reason)


def _handshake_error(message: str) -> PeerloomError:
    return PeerloomError("ERR_HANDSHAKE", message)
