"""Spawn a command, wait for its end, reap it."""

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
# Two ends of pipes, two files of its log, and what tells of its end.
_SERVICE_DESCRIPTORS = 5
# Sockets, files and modules of portweave's own, with room for a few clients and probes.
_OWN_DESCRIPTORS = 32
# How often it is looked for a process that is not ours, where the system tells of none.
_LOOK_S = 5.0
_inherited_limit: tuple[int, int] | None = None


class Process(Protocol):
    """A child of ours, and the leader of a session.

    Attributes:
        pid: Its number.
    """

    pid: int

    def wait(self) -> int:
        """Wait for its end and reap it: its exit status, or -n after signal n."""
        ...


class NotSpawnedError(Exception):
    """A command could not be started.

    Attributes:
        status: 126 for what cannot be executed, 127 for what is not there, None for other reasons.
        reason: In words.
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
        argv: What to execute; looked for in the PATH of `environment`.
        working_dir: Where.
        environment: All of it.
        stdin: The reading end of the pipe that it reads from; None for /dev/null.

    Returns:
        The process, and the reading ends of its output and its error output, not blocking.

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
    """A descriptor of a pipe for one program alone.

    Node and others set their input not to block, which holds for all descriptors that are copies of
    one (fcntl(2)). One that is opened anew is none (proc(5)); elsewhere than on Linux there are
    only copies.
    """
    try:
        return os.open(f"/proc/self/fd/{pipe}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return os.dup(pipe)


def raise_descriptor_limit() -> None:
    """Allow ourselves as many descriptors as we may have: a service takes several of them.

    What we start keeps the limit that we were started with.
    """
    global _inherited_limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Beyond this nothing is gained, and some systems refuse what they call unlimited.
    wanted = min(hard, MOST_DESCRIPTORS) if hard != resource.RLIM_INFINITY else MOST_DESCRIPTORS
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            _inherited_limit = (soft, hard)


def check_room(running: int) -> None:
    """See that there are descriptors for one more service, and for what portweave itself does.

    Args:
        running: How many services run.

    Raises:
        NotSpawnedError: There are not: a service that is started cannot be watched then.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _OWN_DESCRIPTORS + (running + 1) * _SERVICE_DESCRIPTORS
    if limit != resource.RLIM_INFINITY and needed > limit:
        why = f"Too many open files: {needed} are needed, {limit} are allowed (ulimit -n)"
        raise NotSpawnedError(None, f"cannot be started: {why}")


def limit_descriptors(pid: int) -> None:
    """Give a process the limit that we were started with (prlimit(2); Linux only)."""
    if _inherited_limit is not None and hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, _inherited_limit)


def not_spawned(error: OSError | ValueError, program: str, working_dir: str) -> NotSpawnedError:
    """What users are told of a command that could not be started."""
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
    """Wait until the leader has ended, without reaping it where the system allows that.

    As long as it is not reaped its pid, and so its group's number, cannot be used again.
    """
    if hasattr(os, "pidfd_open"):
        await wait_for_end_of(process.pid)
    else:
        await in_thread(process.wait)


async def wait_for_end_of(pid: int) -> None:
    """Wait until a process has ended that is not a child of ours."""
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
        # Once a second costs nothing that could be felt, and needs no kqueue(2) of our own.
        while os.getppid() == pid:  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(1)


async def wait_for_end_of_other(pid: int) -> None:
    """Wait until any process has ended, whoever's it is.

    Raises:
        OSError: There are no descriptors left to wait with.
    """
    if hasattr(os, "pidfd_open"):
        await wait_for_end_of(pid)
        return
    start = started_at(pid)
    while start is not None and started_at(pid) == start:  # noqa: ASYNC110 - as above
        await asyncio.sleep(_LOOK_S)


def reap_adopted(pid: int, otherwise: int) -> int:
    """Take the exit status of a process that was handed to us; `otherwise` where it was not."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return otherwise
    code = os.waitstatus_to_exitcode(status) if found else otherwise
    return code if code >= 0 else 128 - code


def reap(process: Process) -> int:
    """Take the exit status of a leader that has ended: 0…255, or 128+n for signal n."""
    status = process.wait()
    return status if status >= 0 else 128 - status
