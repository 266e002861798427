"""Wait for changes of the names in folders: inotify(7), by the event loop, without a thread.

A library that watches files polls several times a second. A stack looks at two folders for hours.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable

# inotify(7), sys/inotify.h.
_NAMES = 0x0040 | 0x0080 | 0x0100 | 0x0200  # IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE
_ITSELF = 0x0400 | 0x0800  # IN_DELETE_SELF, IN_MOVE_SELF
_ONLY_FOLDERS = 0x01000000  # IN_ONLYDIR
_EVENTS_BYTES = 65_536


class FolderEvents:
    """Calls a function when a name in one of some folders changes. Elsewhere than on Linux, never.

    Args:
        folders: The folders. One that does not exist is left out.
        on_change: Called in the event loop.
    """

    def __init__(self, folders: Iterable[str], on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._descriptor = -1
        if sys.platform != "linux":
            return
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            # The user has too many of them: inotify(7), max_user_instances.
            return
        for folder in folders:
            libc.inotify_add_watch(
                descriptor, os.fsencode(folder), _NAMES | _ITSELF | _ONLY_FOLDERS
            )
        self._descriptor = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._take)

    def _take(self) -> None:
        try:
            os.read(self._descriptor, _EVENTS_BYTES)
        except BlockingIOError:
            return
        self._on_change()

    def close(self) -> None:
        """Wait for nothing more."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
