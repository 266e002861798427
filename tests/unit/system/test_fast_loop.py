"""The loop that reads some descriptors while it waits."""

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from portweave.system.fast_loop import (
    FastLoop,
    FastSelector,
    InlineConnection,
    shared_buffer,
)


def run(scene: Callable[[FastLoop], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FastLoop)
        async with asyncio.timeout(20):
            await scene(loop)

    with asyncio.Runner(loop_factory=FastLoop) as runner:
        runner.run(main())


@contextmanager
def busy(loop: FastLoop) -> Generator[list[int]]:
    """Something that is read again and again, without a pause."""
    ours, theirs = socket.socketpair()
    times = [0]

    def read() -> None:
        times[0] += 1
        theirs.send(ours.recv(1))

    with closing(ours), closing(theirs):
        loop.quick.watch(ours.fileno(), read)
        theirs.send(b"x")
        try:
            yield times
        finally:
            loop.quick.forget(ours.fileno())


def test_timers_ring_though_there_is_always_something_to_read() -> None:
    async def scene(loop: FastLoop) -> None:
        with busy(loop) as times:
            await asyncio.sleep(0.02)
            assert times[0] > 1

    run(scene)


def test_others_are_read_too() -> None:
    async def scene(loop: FastLoop) -> None:
        reader, writer = os.pipe()
        came = asyncio.Event()
        loop.add_reader(reader, came.set)
        with busy(loop):
            thread = threading.Timer(0.01, os.write, (writer, b"x"))
            thread.start()
            await came.wait()
        loop.remove_reader(reader)
        thread.join()
        os.close(reader)
        os.close(writer)

    run(scene)


def test_other_threads_are_heard() -> None:
    async def scene(loop: FastLoop) -> None:
        heard = asyncio.Event()
        with busy(loop):
            thread = threading.Timer(0.01, loop.call_soon_threadsafe, (heard.set,))
            thread.start()
            await heard.wait()
        thread.join()

    run(scene)


@pytest.mark.parametrize("before", [0, 1])
def test_what_a_reader_leaves_to_the_loop_is_done(before: int) -> None:
    async def scene(loop: FastLoop) -> None:
        ours, theirs = socket.socketpair()
        done = asyncio.Event()
        reads = 0

        def read() -> None:
            nonlocal reads
            ours.recv(1)
            reads += 1
            if reads > before:
                loop.call_soon(done.set)
            else:
                theirs.send(b"x")

        with closing(ours), closing(theirs):
            loop.quick.watch(ours.fileno(), read)
            theirs.send(b"x")
            await done.wait()
            loop.quick.forget(ours.fileno())
        assert reads == before + 1

    run(scene)


def test_it_does_without_the_systems_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("select.epoll")
    test_timers_ring_though_there_is_always_something_to_read()
    test_others_are_read_too()


def test_it_leaves_no_descriptor_open() -> None:
    before = os.listdir("/dev/fd")
    FastLoop().close()
    assert os.listdir("/dev/fd") == before


# How it waits.


class Clock:
    """A time that passes by what the selector does: to look takes 10 us, to be woken 80."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.due_s: list[float] = []
        self.waits: list[float | None] = []
        self.descriptor = -1
        monkeypatch.setattr("portweave.system.fast_loop.monotonic", lambda: self.now_s)

    def wait(self, timeout: float | None, most: int) -> list[tuple[int, int]]:
        self.waits.append(timeout)
        self.now_s += 10e-6
        if timeout == 0 and self.due_s[0] > self.now_s:
            return []
        if self.due_s[0] > self.now_s:
            self.now_s = self.due_s[0] + 80e-6
        self.due_s.pop(0)
        return [(self.descriptor, 1)]


@pytest.mark.parametrize(
    ("pauses_us", "slept"),
    [
        ([1000, 1000, 1000], [True, True, True]),
        # What came at once is expected to do so again.
        ([15, 110, 110, 110], [True, False, False, False]),
        # It is not for long, and once only.
        ([15, 1000, 1000], [True, True, True]),
        ([15, 110, 1000, 15, 110], [True, False, True, True, False]),
    ],
)
def test_it_does_not_fall_asleep_over_what_comes_at_once(
    monkeypatch: pytest.MonkeyPatch, pauses_us: list[int], slept: list[bool]
) -> None:
    clock = Clock(monkeypatch)
    selector = FastSelector()
    monkeypatch.setattr(selector, "_wait", clock.wait)
    ours, theirs = socket.socketpair()
    found: list[bool] = []

    def read() -> None:
        found.append(None in clock.waits)
        if len(found) == len(pauses_us):
            selector.turn = True
            return
        # No longer than it may be awake for.
        assert len(clock.waits) <= 22
        clock.waits.clear()
        clock.due_s = [clock.now_s + pauses_us[len(found)] * 1e-6]

    with closing(ours), closing(theirs), closing(selector):
        clock.descriptor = ours.fileno()
        clock.due_s = [pauses_us[0] * 1e-6]
        selector.watch(ours.fileno(), read)
        assert selector.select() == []
    assert found == slept


# Connections.


class Ear(InlineConnection):
    """Keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""
        self.error: Exception | None = None
        self.fails: Exception | None = None
        self.stays = False
        self.news = asyncio.Event()
        self.over = asyncio.Event()

    def take(self, data: bytes) -> None:
        if self.fails is not None:
            raise self.fails
        self.heard += data
        self.news.set()

    def take_end(self) -> bool:
        self.heard += b"."
        self.news.set()
        return self.stays

    def lost(self, error: Exception | None) -> None:
        self.error = error
        self.over.set()

    async def until(self, heard: bytes) -> None:
        while self.heard != heard:
            self.news.clear()
            await self.news.wait()


Talk = Callable[[Ear, socket.socket], Awaitable[None]]


@pytest.fixture(params=[FastLoop, asyncio.SelectorEventLoop])
def talk(request: pytest.FixtureRequest) -> Callable[[Talk], list[str]]:
    """Have a talk over TCP between a connection that has been used and a socket; what failed."""

    def talk(scene: Talk) -> list[str]:
        failures: list[str] = []

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _loop, context: failures.append(context["message"]))
            with socket.create_server(("127.0.0.1", 0)) as listener:
                theirs = socket.create_connection(listener.getsockname())
                ours, _ = listener.accept()
            ours.setblocking(False)
            theirs.settimeout(20)
            with theirs:
                _, ear = await loop.create_connection(Ear, sock=ours)
                theirs.send(b"a")
                async with asyncio.timeout(20):
                    await ear.until(b"a")
                    await asyncio.sleep(0)
                    await scene(ear, theirs)
                    ear.abort()
                    await ear.over.wait()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())
        return failures

    return talk


def test_it_hears_and_is_heard(talk: Callable[[Talk], list[str]]) -> None:
    async def scene(ear: Ear, theirs: socket.socket) -> None:
        theirs.send(b"b")
        await ear.until(b"ab")
        ear.write(b"c")
        assert theirs.recv(9) == b"c"
        ear.pause()
        theirs.send(b"d")
        await asyncio.sleep(0.01)
        assert ear.heard == b"ab"
        ear.resume()
        await ear.until(b"abd")
        theirs.send(b"e")
        await ear.until(b"abde")

    assert talk(scene) == []


def test_what_is_too_much_for_the_other_side_waits(talk: Callable[[Talk], list[str]]) -> None:
    async def scene(ear: Ear, theirs: socket.socket) -> None:
        data = bytes(range(256)) * 100_000
        ear.write(data)
        ear.write(b"last")
        theirs.send(b"b")
        await ear.until(b"ab")
        with theirs.makefile("rb") as reader:
            assert await asyncio.to_thread(reader.read, len(data) + 4) == data + b"last"
        theirs.send(b"c")
        await ear.until(b"abc")
        ear.write(b"d")
        assert theirs.recv(9) == b"d"

    assert talk(scene) == []


@pytest.mark.parametrize("stays", [False, True])
def test_an_end_is_told_once(talk: Callable[[Talk], list[str]], *, stays: bool) -> None:
    async def scene(ear: Ear, theirs: socket.socket) -> None:
        ear.stays = stays
        theirs.shutdown(socket.SHUT_WR)
        await ear.until(b"a.")
        ear.pause()
        ear.resume()
        if stays:
            ear.write(b"b")
            ear.write_end()
            assert theirs.recv(9) == b"b"
        assert await asyncio.to_thread(theirs.recv, 9) == b""
        assert ear.heard == b"a."

    assert talk(scene) == []


def test_a_reset_is_an_error(talk: Callable[[Talk], list[str]]) -> None:
    async def scene(ear: Ear, theirs: socket.socket) -> None:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        await ear.over.wait()
        assert isinstance(ear.error, ConnectionResetError)
        ear.write(b"b")
        ear.write_end()
        ear.close()

    assert talk(scene) == []


def test_a_fault_of_its_owner_ends_the_connection_only(talk: Callable[[Talk], list[str]]) -> None:
    async def scene(ear: Ear, theirs: socket.socket) -> None:
        ear.fails = LookupError("a fault")
        theirs.send(b"b")
        await ear.over.wait()
        assert await asyncio.to_thread(theirs.recv, 9) == b""
        # It is no end in order.
        assert ear.error is ear.fails

    assert len(talk(scene)) == 1


def test_a_reset_is_no_end_in_order(talk: Callable[[Talk], list[str]]) -> None:
    async def scene(ear: Ear, theirs: socket.socket) -> None:
        ear.reset()
        await ear.over.wait()
        ear.reset()
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(theirs.recv, 9)

    assert talk(scene) == []


def test_loops_of_several_threads_do_not_read_into_the_same_place() -> None:
    found: list[memoryview] = []
    thread = threading.Thread(target=lambda: found.extend((shared_buffer(), shared_buffer())))
    thread.start()
    thread.join()
    assert found[0] is found[1]
    assert found[0] is not shared_buffer()
