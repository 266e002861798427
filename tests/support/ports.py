"""Ports for tests that run at the same time."""

import fcntl
import os
import tempfile
from pathlib import Path

# Outside of the ephemeral ports of Linux and macOS, and of portweave's default pool.
FIRST_PORT, LAST_PORT = 20000, 30000


class Pool:
    """The ports from `start`, before `end`, which no other test uses."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"


def reserve_ports(size: int) -> Pool:
    """Reserve `size` ports for one test, even if several test runs share the machine.

    A file counts the next free port. After the last port it starts again, long after those tests.
    """
    path = Path(tempfile.gettempdir(), f"portweave-tests-{os.getuid()}.next-port")
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        start = int(file.read() or FIRST_PORT)
        if start + size > LAST_PORT:
            start = FIRST_PORT
        file.truncate(0)
        file.write(str(start + size))
    return Pool(start, start + size)
