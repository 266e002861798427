"""Stop a running stack from outside: ask its guardian, and wait for its end."""

import os
import signal
import time

from portweave import errors
from portweave.supervisor.registry.stack_records import StackRecord, is_alive, stack_key, stack_keys
from portweave.system.still_waiting import still

_PAUSE_S = 0.02


def stopped_among(pid: int) -> list[int]:
    """Pids of a guardian and its supervisor, if a signal such as SIGSTOP has stopped them."""
    import psutil

    try:
        guardian = psutil.Process(pid)
        both = [guardian, *guardian.children()]
        return [one.pid for one in both if one.status() == psutil.STATUS_STOPPED]
    except psutil.Error:
        return []


def end_stack(folder: str, record: StackRecord, timeout_s: float) -> None:
    """Ask the guardian of a stack to stop it, and wait until the guardian has ended.

    Args:
        folder: Folder of the records of stacks.
        record: The stack.
        timeout_s: How long to wait, in seconds.

    Raises:
        StackNotEndedError: It has not ended in time, or belongs to another user.
    """
    key = stack_key(record.root, record.namespace)
    deadline_s = time.monotonic() + timeout_s

    def refusal(why: str) -> "errors.StackNotEndedError":
        return errors.StackNotEndedError(record.namespace, record.root, record.pid, why)

    late = f"has not ended within {timeout_s:g} s"
    # The lock shows that a process runs the stack; the start time, that the pid is still its own.
    if key in stack_keys(folder, held=True) and not is_alive(record):
        # A supervisor whose guardian was killed ends by itself.
        late = "is held by a process that its record does not name"
    elif key in stack_keys(folder, held=True):
        try:
            os.kill(record.pid, signal.SIGTERM)
        except ProcessLookupError:  # it ended just now
            pass
        except PermissionError:
            raise refusal("belongs to another user") from None
    while key in stack_keys(folder, held=True):
        if time.monotonic() >= deadline_s:
            raise refusal(late)
        still("the stack, which got a signal")
        time.sleep(_PAUSE_S)
