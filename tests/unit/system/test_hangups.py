"""A full close differs from a half close."""

import asyncio
import socket

import pytest

from portweave.system import hangups
from portweave.system.hangups import Hangups


@pytest.mark.parametrize("by_events", [True, False])
def test_a_full_close_is_told_once_and_a_half_one_never(
    monkeypatch: pytest.MonkeyPatch, by_events: bool
) -> None:
    monkeypatch.setattr(hangups, "LOOK_PAUSE_S", 0.01)

    async def scene() -> None:
        watching = Hangups(by_events=by_events)
        told: list[str] = []
        news = asyncio.Event()

        def tell(name: str) -> None:
            told.append(name)
            news.set()

        pairs = {name: socket.socketpair() for name in ("half", "full", "forgotten", "later")}
        for name, (ours, theirs) in pairs.items():
            theirs.shutdown(socket.SHUT_WR)
            watching.watch(ours.fileno(), lambda name=name: tell(name))  # type: ignore[misc]
        watching.forget(pairs["forgotten"][0].fileno())
        for name in ("forgotten", "full"):
            pairs[name][1].close()
        await news.wait()
        news.clear()
        # By now the others would have been called, too.
        await asyncio.sleep(0.03)
        assert told == ["full"]
        pairs["later"][1].close()
        await news.wait()
        assert told == ["full", "later"]
        watching.close()
        for pair in pairs.values():
            for one in pair:
                one.close()

    asyncio.run(asyncio.wait_for(scene(), 10))
