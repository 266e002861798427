"""Who runs the proxy of a state folder: files that say so, and how to tell whether it is true.

A proxy holds a lock on `proxy.lock` for as long as it lives. `proxy.pid`, `proxy.port` and
`proxy.tls`, which is there where it speaks HTTPS, are those that portless has; `proxy.owner` says
when that process began, and that it is ours. `proxy.any-user` is there where it serves all users.
"""

import fcntl
import os
import time
from errno import EACCES

from portweave.allocator.lease_folders import state_dir
from portweave.allocator.names.route_store import RouteStore
from portweave.encoding.value import value
from portweave.errors import ProxyRunningError, StateUnwritableError, UsageError
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
# Other users may ask where the proxy is.
_MODE = 0o644
_YES = frozenset({"1", "true", "yes", "on"})
# From listening to signing it is a few milliseconds.
_SIGNS_S = 1.0
_PAUSE_S = 0.005


def routes_dir(environ: "Mapping[str, str]") -> str:
    """The state folder of routes and proxy where none is named; not made by this."""
    return f"{state_dir(environ)}/proxy"


def wants_tls(environ: "Mapping[str, str]") -> bool:
    """Whether the user's environment asks for HTTPS: by `PORTWEAVE_TLS=1`."""
    return environ.get("PORTWEAVE_TLS", "").lower() in _YES


def wanted_port(environ: "Mapping[str, str]") -> int | None:
    """Where the proxy is to listen, as `PORTWEAVE_PROXY_PORT` says; None for 1355 or the next free.

    Raises:
        UsageError: It says something else.
    """
    text = environ.get("PORTWEAVE_PROXY_PORT", "")
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_PORT))
    if not is_number or not 0 < int(text) <= _LARGEST_PORT:
        raise UsageError(f"PORTWEAVE_PROXY_PORT takes 1 to {_LARGEST_PORT}, received {text!r}")
    return int(text)


def wants_any_user(environ: "Mapping[str, str]") -> bool:
    """Whether the proxy is to serve other users: by `PORTWEAVE_PROXY_ANY_USER=1`."""
    return environ.get("PORTWEAVE_PROXY_ANY_USER", "").lower() in _YES


def url_to_be(hostname: str, environ: "Mapping[str, str]") -> str:
    """Where a name would be reached if a proxy were started now, and its first port were free.

    Raises:
        UsageError: The port that is wanted is none.
    """
    scheme = "https" if wants_tls(environ) else "http"
    return f"{scheme}://{hostname}:{wanted_port(environ) or DEFAULT_PORT}"


def open_store(folder: str | None, environ: "Mapping[str, str]") -> RouteStore:
    """The routes of a folder that was named, or of the user's own."""
    from sys import stderr

    def warn(text: str) -> None:
        print(f"[portweave] {text}", file=stderr)  # noqa: T201

    if folder is None:
        return RouteStore(routes_dir(environ), warn, private=True)
    return RouteStore(folder, warn)


def make_folder(store: RouteStore) -> None:
    """Make a store's folder where it is missing.

    Raises:
        StateUnwritableError: It cannot be made, or not be written.
    """
    folder = state_folder(store)
    try:
        store.ensure_dir()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StateUnwritableError(folder, os.strerror(EACCES))
    except OSError as error:
        raise StateUnwritableError(folder, error.strerror or str(error)) from error


def state_folder(store: RouteStore) -> str:
    """Where a store's files lie, as an absolute path."""
    return os.path.dirname(os.path.abspath(store.pid_path))


@value
class RunningProxy:
    """A proxy that runs.

    Attributes:
        pid: Its process.
        port: Where it listens.
        scheme: What it speaks: `http` or `https`.
        is_ours: Whether it is one of portweave's.
        any_user: Whether it serves other users of this machine, too.
    """

    pid: int
    port: int
    scheme: str
    is_ours: bool
    any_user: bool = False

    @property
    def command(self) -> str:
        """What it was started by."""
        return command_of(self.pid)

    def url(self, hostname: str) -> str:
        """Where a name is reached by it."""
        return f"{self.scheme}://{hostname}:{self.port}"


def find_proxy(store: RouteStore) -> RunningProxy | None:
    """The proxy of a folder; None where no living process is one."""
    pid, port = _number(store.pid_path), _number(store.port_file_path)
    if not pid or not port or started_at(pid) is None:
        return None
    folder = os.path.dirname(store.pid_path)
    scheme = "https" if os.path.exists(f"{folder}/{_TLS}") else "http"
    is_ours = store.has_our_proxy(pid)
    # Portless asks nobody who it is.
    any_user = not is_ours or os.path.exists(f"{folder}/{_ANY_USER}")
    return RunningProxy(pid, port, scheme, is_ours=is_ours, any_user=any_user)


def signed_pid(store: RouteStore) -> int:
    """The process that has signed as the proxy of a folder, living or not; 0 for none."""
    return _number(store.pid_path)


def _number(path: str) -> int:
    try:
        text = read_all(path).strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() and len(text) < 10 else 0


def port_to_be(store: RouteStore, wanted: int | None = None) -> int:
    """Where the proxy of a folder listens, or will if it is started now.

    Args:
        store: The folder's.
        wanted: The port that it is to take, where the user has chosen one.
    """
    candidates = candidate_ports(wanted)
    until_s = time.monotonic() + _SIGNS_S
    while True:
        running = find_proxy(store)
        if running is not None:
            return running.port
        busy = listening(candidates)
        is_late = time.monotonic() > until_s
        if candidates[0] not in busy or not _is_taken(store) or is_late:
            break
        # It may be our own that listens there, and has not signed yet.
        time.sleep(_PAUSE_S)
    return next((port for port in candidates if port not in busy), candidates[0])


def _is_taken(store: RouteStore) -> bool:
    """Whether somebody holds the post of a folder."""
    try:
        return is_locked(_lock_path(store))
    except OSError:
        return False


def _lock_path(store: RouteStore) -> str:
    """What whoever holds the post of a folder has locked."""
    return f"{os.path.dirname(store.pid_path)}/{_LOCK}"


class ProxyLock:
    """The right to be the proxy of a folder, until it is closed.

    Args:
        store: The folder's; made if missing.

    Raises:
        ProxyRunningError: Somebody else has it.
        OSError: The folder cannot be used.
    """

    def __init__(self, store: RouteStore) -> None:
        store.ensure_dir()
        self._store = store
        folder = os.path.dirname(store.pid_path)
        self._owner, self._tls = f"{folder}/{_OWNER}", f"{folder}/{_TLS}"
        self._any_user = f"{folder}/{_ANY_USER}"
        self._lock = os.open(_lock_path(store), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        other: int | None = None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
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
            os.close(self._lock)
            raise ProxyRunningError(store.dir, other)

    def sign(self, port: int, *, secure: bool = False, any_user: bool = False) -> None:
        """Tell others who and where we are.

        Args:
            port: Where we listen.
            secure: Whether we speak HTTPS.
            any_user: Whether we serve other users of this machine, too.

        Raises:
            OSError: It cannot be written.
        """
        pid = os.getpid()
        for path, is_so in ((self._tls, secure), (self._any_user, any_user)):
            if is_so:
                replace(path, b"1", _MODE)
            elif os.path.lexists(path):
                os.unlink(path)
        replace(self._owner, f"{pid} {started_at(pid)}\n".encode(), _MODE)
        replace(self._store.port_file_path, str(port).encode(), _MODE)
        # The last one: who finds it finds the others.
        replace(self._store.pid_path, str(pid).encode(), _MODE)

    def close(self) -> None:
        """Give it up; what another one has signed since is left alone."""
        if _number(self._store.pid_path) == os.getpid():
            signed = (self._store.pid_path, self._store.port_file_path, self._owner)
            for path in (*signed, self._tls, self._any_user):
                try:
                    os.unlink(path)
                except OSError:
                    continue
        os.close(self._lock)


def candidate_ports(chosen: int | None) -> "list[int]":
    """The ports to try, in this order."""
    if chosen is not None:
        return [chosen]
    return list(range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED))
