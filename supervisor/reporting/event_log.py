"""Portweave's own events, as JSON lines in a file beside the logs of the services."""

import os
from collections import deque
from collections.abc import Mapping
from typing import Any

from portweave.system.files import make_own_folder

SEGMENT_BYTES = 10 << 20
SEGMENTS_KEPT = 5
# The most events that wait for the file to open.
_MOST_WAITING = 1000
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_LEVELS = {"failed": "error", "blocked": "error", "unhealthy": "warning", "backoff": "warning"}


class EventLog:
    """The event log of a stack. It keeps events in memory until it is open.

    Its import takes longer than services take to start, so it opens later.

    Args:
        folder: The folder of the logs.

    Attributes:
        folder: The same; it may be set to another path if the folder was moved.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_MOST_WAITING)
        self._log: Any = None
        self._file = -1
        self._size = 0
        self._lost = 0

    @property
    def _path(self) -> str:
        return f"{self.folder}/portweave.log"

    def add(self, event: Mapping[str, object]) -> None:
        """Add an event: a phrase in `event`, its `time`, and flat fields."""
        if self._log is None:
            self._waiting.append(dict(event))
        else:
            self._write(dict(event))

    def open(self) -> None:
        """Write all waiting events, and from now on each event at once."""
        if self._log is not None:
            return
        from portweave.system.log_setup import configure

        self._log = configure(self._write_line)
        while self._waiting:
            self._write(self._waiting.popleft())

    def close(self) -> None:
        """Write the waiting events, and close the file."""
        if self._waiting:
            self.open()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, fields: dict[str, Any]) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._log.warning("events lost", count=lost)
        level = _LEVELS.get(str(fields.get("state")), "info")
        getattr(self._log, level)(fields.pop("event"), **fields)

    def _write_line(self, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        try:
            if self._file >= 0 and os.fstat(self._file).st_nlink == 0:
                # The file was removed, as by `git clean`.
                os.close(self._file)
                self._file = -1
            if self._file < 0:
                make_own_folder(os.path.dirname(self._path))
                self._file = os.open(self._path, _FLAGS, 0o600)
                self._size = os.fstat(self._file).st_size
            if self._size >= SEGMENT_BYTES:
                self._rotate()
            self._size += os.write(self._file, data)
        except OSError:
            # Mostly a full disk. The stack goes on, and the lost events are counted.
            self._lost += 1

    def _rotate(self) -> None:
        for number in range(SEGMENTS_KEPT - 2, -1, -1):
            old = f"{self._path}.{number}" if number else self._path
            if os.path.exists(old):
                os.replace(old, f"{self._path}.{number + 1}")
        os.close(self._file)
        self._file = os.open(self._path, _FLAGS, 0o600)
        self._size = 0
