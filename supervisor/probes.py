"""Ask whether a service is up: its port, its answer to a request, a command of the user's.

Each probe gives an answer and raises nothing. A listener counts only if it is one of the service's
own processes: another program on the port would make every probe pass.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import anyio

from portweave.allocator.probe import listener
from portweave.supervisor.census import Census
from portweave.supervisor.core.lines import plain_text
from portweave.supervisor.core.ready import Answer, Failed, Passed
from portweave.supervisor.core.restart import describe_exit
from portweave.supervisor.process import NotSpawnedError, reap, spawn, wait_for_exit
from portweave.supervisor.tribe import signal_group

HTTP_TIMEOUT_S = 5.0
EXEC_TIMEOUT_S = 10.0
# How much of what a command says is kept, to tell why it failed.
KEPT_BYTES = 4096
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def foreign_listener(port: int) -> str | None:
    """Who listens on a port that a service is about to use, in words; None if it is free."""
    holder = listener(port)
    return None if holder is None else str(holder)


def ask_port(port: int, is_member: Callable[[int], bool]) -> Answer:
    """Whether a process of the service listens on a port.

    Args:
        port: The port.
        is_member: Tells whether a pid is one of the service's.
    """
    holder = listener(port)
    if holder is None:
        return Failed(f"nothing of it listens on port {port}")
    # A listener of another user's cannot be looked into: it is taken for the service's own.
    if holder.pid is None or is_member(holder.pid):
        return Passed()
    return Failed(f"port {port} is held by another program, {holder}")


async def ask_http(url: str, own_port: int | None, is_member: Callable[[int], bool]) -> Answer:
    """Whether a URL answers with 2xx or 3xx; a redirect is an answer and is not followed."""
    parts = urlsplit(url)
    if parts.hostname in _LOOPBACK and own_port is not None and parts.port == own_port:
        answer = ask_port(own_port, is_member)
        if isinstance(answer, Failed):
            return answer
    # http.client blocks; a thread each costs less than a client library's import.
    with anyio.move_on_after(HTTP_TIMEOUT_S):
        return await anyio.to_thread.run_sync(_request, url, abandon_on_cancel=True)
    return Failed(f"{url} gave no answer within {HTTP_TIMEOUT_S:g} s")


def _request(url: str) -> Answer:
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=HTTP_TIMEOUT_S)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", path, headers={"User-Agent": "portweave", "Connection": "close"})
        status = connection.getresponse().status
    except TimeoutError:
        return Failed(f"{url} gave no answer within {HTTP_TIMEOUT_S:g} s")
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Failed(f"{url}: {reason}")
    finally:
        connection.close()
    return Passed() if 200 <= status < 400 else Failed(f"{url} answers {status}")


async def ask_command(
    argv: tuple[str, ...], working_dir: str, environment: Mapping[str, str], census: Census
) -> Answer:
    """Whether a command exits 0. It has its own session, and is killed when it takes too long."""
    try:
        process, *fds = spawn(argv, working_dir, environment)
    except NotSpawnedError as error:
        return Failed(error.reason)
    census.spare.add(process.pid)
    said = bytearray()
    in_time = False
    try:
        with anyio.move_on_after(EXEC_TIMEOUT_S):
            async with anyio.create_task_group() as tasks:
                for fd in fds:
                    tasks.start_soon(_keep_end, fd, said)
                await wait_for_exit(process)
                in_time = True
                tasks.cancel_scope.cancel()
    finally:
        # Also when we are cancelled: nothing of the probe stays.
        signal_group(process.pid, signal.SIGKILL)
        status = reap(process)
        census.spare.discard(process.pid)
        for fd in fds:
            # What it said last may not have been read yet.
            with contextlib.suppress(BlockingIOError):
                said += os.read(fd, KEPT_BYTES)
            os.close(fd)
    if not in_time:
        return Failed(f"{argv[-1]} took longer than {EXEC_TIMEOUT_S:g} s")
    if status == 0:
        return Passed()
    last = plain_text(bytes(said).strip().rpartition(b"\n")[2])[:200]
    return Failed(f"{argv[-1]} {describe_exit(status)}" + (f": {last}" if last else ""))


async def _keep_end(fd: int, kept: bytearray) -> None:
    """Read until the end, keep the last few kilobytes."""
    while True:
        await anyio.wait_readable(fd)
        data = os.read(fd, KEPT_BYTES)
        if not data:
            return
        kept += data
        del kept[:-KEPT_BYTES]
