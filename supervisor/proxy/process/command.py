"""The command that starts the proxy in the background, its log, and the wait for it."""

import os
import sys
import time

from portweave import errors
from portweave.supervisor.proxy.process.proxy_files import find_proxy

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portweave.allocator.names.route_store import RouteStore
    from portweave.supervisor.proxy.process.proxy_files import RunningProxy

START_S = 10.0
# How long a proxy that was started for stacks outlives the last stack.
LINGER_S = 30.0
PAUSE_S = 0.01
# A longer log is emptied at the next start.
_LOG_BYTES = 1 << 20


def words(
    *,
    port: str | None = None,
    state_dir: str | None = None,
    wildcard: bool = False,
    tls: bool = False,
    any_user: bool = False,
    for_stacks: bool = False,
    linger: str | None = None,
) -> list[str]:
    """The words of the command that runs a proxy.

    Args:
        port: The port, as on the command line; None for the default.
        state_dir: The state folder; None for the user's own.
        wildcard: Whether a host without a route gets the route of its longest parent.
        tls: Whether it speaks HTTPS.
        any_user: Whether it serves other users of this machine too.
        for_stacks: Whether it ends some time after the last stack.
        linger: That time, as on the command line.
    """
    found = [sys.executable, "-Im", "portweave", "proxy", "run"]
    found += ["--port", port] if port is not None else []
    found += ["--state-dir", os.path.abspath(state_dir)] if state_dir is not None else []
    found += ["--wildcard"] if wildcard else []
    found += ["--tls"] if tls else []
    found += ["--any-user"] if any_user else []
    found += ["--for-stacks"] if for_stacks else []
    found += ["--linger", linger] if linger else []
    return found


def environment(environ: "Mapping[str, str]") -> dict[str, str]:
    """The proxy's environment: the given one without the variables of portweave."""
    return {name: text for name, text in environ.items() if not name.startswith("PORTWEAVE_")}


class Log:
    """The log file of a folder's proxy.

    Args:
        store: The folder's route store; the folder is made if it is missing.

    Attributes:
        path: The file.
        descriptor: A descriptor that appends to it.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, store: "RouteStore") -> None:
        store.ensure_dir()
        self.path = f"{os.path.dirname(os.path.abspath(store.pid_path))}/proxy.log"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.descriptor = os.open(self.path, flags, 0o600)
        if os.fstat(self.descriptor).st_size > _LOG_BYTES:
            os.ftruncate(self.descriptor, 0)
        self._begins_at = os.fstat(self.descriptor).st_size

    def said(self) -> str:
        """The text that was written since this was made."""
        data = os.pread(self.descriptor, _LOG_BYTES, self._begins_at)
        return data.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)


def await_proxy(
    store: "RouteStore", log: Log, has_ended: "Callable[[], bool]"
) -> "RunningProxy | None":
    """Wait until a folder has a proxy, for up to `START_S` seconds.

    Args:
        store: The folder's route store.
        log: The log, opened before the proxy was started.
        has_ended: Returns whether the started process has ended.

    Returns:
        The running proxy; None if it takes too long.

    Raises:
        ProxyNotStartedError: The process has ended, and no other proxy is starting.
    """
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        running = find_proxy(store)
        if running is not None:
            return running
        # Another process may be starting a proxy at the same time, and win.
        if has_ended() and f"({errors.ProxyRunningError.code})" not in log.said():
            raise errors.ProxyNotStartedError(log.path, log.said())
        time.sleep(PAUSE_S)
    return None
