"""A killed proxy is started again while a stack has names; a stopped one is not."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from portweave.routes import RouteStore
from portweave.supervisor.proxy.announce.revive import (
    WatchedProxy,
    find_watched,
    revive,
)
from portweave.supervisor.proxy.process.command import words
from portweave.supervisor.proxy.process.proxy_files import find_proxy
from portweave.supervisor.proxy.process.start_proxy import (
    start,
    stop,
)
from tests.support.ports import reserve_ports
from tests.support.proxies import Caller
from tests.support.stacks import (
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import Stack, StartUp

Repo = Callable[[int], list[Path]]
Eventually = Callable[[Callable[[], object]], None]


@pytest.fixture
def store(home: Path) -> Iterator[RouteStore]:
    store = RouteStore(home / "state/portweave/proxy", private=True)
    yield store
    stop(store)


def kill(store: RouteStore) -> WatchedProxy:
    """Kill the proxy; return what the watch knew of it."""
    watched = find_watched(store.dir)
    assert watched is not None
    process = psutil.Process(watched.pid)
    process.kill()
    process.wait(10)
    return watched


def status_of(port: int, host: str) -> int:
    with Caller(port) as caller:
        caller.send(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n")
        return int(caller.rest().split()[1])


@pytest.mark.slow
def test_a_killed_proxy_comes_back_and_outlives_the_stack_that_started_it(
    store: RouteStore, repo: Repo, up: "StartUp", eventually: Eventually
) -> None:
    port = reserve_ports(1).start
    env = {"PORTWEAVE_PROXY": None, "PORTWEAVE_PROXY_PORT": str(port)}
    stacks: dict[str, Stack] = {}
    for root in repo(1):
        write(root, f"services: {{web: {{command: '{SERVE}'}}}}")
        stacks[root.name] = up(root, env=env)
        stacks[root.name].wait_for("all ready")
        eventually(lambda: find_proxy(store))
    hosts = {"shop": "web.shop.localhost", "shop-1": "web.shop-1.shop.localhost"}
    eventually(lambda: {route.hostname for route in store.load_routes()} == set(hosts.values()))
    # The watch starts after the registration, so wait for both.
    watchers = [stack.process.pid for stack in stacks.values()]
    before = find_watched(store.dir)
    assert before is not None
    eventually(lambda: all(waits_for(pid, before.pid) for pid in watchers))
    kill(store)
    message = "the proxy was killed; it runs again (pid "
    eventually(lambda: any(message in stack.said for stack in stacks.values()))
    again = find_watched(store.dir)
    assert again is not None
    assert (again.port, again.pid != before.pid) == (port, True)
    assert "--for-stacks" in again.command
    for host in hosts.values():
        assert status_of(port, host) == 200
    [first] = [name for name, stack in stacks.items() if message in stack.said]
    [other] = stacks.keys() - {first}
    # `stop` would also end the processes that descend from the stack.
    stacks[first].send(signal.SIGINT)
    assert stacks[first].wait() == 130
    assert status_of(port, hosts[other]) == 200
    eventually(lambda: waits_for(stacks[other].process.pid, again.pid))
    assert stop(store) == again.pid
    eventually(lambda: not waits_for(stacks[other].process.pid, again.pid))
    assert stacks[other].stop() == 130
    assert find_proxy(store) is None
    assert "again" not in stacks[other].said


def waits_for(guardian: int, pid: int) -> bool:
    """Whether a stack's supervisor waits for the end of a process (proc(5): fdinfo)."""
    [supervisor] = psutil.Process(guardian).children()[:1]
    for path in Path(f"/proc/{supervisor.pid}/fdinfo").iterdir():
        try:
            if f"\nPid:\t{pid}\n" in path.read_text():
                return True
        except OSError:
            continue
    return False


def test_a_stopped_or_replaced_proxy_is_not_started_again(store: RouteStore, cli: "Cli") -> None:
    command = words(port="0", state_dir=store.dir)
    running, _ = start(store, command, cli.env())
    watched = find_watched(store.dir)
    assert watched == WatchedProxy(running.pid, running.port, tuple(command))
    assert watched is not None
    stop(store)
    assert revive(store.dir, watched, same_port=True) is None
    start(store, command, cli.env())
    dead = kill(store)
    # The first call starts it, the others find it.
    found = [revive(store.dir, dead, same_port=same) for same in (True, True, False)]
    assert [one and one[1] for one in found] == [True, False, False]
    assert found[0] is not None
    assert (found[0][0].port, found[0][0].pid != dead.pid) == (dead.port, True)
    # A proxy that a user runs in the foreground is not started again.
    killed = kill(store)
    assert revive(store.dir, WatchedProxy(killed.pid, killed.port, ()), same_port=True) is None


def test_a_proxy_that_stop_had_to_kill_counts_as_stopped(
    store: RouteStore, cli: "Cli", monkeypatch: pytest.MonkeyPatch
) -> None:
    running, _ = start(store, words(port="0", state_dir=store.dir), cli.env())
    watched = find_watched(store.dir)
    assert watched is not None
    os.kill(running.pid, signal.SIGSTOP)
    monkeypatch.setattr("portweave.supervisor.proxy.process.start_proxy.STOP_S", 0.1)
    assert stop(store) == running.pid
    assert revive(store.dir, watched, same_port=True) is None
