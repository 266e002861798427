"""The routes of a state folder in a file, in the format and with the lock of portless.

A writer holds the lock and replaces the file as a whole. Readers take no lock. While a proxy of
portless runs on the folder, the file is written in place instead, because that proxy watches the
inode. A copy of the last version lies beside the file (`routes.json.copy`). A damaged file is set
aside, never lost: its complete entries and the copy are used.

Pids are used again. So the start of each owner is kept in a file of its own (`routes.owners`), as
other programs compare the routes file byte for byte.
"""

import os
import time

from portweave import errors
from portweave.allocator.names.route_file import (
    NotRoutesError,
    RouteMapping,
    routes_from,
    salvage,
    text_of,
)
from portweave.allocator.names.route_owners import (
    Owners,
    is_alive,
    signed_proxy,
)
from portweave.allocator.ports.registry import sweep
from portweave.errors import PortweaveError
from portweave.system.files import (
    make_folders,
    read_all,
    remove_all,
    replace,
    write_all,
    write_new,
)
from portweave.system.processes import started_at
from portweave.system.registry_lock import FolderLock

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FILE_MODE = 0o644
DIR_MODE = 0o755
# The mode that portless gave to a folder for all users. Kept for programs that import the name.
SYSTEM_DIR_MODE = 0o1777
SYSTEM_FILE_MODE = 0o666
PRIVATE_FILE_MODE = 0o600
PRIVATE_DIR_MODE = 0o700

# Longer than a lock may be stale, so that a crashed holder makes no writer fail.
_STALE_S = 10.0
_PATIENCE_S = 15.0
_ATTEMPTS = 600
# Pauses for a file that another program writes in place: it is complete after an instant.
_TORN_PAUSES_S = (0.002, 0.005, 0.01, 0.02, 0.04)
_FRESH_S = 1.0
_TAKEN_AWAY = "the lock was taken away by another program"


class RouteStore:
    """The routes of one state folder.

    Args:
        dir: The folder, kept as it is given.
        on_warning: Takes a warning if the file is damaged.
        private: Whether new folders and files are for their owner alone (0700 and 0600).

    Attributes:
        dir: The folder.
        pid_path: The file with the proxy's pid.
        port_file_path: The file with the proxy's port.
    """

    def __init__(
        self,
        dir: "str | os.PathLike[str]",  # noqa: A002
        on_warning: "Callable[[str], object] | None" = None,
        *,
        private: bool = False,
    ) -> None:
        self.dir = os.fspath(dir)
        self.pid_path = self._beside("proxy.pid")
        self.port_file_path = self._beside("proxy.port")
        self._path = self._beside("routes.json")
        self._copy = self._beside("routes.json.copy")
        self._lock = self._beside("routes.lock")
        self._owners = Owners(self._beside("routes.owners"))
        self._warn: Callable[[str], object] = on_warning or (lambda _: None)
        self._dir_mode, self._file_mode = DIR_MODE, FILE_MODE
        if private:
            self._dir_mode, self._file_mode = PRIVATE_DIR_MODE, PRIVATE_FILE_MODE

    def _beside(self, name: str) -> str:
        return os.path.normpath(os.path.join(self.dir, name))

    def get_routes_path(self) -> str:
        """The path of the routes file."""
        return self._path

    def ensure_dir(self) -> None:
        """Make the folder if it is missing. An existing one keeps its mode."""
        folder = self._beside(".")
        if not os.path.isdir(folder):
            parent = os.path.dirname(os.path.abspath(folder))
            # Set each mode: the umask only removes rights, and may be 0.
            make_folders(parent, self._dir_mode)
            try:
                os.mkdir(folder, self._dir_mode)
            except FileExistsError:
                return
            os.chmod(folder, self._dir_mode)
        _hand_over(folder)

    def load_routes(self, persist_cleanup: bool = False) -> list[RouteMapping]:
        """The routes whose owners are alive, in the order of the file.

        Args:
            persist_cleanup: Whether to remove the routes of dead owners from the file, too. They
                stay if the lock is held, or if the folder cannot be written.
        """
        routes = self.load_routes_raw()
        alive = self._alive(routes)
        if persist_cleanup and len(alive) < len(routes):
            try:
                return self._change(lambda routes: routes, is_patient=False)
            except (errors.RouteLockError, OSError):
                return alive
        return alive

    def refresh_routes(
        self, before: "Iterable[RouteMapping] | None"
    ) -> tuple[list[RouteMapping], bool]:
        """The routes whose owners are alive. Does not wait for a program that writes them.

        Args:
            before: The routes of the last refresh; None at the first one.

        Returns:
            The routes, and whether the file was complete. If it was not, its readable entries come
            first, then those of `before`; at the first refresh, those of the copy.
        """
        found: list[RouteMapping] = []
        try:
            return self._alive(routes_from(read_all(self._path))), True
        except (FileNotFoundError, NotADirectoryError):
            return [], True
        except NotRoutesError as error:
            found = salvage(error.data)
        except OSError:
            # Too many files are open, or another program has removed the right to read it.
            found = []
        known: dict[str, RouteMapping] = {}
        for route in self._alive([*found, *(self._copied() if before is None else before)]):
            known.setdefault(route.hostname, route)
        return list(known.values()), False

    def load_routes_raw(self) -> list[RouteMapping]:
        """All routes, in the order of the file, whether their owners are alive or not."""
        try:
            return self._read()
        except NotRoutesError as error:
            self._warn(f"Corrupted routes file ({error.what}): {self._path}")
            return self._rescue(error.data)
        except OSError:
            return []

    def add_route(self, hostname: str, port: int, pid: int, force: bool = False) -> int | None:
        """Route requests for a host to a port, for as long as a process lives.

        Args:
            hostname: The host name, kept as it is; `parse_hostname` checks one.
            port: The service's port, on a loopback address.
            pid: The owner; 0 for a route that stays until it is removed.
            force: Whether to replace the route of another owner. No signal is sent.

        Returns:
            The living owner whose route was replaced; None if there was none.

        Raises:
            RouteConflictError: Another living owner, or a route that stays, has the name.
            RouteLockError: Another process held the lock for too long, or it cannot be taken.
            OSError: The routes cannot be written.
        """
        replaced: int | None = None

        def change(routes: list[RouteMapping]) -> list[RouteMapping]:
            nonlocal replaced
            holder = next((route for route in routes if route.hostname == hostname), None)
            replaced = None
            if holder is not None and holder.pid != pid:
                if not force:
                    raise errors.RouteConflictError(hostname, holder.pid)
                replaced = holder.pid
            others = [route for route in routes if route.hostname != hostname]
            return [*others, RouteMapping(hostname, port, pid)]

        self._change(change, adding=[(hostname, pid)])
        return replaced

    def set_routes(self, owner_pid: int, ports: "Mapping[str, int]") -> list[RouteMapping]:
        """Replace all routes of an owner. Names that another owner has are left out.

        Args:
            owner_pid: The process whose end removes the routes.
            ports: The port of each host name.

        Returns:
            The routes of other living owners with these names.

        Raises:
            RouteLockError: Another process held the lock for too long, or it cannot be taken.
            OSError: The routes cannot be written.
        """
        holders: list[RouteMapping] = []

        def change(before: list[RouteMapping]) -> list[RouteMapping]:
            others = [route for route in before if route.pid != owner_pid]
            holders[:] = [route for route in others if route.hostname in ports]
            taken = {route.hostname for route in holders}
            mine = [
                RouteMapping(hostname, port, owner_pid)
                for hostname, port in ports.items()
                if hostname not in taken
            ]
            return others + mine

        self._change(change, adding=[(hostname, owner_pid) for hostname in ports])
        return holders

    def remove_route(self, hostname: str, owner_pid: int | None = None) -> None:
        """Remove a host's route. It may be missing.

        Args:
            hostname: The name, as it was added.
            owner_pid: Remove the route only if it has this owner.

        Raises:
            RouteLockError: Another process held the lock for too long, or it cannot be taken.
            OSError: The routes cannot be written.
        """
        self._change(
            lambda routes: [
                route
                for route in routes
                if route.hostname != hostname or owner_pid not in (None, route.pid)
            ],
            always=True,
        )

    def prune_stale_routes(self) -> list[RouteMapping]:
        """Remove the routes whose owners have ended, and return them.

        Raises:
            RouteLockError: Another process held the lock for too long, or it cannot be taken.
            OSError: The routes cannot be written.
        """
        dead: list[RouteMapping] = []
        self._change(lambda routes: routes, dropped=dead)
        return dead

    def _hand_over_all(self) -> None:
        """Under sudo, give the files to the calling user, because root made them."""
        if "SUDO_UID" in os.environ:
            for name in ("routes.flock", "routes.owners", "routes.json", "routes.json.copy"):
                _hand_over(self._beside(name))

    def _alive(self, routes: list[RouteMapping]) -> list[RouteMapping]:
        if not any(route.pid for route in routes):
            return routes
        started = self._owners.read()
        return [route for route in routes if is_alive(route, started)]

    def _change(
        self,
        change: "Callable[[list[RouteMapping]], list[RouteMapping]]",
        *,
        adding: "Iterable[tuple[str, int]]" = (),
        always: bool = False,
        dropped: list[RouteMapping] | None = None,
        is_patient: bool = True,
    ) -> list[RouteMapping]:
        """Replace the routes of living owners.

        Args:
            change: Takes the routes and returns the new ones.
            adding: New (hostname, pid) pairs.
            always: Whether to write even without a change.
            dropped: Gets the routes whose owners have ended.
            is_patient: Whether to wait for another holder of the lock.
        """
        self.ensure_dir()
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                with self._locked(is_patient=is_patient) as lock:
                    before = self._load_for_change()
                    alive = self._alive(before)
                    if dropped is not None:
                        dropped[:] = [route for route in before if route not in alive]
                    after = change(alive)
                    if adding:
                        self._owners.add(adding, after)
                    if adding or always or after != before:
                        self._save(after, lock)
                    self._hand_over_all()
                    return after
            except _LostError:
                if time.monotonic() > until_s:
                    raise errors.RouteLockError(self._lock, _TAKEN_AWAY) from None
            except PortweaveError:
                raise
            except OSError as error:
                if error.filename in (self._lock, self._beside("routes.flock")):
                    raise errors.RouteLockError(self._lock, error.strerror or str(error)) from error
                raise

    def _locked(self, *, is_patient: bool) -> "_RouteLock":
        return _RouteLock(self._beside("routes.flock"), self._lock, is_patient=is_patient)

    def _load_for_change(self) -> list[RouteMapping]:
        """All routes. A damaged file is set aside first."""
        try:
            return self._read()
        except NotRoutesError as error:
            if error.data.strip():
                aside = f"{self._path}.damaged-{time.time_ns() // 1_000_000}"
                write_new(aside, error.data)
                _hand_over(aside)
                self._warn(f"Corrupted routes file ({error.what}): {self._path}, kept as {aside}")
            return self._rescue(error.data)

    def _read(self) -> list[RouteMapping]:
        """The routes of the file. Waits a moment if the file is being written.

        Raises:
            NotRoutesError: It is not a routes file, and is not being written.
            OSError: It cannot be read.
        """
        for pause_s in (*_TORN_PAUSES_S, None):
            try:
                return routes_from(read_all(self._path))
            except (FileNotFoundError, NotADirectoryError):
                return []
            except NotRoutesError:
                if pause_s is None or not self._is_fresh():
                    raise
            time.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def _is_fresh(self) -> bool:
        """Whether the file may be being written."""
        try:
            age_s = time.time() - os.stat(self._path).st_mtime
        except OSError:
            return True
        return abs(age_s) < _FRESH_S or os.path.lexists(self._lock)

    def _rescue(self, damaged: bytes) -> list[RouteMapping]:
        """The entries that a damaged file still has, then those of the copy."""
        found = salvage(damaged)
        # The entry of a dead owner must not hide one of a living owner.
        names = {route.hostname for route in self._alive(found)}
        return [*(route for route in self._copied() if route.hostname not in names), *found]

    def _copied(self) -> list[RouteMapping]:
        """The routes of the copy; none if it cannot be read."""
        try:
            return routes_from(read_all(self._copy))
        except (OSError, NotRoutesError):
            return []

    def _save(self, routes: list[RouteMapping], lock: FolderLock) -> None:
        data = text_of(routes)
        target = os.path.realpath(self._path)
        in_place = os.path.exists(target) and self._is_watched_by_inode()
        for path in (self._path, self._copy):
            sweep(path, time.time())
        temporary = f"{target}.tmp.{os.getpid()}.{time.time_ns() // 1_000_000}"
        write_new(temporary, data)
        try:
            _take_after(temporary, target, self._file_mode)
            lock.check()
            os.replace(temporary, self._copy if in_place else target)
        except BaseException:
            _discard(temporary)
            raise
        if in_place:
            _overwrite(target, data)
        else:
            self._keep_copy(target, data)

    def _keep_copy(self, target: str, data: bytes) -> None:
        """Write the copy; remove it if that fails, because it would be too old."""
        try:
            replace(self._copy, data, os.stat(target).st_mode & 0o777)
        except OSError:
            _discard(self._copy)

    def _is_watched_by_inode(self) -> bool:
        """Whether a proxy of another program runs on the folder."""
        try:
            pid = int(read_all(self.pid_path))
        except (OSError, ValueError):
            return False
        return is_alive(RouteMapping("", 0, pid), {}) and not self.has_our_proxy(pid)

    def has_our_proxy(self, pid: int) -> bool:
        """Whether this living process is portweave's proxy for the folder."""
        return signed_proxy(self._beside("proxy.owner")) == (pid, started_at(pid))


class _LostError(Exception):
    """Another program removed the lock, because this process had stopped for long."""


class _RouteLock(FolderLock):
    def __init__(self, file: str, folder: str, *, is_patient: bool) -> None:
        super().__init__(
            file,
            folder,
            queue_s=_PATIENCE_S if is_patient else 0,
            attempts=_ATTEMPTS if is_patient else 1,
            stale_s=_STALE_S,
        )
        self._folder_name = folder

    def check(self) -> None:
        try:
            super().check()
        except errors.RouteLockError:
            raise _LostError from None

    def refusal(self, holder: str, pid: int | None) -> PortweaveError:
        return errors.RouteLockError(self._folder_name, f"it is held by {holder}", pid)


def _take_after(path: str, model: str, mode: int) -> None:
    """Give a new file the mode and, if allowed, the owner of the file that it replaces."""
    try:
        status = os.stat(model)
    except FileNotFoundError:
        if mode == PRIVATE_FILE_MODE:
            # The umask is of the whole process, where another thread may be starting programs.
            os.chmod(path, mode)
            return
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(path, mode & ~mask)
        return
    if os.geteuid() == 0 and (status.st_uid, status.st_gid) != (0, 0):
        os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, status.st_mode & 0o7777)


def _overwrite(path: str, data: bytes) -> None:
    """Write in place. A reader finds the old routes or the new ones."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        # Pad with blanks to the old length, so that it is JSON before it is truncated.
        write_all(descriptor, data.ljust(os.fstat(descriptor).st_size))
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


def _discard(path: str) -> None:
    try:
        remove_all(path)
    except FileNotFoundError:
        return


def _hand_over(path: str) -> None:
    """Under sudo, give a file to the calling user. Links are left alone."""
    uid = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not uid.isdecimal() or os.path.islink(path):
        return
    gid = os.environ.get("SUDO_GID", "")
    try:
        os.chown(path, int(uid), int(gid) if gid.isdecimal() else int(uid))
    except OSError:
        return
