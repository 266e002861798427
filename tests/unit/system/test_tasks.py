"""Task groups, time limits, and work that runs to its end."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from portweave.system.tasks import (
    Group,
    Within,
    finish,
    forever,
    in_thread,
    until_readable,
)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await main()

    asyncio.run(bounded())


def test_a_group_ends_those_that_still_run() -> None:
    ended: list[str] = []

    async def stay(name: str) -> None:
        try:
            await forever()
        finally:
            ended.append(name)

    async def main() -> None:
        async with Group() as tasks:
            tasks.start(stay, "one")
            tasks.start(stay, "other")
            await asyncio.sleep(0)
            tasks.cancel()
        assert sorted(ended) == ["one", "other"]

    run(main)


def test_an_error_of_one_ends_the_others() -> None:
    async def fail() -> None:
        raise ValueError("it")

    async def both() -> None:
        async with Group() as tasks:
            tasks.start(forever)
            tasks.start(fail)

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as found:
            await both()
        assert [str(error) for error in found.value.exceptions] == ["it"]

    run(main)


def test_a_limit_leaves_the_block_and_nothing_else() -> None:
    async def main() -> None:
        async with Within(0.001):
            await forever()
        async with Within(0):
            await forever()
        async with Within(None):
            await asyncio.sleep(0)
        with pytest.raises(KeyError):
            async with Within(5):
                raise KeyError
        # A timeout of another limit is not mistaken for this one.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001), Within(5):
                await forever()

    run(main)


def test_what_is_to_be_finished_is_and_the_cancellation_comes_behind() -> None:
    steps: list[str] = []

    async def work(gate: asyncio.Event) -> str:
        await gate.wait()
        steps.append("finished")
        return "done"

    async def main() -> None:
        gate = asyncio.Event()
        task = asyncio.ensure_future(finish(work(gate)))
        await asyncio.sleep(0)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert steps == ["finished"]
        assert await finish(work(gate)) == "done"

    run(main)


def test_an_error_of_what_is_finished_comes_before_the_cancellation() -> None:
    async def work(gate: asyncio.Event) -> None:
        await gate.wait()
        raise ValueError("it")

    async def main() -> None:
        gate = asyncio.Event()
        task = asyncio.ensure_future(finish(work(gate)))
        await asyncio.sleep(0)
        task.cancel()
        gate.set()
        with pytest.raises(ValueError, match="it"):
            await task

    run(main)


def test_a_descriptor_is_waited_for_and_let_go() -> None:
    async def main() -> None:
        ours, theirs = os.pipe()
        try:
            waiting = asyncio.ensure_future(until_readable(ours))
            await asyncio.sleep(0)
            assert not waiting.done()
            os.write(theirs, b"x")
            await waiting
            # No thread waits for it any more.
            assert not asyncio.get_running_loop().remove_reader(ours)
        finally:
            os.close(ours)
            os.close(theirs)

    run(main)


def test_a_thread_tells_its_result_or_its_error_and_is_left_when_nobody_waits() -> None:
    gate = threading.Event()

    def fail() -> None:
        raise ValueError("it")

    async def main() -> None:
        assert await in_thread(lambda: 7) == 7
        with pytest.raises(ValueError, match="it"):
            await in_thread(fail)
        async with Within(0.001):
            await in_thread(gate.wait)
            pytest.fail("it was waited for")

    run(main)
    gate.set()
