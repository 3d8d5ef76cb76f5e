"""The certificate that a listener shows (docs/protocol.md, clause 2.5)."""

from __future__ import annotations

import datetime
import hashlib
import ssl
import tempfile
import time
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import PeerloomError
from ..identity import Identity, verify

ALPN: Final = "peerloom"
MAX_CERTIFICATE_BYTES: Final = 4_096
_EXTENSION: Final = "1.3.6.1.4.1.53594.1.1"
_EXTENSION_DER: Final = bytes.fromhex("060a2b0601040183a25a0101")
_SIGNED_TEXT: Final = b"libp2p-tls-handshake:"
_KEY_PREFIX: Final = bytes.fromhex("08011220")
_LIFETIME_SECONDS: Final = 3_600
_MAX_NONCES: Final = 65_536
"""A certificate that so many proofs named is replaced early, so that the memory of nonces is bounded."""


class ListenerCertificate:
    """A key and a certificate for an hour, with the nonces of the proofs that named it."""

    def __init__(self, identity: Identity) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        info = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        value = _sequence(_octets(_KEY_PREFIX + identity.public_key) + _octets(identity.sign(_SIGNED_TEXT + info)))
        name = x509.Name([])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=7))
            .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(_EXTENSION), value), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.hash: bytes = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
        self.pem: str = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.context: ssl.SSLContext = _listener_context(key, certificate)
        self._nonces: set[bytes] = set()
        self._made = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether new connections should see another certificate."""
        return time.monotonic() - self._made > _LIFETIME_SECONDS or len(self._nonces) >= _MAX_NONCES

    def is_new(self, nonce: bytes) -> bool:
        """Remembers the nonce of a valid proof. Whether it is the first time."""
        count = len(self._nonces)
        self._nonces.add(nonce)
        return len(self._nonces) > count


def _listener_context(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.set_alpn_protocols([ALPN])
    # Python's ssl takes keys from files alone. The folder is readable for this user only, and gone at once.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "listener.pem")
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(file)
    return context


def dialler_context() -> ssl.SSLContext:
    """The id in the certificate is checked in place of names and authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN])
    return context


def listener_key(certificate: bytes) -> bytes:
    """The public key that certified this certificate. Raises PeerloomError ``ERR_HANDSHAKE``."""
    if len(certificate) > MAX_CERTIFICATE_BYTES:
        raise _wrong("is longer than 4,096 bytes")
    try:
        info, value = _parts_of(certificate)
        content, _ = _item(value, 0, 0x30)
        shown, at = _item(content, 0, 0x04)
        signature, _ = _item(content, at, 0x04)
    except (ValueError, IndexError):
        raise _wrong("has no extension with the id of a node") from None
    key = shown[4:]
    if not shown.startswith(_KEY_PREFIX) or not verify(key, signature, _SIGNED_TEXT + info):
        raise _wrong("is not signed by the id that it names")
    return key


def _wrong(what: str) -> PeerloomError:
    return PeerloomError("ERR_HANDSHAKE", f"the listener's certificate {what}: it is no peerloom node")


def _parts_of(certificate: bytes) -> tuple[bytes, bytes]:
    """The SubjectPublicKeyInfo and the value of the extension (RFC 5280, section 4.1). Ignores the rest."""
    whole, _ = _item(certificate, 0, 0x30)
    body, _ = _item(whole, 0, 0x30)
    at = 0
    if body[0] == 0xA0:
        _, at = _item(body, 0, 0xA0)
    for tag in (0x02, 0x30, 0x30, 0x30, 0x30):  # serial number, algorithm, issuer, validity, subject
        _, at = _item(body, at, tag)
    _, end = _item(body, at, 0x30)
    info = body[at:end]
    at = end
    while at < len(body):
        if body[at] == 0xA3:
            extensions, _ = _item(body, at, 0xA3)
            return info, _extension_of(extensions)
        _, at = _item(body, at, body[at])
    raise ValueError("no extensions")


def _extension_of(extensions: bytes) -> bytes:
    listed, _ = _item(extensions, 0, 0x30)
    found: bytes | None = None
    at = 0
    while at < len(listed):
        extension, at = _item(listed, at, 0x30)
        if not extension.startswith(_EXTENSION_DER):
            continue
        if found is not None:
            raise ValueError("the extension twice")
        inner = len(_EXTENSION_DER)
        if extension[inner] == 0x01:
            _, inner = _item(extension, inner, 0x01)
        found, _ = _item(extension, inner, 0x04)
    if found is None:
        raise ValueError("no such extension")
    return found


def _item(der: bytes, at: int, tag: int) -> tuple[bytes, int]:
    """The content of the item at a place, and where it ends."""
    if der[at] != tag:
        raise ValueError("another item than expected")
    length = der[at + 1]
    start = at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 3:
            raise ValueError("a length of another form")
        length = int.from_bytes(der[start : start + size], "big")
        start += size
    end = start + length
    if end > len(der):
        raise ValueError("an item that ends too late")
    return der[start:end], end


def _octets(content: bytes) -> bytes:
    return bytes([0x04, len(content)]) + content


def _sequence(content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([0x30, len(content)]) + content
