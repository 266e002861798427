"""How a process becomes a supervisor, in the foreground or detached.

A detached guardian is a fresh interpreter, not a fork of the command that starts it: its
environment, which tag scans read, is to be without the marks of an outer stack. It is started first
of all, so that it has imported what it needs by the time that there is something to run.
"""

import _socket
import os
import sys

from portweave.supervisor.shutdown.guardian import (
    WATCHED,
    SupervisorProcess,
    receive,
    send,
)
from portweave.system.interrupts import clear_at_end

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    import asyncio
    import signal
    from collections.abc import Mapping

    from portweave.supervisor.registry.stack_lock import StackLock
else:
    # `signal` makes enumerations of what this has as numbers.
    signal = __import__("_signal")

_INBOX = 3
_runner: "asyncio.Runner | None" = None
# -P: what lies in the folder that we are called from is not ours to import.
_COMMAND = ("-P", "-c", "from portweave.supervisor.start import guard; guard()")


def warm_up() -> None:
    """Import what the supervisor needs: in its own process, while the parent does the rest."""
    from importlib import import_module

    if "ssl" not in sys.modules:
        # asyncio has OpenSSL loaded where there is one, for as long as ten services take to start.
        # The supervisor speaks TLS with nobody but a probe, which sees to that itself.
        sys.modules["ssl"] = None  # type: ignore[assignment]  # pyright: ignore
        import_module("asyncio")
        del sys.modules["ssl"]
    for name in ("pickle", "portweave.system.fast_loop", "portweave.supervisor.stack"):
        import_module(name)
    from portweave.supervisor.processes.process_tree import become_subreaper

    # Before there is any service: whatever one leaves behind is handed to us from the beginning.
    become_subreaper()


def supervise(work: bytes, descriptors: list[int], guardian: _socket.socket) -> int:
    """Run a stack; the exit status."""
    import asyncio
    import pickle

    from portweave.supervisor.stack import run as run_stack
    from portweave.system.fast_loop import FastLoop

    lock, stdin, _, *wake = descriptors
    # From our own parent, by a socket that nobody else has.
    given = pickle.loads(work)  # noqa: S301
    # It is not closed: with its handlers gone, a signal would end us in the middle of our end, or
    # the interpreter would tell of it. The process ends next.
    global _runner
    _runner = runner = asyncio.Runner(loop_factory=FastLoop)
    return runner.run(run_stack(given, wake[0] if wake else None, guardian, lock, stdin))


class DetachedGuardian:
    """A guardian in a session of its own, that is to run a stack.

    Args:
        environ: Its environment.

    Attributes:
        pid: Its number.
    """

    def __init__(self, environ: "Mapping[str, str]") -> None:
        self._socket, theirs = _socket.socketpair()
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        actions = [
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, null, 1),
            (os.POSIX_SPAWN_DUP2, null, 2),
            (os.POSIX_SPAWN_DUP2, theirs.fileno(), _INBOX),
        ]
        self.pid = os.posix_spawn(
            sys.executable,
            [sys.executable, *_COMMAND],
            environ,
            file_actions=actions,
            setsid=True,
            # Until it handles them.
            setsigmask=WATCHED,
            setsigdef=(
                signal.SIGINT,
                signal.SIGQUIT,
                signal.SIGTERM,
                signal.SIGHUP,
                signal.SIGCHLD,
            ),
        )
        os.close(null)
        theirs.close()

    def start(
        self,
        work: bytes,
        folder: str,
        key: str,
        tag: str,
        lock: "StackLock",
        proxy: tuple[str, ...],
    ) -> None:
        """Have it run a stack, and hand the right to do so over to it."""
        head = "\0".join((folder, key, tag, "\n".join(proxy))).encode("utf-8", "surrogateescape")
        send(self._socket, head + b"\0" + work, lock.descriptor)

    def dismiss(self) -> None:
        """There is nothing to run: it ends."""
        clear_at_end()
        self._socket.close()
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            # We were started by one who does not want to know of his children.
            return


def guard() -> None:
    """Be a detached guardian: wait for a stack to run, and run it."""
    from portweave.supervisor.registry.stack_lock import StackLock

    # What else the caller had open, such as a lock or the pipe of a shell, is not ours to keep.
    os.closerange(_INBOX + 1, os.sysconf("SC_OPEN_MAX"))
    inbox = _socket.socket(fileno=_INBOX)
    # What we hold open nobody else is to have; what we stand in could not be unmounted.
    os.set_inheritable(_INBOX, False)
    os.chdir("/")
    supervisor = SupervisorProcess(warm_up, supervise)
    received = receive(inbox)
    if received is None:
        supervisor.dismiss()
        return
    data, descriptors = received
    folder, key, tag, proxy, work = data.split(b"\0", 4)
    lock = StackLock(_text(folder), _text(key), descriptors[0])
    with lock:
        supervisor.start(work, lock, _text(tag), tuple(_text(proxy).split("\n")) if proxy else ())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
