"""State dicts in streams of their own (docs/protocol.md, clauses 9.10 to 9.13)."""
