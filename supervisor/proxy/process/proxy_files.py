"""The files of a state folder that name its running proxy, and how to check them.

A proxy holds a lock on `proxy.lock` as long as it lives. `proxy.pid`, `proxy.port` and `proxy.tls`
are the files of portless; `proxy.tls` exists if the proxy speaks HTTPS. `proxy.owner` holds the
process's start time and shows that it is portweave's. `proxy.any-user` exists if it serves all
users.
"""

import os
import time
from errno import EACCES

from portweave import errors
from portweave.allocator.names.route_store import RouteStore
from portweave.allocator.state_folder import state_dir
from portweave.encoding.value import value
from portweave.system.files import (
    is_locked,
    read_all,
    replace,
)
from portweave.system.listeners import listening
from portweave.system.processes import (
    command_of,
    started_at,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 1355
_LARGEST_PORT = 65535
_PORTS_TRIED = 100
_LOCK = "proxy.lock"
_OWNER = "proxy.owner"
_TLS = "proxy.tls"
_ANY_USER = "proxy.any-user"
# Other users may look for the proxy.
_MODE = 0o644
_YES = frozenset({"1", "true", "yes", "on"})
# A proxy writes its files a few milliseconds after it listens.
_WRITES_S = 1.0
_PAUSE_S = 0.005


def routes_dir(environ: "Mapping[str, str]") -> str:
    """The default state folder of routes and proxy; this does not make it."""
    return f"{state_dir(environ)}/proxy"


def wants_tls(environ: "Mapping[str, str]") -> bool:
    """Whether the user's environment asks for HTTPS: by `PORTWEAVE_TLS=1`."""
    return environ.get("PORTWEAVE_TLS", "").lower() in _YES


def wanted_port(environ: "Mapping[str, str]") -> int | None:
    """The port in `PORTWEAVE_PROXY_PORT`; None for 1355 or the next free one.

    Raises:
        UsageError: The variable is not a port.
    """
    text = environ.get("PORTWEAVE_PROXY_PORT", "")
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_PORT))
    if not is_number or not 0 < int(text) <= _LARGEST_PORT:
        raise errors.UsageError(
            f"PORTWEAVE_PROXY_PORT takes 1 to {_LARGEST_PORT}, received {text!r}"
        )
    return int(text)


def wants_any_user(environ: "Mapping[str, str]") -> bool:
    """Whether `PORTWEAVE_PROXY_ANY_USER=1` has the proxy serve other users."""
    return environ.get("PORTWEAVE_PROXY_ANY_USER", "").lower() in _YES


def url_to_be(hostname: str, environ: "Mapping[str, str]") -> str:
    """The URL of a name if a proxy started now and its first port were free.

    Raises:
        UsageError: `PORTWEAVE_PROXY_PORT` is not a port.
    """
    scheme = "https" if wants_tls(environ) else "http"
    return f"{scheme}://{hostname}:{wanted_port(environ) or DEFAULT_PORT}"


def open_store(folder: str | None, environ: "Mapping[str, str]") -> RouteStore:
    """The route store of a folder; None means the user's own folder."""
    from sys import stderr

    def warn(text: str) -> None:
        print(f"[portweave] {text}", file=stderr)  # noqa: T201

    if folder is None:
        return RouteStore(routes_dir(environ), warn, private=True)
    return RouteStore(folder, warn)


def make_folder(store: RouteStore) -> None:
    """Make a store's folder if it is missing.

    Raises:
        StateUnwritableError: It cannot be made or written.
    """
    folder = state_folder(store)
    try:
        store.ensure_dir()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise errors.StateUnwritableError(folder, os.strerror(EACCES))
    except OSError as error:
        raise errors.StateUnwritableError(folder, error.strerror or str(error)) from error


def state_folder(store: RouteStore) -> str:
    """The absolute path of a store's folder."""
    return os.path.dirname(os.path.abspath(store.pid_path))


@value
class RunningProxy:
    """A running proxy.

    Attributes:
        pid: Its process.
        port: The port that it listens on.
        scheme: `http` or `https`.
        is_ours: Whether it is portweave's, not portless's.
        any_user: Whether it serves other users of this machine too.
    """

    pid: int
    port: int
    scheme: str
    is_ours: bool
    any_user: bool = False

    @property
    def command(self) -> str:
        """Its command line."""
        return command_of(self.pid)

    def url(self, hostname: str) -> str:
        """The URL of a host name through this proxy."""
        return f"{self.scheme}://{hostname}:{self.port}"


def find_proxy(store: RouteStore) -> RunningProxy | None:
    """Find the proxy of a folder; None if no living process is one."""
    pid, port = _number(store.pid_path), _number(store.port_file_path)
    if not pid or not port or started_at(pid) is None:
        return None
    folder = os.path.dirname(store.pid_path)
    scheme = "https" if os.path.exists(f"{folder}/{_TLS}") else "http"
    is_ours = store.has_our_proxy(pid)
    # portless serves all users.
    any_user = not is_ours or os.path.exists(f"{folder}/{_ANY_USER}")
    return RunningProxy(pid, port, scheme, is_ours=is_ours, any_user=any_user)


def recorded_pid(store: RouteStore) -> int:
    """The pid in a folder's `proxy.pid`, of a living process or not; 0 if there is none."""
    return _number(store.pid_path)


def _number(path: str) -> int:
    try:
        text = read_all(path).strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() and len(text) < 10 else 0


def port_to_be(store: RouteStore, wanted: int | None = None) -> int:
    """The port of a folder's proxy, or the port that it would take if it started now.

    Args:
        store: The folder's route store.
        wanted: The port that the user has chosen; None for 1355 or the next free one.
    """
    candidates = candidate_ports(wanted)
    until_s = time.monotonic() + _WRITES_S
    while True:
        running = find_proxy(store)
        if running is not None:
            return running.port
        busy = listening(candidates)
        is_late = time.monotonic() > until_s
        if candidates[0] not in busy or not _is_taken(store) or is_late:
            break
        # Our own proxy may listen there without having written its files yet.
        time.sleep(_PAUSE_S)
    return next((port for port in candidates if port not in busy), candidates[0])


def _is_taken(store: RouteStore) -> bool:
    """Whether a process holds the proxy lock of a folder."""
    try:
        return is_locked(_lock_path(store))
    except OSError:
        return False


def _lock_path(store: RouteStore) -> str:
    return f"{os.path.dirname(store.pid_path)}/{_LOCK}"


class ProxyLock:
    """The right to be the proxy of a folder, until it is closed.

    Args:
        store: The folder's route store; the folder is made if it is missing.

    Raises:
        ProxyRunningError: Another process is the proxy.
        OSError: The folder cannot be used.
    """

    def __init__(self, store: RouteStore) -> None:
        store.ensure_dir()
        self._store = store
        folder = os.path.dirname(store.pid_path)
        self._owner, self._tls = f"{folder}/{_OWNER}", f"{folder}/{_TLS}"
        self._any_user = f"{folder}/{_ANY_USER}"
        # Imported here: commands that only look for the proxy do not lock.
        from filelock import FileLock, Timeout

        self._lock = FileLock(_lock_path(store), mode=0o600, thread_local=False)
        other: int | None = None
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            other = _number(store.pid_path)
        else:
            running = find_proxy(store)
            if (
                running is not None
                and not running.is_ours
                and running.port in listening({running.port})
            ):
                other = running.pid
        if other is not None:
            self._lock.release()
            raise errors.ProxyRunningError(store.dir, other)

    def write_files(self, port: int, *, secure: bool = False, any_user: bool = False) -> None:
        """Write the files that let others find this proxy.

        Args:
            port: The port that it listens on.
            secure: Whether it speaks HTTPS.
            any_user: Whether it serves other users of this machine too.

        Raises:
            OSError: A file cannot be written.
        """
        pid = os.getpid()
        for path, is_so in ((self._tls, secure), (self._any_user, any_user)):
            if is_so:
                replace(path, b"1", _MODE)
            elif os.path.lexists(path):
                os.unlink(path)
        replace(self._owner, f"{pid} {started_at(pid)}\n".encode(), _MODE)
        replace(self._store.port_file_path, str(port).encode(), _MODE)
        # Last: a process that finds this file finds the others.
        replace(self._store.pid_path, str(pid).encode(), _MODE)

    def close(self) -> None:
        """Remove our files and release the lock; another proxy's files stay."""
        if _number(self._store.pid_path) == os.getpid():
            signed = (self._store.pid_path, self._store.port_file_path, self._owner)
            for path in (*signed, self._tls, self._any_user):
                try:
                    os.unlink(path)
                except OSError:
                    continue
        self._lock.release()


def candidate_ports(chosen: int | None) -> "list[int]":
    """The ports to try, in order: the chosen one, or 1355 and the next 99."""
    if chosen is not None:
        return [chosen]
    return list(range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED))
