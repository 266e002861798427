"""Find a route's owning process and whether it is alive: pids are used again, so starts count."""

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
    """When the owners of routes began, in a file: a line `PID START HOSTNAME` for each.

    The file is replaced as a whole, before the routes are. If it cannot be read, the pids alone
    count.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> "dict[tuple[str, int], str]":
        """The start of each owner, by (hostname, pid)."""
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
        """Add the starts of new owners, and remove owners without a route.

        Args:
            new: (hostname, pid) pairs.
            routes: The routes that will be written.

        Raises:
            OSError: The file cannot be written.
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
    """Whether the owner of a route is alive. A zombie is not, nor is a newer process with its pid.

    Args:
        route: The route. With pid 0 it has no owner, and stays.
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
    # Without /proc, a process that answers but hides its state is a zombie.
    return HAS_PROC or pid < 0


def signed_proxy(path: str) -> tuple[int, str] | None:
    """Pid and start of the process that signed as the proxy of a folder; None if none did.

    Args:
        path: The folder's `proxy.owner`.
    """
    try:
        pid, started = read_all(path).decode().split()
        # A text that is no number tells nothing.
        float(started)
        return int(pid), started
    except (OSError, ValueError):
        return None


def _is_pid(pid: float) -> bool:
    return isinstance(pid, int) and -_LARGEST_PID <= pid <= _LARGEST_PID
