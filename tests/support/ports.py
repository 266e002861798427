"""Ports for tests that run at the same time."""

import fcntl
import os
import tempfile
from pathlib import Path

# Outside the ephemeral ports of Linux and macOS, and outside portweave's own pool.
FIRST_PORT, LAST_PORT = 20000, 30000


class Pool:
    """The ports from `start` on, before `end`, that no other test uses meanwhile."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"


def reserve_ports(size: int) -> Pool:
    """Take `size` ports for one test, also where several test runs share the machine.

    The next free port is counted in a file; after the last one it begins again, long after those
    tests have ended.
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
