"""Ask the one who runs a stack to stop it, from outside."""

import os
import signal
import time

from portweave.errors import StackNotEndedError
from portweave.supervisor.registry.stack_records import StackRecord, is_alive, stack_key, stack_keys

_PAUSE_S = 0.02


def stopped_among(pid: int) -> list[int]:
    """A guardian and its supervisor, as far as they stand still because of a signal."""
    import psutil

    try:
        guardian = psutil.Process(pid)
        both = [guardian, *guardian.children()]
        return [one.pid for one in both if one.status() == psutil.STATUS_STOPPED]
    except psutil.Error:
        return []


def end_stack(folder: str, record: StackRecord, timeout_s: float) -> None:
    """Ask the one who runs a stack to stop it, and wait until he has ended.

    Args:
        folder: Where records lie.
        record: The stack.
        timeout_s: How long to wait.

    Raises:
        StackNotEndedError: It has not ended in time, or is not ours to stop.
    """
    key = stack_key(record.root, record.namespace)
    deadline_s = time.monotonic() + timeout_s

    def refusal(why: str) -> StackNotEndedError:
        return StackNotEndedError(record.namespace, record.root, record.pid, why)

    late = f"has not ended within {timeout_s:g} s"
    # The lock says that somebody lives; the start time, that the number is still his own.
    if key in stack_keys(folder, held=True) and not is_alive(record):
        # A supervisor whose guardian was killed ends by itself.
        late = "is held by a process that its record does not name"
    elif key in stack_keys(folder, held=True):
        try:
            os.kill(record.pid, signal.SIGTERM)
        except ProcessLookupError:  # in this very moment
            pass
        except PermissionError:
            raise refusal("is not ours to stop") from None
    while key in stack_keys(folder, held=True):
        if time.monotonic() >= deadline_s:
            raise refusal(late)
        time.sleep(_PAUSE_S)
