"""Links: authenticated, ordered flows of bytes between two nodes (docs/protocol.md, sections 2 and 16)."""
