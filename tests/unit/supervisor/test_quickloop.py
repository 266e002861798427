"""The loop that reads some descriptors while it waits."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from portweave.supervisor.quickloop import QuickLoop


def run(scene: Callable[[QuickLoop], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, QuickLoop)
        async with asyncio.timeout(20):
            await scene(loop)

    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        runner.run(main())


@contextmanager
def busy(loop: QuickLoop) -> Generator[list[int]]:
    """Something that is read again and again, without a pause."""
    ours, theirs = socket.socketpair()
    times = [0]

    def read() -> bool:
        times[0] += 1
        theirs.send(ours.recv(1))
        return False

    with closing(ours), closing(theirs):
        loop.quick.watch(ours.fileno(), read)
        theirs.send(b"x")
        try:
            yield times
        finally:
            loop.quick.forget(ours.fileno())


def test_timers_ring_though_there_is_always_something_to_read() -> None:
    async def scene(loop: QuickLoop) -> None:
        with busy(loop) as times:
            await asyncio.sleep(0.02)
            assert times[0] > 1

    run(scene)


def test_others_are_read_too() -> None:
    async def scene(loop: QuickLoop) -> None:
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
    async def scene(loop: QuickLoop) -> None:
        heard = asyncio.Event()
        with busy(loop):
            thread = threading.Timer(0.01, loop.call_soon_threadsafe, (heard.set,))
            thread.start()
            await heard.wait()
        thread.join()

    run(scene)


@pytest.mark.parametrize("before", [0, 1])
def test_what_a_reader_leaves_to_the_loop_is_done(before: int) -> None:
    async def scene(loop: QuickLoop) -> None:
        ours, theirs = socket.socketpair()
        done = asyncio.Event()
        reads = 0

        def read() -> bool:
            nonlocal reads
            ours.recv(1)
            reads += 1
            if reads > before:
                loop.call_soon(done.set)
                return True
            theirs.send(b"x")
            return False

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
    QuickLoop().close()
    assert os.listdir("/dev/fd") == before
