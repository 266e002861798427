"""Run a stack in the foreground: this process is its guardian."""

import os
from collections.abc import Callable

from portweave.system.interrupts import at_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from portweave.client.stack_start import StackStart


def run_attached(
    make: "Callable[[], StackStart]", began_s: float, waiting: "AbstractContextManager[object]"
) -> int:
    """Run a stack until it ends, or join it if it runs already; return the exit status.

    Args:
        make: Plans the stack.
        began_s: When the command began, on the monotonic clock.
        waiting: Shows what the command waits for before the stack runs, or while it follows one.
            It is entered twice.

    Raises:
        StackEndedError: The stack that it was about to join has ended.
        PortweaveError: The stack cannot be planned, or not be joined.
    """
    from portweave.supervisor.shutdown.guardian import SupervisorProcess
    from portweave.supervisor.start import supervise, warm_up
    from portweave.system.clean_environment import MARKS
    from portweave.system.processes import clear_variables

    # Marks identify services of a stack. This process may be one of an outer stack's.
    clear_variables(MARKS)
    # Forked first: it imports its modules while this process plans.
    supervisor = SupervisorProcess(warm_up, supervise)
    at_end(supervisor.dismiss)
    try:
        with waiting:
            stack = make()
            lock = stack.lock()
            order = stack.work_order(lock, os.getpid(), began_s) if lock is not None else b""
    except BaseException:
        supervisor.dismiss()
        raise
    if lock is None:
        supervisor.dismiss()
        with waiting:
            stack.join()
        return 0
    with lock:
        return supervisor.start(order, lock, stack.tag, stack.proxy_command())
