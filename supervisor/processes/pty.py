"""Services on pseudo-terminals of their own, as programs want them that colour what they print.

A service gets two: one for its input and its output, which is its controlling terminal, and one for
its errors, so that both streams stay apart. Neither adds carriage returns nor echoes what is
written to it. Both have to be read as long as anybody has them open (pty(7)).
"""

import contextlib
import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence

from portweave.supervisor.processes.spawn import (
    limit_descriptors,
    not_spawned,
)

_closed_inherited = False


class NoTerminalError(Exception):
    """There are no terminals to be had."""


class Leader:
    """A process that was started on a terminal.

    Attributes:
        pid: Its number.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def wait(self) -> int:
        """Wait for its end: its exit status, or -n after signal n."""
        if self._status is None:
            try:
                _, status = os.waitpid(self.pid, 0)
            except ChildProcessError:
                # Somebody else has reaped it: nothing is known.
                self._status = 0
            else:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status


def spawn_on_terminal(
    argv: tuple[str, ...],
    working_dir: str,
    environment: Mapping[str, str],
    size: tuple[int, int],
) -> tuple[Leader, int, int]:
    """Start a command in a session of its own, on two terminals of its own.

    Args:
        argv: What to execute; looked for in the PATH of `environment`.
        working_dir: Where.
        environment: All of it.
        size: Rows and columns.

    Returns:
        The process, and the other ends of its terminals, not blocking: one for its input and
        output, one for its errors. At their end a read fails with EIO, or is empty (macOS).

    Raises:
        NoTerminalError: There is no terminal for it.
        NotSpawnedError: It could not be started.
    """
    _keep_inherited_to_ourselves()
    opened: list[int] = []
    try:
        try:
            master, slave = _open(size, opened)
            err_master, err_slave = _open(size, opened)
        except (OSError, termios.error) as error:
            raise NoTerminalError(str(error)) from error
        pid = _spawn(argv, working_dir, environment, os.ttyname(slave), err_slave)
    except (OSError, ValueError) as error:
        _close(opened)
        raise not_spawned(error, argv[0], working_dir) from error
    except NoTerminalError:
        _close(opened)
        raise
    os.close(slave)
    os.close(err_slave)
    limit_descriptors(pid)
    return Leader(pid), master, err_master


def resize(terminals: Sequence[int], size: tuple[int, int]) -> None:
    """Tell terminals their rows and columns; the kernel tells who runs there (SIGWINCH)."""
    for descriptor in terminals:
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))


def set_echo(terminal: int, *, on: bool) -> None:
    """Have a terminal show what is typed at it, or not.

    A program that takes key by key, such as an editor of lines, shows them itself, and is left.
    """
    with contextlib.suppress(OSError, termios.error):
        attributes = termios.tcgetattr(terminal)
        if not attributes[3] & termios.ICANON:
            return
        if on:
            attributes[3] |= termios.ECHO
        else:
            attributes[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, attributes)


def _open(size: tuple[int, int], opened: list[int]) -> tuple[int, int]:
    master, slave = os.openpty()
    opened += (master, slave)
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    # A new one has no size at all.
    resize([master], size)
    os.set_blocking(master, False)
    return master, slave


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _spawn(
    argv: tuple[str, ...],
    working_dir: str,
    environment: Mapping[str, str],
    terminal: str,
    errors: int,
) -> int:
    actions = [
        # Who leads a session and has no terminal gets the one it opens as its controlling one.
        (os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, errors, 2),
    ]
    here = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            os.chdir(working_dir)
        except OSError as error:
            error.filename = working_dir
            raise
        failure: OSError | None = None
        for path in _candidates(argv[0], environment):
            try:
                return os.posix_spawn(
                    path,
                    argv,
                    dict(environment),
                    file_actions=actions,
                    setsid=True,
                    setsigmask=(),
                    setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
                )
            except (FileNotFoundError, NotADirectoryError) as error:
                failure = failure or error
            except OSError as error:
                # As execvp(3): what is there and cannot be executed tells more.
                failure = error
        raise failure or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    finally:
        os.fchdir(here)
        os.close(here)


def _candidates(program: str, environment: Mapping[str, str]) -> list[str]:
    if "/" in program:
        return [program]
    found = [os.path.join(folder, program) for folder in os.get_exec_path(environment)]
    # Each try would cost a process.
    return [path for path in found if os.path.lexists(path)]


def _keep_inherited_to_ourselves() -> None:
    """Let no service have what whoever started us had left open."""
    global _closed_inherited
    if _closed_inherited:
        return
    _closed_inherited = True
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError, ValueError):
            if int(name) > 2:
                os.set_inheritable(int(name), False)
