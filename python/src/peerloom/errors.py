"""The one class of errors, told apart by their code."""

from __future__ import annotations

from typing import Final

ERROR_CODES: Final = {
    "ERR_ADDRESS_INVALID": "the address cannot be parsed, or this node does not know its scheme",
    "ERR_CONNECTION_CLOSED": "the connection closed before the operation completed",
    "ERR_CONNECTION_REFUSED": "nothing listens at the address",
    "ERR_COMPRESSION_UNAVAILABLE": "this side lacks the compression, or the peer does not know it",
    "ERR_DECOMPRESSION": "compressed data is damaged, or exceeds the message limit when decompressed",
    "ERR_HANDLER": "the handler on the other side raised, or does not exist",
    "ERR_HANDSHAKE": "the other side did not complete the handshake as the protocol requires",
    "ERR_ID_MISMATCH": "the node that answered has another id than expected",
    "ERR_IDENTITY_FILE": "the identity file cannot be read, or its passphrase is missing or wrong",
    "ERR_MESSAGE_INVALID": "a message cannot be decoded",
    "ERR_MESSAGE_TOO_LARGE": "the message is larger than one of the two sides allows",
    "ERR_NETWORK_MISMATCH": "the other side belongs to another network, or does not hold the network key",
    "ERR_NOT_ALLOWED": "a list, a limit or the authorize function refused the connection",
    "ERR_NOT_CONNECTED": "this node has no open connection with that node",
    "ERR_NOT_STARTED": "the node is not running: call start() first; a stopped node cannot start again",
    "ERR_NOT_SUPPORTED": "this kind of connection cannot do this",
    "ERR_PROTOCOL": "the other side broke the protocol",
    "ERR_QUEUE_FULL": "the outgoing queue of the connection is full",
    "ERR_SELF_CONNECTION": "the address leads to this node itself",
    "ERR_STATE_INVALID": "a state dict arrived that is not the one that was announced",
    "ERR_STATE_REFUSED": "the other node does not want the state dict, allows no such size, or ended the transfer",
    "ERR_STREAM_ABORTED": "one of the two sides aborted the stream, for the reason in the message",
    "ERR_STREAM_ENDED": "write() was called on a stream after end()",
    "ERR_STREAM_LIMIT": "the connection has as many streams as one of its two sides allows",
    "ERR_TIMEOUT": "the operation took longer than its time limit",
    "ERR_UNREACHABLE": "the address could not be reached for another reason, given as the cause",
    "ERR_VERSION": "the two sides have no protocol version in common",
}
"""Every code of a :class:`PeerloomError`, with its meaning. They are those of the npm package."""


class PeerloomError(Exception):
    """What peerloom raises while it runs; match on ``code``. Wrong arguments raise TypeError or ValueError."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class ProtocolBreach(Exception):
    """A violation of docs/protocol.md: the link ends (clause 3.11)."""


class Undecodable(Exception):
    """A payload that cannot be decoded: this one message is rejected (clause 5.11)."""
