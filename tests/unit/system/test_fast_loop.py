"""An event loop that reads some connections while it waits."""

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
    """A socket that is readable again after each read."""
    ours, theirs = socket.socketpair()
    times = [0]

    def read() -> None:
        times[0] += 1
        theirs.send(ours.recv(1))

    with closing(ours), closing(theirs):
        loop.fast_selector.watch(ours.fileno(), read)
        theirs.send(b"x")
        try:
            yield times
        finally:
            loop.fast_selector.forget(ours.fileno())


def test_timers_run_while_a_socket_is_always_readable() -> None:
    async def scene(loop: FastLoop) -> None:
        with busy(loop) as times:
            await asyncio.sleep(0.02)
            assert times[0] > 1

    run(scene)


def test_other_descriptors_are_read_too() -> None:
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


def test_callbacks_from_other_threads_run() -> None:
    async def scene(loop: FastLoop) -> None:
        called = asyncio.Event()
        with busy(loop):
            thread = threading.Timer(0.01, loop.call_soon_threadsafe, (called.set,))
            thread.start()
            await called.wait()
        thread.join()

    run(scene)


@pytest.mark.parametrize("before", [0, 1])
def test_callbacks_that_a_reader_schedules_run(before: int) -> None:
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
            loop.fast_selector.watch(ours.fileno(), read)
            theirs.send(b"x")
            await done.wait()
            loop.fast_selector.forget(ours.fileno())
        assert reads == before + 1

    run(scene)


def test_an_inline_reader_may_replace_a_reader_of_asyncio() -> None:
    async def scene(loop: FastLoop) -> None:
        reader, writer = os.pipe()
        ours, theirs = socket.socketpair()
        called = asyncio.Event()

        def read() -> None:
            ours.recv(1)
            loop.remove_reader(reader)
            loop.add_reader(reader, called.set)

        with closing(ours), closing(theirs):
            loop.add_reader(reader, loop.stop)
            loop.fast_selector.watch(ours.fileno(), read)
            # Both are readable in the same wait.
            os.write(writer, b"x")
            theirs.send(b"x")
            await called.wait()
            loop.fast_selector.forget(ours.fileno())
        loop.remove_reader(reader)
        os.close(reader)
        os.close(writer)

    run(scene)


def test_a_closed_loop_leaves_no_descriptor_open() -> None:
    before = os.listdir("/dev/fd")
    FastLoop().close()
    assert os.listdir("/dev/fd") == before


# Connections.


class Recorder(InlineConnection):
    """A connection that keeps the bytes it receives."""

    def __init__(self) -> None:
        super().__init__()
        self.received = b""
        self.error: Exception | None = None
        self.fault: Exception | None = None
        self.keeps_half_open = False
        self.arrived = asyncio.Event()
        self.ended = asyncio.Event()

    def take(self, data: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.received += data
        self.arrived.set()

    def take_end(self) -> bool:
        self.received += b"."
        self.arrived.set()
        return self.keeps_half_open

    def lost(self, error: Exception | None) -> None:
        self.error = error
        self.ended.set()

    async def until(self, received: bytes) -> None:
        while self.received != received:
            self.arrived.clear()
            await self.arrived.wait()


Talk = Callable[[Recorder, socket.socket], Awaitable[None]]


@pytest.fixture(params=[FastLoop, asyncio.SelectorEventLoop])
def talk(request: pytest.FixtureRequest) -> Callable[[Talk], list[str]]:
    """Run a scene over TCP with a recorder that has received `a`; returns reported failures."""

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
                _, recorder = await loop.create_connection(Recorder, sock=ours)
                theirs.send(b"a")
                async with asyncio.timeout(20):
                    await recorder.until(b"a")
                    await asyncio.sleep(0)
                    await scene(recorder, theirs)
                    recorder.abort()
                    await recorder.ended.wait()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())
        return failures

    return talk


def test_it_receives_and_sends(talk: Callable[[Talk], list[str]]) -> None:
    async def scene(recorder: Recorder, theirs: socket.socket) -> None:
        theirs.send(b"b")
        await recorder.until(b"ab")
        recorder.write(b"c")
        assert theirs.recv(9) == b"c"
        recorder.pause()
        theirs.send(b"d")
        await asyncio.sleep(0.01)
        assert recorder.received == b"ab"
        recorder.resume()
        await recorder.until(b"abd")
        theirs.send(b"e")
        await recorder.until(b"abde")

    assert talk(scene) == []


def test_bytes_that_the_other_side_does_not_read_yet_wait(
    talk: Callable[[Talk], list[str]],
) -> None:
    async def scene(recorder: Recorder, theirs: socket.socket) -> None:
        data = bytes(range(256)) * 100_000
        recorder.write(data)
        recorder.write(b"last")
        theirs.send(b"b")
        await recorder.until(b"ab")
        with theirs.makefile("rb") as reader:
            assert await asyncio.to_thread(reader.read, len(data) + 4) == data + b"last"
        theirs.send(b"c")
        await recorder.until(b"abc")
        recorder.write(b"d")
        assert theirs.recv(9) == b"d"

    assert talk(scene) == []


@pytest.mark.parametrize("keeps_half_open", [False, True])
def test_an_end_is_reported_once(
    talk: Callable[[Talk], list[str]], *, keeps_half_open: bool
) -> None:
    async def scene(recorder: Recorder, theirs: socket.socket) -> None:
        recorder.keeps_half_open = keeps_half_open
        theirs.shutdown(socket.SHUT_WR)
        await recorder.until(b"a.")
        recorder.pause()
        recorder.resume()
        if keeps_half_open:
            recorder.write(b"b")
            recorder.write_end()
            assert theirs.recv(9) == b"b"
        assert await asyncio.to_thread(theirs.recv, 9) == b""
        assert recorder.received == b"a."

    assert talk(scene) == []


def test_a_reset_by_the_other_side_is_an_error(talk: Callable[[Talk], list[str]]) -> None:
    async def scene(recorder: Recorder, theirs: socket.socket) -> None:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        await recorder.ended.wait()
        assert isinstance(recorder.error, ConnectionResetError)
        recorder.write(b"b")
        recorder.write_end()
        recorder.close()

    assert talk(scene) == []


def test_a_fault_in_a_connection_ends_only_that_connection(
    talk: Callable[[Talk], list[str]],
) -> None:
    async def scene(recorder: Recorder, theirs: socket.socket) -> None:
        recorder.fault = LookupError("a fault")
        theirs.send(b"b")
        await recorder.ended.wait()
        assert await asyncio.to_thread(theirs.recv, 9) == b""
        # It was not closed in order.
        assert recorder.error is recorder.fault

    assert len(talk(scene)) == 1


def test_our_reset_is_an_error_for_the_other_side(talk: Callable[[Talk], list[str]]) -> None:
    async def scene(recorder: Recorder, theirs: socket.socket) -> None:
        recorder.reset()
        await recorder.ended.wait()
        recorder.reset()
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(theirs.recv, 9)

    assert talk(scene) == []


def test_each_thread_has_its_own_buffer() -> None:
    found: list[memoryview] = []
    thread = threading.Thread(target=lambda: found.extend((shared_buffer(), shared_buffer())))
    thread.start()
    thread.join()
    assert found[0] is found[1]
    assert found[0] is not shared_buffer()
