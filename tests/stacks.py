"""What tests of stacks write down again and again."""

import sys
from pathlib import Path

SERVE = f"{sys.executable} -u -m http.server $PORT --bind 127.0.0.1"


def write(root: Path, text: str, name: str = "portweave.yaml") -> None:
    (root / name).write_text(text)
