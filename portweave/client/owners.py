"""Find the process that a stack shall end with, from the option `--owner`."""

import os

from portweave.client.owner_choice import LEAST_AGE_S, Ancestor, nearest_owner, program_name
from portweave.errors import UsageError
from portweave.supervisor.services.lifetime import Owner
from portweave.system.processes import HAS_PROC, age_s, ancestors_of, started_at, words_of

AUTO = "auto"
_HINT = "--owner takes the pid of a live process of yours, as in --owner $PPID, or auto"


def owner_of(text: str) -> Owner:
    """The owner that a pid names.

    Raises:
        UsageError: It is no pid of a live process of this user, or it is process 1.
    """
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise UsageError(f"--owner takes a pid or auto, received {text!r}", hint=_HINT)
    pid = int(text)
    if pid <= 1:
        raise UsageError(f"process {pid} cannot own a stack: it never ends", hint=_HINT)
    start = started_at(pid)
    if start is None:
        raise UsageError(f"process {pid} does not run, so it cannot own a stack", hint=_HINT)
    if not _is_own(pid):
        raise UsageError(f"process {pid} belongs to another user", hint=_HINT)
    return Owner(pid, start, program_name(words_of(pid)))


def find_owner(least_age_s: float = LEAST_AGE_S) -> Owner | None:
    """The process that has this command run, past shells and wrappers; None if there is none.

    Args:
        least_age_s: The least age of that process, in seconds.
    """
    ancestors: list[Ancestor] = []
    starts: dict[int, str] = {}
    for pid in ancestors_of(os.getpid()):
        if (start := started_at(pid)) is None:
            break
        starts[pid] = start
        ancestors.append(Ancestor(pid, words_of(pid), age_s(start), _is_own(pid)))
    found = nearest_owner(ancestors, least_age_s)
    if found is None:
        return None
    return Owner(found.pid, starts[found.pid], program_name(found.words))


def _is_own(pid: int) -> bool:
    """Whether a stack of this user may end with a process: it has the same user, or we are root."""
    user_id = os.geteuid()
    if user_id == 0:
        return True
    if HAS_PROC:
        try:
            # proc(5): the folder belongs to the effective user of the process.
            return os.stat(f"/proc/{pid}").st_uid == user_id
        except OSError:
            return False
    import psutil

    try:
        return psutil.Process(pid).uids().effective == user_id
    except psutil.Error:
        return False
