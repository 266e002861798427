"""The current routes of a state folder, whichever program has changed them."""

import os
import time
from typing import TYPE_CHECKING

from portweave.system.listeners import sockets
from portweave.system.processes import parent_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from portweave.allocator.names.route_file import RouteMapping
    from portweave.allocator.names.route_store import RouteStore

# A file written this recently may change again without a change of its mtime.
_RACY_S = 0.05
# How soon the end of a route's owner is noticed.
_FRESH_S = 1.0
# How soon to read a half-written file again.
_TORN_S = 0.05


class Table:
    """Reads the routes when they may have changed; each look at the file costs a microsecond.

    Watching the file would miss its replacement, and watching the folder costs more than looking.
    While the file is damaged, the previous routes stay as long as their owners live.

    Attributes:
        get_wait_count: Returns how often the event loop has waited; 0 if it does not count.
            Requests that arrive in one wait share one look at the file.
    """

    def __init__(self, store: "RouteStore", clock: "Callable[[], float]" = time.time) -> None:
        self._store = store
        self._path = store.get_routes_path()
        self._clock = clock
        self.get_wait_count: Callable[[], int] = lambda: 0
        self._looked = 0
        self._seen: tuple[int, ...] | None = None
        self._until_s = 0.0
        self._routes: tuple[RouteMapping, ...] = ()
        self._is_loaded = False

    def routes(self) -> "tuple[RouteMapping, ...]":
        """The routes whose owners are alive."""
        wait_count = self.get_wait_count()
        if wait_count and wait_count == self._looked:
            return self._routes
        self._looked = wait_count
        try:
            status = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            self._seen = None
            self._routes = ()
            return ()
        except OSError:
            # It exists, but cannot be read for now.
            return self._routes
        now_s = self._clock()
        seen = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns)
        if seen != self._seen or not now_s < self._until_s <= now_s + _FRESH_S:
            self._seen = seen
            is_racy = abs(now_s - status.st_mtime) < _RACY_S
            before = self._routes if self._is_loaded else None
            found, is_whole = self._store.refresh_routes(before)
            self._routes, self._is_loaded = tuple(found), True
            self._until_s = now_s if is_racy else now_s + (_FRESH_S if is_whole else _TORN_S)
        return self._routes

    def __len__(self) -> int:
        return len(self.routes())


def ports_of_family(pid: int) -> list[int]:
    """The ports that a process and its descendants listen on."""
    parents = {int(name): parent_of(int(name)) for name in os.listdir("/proc") if name.isdecimal()}
    family = {pid}
    while found := {child for child, parent in parents.items() if parent in family} - family:
        family |= found
    inodes: set[str] = set()
    for member in family:
        try:
            links = os.listdir(f"/proc/{member}/fd")
        except OSError:
            continue
        for link in links:
            try:
                inodes.add(os.readlink(f"/proc/{member}/fd/{link}"))
            except OSError:
                continue
    return sorted({one.port for one in sockets() if f"socket:[{one.inode}]" in inodes})
