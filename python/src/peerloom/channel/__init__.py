"""The conversation over one link: handshake, messages, requests, streams (docs/protocol.md, sections 4 to 12)."""
