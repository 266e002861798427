"""Spawn a command, wait for its end, and reap it."""

import asyncio
import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Mapping
from typing import Protocol

from portweave.supervisor.processes.exit_status import (
    NOT_EXECUTABLE,
    NOT_FOUND,
)
from portweave.system.processes import started_at
from portweave.system.tasks import (
    in_thread,
    until_readable,
)

MOST_DESCRIPTORS = 65_536
# Two ends of pipes, two log files, and a pidfd.
_SERVICE_DESCRIPTORS = 5
# Sockets, files and modules of portweave's own, with room for a few clients and probes.
_OWN_DESCRIPTORS = 32
# Between two looks at a process that is no child, where there is no pidfd_open(2).
_LOOK_S = 5.0
_inherited_limit: tuple[int, int] | None = None


class Process(Protocol):
    """A child of this process, and the leader of a session.

    Attributes:
        pid: Its process id.
    """

    pid: int

    def wait(self) -> int:
        """Wait for its end and reap it. Return its exit status, or -n after signal n."""
        ...


class NotSpawnedError(Exception):
    """A command could not be started.

    Attributes:
        status: 126 if it is not executable, 127 if it was not found, None for other reasons.
        reason: The reason in words.
    """

    def __init__(self, status: int | None, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def spawn(
    argv: tuple[str, ...],
    working_dir: str,
    environment: Mapping[str, str],
    stdin: int | None = None,
) -> tuple["subprocess.Popen[bytes]", int, int]:
    """Start a command in a session of its own.

    Args:
        argv: The program, looked up in the PATH of `environment`, and its arguments.
        working_dir: Its working directory.
        environment: Its whole environment.
        stdin: The read end of the pipe that it reads from; None for /dev/null.

    Returns:
        The process, and the read ends of its standard output and standard error, non-blocking.

    Raises:
        NotSpawnedError: It could not be started.
    """
    try:
        out_read, out_write = os.pipe()
    except OSError as error:
        raise not_spawned(error, argv[0], working_dir) from error
    try:
        err_read, err_write = os.pipe()
    except OSError as error:
        os.close(out_read)
        os.close(out_write)
        raise not_spawned(error, argv[0], working_dir) from error
    own: int | None = None
    try:
        if stdin is not None:
            own = _reopened(stdin)
        process = subprocess.Popen(
            argv,
            cwd=working_dir,
            env=dict(environment),
            stdin=subprocess.DEVNULL if own is None else own,
            stdout=out_write,
            stderr=err_write,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(out_read)
        os.close(err_read)
        raise not_spawned(error, argv[0], working_dir) from error
    finally:
        os.close(out_write)
        os.close(err_write)
        if own is not None:
            os.close(own)
    limit_descriptors(process.pid)
    os.set_blocking(out_read, False)
    os.set_blocking(err_read, False)
    return process, out_read, err_read


def _reopened(pipe: int) -> int:
    """Return a descriptor of a pipe that no other program shares.

    Node and others make their input non-blocking, which affects all copies of a descriptor
    (fcntl(2)). A descriptor that is opened again is no copy (proc(5)). Elsewhere than on Linux only
    a copy can be made.
    """
    try:
        return os.open(f"/proc/self/fd/{pipe}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return os.dup(pipe)


def raise_descriptor_limit() -> None:
    """Raise this process's limit of descriptors as far as allowed: a service takes several.

    Services keep the limit that portweave was started with.
    """
    global _inherited_limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # More is of no use, and some systems refuse to set their own "unlimited".
    wanted = min(hard, MOST_DESCRIPTORS) if hard != resource.RLIM_INFINITY else MOST_DESCRIPTORS
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            _inherited_limit = (soft, hard)


def check_room(running: int) -> None:
    """Check that descriptors are left for one more service, and for portweave itself.

    Args:
        running: How many services run.

    Raises:
        NotSpawnedError: There are too few to watch another service.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _OWN_DESCRIPTORS + (running + 1) * _SERVICE_DESCRIPTORS
    if limit != resource.RLIM_INFINITY and needed > limit:
        why = f"Too many open files: {needed} are needed, {limit} are allowed (ulimit -n)"
        raise NotSpawnedError(None, f"cannot be started: {why}")


def limit_descriptors(pid: int) -> None:
    """Give a process the limit that portweave was started with (prlimit(2); Linux only)."""
    if _inherited_limit is not None and hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, _inherited_limit)


def not_spawned(error: OSError | ValueError, program: str, working_dir: str) -> NotSpawnedError:
    """Explain to users why a command could not be started.

    Args:
        error: What went wrong.
        program: The program.
        working_dir: Its working directory.
    """
    if isinstance(error, ValueError):
        return NotSpawnedError(None, f"cannot be started: {error}")
    if error.filename == working_dir and not os.path.isdir(working_dir):
        return NotSpawnedError(None, f"its workingDir {working_dir} is not a directory")
    if error.filename == working_dir and not os.access(working_dir, os.X_OK):
        return NotSpawnedError(None, f"its workingDir {working_dir} cannot be entered")
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return NotSpawnedError(NOT_FOUND, f"command not found: {program}")
        case errno.EACCES | errno.ENOEXEC | errno.EISDIR:
            return NotSpawnedError(NOT_EXECUTABLE, f"not executable: {program}")
        case _:
            return NotSpawnedError(None, f"cannot be started: {error.strerror}")


async def wait_for_exit(process: Process) -> None:
    """Wait until the leader has ended, without reaping it if the system allows that.

    Until it is reaped, neither its pid nor the id of its group is used again.
    """
    if hasattr(os, "pidfd_open"):
        await wait_for_end_of(process.pid)
    else:
        await in_thread(process.wait)


async def wait_for_end_of(pid: int) -> None:
    """Wait until a process has ended. Without pidfd_open(2) it has to be the parent."""
    if hasattr(os, "pidfd_open"):
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            await until_readable(pidfd)
        finally:
            os.close(pidfd)
    else:
        # A look each second costs little, and is simpler than kqueue(2).
        while os.getppid() == pid:  # noqa: ASYNC110 - there is nothing to set an event
            await asyncio.sleep(1)


async def wait_for_end_of_other(pid: int) -> None:
    """Wait until any process has ended, whichever user it belongs to.

    Raises:
        OSError: No descriptor is free.
    """
    if hasattr(os, "pidfd_open"):
        await wait_for_end_of(pid)
        return
    start = started_at(pid)
    while start is not None and started_at(pid) == start:  # noqa: ASYNC110 - as above
        await asyncio.sleep(_LOOK_S)


def reap_adopted(pid: int, otherwise: int) -> int:
    """Reap an adopted child. Return its exit status, or `otherwise` if it is no child."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return otherwise
    code = os.waitstatus_to_exitcode(status) if found else otherwise
    return code if code >= 0 else 128 - code


def reap(process: Process) -> int:
    """Reap a leader that has ended. Return its exit status: 0…255, or 128+n for signal n."""
    status = process.wait()
    return status if status >= 0 else 128 - status
