"""Who owns a route, and whether he lives: a pid alone does not say, for it is used again."""

import os

from portweave.system.files import (
    read_all,
    write_new,
)
from portweave.system.processes import (
    HAS_PROC,
    started_at,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portweave.allocator.names.route_file import RouteMapping

_LARGEST_PID = 2**31 - 1


class Owners:
    """When the owners of routes began, as a file: a line `PID START HOSTNAME` for each.

    It is only ever replaced as a whole, before the routes are; who cannot read it takes the pids
    as they are.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> "dict[tuple[str, int], str]":
        """When the owner of a (hostname, pid) began."""
        try:
            lines = read_all(self._path).decode("utf-8", "surrogatepass").split("\n")
        except (OSError, ValueError):
            return {}
        found: dict[tuple[str, int], str] = {}
        for line in lines:
            pid, _, rest = line.partition(" ")
            started, _, hostname = rest.partition(" ")
            if pid.isdecimal():
                found[hostname, int(pid)] = started
        return found

    def add(self, new: "Iterable[tuple[str, int]]", routes: "Iterable[RouteMapping]") -> None:
        """Keep when new owners began, and forget those that have none of `routes`.

        Args:
            new: (hostname, pid) pairs.
            routes: What is to be written.

        Raises:
            OSError: It cannot be written.
        """
        before = self.read()
        kept = {(route.hostname, route.pid) for route in routes}
        after = {key: started for key, started in before.items() if key in kept}
        for hostname, pid in new:
            after.pop((hostname, pid), None)
            started = started_at(pid) if _is_pid(pid) and pid > 0 else None
            if started is not None and "\n" not in hostname and (hostname, pid) in kept:
                after[hostname, pid] = started
        if after == before:
            return
        lines = [f"{pid} {started} {hostname}\n" for (hostname, pid), started in after.items()]
        temporary = f"{self._path}.tmp.{os.getpid()}"
        write_new(temporary, "".join(lines).encode("utf-8", "surrogatepass"))
        os.replace(temporary, self._path)


def is_alive(route: "RouteMapping", started: "Mapping[tuple[str, int], str]") -> bool:
    """Whether the owner of a route lives: not as a zombie, and not as another process of its pid.

    Args:
        route: The route; with pid 0 it has no owner, and stays.
        started: From `Owners.read`.
    """
    pid = route.pid
    if pid == 0:
        return True
    if not _is_pid(pid):
        return False
    now = started_at(pid) if pid > 0 else None
    if now is not None:
        return started.get((route.hostname, pid), now) == now
    if HAS_PROC and pid > 0 and os.path.exists(f"/proc/{pid}/stat"):
        return False  # a zombie
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    # Where there is no /proc, what answers and cannot be looked at is a zombie.
    return HAS_PROC or pid < 0


def signed_proxy(path: str) -> tuple[int, str] | None:
    """Which process has signed as the proxy of a folder: its pid, and when it began.

    Args:
        path: Of the folder's `proxy.owner`.
    """
    try:
        pid, started = read_all(path).decode().split()
        # What is no number says nothing.
        float(started)
        return int(pid), started
    except (OSError, ValueError):
        return None


def _is_pid(pid: float) -> bool:
    return isinstance(pid, int) and -_LARGEST_PID <= pid <= _LARGEST_PID
