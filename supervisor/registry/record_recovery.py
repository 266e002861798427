"""Find stacks whose record somebody has removed while they run.

Such as with all of `$XDG_STATE_HOME`. Their control sockets lie elsewhere, and a supervisor to whom
somebody connects looks whether its record is still there, and puts it back if it is not. So one
knocks, waits a moment, and reads the records again.
"""

import os
import time

from portweave.allocator.naming import chosen_namespace
from portweave.allocator.worktree import own_namespace
from portweave.errors import RecordLostError
from portweave.supervisor.registry.socket_paths import (
    all_sockets,
    listener_at,
    sockets_of,
)
from portweave.supervisor.registry.stack_records import (
    StackRecord,
    live_stacks,
    read_record,
    stack_around,
    stack_key,
    stack_keys,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

# A supervisor answers within a turn of its loop, unless the machine is busy.
_ANSWERS_S = 2.0
# It may be that of a stack with another state folder, which has nothing to put back here.
_MAY_ANSWER_S = 0.2
_PAUSE_S = 0.005


def restored_around(folder: str, start: str, environ: "Mapping[str, str]") -> StackRecord | None:
    """The live stack that `start` lies in, as `stack_around` would have found it.

    Args:
        folder: From `stacks_dir`.
        start: An absolute path without links.
        environ: As of `stack_around`; names the folders of sockets besides.

    Raises:
        RecordLostError: There is one, but it cannot put its record back.
    """
    place = start
    while True:
        namespace = chosen_namespace(environ, place) or own_namespace(place)
        key = stack_key(place, namespace)
        if restored(folder, key, environ):
            return stack_around(folder, start, environ)
        if place == "/" or os.path.lexists(f"{place}/.git"):
            return None
        place = os.path.dirname(place)


def restored(folder: str, key: str, environ: "Mapping[str, str]") -> bool:
    """Whether a stack runs that had no record any more, and has one now.

    Args:
        folder: From `stacks_dir`.
        key: The stack's.
        environ: Names the folders of sockets.

    Raises:
        RecordLostError: It runs, but cannot put its record back.
    """
    for socket in sockets_of(environ, folder, key):
        pid = listener_at(socket)
        if pid is None:
            continue
        if not _await(lambda: read_record(folder, key) is not None, _ANSWERS_S):
            raise RecordLostError(key, pid, folder)
        return True
    return False


def all_restored(folder: str, environ: "Mapping[str, str]") -> list[StackRecord]:
    """The live stacks, those among them that had no record any more.

    Args:
        folder: From `stacks_dir`.
        environ: Names the folders of sockets.
    """
    keys = stack_keys(folder, held=True)
    known = {socket for key in keys for socket in sockets_of(environ, folder, key)}
    others = [socket for socket in all_sockets(environ) if socket not in known]
    if [socket for socket in others if listener_at(socket) is not None]:
        before = len(known)
        _await(lambda: len(stack_keys(folder, held=True)) > before, _MAY_ANSWER_S)
    return live_stacks(folder)


def _await(is_so: "Callable[[], bool]", time_s: float) -> bool:
    until_s = time.monotonic() + time_s
    while not is_so():
        if time.monotonic() >= until_s:
            return False
        time.sleep(_PAUSE_S)
    return True
