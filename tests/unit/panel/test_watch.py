import anyio

from portweave.panel.watch import Watcher


async def told(watcher: Watcher, patience_s: float = 0.0) -> list[tuple[str, object]]:
    return await watcher.pending(patience_s)


def test_only_the_newest_event_of_each_stack_is_pending() -> None:
    async def main() -> None:
        watcher = Watcher()
        for number in range(100_000):
            watcher.put("stack", f"id-{number % 3}", number)
        assert await told(watcher) == [("stack", 99_997), ("stack", 99_998), ("stack", 99_999)]
        assert await told(watcher) == []

    anyio.run(main)


def test_an_event_after_the_end_of_a_stack_follows_the_end() -> None:
    async def main() -> None:
        watcher = Watcher()
        watcher.put("stack", "id", "before")
        watcher.put("gone", "id", "gone")
        watcher.put("stack", "id", "again")
        assert await told(watcher) == [("gone", "gone"), ("stack", "again")]

    anyio.run(main)


def test_a_waiting_watcher_wakes_up() -> None:
    async def main() -> None:
        watcher = Watcher()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(put_later, watcher)
            assert await told(watcher, 10.0) == [("stack", 1)]

    async def put_later(watcher: Watcher) -> None:
        await anyio.lowlevel.checkpoint()
        watcher.put("stack", "id", 1)

    anyio.run(main)
