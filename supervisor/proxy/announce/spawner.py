"""A process that becomes the proxy when it is told to, and that no stack ends.

The proxy is for the stacks of all worktrees, so it must not descend from one of them; but it is to
start after their services, when guardian and supervisor are subreapers already, to whom every
orphan is handed. So the guardian leaves a process behind before it becomes one: forked twice, in a
session of its own, asleep. A byte on its pipe makes it the proxy; the end of the pipe ends it.
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

# No process here has opened more.
_MOST_DESCRIPTORS = 1024


class ProxySpawner:
    """The process that is to be left behind, and the pipe that wakes it.

    Args:
        words: What it becomes.

    Attributes:
        wake: The end of the pipe that wakes it.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words
        self._sleeps_on, self.wake = os.pipe()

    def leave(self) -> None:
        """Leave it behind; from here on `wake` is only open where it was sent to."""
        try:
            pid = os.fork()
            if pid == 0:
                _sleep(self._sleeps_on, self._words)
            os.waitpid(pid, 0)
        except OSError:
            # No process could be made: there will be no proxy, and who waits for one says so.
            pass
        os.close(self._sleeps_on)
        os.close(self.wake)


def _sleep(inbox: int, words: tuple[str, ...]) -> "NoReturn":
    try:
        os.setsid()
        if os.fork() == 0:
            # Above all not the lock of the stack: it is held for as long as anybody has it open.
            os.dup2(inbox, 3)
            os.closerange(4, _MOST_DESCRIPTORS)
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            os.close(null)
            os.chdir("/")
            # What we were to undo, and how a signal ends us, is the guardian's.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            if os.read(3, 1):
                _become(words)
    finally:
        os._exit(0)


def _become(words: tuple[str, ...]) -> "NoReturn":
    from portweave.allocator.lease_folders import state_dir
    from portweave.allocator.names.route_store import RouteStore
    from portweave.supervisor.proxy.process.command import (
        Log,
        environment,
    )

    log = Log(RouteStore(f"{state_dir(os.environ)}/proxy", private=True))
    os.dup2(log.descriptor, 1)
    os.dup2(log.descriptor, 2)
    # Its own end of the pipe stays open: that it is closed tells who waits that it has ended.
    os.set_inheritable(3, True)
    # Until it handles them.
    hold_back()
    os.execve(words[0], words, environment(os.environ))  # noqa: S606
