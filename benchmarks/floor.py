"""The least work of an allocation in Python: flock, read, write, rename.

Run as `python -I -S floor.py REGISTRY ROOT [COMMAND …]`; it becomes the command.
"""

import fcntl
import json
import os
import sys


def main() -> None:
    """Give ROOT two ports in REGISTRY."""
    registry, root, *command = sys.argv[1:]
    lock = os.open(registry + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with open(registry) as file:
            entries = json.load(file)
    except FileNotFoundError:
        entries = {}
    if root not in entries:
        start = 30000 + 2 * len(entries)
        entries[root] = [start, start + 1]
        with open(registry + ".new", "w") as file:
            json.dump(entries, file)
        os.rename(registry + ".new", registry)
    os.close(lock)
    if command:
        os.execvp(command[0], command)  # noqa: S606


main()
