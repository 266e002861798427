"""Ask whether a service is up: its port, its answer to a request, a command of the user's.

Each probe gives an answer and raises nothing. A listener counts only if it is one of the service's
own processes: another program on the port would make every probe pass.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial

from portweave.allocator.ports.port_check import (
    is_unheard,
    listener,
)
from portweave.supervisor.logs.line_splitter import plain_text
from portweave.supervisor.processes.exit_status import describe_exit
from portweave.supervisor.processes.process_tree import (
    PROBE,
    TAG,
    ProcessTree,
    signal_each,
    signal_group,
)
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.processes.spawn import (
    NotSpawnedError,
    Process,
    reap,
    spawn,
    wait_for_exit,
)
from portweave.supervisor.services.readiness_rules import (
    Answer,
    Failed,
    Passed,
)
from portweave.system.tasks import (
    Group,
    Within,
    finish,
    in_thread,
    until_readable,
)

HTTP_TIMEOUT_S = 5.0
EXEC_TIMEOUT_S = 10.0
# How much of what a command says is kept, to tell why it failed.
KEPT_BYTES = 4096
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def foreign_listener(port: int, root: str) -> str | None:
    """What listens on a port that a service is about to use, in words; None if it is free.

    Args:
        port: The port.
        root: Of the service's worktree.
    """
    holder = None if is_unheard(port) else listener(port)
    return None if holder is None else holder.seen_from(root)


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
    from urllib.parse import urlsplit  # only for who is asked over HTTP

    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.hostname or ""
    except ValueError as error:
        return Failed(f"{url}: {error}")
    # A server on localhost may have chosen the other family.
    hosts = _LOOPBACK if host in _LOOPBACK else (host,)
    if host in _LOOPBACK and port == own_port:
        answer = ask_port(port, is_member)
        if isinstance(answer, Failed):
            return answer
    answer = Failed(f"{url} gave no answer within {HTTP_TIMEOUT_S:g} s")
    async with Within(HTTP_TIMEOUT_S):
        for one in hosts:
            answer = await _request(url, one, port)
            if isinstance(answer, Passed):
                break
    return answer


async def _request(url: str, host: str, port: int) -> Answer:
    """Ask one address, and read the first line of its answer (RFC 9112, sections 3 and 4).

    Some lines of our own, because the standard library's client blocks, and takes longer to import
    than a supervisor to start. Only TLS, which is rare here, has a thread: see `start.warm_up`.
    """
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
        "User-Agent: portweave\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    question = head.encode("utf-8", "surrogateescape")
    try:
        if parts.scheme == "https":
            received = await in_thread(partial(_speak_tls, host, port, question))
        else:
            received = await _speak(host, port, question)
    except OSError as error:
        # asyncio has its own words for what the kernel says of a connection.
        is_plain = isinstance(error, ConnectionError) and error.errno is not None
        reason = os.strerror(error.errno or 0) if is_plain else error.strerror
        return Failed(f"{url}: {reason or error}")
    if not received:
        return Failed(f"{url}: it closed the connection")
    words = received.split(b"\r\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Failed(f"{url}: what answers does not speak HTTP")
    status = int(words[1])
    return Passed() if 200 <= status < 400 else Failed(f"{url} answers {status}")


async def _speak(host: str, port: int, question: bytes) -> bytes:
    """Say something, and read what comes until there is a whole line."""
    reader, writer = await asyncio.open_connection(host, port)
    received = b""
    try:
        writer.write(question)
        while b"\n" not in received and len(received) < KEPT_BYTES:
            data = await reader.read(KEPT_BYTES)
            if not data:
                break
            received += data
    finally:
        writer.transport.abort()
    return received


def _speak_tls(host: str, port: int, question: bytes) -> bytes:
    """The same over TLS, in a bounded time. One's own machine may show a certificate of its own."""
    import socket
    import ssl

    context = ssl.create_default_context()
    if host in _LOOPBACK:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    until_s = time.monotonic() + HTTP_TIMEOUT_S
    received = b""
    with (
        socket.create_connection((host, port), HTTP_TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as stream,
    ):
        stream.sendall(question)
        while b"\n" not in received and len(received) < KEPT_BYTES:
            data = stream.recv(KEPT_BYTES)
            if not data or time.monotonic() > until_s:
                break
            received += data
    return received


async def ask_command(
    argv: tuple[str, ...], working_dir: str, environment: Mapping[str, str], snapshots: Snapshots
) -> Answer:
    """Whether a command exits 0. It has its own session, and is killed when it takes too long.

    Args:
        argv: What to execute.
        working_dir: Where.
        environment: All of it; its mark is the service's, with `.probe` behind it.
        snapshots: Tells what processes there are.
    """
    tag = environment[TAG] + PROBE
    try:
        process, *fds = spawn(argv, working_dir, {**environment, TAG: tag})
    except NotSpawnedError as error:
        return Failed(error.reason)
    snapshots.spare.add(process.pid)
    said = bytearray()
    in_time = False
    try:
        async with Within(EXEC_TIMEOUT_S), Group() as tasks:
            for fd in fds:
                tasks.start(_keep_end, fd, said)
            await wait_for_exit(process)
            in_time = True
            tasks.cancel()
    finally:
        # Also when we are cancelled: nothing of the probe stays.
        status = await finish(_clear_away(process, tag, snapshots))
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


async def _clear_away(process: Process, tag: str, snapshots: Snapshots) -> int:
    """Kill what there is of a command; its exit status."""
    signal_group(process.pid, signal.SIGKILL)
    left = ProcessTree(process.pid, tag).members(await snapshots.take())
    signal_each([seen for seen in left if seen.pid != process.pid], signal.SIGKILL)
    status = reap(process)
    snapshots.spare.discard(process.pid)
    return status


async def _keep_end(fd: int, kept: bytearray) -> None:
    """Read until the end, keep the last few kilobytes."""
    while True:
        await until_readable(fd)
        data = os.read(fd, KEPT_BYTES)
        if not data:
            return
        kept += data
        del kept[:-KEPT_BYTES]
