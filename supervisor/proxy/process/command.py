"""The command by which the proxy is started in the background, and what became of it."""

import os
import sys
import time

from portweave.errors import ProxyNotStartedError, ProxyRunningError
from portweave.supervisor.proxy.process.proxy_files import find_proxy

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portweave.allocator.names.route_store import RouteStore
    from portweave.supervisor.proxy.process.proxy_files import RunningProxy

START_S = 10.0
# How long after the last stack one that was started for stacks ends.
LINGER_S = 30.0
PAUSE_S = 0.01
# What it has said before is of no use to anybody.
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
    """The words of the command.

    Args:
        port: Where it is to listen, as on the command line.
        state_dir: The folder, where it is not the user's own.
        wildcard: As on the command line.
        tls: Whether it speaks HTTPS.
        any_user: Whether it serves other users of this machine, too.
        for_stacks: Whether it ends when the last stack has been gone for a while.
        linger: For how long, as on the command line.
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
    """What it inherits: all that portweave sets or reads for a stack is none of its business."""
    return {name: text for name, text in environ.items() if not name.startswith("PORTWEAVE_")}


class Log:
    """What the proxy of a folder says in the background.

    Args:
        store: The folder's; made if missing.

    Attributes:
        path: Where.
        descriptor: To write there.

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
        """What was said since."""
        data = os.pread(self.descriptor, _LOG_BYTES, self._begins_at)
        return data.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Be done with it."""
        os.close(self.descriptor)


def await_proxy(
    store: "RouteStore", log: Log, has_ended: "Callable[[], bool]"
) -> "RunningProxy | None":
    """Wait until a folder has a proxy; None where that takes too long.

    Args:
        store: The folder's.
        log: From before it was started.
        has_ended: Whether the process that was started has.

    Raises:
        ProxyNotStartedError: It has ended, and no other one is being started.
    """
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        running = find_proxy(store)
        if running is not None:
            return running
        # Somebody else's may be being started at this moment, and be quicker.
        if has_ended() and f"({ProxyRunningError.code})" not in log.said():
            raise ProxyNotStartedError(log.path, log.said())
        time.sleep(PAUSE_S)
    return None
