"""Folders of whose changes the kernel tells, without anybody waking up to look (inotify(7)).

watchfiles does the same for all systems, but its thread looks several times a second whether there
is something. Here the kernel wakes us, and nobody watches what no change matters in, such as
`node_modules`. Linux only.
"""

import errno
import os
import sys
from collections.abc import Callable, Iterable

from portweave.supervisor.core.inotify import (
    CHANGES,
    IN_CREATE,
    IN_EXCL_UNLINK,
    IN_IGNORED,
    IN_ISDIR,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_ONLYDIR,
    IN_Q_OVERFLOW,
    Told,
    parse,
)
from portweave.supervisor.core.value import value

# What has gone, or is not ours to look into, by the time that it is looked at.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP})
_READ_BYTES = 1 << 16


def is_told_by_kernel() -> bool:
    """Whether the kernel can be relied on to tell of changes.

    Not for folders of Windows below WSL, nor where the user asks for looking, for files that come
    over a network: as watchfiles, which then looks, has it.
    """
    if sys.platform != "linux" or "microsoft" in os.uname().release.lower():
        return False
    wish = os.environ.get("WATCHFILES_FORCE_POLLING", "")
    return wish.lower() in ("", "false", "disable", "disabled")


@value
class _Watched:
    path: str
    deep: bool


class FolderTree:
    """Watches folders, until it is closed.

    Args:
        deep: Those that are watched with all below.
        flat: Those that are watched alone.
        never: Names of folders that are not looked into.

    Raises:
        OSError: The system allows no more of this.

    Attributes:
        descriptor: Readable when there are changes.
    """

    def __init__(self, deep: Iterable[str], flat: Iterable[str], never: frozenset[str]) -> None:
        import ctypes

        self._tops = tuple(_Watched(path, True) for path in deep) + tuple(
            _Watched(path, False) for path in flat
        )
        self._never = never
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._errno: Callable[[], int] = ctypes.get_errno
        self._watched: dict[int, _Watched] = {}
        self.descriptor = self._check(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        self._is_closed = False

    def fill(self) -> None:
        """Begin to watch; what is below a folder takes its time, and belongs into a thread.

        Raises:
            OSError: The system allows no more watches.
        """
        for top in self._tops:
            self._add(top, set())

    def read(self) -> set[str]:
        """Paths that have changed; a folder that is new is told with what is in it.

        Raises:
            OSError: The system allows no more watches.
        """
        changed: set[str] = set()
        try:
            data = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return changed
        for told in parse(data):
            self._take(told, changed)
        return changed

    def close(self) -> None:
        """Watch no more."""
        self._is_closed = True
        os.close(self.descriptor)

    def _take(self, told: Told, changed: set[str]) -> None:
        if told.is_about(IN_Q_OVERFLOW):
            # Nobody knows what: it may be anything.
            self._watched.clear()
            for top in self._tops:
                self._add(top, changed)
            return
        if told.is_about(IN_IGNORED):
            self._watched.pop(told.watch, None)
            return
        folder = self._watched.get(told.watch)
        if folder is None:
            return
        name = os.fsdecode(told.name)
        path = f"{folder.path.rstrip('/')}/{name}" if name else folder.path
        changed.add(path)
        if not (told.is_about(IN_ISDIR) and name and folder.deep):
            return
        if told.is_about(IN_MOVED_FROM):
            self._forget(_Watched(path, True))
        if told.is_about(IN_CREATE, IN_MOVED_TO) and name not in self._never:
            self._add(_Watched(path, True), changed)

    def _add(self, top: _Watched, found: set[str]) -> None:
        """Watch a folder, and what is below; `found` takes the paths below."""
        waiting = [top.path]
        while waiting and not self._is_closed:
            path = waiting.pop()
            mask = CHANGES | IN_ONLYDIR | IN_EXCL_UNLINK
            watch = self._libc.inotify_add_watch(self.descriptor, os.fsencode(path), mask)
            if watch < 0 and self._errno() in _GONE:
                continue
            known = self._watched.get(self._check(watch))
            # What is watched already, by another way to it, was looked into.
            if known is not None and (known.deep or not top.deep):
                continue
            self._watched[watch] = _Watched(path, top.deep)
            if top.deep:
                waiting += self._folders_in(path, found)

    def _folders_in(self, path: str, found: set[str]) -> list[str]:
        folders: list[str] = []
        try:
            # Behind the beginning of the watch: what comes now is told, or found here.
            with os.scandir(path) as entries:
                for entry in entries:
                    found.add(entry.path)
                    if entry.name not in self._never and entry.is_dir():
                        folders.append(entry.path)
        except OSError as error:
            if error.errno not in _GONE:
                raise
        return folders

    def _forget(self, top: _Watched) -> None:
        """Watch no more what has been moved away."""
        for watch in [n for n, watched in self._watched.items() if _is_in(watched, top)]:
            del self._watched[watch]
            self._libc.inotify_rm_watch(self.descriptor, watch)

    def _check(self, answer: int) -> int:
        if answer < 0:
            number = self._errno()
            if number == errno.ENOSPC:
                raise OSError(number, "no more watches, see fs.inotify.max_user_watches")
            raise OSError(number, os.strerror(number))
        return answer


def _is_in(watched: _Watched, top: _Watched) -> bool:
    return watched.path == top.path or watched.path.startswith(f"{top.path.rstrip('/')}/")
