"""What tests of stacks write down again and again."""

import sys
from pathlib import Path

# Answers with a list of the folder's files.
SERVE = f"{sys.executable} -IS {Path(__file__).with_name('listing.py')} $PORT"

# Is ready as soon as it runs, and ends when it is asked to.
IDLE = "{command: 'echo up; exec sleep 1000', port: false, ready: {log: up}}"
# The same, but does not end by itself.
STUBBORN = (
    "{command: 'trap \"\" TERM; echo up; while :; do sleep 0.05; done', port: false, "
    "ready: {log: up}, stopGracePeriod: 20s}"
)


def write(root: Path, text: str, name: str = "portweave.yaml") -> None:
    (root / name).write_text(text)
