"""Where services listen, with real sockets."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest

from portweave.supervisor.processes.nested_stacks import NestedStacks
from portweave.supervisor.processes.process_tree import ProcessTree
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.services.listeners import (
    ListenerWatch,
    WatchedPort,
)


class Reports:
    """Records each report."""

    def __init__(self) -> None:
        self.queues: list[int | None] = []
        self.other_ports: list[tuple[int, ...]] = []

    def handle_listener_check(self, queue: int | None, now_s: float) -> None:
        assert now_s
        self.queues.append(queue)

    def handle_other_ports(self, ports: tuple[int, ...]) -> None:
        self.other_ports.append(ports)


def listen(port: int = 0) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def watch_port(port: int, leader: int, reports: Reports) -> tuple[ListenerWatch, WatchedPort]:
    watch = ListenerWatch(Snapshots(NestedStacks("", os.getpid())))
    watched = WatchedPort(port, ProcessTree(leader, "no tag"), reports)
    watch.add(watched)
    return watch, watched


def test_a_listener_and_its_queue_are_seen_while_it_is_open() -> None:
    async def look() -> None:
        reports = Reports()
        with listen() as first:
            port = port_of(first)
            watch, _ = watch_port(port, os.getpid(), reports)
            await watch.look()
            with socket.create_connection(("127.0.0.1", port)):
                await watch.look()
        await watch.look()
        with listen(port):
            await watch.look()
        assert reports.queues == [0, 1, None, 0]
        assert reports.other_ports[0] == ()

    asyncio.run(look())


def test_the_listener_of_another_program_does_not_count() -> None:
    reports = Reports()

    async def look(port: int, pid: int) -> None:
        watch, watched = watch_port(port, pid, reports)
        await watch.look()
        assert not watched.has_listened
        # Another look has seen the service's own listener.
        watch.mark_listening(watched)
        await watch.look()

    with listen() as strange, subprocess.Popen([sys.executable, "-c", SLEEPS]) as service:
        asyncio.run(look(port_of(strange), service.pid))
        service.kill()
    assert reports.queues == [None]
    assert reports.other_ports == [(), ()]


SLEEPS = "import time; time.sleep(100)"
LISTENS = (
    "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
    "print(s.getsockname()[1], flush=True); time.sleep(100)"
)


@pytest.mark.parametrize("command", ["exec {}", "{}; true"], ids=["leader", "child"])
def test_the_ports_that_a_service_listens_on_instead_are_reported(command: str) -> None:
    reports = Reports()
    with listen() as first:
        port = port_of(first)
    argv = ["/bin/sh", "-c", command.format(f'{sys.executable} -c "{LISTENS}"')]

    async def look(service: "subprocess.Popen[str]") -> None:
        watch, _ = watch_port(port, service.pid, reports)
        await watch.look()
        await watch.look()
        os.killpg(service.pid, signal.SIGKILL)
        service.wait()
        with contextlib.suppress(ConnectionRefusedError):
            # A killed process may take a moment to end.
            while True:
                socket.create_connection(("127.0.0.1", reports.other_ports[0][0])).close()
        await watch.look()

    with (
        listen(),
        subprocess.Popen(
            argv, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as service,
    ):
        assert service.stdout is not None
        other = int(service.stdout.readline())
        asyncio.run(look(service))
    assert reports.other_ports == [(other,), (other,), ()]
    assert not reports.queues


def test_without_expected_listeners_nothing_is_observed() -> None:
    watch, watched = watch_port(1, os.getpid(), Reports())
    assert not watch.is_needed(0.0)
    watch.search_until(watched, 5.0)
    assert watch.is_needed(4.0)
    assert not watch.is_needed(5.0)
    watch.mark_listening(watched)
    assert watch.is_needed(5.0)
    watch.discard(watched)
    assert not watch.is_needed(5.0)
