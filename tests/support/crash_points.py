"""Run programs that are killed at a chosen system call, to test what is left."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# Every call that changes the disk, or may.
CALLS = (
    *("open", "write", "fsync", "fchmod", "close"),
    *("link", "mkdir", "rename", "replace", "rmdir", "unlink"),
)

_FRAME = """
import os, signal, sys

step, how, *words = sys.argv[1:]
left = int(step)

def wrap(name):
    real = getattr(os, name)
    def call(*args, **options):
        global left
        left -= 1
        if left == 0:
            try:
                if how == "after":
                    real(*args, **options)
                elif how == "half" and name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)
    setattr(os, name, call)

def say(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()

def main():
    pass
"""
_START = f"""
for name in {CALLS!r}:
    wrap(name)
main()
"""


def kill_at_each_step(
    program: str, words: list[str], environ: Mapping[str, str], how: str, home: Path
) -> Iterator[tuple[int, list[str]]]:
    """Run a program repeatedly, and kill it one system call later each time, until it ends.

    Args:
        program: Source that defines `main()`, which may call `say`.
        words: Its arguments.
        environ: Its environment.
        how: Whether the kill comes `before` the call, `after` it, or after `half` of a write.
        home: Its working directory.

    Yields:
        The number of the step, and what the program has said so far.
    """
    step = 0
    while True:
        step += 1
        done = subprocess.run(
            [sys.executable, "-c", _FRAME + program + _START, str(step), how, *words],
            env=environ,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, -9}, done.stderr
        yield step, done.stdout.split()
        if done.returncode == 0:
            return
