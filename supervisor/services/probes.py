"""Probes of a service: its port, an HTTP request, a command.

Each probe returns an answer and raises nothing. A listener counts only if it is a process of the
service: otherwise another program on the port would make each probe pass.
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
# How much output of a command is kept, for the message about its failure.
KEPT_BYTES = 4096
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def foreign_listener(port: int, root: str) -> str | None:
    """The program that listens on a port, in words; None if the port is free.

    Args:
        port: The port that a service is about to use.
        root: The root of the service's worktree.
    """
    holder = None if is_unheard(port) else listener(port)
    return None if holder is None else holder.seen_from(root)


def probe_port(port: int, is_member: Callable[[int], bool]) -> Answer:
    """Whether a process of the service listens on a port.

    Args:
        port: The port.
        is_member: Tells whether a pid belongs to the service.
    """
    holder = listener(port)
    if holder is None:
        return Failed(f"nothing of it listens on port {port}", f"nothing listens on {port}")
    # The process of another user's listener is hidden: it counts as the service's own.
    if holder.pid is None or is_member(holder.pid):
        return Passed()
    reason = f"port {port} is held by another program"
    return Failed(f"{reason}, {holder}", reason)


async def probe_http(url: str, own_port: int | None, is_member: Callable[[int], bool]) -> Answer:
    """Whether a URL answers with 2xx or 3xx. Redirects are not followed.

    Args:
        url: An absolute URL.
        own_port: The service's port; None without one.
        is_member: Tells whether a pid belongs to the service.
    """
    from urllib.parse import urlsplit  # only needed for HTTP probes

    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.hostname or ""
    except ValueError as error:
        return Failed(f"{url}: {error}")
    # A server on localhost may listen on IPv4 or IPv6 only.
    hosts = _LOOPBACK if host in _LOOPBACK else (host,)
    if host in _LOOPBACK and port == own_port:
        answer = probe_port(port, is_member)
        if isinstance(answer, Failed):
            return answer
    answer = Failed(f"{url} gave no answer within {HTTP_TIMEOUT_S:g} s", "http: no answer")
    async with Within(HTTP_TIMEOUT_S):
        for one in hosts:
            answer = await _request(url, one, port)
            if isinstance(answer, Passed):
                break
    return answer


async def _request(url: str, host: str, port: int) -> Answer:
    """Ask one address, and read the first line of its answer (RFC 9112, sections 3 and 4).

    The standard library's client blocks, and its import takes longer than a supervisor's start.
    TLS is rare here: it runs in a thread (see `start.warm_up`).
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
            received = await in_thread(partial(_send_tls, host, port, question))
        else:
            received = await _send_plain(host, port, question)
    except OSError as error:
        # asyncio replaces the kernel's message about a connection by its own.
        is_plain = isinstance(error, ConnectionError) and error.errno is not None
        reason = os.strerror(error.errno or 0) if is_plain else error.strerror
        return Failed(f"{url}: {reason or error}", f"http: {reason or error}")
    if not received:
        return Failed(f"{url}: it closed the connection", "http: connection closed")
    words = received.split(b"\r\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Failed(f"{url}: the answer is not HTTP", "the answer is not HTTP")
    status = int(words[1])
    return Passed() if 200 <= status < 400 else Failed(f"{url} answers {status}", f"http {status}")


async def _send_plain(host: str, port: int, question: bytes) -> bytes:
    """Send a request, and read until there is a whole line."""
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


def _send_tls(host: str, port: int, question: bytes) -> bytes:
    """The same over TLS, in a bounded time. On localhost any certificate is accepted."""
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


async def probe_command(
    argv: tuple[str, ...], working_dir: str, environment: Mapping[str, str], snapshots: Snapshots
) -> Answer:
    """Whether a command exits 0. It has its own session, and is killed when it takes too long.

    Args:
        argv: What to execute.
        working_dir: Where to execute it.
        environment: All of it. Its tag becomes that of the service with `.probe` behind it.
        snapshots: Lists processes.
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
        # Even when cancelled: no process of the probe stays.
        status = await finish(_end_probe(process, tag, snapshots))
        for fd in fds:
            # Its last output may not have been read yet.
            with contextlib.suppress(BlockingIOError):
                said += os.read(fd, KEPT_BYTES)
            os.close(fd)
    if not in_time:
        return Failed(f"{argv[-1]} took longer than {EXEC_TIMEOUT_S:g} s", "exec: too slow")
    if status == 0:
        return Passed()
    last = plain_text(bytes(said).strip().rpartition(b"\n")[2])[:200]
    reason = f"{argv[-1]} {describe_exit(status)}" + (f": {last}" if last else "")
    return Failed(reason, f"exec: exit {status}")


async def _end_probe(process: Process, tag: str, snapshots: Snapshots) -> int:
    """Kill all processes of a command, and return its exit status."""
    signal_group(process.pid, signal.SIGKILL)
    left = ProcessTree(process.pid, tag).members(await snapshots.take())
    signal_each([seen for seen in left if seen.pid != process.pid], signal.SIGKILL)
    status = reap(process)
    snapshots.spare.discard(process.pid)
    return status


async def _keep_end(fd: int, kept: bytearray) -> None:
    """Read until the end, and keep the last `KEPT_BYTES`."""
    while True:
        await until_readable(fd)
        data = os.read(fd, KEPT_BYTES)
        if not data:
            return
        kept += data
        del kept[:-KEPT_BYTES]
