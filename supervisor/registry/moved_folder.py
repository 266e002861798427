"""Whether a stack's folder is still where it was when the stack began.

A folder may be moved, by `git worktree move` or mv(1), or removed, while the stack runs on. A
supervisor keeps its root open, so that no other folder gets the number of that inode: who has it is
the same folder, wherever it lies (stat(2)).
"""

import os

from portweave.allocator.naming import chosen_namespace, is_own_namespace
from portweave.allocator.running_stacks import place_mark
from portweave.errors import StackMovedError
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
    """The live stack that was begun in a worktree which has been moved to where `start` lies.

    Args:
        folder: From `stacks_dir`.
        start: An absolute path without links.
        environ: `PORTWEAVE_NAMESPACE` in it is obeyed.

    Returns:
        It, and where the worktree is now; None where there is none.
    """
    found: list[tuple[StackRecord, str]] = []
    for stack in live_stacks(folder):
        place = _where(stack, start)
        # Where it is still there, too, somebody has mounted it twice.
        if place and chosen_namespace(environ, place) in (None, stack.namespace) and is_gone(stack):
            found.append((stack, place))
    # Of several with a namespace each, the one that needs no choice of the user's.
    found.sort(
        key=lambda one: (not is_own_namespace(one[0].namespace, one[0].root), one[0].namespace)
    )
    return found[0] if found else None


def check_not_replaced(folder: str, root: str, namespace: str) -> None:
    """Check that no stack runs on whose folder lay at `root` before another one did.

    Args:
        folder: From `stacks_dir`.
        root: Of a worktree.
        namespace: The worktree's.

    Raises:
        StackMovedError: One does: registry and names know it by this root.
    """
    key = stack_key(root, namespace)
    stack = read_record(folder, key) if is_held(folder, key) else None
    if stack is not None:
        check_place(stack, root)


def _where(stack: StackRecord, start: str) -> str:
    """The folder that a stack began in, where `start` lies in it; empty where it does not."""
    place = start
    while stack.place:
        if place_mark(place) == stack.place:
            return place
        if place == "/" or os.path.lexists(f"{place}/.git"):
            break
        place = os.path.dirname(place)
    return ""


def check_place(stack: StackRecord, start: str) -> None:
    """See that the folder of a stack is where it was.

    Args:
        stack: The stack.
        start: Where it may be looked for; an absolute path without links.

    Raises:
        StackMovedError: It is not.
    """
    if is_gone(stack):
        raise _moved(stack.namespace, stack.root, _where(stack, start))


def _moved(namespace: str, root: str, now: str) -> StackMovedError:
    return StackMovedError(namespace, root, now, is_replaced=bool(place_mark(root)))


def is_gone(stack: StackRecord) -> bool:
    """Whether the folder that a stack began in lies elsewhere by now, or nowhere."""
    mark = place_mark(stack.root)
    return not mark or bool(stack.place and stack.place != mark)


def place_now(stack: StackRecord, supervisors: "Iterable[int]") -> str:
    """Where the folder of a live stack lies; empty where it does not exist, or nothing tells.

    Args:
        stack: The stack.
        supervisors: Pids that may be its supervisor's: the children of the process in the record.
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
    """Where an open folder lies; empty where the system does not tell.

    Args:
        link: Of its descriptor, proc(5).
    """
    try:
        found = os.readlink(link)
    except OSError:
        return ""
    # Of one that was removed it is a path that leads nowhere.
    return found if place_mark(found) == place_mark(link) else ""


class FolderAnchor:
    """A supervisor's hold on the folder of its stack.

    Args:
        root: The folder.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        try:
            self._descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            self._descriptor = -1

    def check(self, namespace: str) -> None:
        """See that the folder is where it was: elsewhere nothing of it could be started.

        Args:
            namespace: Of the stack.

        Raises:
            StackMovedError: It is not.
        """
        if self._descriptor < 0 or place_mark(self._descriptor) == place_mark(self._root):
            return
        now = _target(f"/proc/self/fd/{self._descriptor}")
        raise _moved(namespace, self._root, now)
