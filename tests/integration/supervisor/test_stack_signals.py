"""What each signal does to a running stack."""

import asyncio
import os
import signal
from typing import cast

import pytest

from portweave.supervisor.logs.output_relay import View
from portweave.supervisor.processes.own_children import OwnChildren
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.stack_signals import (
    ONE_PRESS_S,
    ChildReaper,
    StackSignals,
)


class Recorder:
    """Stands for the engine, its one service, the view and the children; records calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.called = asyncio.Event()
        self.services = {"web": self}
        # The view shows no live line.
        self.live = None

    def send_signal(self, number: int, _by: str) -> None:
        self.calls.append(f"send {signal.Signals(number).name}")
        self.called.set()

    def resize(self, size: tuple[int, int]) -> None:
        self.calls.append(f"resize {size}")

    def size(self) -> tuple[int, int]:
        return (30, 100)

    def release(self) -> None:
        self.calls.append("release")

    def states(self) -> None:
        self.calls.append("states")

    def stop(self) -> None:
        self.calls.append("stop")

    def kill(self) -> None:
        self.calls.append("kill")

    def reap(self) -> None:
        self.calls.append("reap")
        self.called.set()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def signals(recorder: Recorder) -> StackSignals:
    return StackSignals(
        cast("Engine", recorder),
        cast("View", recorder),
        recorder.states,
        recorder.stop,
        recorder.kill,
        None,
    )


@pytest.mark.parametrize(
    ("number", "calls"),
    [
        (signal.SIGUSR1, ["send SIGUSR1"]),
        (signal.SIGUSR2, ["send SIGUSR2"]),
        (signal.SIGWINCH, ["resize (30, 100)"]),
        (signal.SIGQUIT, ["states"]),
        (signal.SIGCONT, ["release", "resize (30, 100)"]),
    ],
)
def test_a_signal_that_does_not_stop_the_stack(
    recorder: Recorder, signals: StackSignals, number: int, calls: list[str]
) -> None:
    signals.handle(number)
    assert recorder.calls == calls
    assert signals.ended_by is None


def test_a_first_signal_stops_and_a_later_interrupt_kills(
    recorder: Recorder, signals: StackSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    signals.handle(signal.SIGTERM)
    signals.handle(signal.SIGINT)
    signals.handle(signal.SIGTERM)
    assert recorder.calls == ["stop"]
    now_s += ONE_PRESS_S * 2
    signals.handle(signal.SIGTERM)
    assert recorder.calls == ["stop"]
    signals.handle(signal.SIGINT)
    assert recorder.calls == ["stop", "kill"]
    assert signals.ended_by == signal.SIGTERM


def test_signals_arrive_once_they_are_installed(recorder: Recorder, signals: StackSignals) -> None:
    async def receive() -> None:
        signals.install()
        os.kill(os.getpid(), signal.SIGUSR1)
        await recorder.called.wait()

    asyncio.run(receive())
    assert recorder.calls == ["send SIGUSR1"]


def test_children_that_end_together_are_reaped_once(recorder: Recorder) -> None:
    async def receive() -> None:
        ChildReaper(cast("OwnChildren", recorder)).install()
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGCHLD)
            await asyncio.sleep(0)
        await recorder.called.wait()

    asyncio.run(receive())
    assert recorder.calls == ["reap"]
