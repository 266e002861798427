"""Start a supervisor, in the foreground or detached.

A detached guardian is a fresh interpreter, not a fork of the command. So its environment, which
scans for tags read, has no tags of an outer stack. It starts before anything else, so that its
imports are done when there is a stack to run.
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
# -P: Python must not import modules from the working folder.
_COMMAND = ("-P", "-c", "from portweave.supervisor.start import guard; guard()")


def warm_up() -> None:
    """Import all that the supervisor needs, in its own process, while the parent goes on."""
    from importlib import import_module

    if "ssl" not in sys.modules:
        # asyncio imports OpenSSL, which takes as long as the start of ten services. In the
        # supervisor only probes use TLS, and import it themselves.
        sys.modules["ssl"] = None  # type: ignore[assignment]  # pyright: ignore
        import_module("asyncio")
        del sys.modules["ssl"]
    for name in ("pickle", "portweave.system.fast_loop", "portweave.supervisor.stack"):
        import_module(name)
    from portweave.supervisor.processes.process_tree import become_subreaper

    # Before the first service, so that the kernel hands over each process that a service leaves.
    become_subreaper()


def supervise(work: bytes, descriptors: list[int], guardian: _socket.socket) -> int:
    """Run a stack.

    Args:
        work: The pickled work order.
        descriptors: The lock, both ends of the services' standard input, and, with a proxy, its
            wake descriptor.
        guardian: The socket to the guardian.

    Returns:
        The exit status.
    """
    import asyncio
    import pickle

    from portweave.supervisor.stack import run as run_stack
    from portweave.system.fast_loop import FastLoop

    lock, stdin, _, *wake = descriptors
    # It comes from the parent, by a socket that no other process has.
    given = pickle.loads(work)  # noqa: S301
    # The runner is not closed. Without its handlers, a signal would interrupt the end, or make the
    # interpreter print an error. The process ends next.
    global _runner
    _runner = runner = asyncio.Runner(loop_factory=FastLoop)
    return runner.run(run_stack(given, wake[0] if wake else None, guardian, lock, stdin))


class DetachedGuardian:
    """A guardian in its own session, which waits for a stack to run.

    Args:
        environ: Its environment.

    Attributes:
        pid: Of the guardian.
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
            # Blocked until it handles them.
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
        """Have it run a stack, and pass the lock of the stack to it.

        Args:
            work: The pickled work order.
            folder: The folder of the stack's record.
            key: The key of the record.
            tag: The prefix of the tags of the stack's processes.
            lock: The lock of the stack.
            proxy: The command that starts the proxy; empty for none.
        """
        head = "\0".join((folder, key, tag, "\n".join(proxy))).encode("utf-8", "surrogateescape")
        send(self._socket, head + b"\0" + work, lock.descriptor)

    def dismiss(self) -> None:
        """End it: there is nothing to run."""
        clear_at_end()
        self._socket.close()
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            # The parent of this process ignores SIGCHLD, so the kernel has reaped it.
            return


def guard() -> None:
    """Run as a detached guardian: wait for a stack, and run it."""
    from portweave.supervisor.registry.stack_lock import StackLock

    # Other descriptors of the caller, such as a lock or a shell's pipe, must not stay open.
    os.closerange(_INBOX + 1, os.sysconf("SC_OPEN_MAX"))
    inbox = _socket.socket(fileno=_INBOX)
    # No child may inherit the socket, and the working folder must stay unmountable.
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
