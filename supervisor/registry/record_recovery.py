"""Find running stacks whose record was removed.

The record may be removed with all of `$XDG_STATE_HOME`; the control socket lies elsewhere. A
supervisor that gets a connection checks its record, and puts it back if it is missing. So this
module connects, waits a moment, and reads the records again.
"""

import os
import time

from portweave import errors
from portweave.allocator.naming import chosen_namespace
from portweave.allocator.socket_paths import (
    all_sockets,
    listener_at,
    sockets_of,
)
from portweave.allocator.worktree import own_namespace
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

# A supervisor reacts within one turn of its loop, unless the machine is busy.
_ANSWERS_S = 2.0
# The socket may be of a stack with another state folder, which restores nothing here.
_MAY_ANSWER_S = 0.2
_PAUSE_S = 0.005


def restored_around(folder: str, start: str, environ: "Mapping[str, str]") -> StackRecord | None:
    """The live stack around `start`, after it has put its record back.

    Args:
        folder: From `stacks_dir`.
        start: An absolute path without links.
        environ: As in `stack_around`. It also names the folders of sockets.

    Raises:
        RecordLostError: A stack runs, but cannot put its record back.
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
    """Whether a stack runs whose record was missing, and is back.

    Args:
        folder: From `stacks_dir`.
        key: The stack's key.
        environ: Names the folders of sockets.

    Raises:
        RecordLostError: The stack runs, but cannot put its record back.
    """
    for socket in sockets_of(environ, folder, key):
        pid = listener_at(socket)
        if pid is None:
            continue
        if not _await(lambda: read_record(folder, key) is not None, _ANSWERS_S):
            raise errors.RecordLostError(key, pid, folder)
        return True
    return False


def all_restored(folder: str, environ: "Mapping[str, str]") -> list[StackRecord]:
    """All live stacks, after those without a record have put it back.

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


def _await(predicate: "Callable[[], bool]", time_s: float) -> bool:
    until_s = time.monotonic() + time_s
    while not predicate():
        if time.monotonic() >= until_s:
            return False
        time.sleep(_PAUSE_S)
    return True
