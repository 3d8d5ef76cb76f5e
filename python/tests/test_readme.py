"""The program of README.md runs, and prints what README.md says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1]


def test_the_program_prints_what_the_readme_says() -> None:
    program = FOLDER / "examples/two_nodes.py"
    readme = (FOLDER / "README.md").read_text()
    shown = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", readme, re.DOTALL)
    assert shown is not None
    assert shown[1] == re.sub(r'^""".*?"""\n\n', "", program.read_text(), flags=re.DOTALL)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert done.stdout == shown[2]
