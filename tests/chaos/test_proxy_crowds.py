"""Thousands of idle, slow and flooding clients; the proxy's memory stays bounded."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.routes import RouteStore
from tests.support.http2_client import trusting
from tests.support.proxies import (
    Caller,
    Service,
    plain,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]

IDLE = 10_000
MIB = 1 << 20


def rss_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_proxy_answers_within_its_memory_limit(
    cli: "Cli", tmp_path: Path, spawned: Callable[..., subprocess.Popen[bytes]], *, tls: bool
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 1000:
        pytest.skip(f"only {hard} descriptors may be had")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = tmp_path / "state"
    words = ["-Im", "portweave", "proxy", "run", "--port", "0", "--state-dir", str(folder)]
    words += ["--tls"] if tls else []
    proxy = spawned([sys.executable, *words], env=cli.env(), stderr=subprocess.PIPE)
    assert proxy.stderr is not None
    port = int(proxy.stderr.readline().rpartition(b"127.0.0.1:")[2].split()[0])
    service = Service(plain, "127.0.0.1")
    RouteStore(folder).add_route("a.localhost", service.port, 0)
    crowd: list[socket.socket] = []
    try:
        for n in range(IDLE):
            crowd.append(socket.create_connection(("127.0.0.1", port), 10))
            if tls and n % 5 == 1:
                # Twice the limit: the proxy closes the longest idle connections.
                context = trusting(str(folder / "ca.pem"), "h2")
                crowd[-1] = context.wrap_socket(crowd[-1], server_hostname="a.localhost")
            if n % 10 == 0:  # a slow one
                crowd[-1].sendall(b"GET / HTTP/1.1\r\nHost: a.localhost\r\nX: ")
        ask(port)
        assert rss_mib(proxy.pid) < 150
        for client in crowd[:2000]:
            client.setblocking(False)
            try:
                client.send(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 40_000)
            except OSError:
                continue
        ask(port)
        assert rss_mib(proxy.pid) < 250
    finally:
        for client in crowd:
            client.close()
        service.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    ask_fails_or_404(port)
    proxy.terminate()
    assert proxy.wait(10) == 0


def ask(port: int) -> None:
    with Caller(port) as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n")
        # With TLS, as behind an outer proxy that terminates it.
        caller.send("X-Forwarded-Proto: https\r\n\r\n")
        assert b" 200 " in caller.rest()


def ask_fails_or_404(port: int) -> None:
    with Caller(port) as caller:
        caller.send("GET / HTTP/1.1\r\nHost: b.localhost\r\nConnection: close\r\n")
        caller.send("X-Forwarded-Proto: https\r\n\r\n")
        assert b" 404 " in caller.rest()
