"""A waiting process that becomes the proxy, and that no stack ends.

The proxy serves the stacks of all worktrees, so it must not descend from one of them. But it starts
after their services, when guardian and supervisor are subreapers and get every orphan. So the
guardian forks a process before it becomes a subreaper: twice, and in a session of its own. That
process waits on a pipe. A byte on the pipe makes it the proxy; the end of the pipe ends it.
"""

import os

from portweave.system.interrupts import hold_back

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    import signal
    from typing import NoReturn
else:
    # `signal` makes enumerations of what this has as numbers.
    signal = __import__("_signal")

# No process of portweave opens more before this.
_MOST_DESCRIPTORS = 1024


class ProxySpawner:
    """Starts the waiting process.

    Args:
        words: The command that the process becomes.

    Attributes:
        wake: The end of the pipe that wakes the process.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words
        self._sleeps_on, self.wake = os.pipe()

    def start(self) -> None:
        """Start the process; the kernel gives it to the next subreaper above this process."""
        try:
            pid = os.fork()
            if pid == 0:
                _sleep(self._sleeps_on, self._words)
            os.waitpid(pid, 0)
        except OSError:
            # There will be no proxy; the stack that waits for it reports that.
            pass

    def close(self) -> None:
        """Close this process's ends of the pipe; copies of `wake` elsewhere stay open."""
        os.close(self._sleeps_on)
        os.close(self.wake)


def _sleep(inbox: int, words: tuple[str, ...]) -> "NoReturn":
    try:
        os.setsid()
        if os.fork() == 0:
            # The stack's lock above all: it is held as long as any process has it open.
            os.dup2(inbox, 3)
            os.closerange(4, _MOST_DESCRIPTORS)
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            os.close(null)
            os.chdir("/")
            # Signal handlers and cleanup belong to the guardian.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            if os.read(3, 1):
                _become(words)
    finally:
        os._exit(0)


def _become(words: tuple[str, ...]) -> "NoReturn":
    from portweave.allocator.names.route_store import RouteStore
    from portweave.allocator.state_folder import state_dir
    from portweave.supervisor.proxy.process.command import (
        Log,
        environment,
    )

    log = Log(RouteStore(f"{state_dir(os.environ)}/proxy", private=True))
    os.dup2(log.descriptor, 1)
    os.dup2(log.descriptor, 2)
    # The end of the pipe stays open: once it is closed, the waiting stack knows that we have ended.
    os.set_inheritable(3, True)
    # Until the proxy handles the signals.
    hold_back()
    os.execve(words[0], words, environment(os.environ))  # noqa: S606
