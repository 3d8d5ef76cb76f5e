"""The data of messages, and how it is written (docs/protocol.md, section 5). Pure: no I/O, no clock."""
