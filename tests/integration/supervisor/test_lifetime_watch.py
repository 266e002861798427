"""The supervisor's watch over owners and limits, with real processes and short times."""

import asyncio
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from portweave.supervisor.lifetime_watch import LifetimeWatch
from portweave.supervisor.processes.process_end import ProcessEnd
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.services.lifecycle import Phase
from portweave.supervisor.services.lifetime import FOREVER, Owner, Terms
from portweave.supervisor.use_watch import UseWatch
from portweave.system.processes import started_at

Spawn = Callable[..., subprocess.Popen[bytes]]
SLEEP = ("sleep", "1000")


def owner_of(process: subprocess.Popen[bytes]) -> Owner:
    return Owner(process.pid, started_at(process.pid) or "", "sleep")


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 10))


def test_the_end_of_a_process_is_told_once(spawned: Spawn) -> None:
    process = spawned(SLEEP)

    async def main() -> None:
        ended = asyncio.Event()
        ProcessEnd(process.pid, owner_of(process).start, ended.set)
        await asyncio.sleep(0)
        assert not ended.is_set()
        process.kill()
        # It is told before the parent reaps the process.
        await ended.wait()

    run(main())


@pytest.mark.parametrize("start", ["reaped", "another"])
def test_a_process_that_is_another_has_ended(spawned: Spawn, start: str) -> None:
    process = spawned(SLEEP)
    if start == "reaped":
        process.kill()
        process.wait()

    async def main() -> None:
        ended = asyncio.Event()
        ProcessEnd(process.pid, "1", ended.set)
        await ended.wait()

    run(main())


def test_no_descriptor_is_left(spawned: Spawn) -> None:
    process = spawned(SLEEP)

    async def main() -> None:
        before = len(os.listdir("/proc/self/fd"))
        watch = ProcessEnd(process.pid, owner_of(process).start, lambda: None)
        assert len(os.listdir("/proc/self/fd")) == before + 1
        watch.close()
        watch.close()
        assert len(os.listdir("/proc/self/fd")) == before

    run(main())


def test_macos_tells_by_kqueue(monkeypatch: pytest.MonkeyPatch, spawned: Spawn) -> None:
    process = spawned(SLEEP)
    reading, writing = os.pipe()
    asked: list[object] = []

    def control(events: object, most: int) -> None:
        asked.append((events, most))

    def kevent(*fields: object) -> tuple[object, ...]:
        return fields

    queue = SimpleNamespace(
        control=control,
        fileno=lambda: reading,
        close=lambda: os.close(reading),
    )
    names = {"KQ_FILTER_PROC": -5, "KQ_EV_ADD": 1, "KQ_EV_ONESHOT": 16, "KQ_NOTE_EXIT": 1 << 31}
    for name, number in names.items():
        monkeypatch.setattr(select, name, number, raising=False)
    monkeypatch.setattr(select, "kqueue", lambda: queue, raising=False)
    monkeypatch.setattr(select, "kevent", kevent, raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")

    async def main() -> None:
        ended = asyncio.Event()
        ProcessEnd(process.pid, owner_of(process).start, ended.set)
        # kqueue(2): the pid, the filter, its flags and its filter's flags.
        assert asked == [([(process.pid, -5, 17, 1 << 31)], 0)]
        os.write(writing, b"x")
        await ended.wait()
        # The descriptor of the queue is closed.
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(reading)

    run(main())
    os.close(writing)


class Heard:
    """What a watch has said and ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.said: list[str] = []
        self.ended, self.spoke = asyncio.Event(), asyncio.Event()

    def end(self, because: str) -> None:
        self.ends.append(because)
        self.ended.set()

    def say(self, text: str) -> None:
        self.said.append(text)
        self.spoke.set()

    def watch(self, terms: Terms, pause_s: float = 0.02, **options: Any) -> LifetimeWatch:
        watch = LifetimeWatch(terms, self.end, self.say, pause_s=pause_s, **options)
        watch.serve()
        return watch


def test_a_stack_ends_a_pause_after_its_owner(spawned: Spawn) -> None:
    process = spawned(SLEEP)
    owner = owner_of(process)

    async def main() -> None:
        heard = Heard()
        watch = heard.watch(Terms((owner,)))
        assert watch.as_json()["owner"] == {"pid": process.pid, "command": "sleep"}
        assert watch.as_json()["expiresAt"] is None
        process.kill()
        await heard.ended.wait()
        assert heard.ends == [f"its owner {owner} has ended"]
        [said] = heard.said
        assert said.startswith(
            f"the owner {owner} of this stack has ended; the stack stops in 20ms"
        )

    run(main())


@pytest.mark.parametrize("how", ["up", "keep", "forever", "owner"])
def test_a_stack_is_taken_over_in_the_pause(spawned: Spawn, how: str) -> None:
    process, other = spawned(SLEEP), spawned(SLEEP)

    async def main() -> None:
        heard = Heard()
        watch = heard.watch(Terms((owner_of(process),)), pause_s=60.0)
        process.kill()
        await heard.spoke.wait()
        assert watch.as_json()["expiresAt"] is not None
        match how:
            case "up":
                watch.join(FOREVER)
            case "owner":
                watch.join(Terms((owner_of(other),)))
            case _:
                watch.keep(FOREVER, forever=how == "forever")
        assert watch.as_json()["expiresAt"] is None
        assert watch.life.terms.owners == ((owner_of(other),) if how == "owner" else ())
        watch.close()
        assert heard.ends == []

    run(main())


def test_use_puts_off_the_end() -> None:
    async def main() -> None:
        heard = Heard()
        calls = [("db", time.monotonic() + 0.05)]
        looks: list[Callable[[], None]] = []

        def look(then: Callable[[], None]) -> None:
            looks.append(then)
            if len(looks) == 1:
                watch.note_use("a connection to port 1")
            then()

        watch = heard.watch(
            Terms(idle_s=0.1),
            last_call=lambda: calls[-1],
            watch_use=lambda: look,
        )
        began_s = time.monotonic()
        await heard.ended.wait()
        # The call is 50 ms later, and the last look finds a use another 100 ms later.
        assert time.monotonic() - began_s >= 0.24
        assert heard.ends == ["it was not used for 100ms"]
        assert watch.as_json()["lastUse"] == "a connection to port 1"
        assert len(looks) == 2

    run(main())


def test_a_stack_without_an_end_has_no_timer() -> None:
    async def main() -> None:
        heard = Heard()
        watch = heard.watch(FOREVER)
        watch.note_use("GET /")
        assert vars(watch)["_timer"] is None
        assert vars(watch)["_owners"] == {}
        watch.keep(Terms(ttl_s=0.02), forever=False)
        await heard.ended.wait()
        assert heard.ends == ["its time of 20ms is up"]

    run(main())


CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))):
    print("connected", flush=True)
    sys.stdin.read()
"""


def test_a_connection_from_outside_is_a_use_once(spawned: Spawn) -> None:
    noted: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        plan = SimpleNamespace(port=port, oneshot=False)
        fleet = SimpleNamespace(plans={"web": plan}, lives={})
        service = SimpleNamespace(taps=set(), leader=None, tree=None)
        engine = cast("Engine", SimpleNamespace(fleet=fleet, services={"web": service}))

        async def main() -> None:
            watch = UseWatch(
                engine,
                cast("Snapshots", SimpleNamespace(take=take)),
                lambda use, _: noted.append(use),
                lambda: 0.0,
            )

            async def look() -> list[str]:
                noted.clear()
                await watch.look()
                return list(noted)

            assert await look() == []
            # The supervisor's own connections are probes.
            with socket.create_connection(("127.0.0.1", port)):
                assert await look() == []
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            client = spawned([sys.executable, "-c", CLIENT, str(port)], **pipes)
            assert client.stdout is not None
            assert client.stdout.readline() == b"connected\n"
            assert await look() == [f"a connection to port {port}"]
            assert await look() == []
            plan.oneshot = True
            fleet.lives["web"] = SimpleNamespace(phase=Phase.STARTING)
            service.taps.add(print)
            assert await look() == ["web at work", "attach web"]

        async def take() -> dict[int, object]:
            return {}

        run(main())
