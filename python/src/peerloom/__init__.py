"""A decentralised network in ten lines: extend Node, override the events that matter, connect, send.

The nodes speak the protocol of the npm package of the same name. Each is an Ed25519 key, all connections are encrypted
with both ids proven, and NumPy arrays and torch tensors arrive as they were sent.
"""

from .channel.streams import PeerStream
from .connection import NodeConnection
from .data.tensor import Tensor, to_torch
from .errors import ERROR_CODES, PeerloomError
from .hello import Goodbye
from .identity import Identity
from .limits import Limits
from .node import Node, SendReport
from .peering import PeerDetails
from .states.form import StateDetails, StateOffer

__version__ = "0.1.0"

__all__ = [
    "ERROR_CODES",
    "Goodbye",
    "Identity",
    "Limits",
    "Node",
    "NodeConnection",
    "PeerDetails",
    "PeerStream",
    "PeerloomError",
    "SendReport",
    "StateDetails",
    "StateOffer",
    "Tensor",
    "to_torch",
]
