import anyio

from portweave.panel.watch import Watcher


async def told(watcher: Watcher, patience_s: float = 0.0) -> list[tuple[str, object]]:
    return await watcher.pending(patience_s)


def test_of_each_stack_only_the_newest_waits() -> None:
    async def main() -> None:
        watcher = Watcher()
        for number in range(100_000):
            watcher.put("stack", f"id-{number % 3}", number)
        assert await told(watcher) == [("stack", 99_997), ("stack", 99_998), ("stack", 99_999)]
        assert await told(watcher) == []

    anyio.run(main)


def test_what_comes_again_after_its_end_is_told_after_it() -> None:
    async def main() -> None:
        watcher = Watcher()
        watcher.put("stack", "id", "before")
        watcher.put("gone", "id", "gone")
        watcher.put("stack", "id", "again")
        assert await told(watcher) == [("gone", "gone"), ("stack", "again")]

    anyio.run(main)


def test_one_that_waits_is_woken() -> None:
    async def main() -> None:
        watcher = Watcher()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(put_later, watcher)
            assert await told(watcher, 10.0) == [("stack", 1)]

    async def put_later(watcher: Watcher) -> None:
        await anyio.lowlevel.checkpoint()
        watcher.put("stack", "id", 1)

    anyio.run(main)
