"""Detect that the folder of a running stack was moved, removed or replaced.

The user may move the folder, by `git worktree move` or mv(1), or remove it. The supervisor keeps
its root open, so no other folder can get the same inode number (stat(2)). So a folder with that
number is the stack's, wherever it lies.
"""

import errno
import fcntl
import os
import sys

from portweave import errors
from portweave.allocator.naming import chosen_namespace, is_own_namespace
from portweave.allocator.state_folder import place_mark
from portweave.supervisor.registry.folder_state import FolderFacts
from portweave.supervisor.registry.stack_records import (
    StackRecord,
    is_held,
    live_stacks,
    read_record,
    stack_key,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def moved_here(
    folder: str, start: str, environ: "Mapping[str, str]"
) -> tuple[StackRecord, str] | None:
    """The live stack of a worktree that was moved to the folder of `start`.

    Args:
        folder: From `stacks_dir`.
        start: An absolute path without links.
        environ: `PORTWEAVE_NAMESPACE` is the user's choice.

    Returns:
        The stack and its worktree's present root; None if there is none.
    """
    found: list[tuple[StackRecord, str]] = []
    for stack in live_stacks(folder):
        place = _where(stack, start)
        # If the old root exists too, the same folder is mounted twice.
        if place and chosen_namespace(environ, place) in (None, stack.namespace) and is_gone(stack):
            found.append((stack, place))
    # Prefer the stack that runs in the worktree's own namespace.
    found.sort(
        key=lambda one: (not is_own_namespace(one[0].namespace, one[0].root), one[0].namespace)
    )
    return found[0] if found else None


def check_not_replaced(folder: str, root: str, namespace: str) -> None:
    """Check that no stack runs whose folder was at `root` before another folder took its place.

    Args:
        folder: From `stacks_dir`.
        root: The worktree's root.
        namespace: The worktree's namespace.

    Raises:
        StackMovedError: Such a stack runs. Registry and names still know it by this root.
    """
    key = stack_key(root, namespace)
    stack = read_record(folder, key) if is_held(folder, key) else None
    if stack is not None and is_gone(stack):
        raise _moved(namespace, root, stack.moved_to)


def _where(stack: StackRecord, start: str) -> str:
    """The stack's folder, if `start` lies in it; else empty."""
    place = start
    while stack.place:
        if place_mark(place) == stack.place:
            return place
        if place == "/" or os.path.lexists(f"{place}/.git"):
            break
        place = os.path.dirname(place)
    return ""


def check_place(stack: StackRecord, start: str) -> None:
    """Check that the folder of a stack can be found.

    Args:
        stack: The stack.
        start: Where to look for the folder otherwise; an absolute path without links.

    Raises:
        StackMovedError: The folder was removed, or is elsewhere.
    """
    if is_missing(stack) and not _where(stack, start):
        raise _moved(stack.namespace, stack.root, "")


def _moved(namespace: str, root: str, now: str) -> "errors.StackMovedError":
    return errors.StackMovedError(namespace, root, now, is_replaced=bool(place_mark(root)))


def is_gone(stack: StackRecord) -> bool:
    """Whether the folder of a stack was moved or removed since the stack began."""
    mark = place_mark(stack.root)
    return not mark or bool(stack.place and stack.place != mark)


def is_missing(stack: StackRecord) -> bool:
    """Whether the folder of a stack is neither where it began nor where its record says it is."""
    return is_gone(stack) and not (stack.moved_to and place_mark(stack.moved_to) == stack.place)


def place_now(stack: StackRecord, supervisors: "Iterable[int]") -> str:
    """The present path of a live stack's folder; empty if it was removed, or is unknown.

    Args:
        stack: The stack.
        supervisors: Pids of children of the recorded process. One of them is the supervisor.
    """
    if not is_gone(stack):
        return stack.root
    for pid in supervisors:
        folder = f"/proc/{pid}/fd"
        try:
            links = [f"{folder}/{name}" for name in os.listdir(folder)]
        except OSError:  # a setuid program of the user's shell
            continue
        for link in links:
            if stack.place and place_mark(link) == stack.place:
                return _target(link)
    return ""


def _target(link: str) -> str:
    """The path of an open folder; empty if the system does not tell.

    Args:
        link: The link of its descriptor in proc(5).
    """
    try:
        found = os.readlink(link)
    except OSError:
        return ""
    # The link of a removed folder names a path that does not exist.
    return found if place_mark(found) == place_mark(link) else ""


_GETPATH = 50  # fcntl(2) of macOS, F_GETPATH
# The folder is only recognised, not read: open(2), O_PATH; on macOS, O_EVTONLY of open(2).
_RECOGNISED = getattr(os, "O_PATH", 0) or getattr(os, "O_EVTONLY", os.O_RDONLY)


class FolderAnchor:
    """Keeps the folder of a stack open, to recognise it.

    Args:
        root: The folder.

    Attributes:
        is_missing: Whether there was no such folder.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.is_missing = False
        try:
            self._descriptor = os.open(root, _RECOGNISED | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            self._descriptor = -1
            self.is_missing = error.errno in (errno.ENOENT, errno.ENOTDIR)

    def follow(self, root: str) -> None:
        """Take a new path of the folder."""
        self._root = root

    def look(self) -> FolderFacts:
        """Look where the folder is. This may take as long as a file system does not answer."""
        if self._descriptor < 0:
            return FolderFacts(None, trouble="it could not be opened when the stack began")
        try:
            found = os.fstat(self._descriptor)
            at_root = place_mark(self._root)
            path = "" if place_mark(self._descriptor) == at_root else self._path()
        except OSError as error:
            return FolderFacts(None, trouble=error.strerror or str(error))
        return FolderFacts(
            found.st_nlink,
            mark=place_mark(self._descriptor),
            mark_at_root=at_root,
            path=path,
            mark_at_path=place_mark(path) if path else "",
        )

    def _path(self) -> str:
        if sys.platform == "darwin":
            found = fcntl.fcntl(self._descriptor, _GETPATH, b"\0" * 1024)
            return os.fsdecode(found.rstrip(b"\0"))
        return _target(f"/proc/self/fd/{self._descriptor}")

    def check(self, namespace: str) -> None:
        """Check that the folder is still where it was. Elsewhere no service could be started.

        Args:
            namespace: The stack's namespace.

        Raises:
            StackMovedError: The folder is elsewhere, or gone.
        """
        if self._descriptor < 0 or place_mark(self._descriptor) == place_mark(self._root):
            return
        now = _target(f"/proc/self/fd/{self._descriptor}")
        raise _moved(namespace, self._root, now)
