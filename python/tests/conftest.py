"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from nodes import NODE_JS, PROGRAM, RecordingNode, TypeScriptNode, connected, run, typescript_node

needs_typescript = pytest.mark.skipif(
    not (PROGRAM.exists() and Path(NODE_JS).exists()),
    reason="needs the repository with its npm packages: run `npm install` there",
)

__all__ = ["RecordingNode", "TypeScriptNode", "connected", "needs_typescript", "run", "typescript_node"]
