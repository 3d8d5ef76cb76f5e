"""Text of other nodes that people get to see (docs/protocol.md, clause 4.8)."""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})


def visible(text: str, max_units: int) -> str:
    """The text without control, format and line-breaking characters, and at most so long."""
    shown = "".join(character for character in text[:max_units] if unicodedata.category(character) not in _HIDDEN)
    return shown.encode("utf-8", "replace").decode()


def utf16_units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)
