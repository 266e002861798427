"""Read the event logs of worktrees, and cache what they tell until they change."""

import os
from collections import OrderedDict

from portweave.allocator.worktree import logs_dir
from portweave.panel.past_runs import EventHistory, StackEnd

# Some thousand events.
LARGEST_TAIL_BYTES = 1 << 20
# The last events of a stack tell how it ended.
_END_BYTES = 1 << 16
_MOST_KEPT = 1000


class EventFiles:
    """Reads event logs."""

    def __init__(self) -> None:
        self._ends: OrderedDict[str, tuple[object, StackEnd | None]] = OrderedDict()

    def history(self, root: str, namespace: str) -> EventHistory:
        """Return the history of a worktree's stacks.

        Args:
            root: The worktree's root.
            namespace: The namespace of the stack.
        """
        path = f"{logs_dir(root, namespace)}/portweave.log"
        lines = _tail(path, LARGEST_TAIL_BYTES)
        if sum(map(len, lines)) < LARGEST_TAIL_BYTES // 2:
            # The file was rotated a short while ago.
            lines = _tail(f"{path}.1", LARGEST_TAIL_BYTES // 2) + lines
        return EventHistory(lines)

    def end(self, root: str, namespace: str) -> StackEnd | None:
        """Return the end of a worktree's last stack; None where it is unknown.

        Args:
            root: The worktree's root.
            namespace: The namespace of the stack.
        """
        path = f"{logs_dir(root, namespace)}/portweave.log"
        try:
            found = os.stat(path)
        except OSError:
            return None
        stamp = found.st_ino, found.st_mtime_ns, found.st_size
        before = self._ends.get(path)
        if before is not None and before[0] == stamp:
            return before[1]
        end = EventHistory(_tail(path, _END_BYTES)).end()
        self._ends[path] = stamp, end
        while len(self._ends) > _MOST_KEPT:
            self._ends.popitem(last=False)
        return end


def _tail(path: str, size: int) -> list[bytes]:
    """Return the whole lines in the last bytes of a file; empty where it cannot be read."""
    try:
        with open(path, "rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - size))
            lines = file.read(size).split(b"\n")
    except OSError:
        return []
    return lines[1:] if length > size else lines
