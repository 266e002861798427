"""Start services on pseudo-terminals, so that programs print colours.

A service gets two terminals. One is for its input and output, and is its controlling terminal. The
other is for its errors, so that both streams stay separate. Neither adds carriage returns or echoes
input. Both must be read while a process has them open (pty(7)).
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
    """No terminal is available."""


class Leader:
    """A process that was started on a terminal.

    Attributes:
        pid: Its process id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def wait(self) -> int:
        """Wait for its end and reap it. Return its exit status, or -n after signal n."""
        if self._status is None:
            try:
                _, status = os.waitpid(self.pid, 0)
            except ChildProcessError:
                # Other code has reaped it, so its status is not known.
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
        argv: The program, looked up in the PATH of `environment`, and its arguments.
        working_dir: Its working directory.
        environment: Its whole environment.
        size: Rows and columns of its terminals.

    Returns:
        The process, and the main ends of its terminals, non-blocking: one for its input and output,
        one for its errors. When the program has closed them, a read fails with EIO, or is empty
        (macOS).

    Raises:
        NoTerminalError: No terminal is available.
        NotSpawnedError: It could not be started.
    """
    _close_inherited_on_exec()
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
    """Set the rows and columns of terminals. The kernel sends SIGWINCH to their programs."""
    for descriptor in terminals:
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))


def set_echo(terminal: int, *, on: bool) -> None:
    """Switch a terminal's echo of typed input.

    If the program reads single keys, as line editors do, it shows them itself, and nothing changes.
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
    # A new terminal has no size.
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
        # The leader of a session without a terminal gets the first one it opens as its controlling
        # terminal.
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
                # As execvp(3) does: a file that exists but cannot be executed explains more.
                failure = error
        raise failure or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    finally:
        os.fchdir(here)
        os.close(here)


def _candidates(program: str, environment: Mapping[str, str]) -> list[str]:
    if "/" in program:
        return [program]
    found = [os.path.join(folder, program) for folder in os.get_exec_path(environment)]
    # Each attempt would take a process.
    return [path for path in found if os.path.lexists(path)]


def _close_inherited_on_exec() -> None:
    """Close inherited descriptors in services: portweave's caller may have left some open."""
    global _closed_inherited
    if _closed_inherited:
        return
    _closed_inherited = True
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError, ValueError):
            if int(name) > 2:
                os.set_inheritable(int(name), False)
