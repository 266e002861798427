"""The state of one run of an instance, which its task waits on."""

import asyncio
import signal
import time

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


class Run:
    """One run of an instance, from its start until no process of it is left.

    Attributes:
        stop: Whether it is being stopped.
        kill: Whether it is being killed.
        exited: Whether its leader has exited.
        sent_signal: The last signal that portweave sent: number, time, and sender in words.
        memory_kills: How often the kernel had killed for memory when this run began.
    """

    def __init__(self) -> None:
        self.stop = False
        self.kill = False
        self.exited = False
        self.sent_signal: tuple[int, float, str] | None = None
        self.memory_kills = 0
        self._changed = asyncio.Event()

    def update(self, *, stop: bool = False, kill: bool = False, exited: bool = False) -> None:
        """Set what has become true, and wake `wait_for_change`.

        Args:
            stop: Whether the run is being stopped.
            kill: Whether it is being killed.
            exited: Whether its leader has exited.
        """
        self.stop |= stop
        self.kill |= kill
        self.exited |= exited
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait_for_change(self) -> None:
        """Wait for the next `update`."""
        await self._changed.wait()

    def signalled(self, status: int, grace_s: float) -> str:
        """How portweave sent the signal that ended the run, in words; empty where it did not.

        Args:
            status: The exit status of the leader; 128+n for signal n.
            grace_s: The grace period of the instance.
        """
        if self.sent_signal is None:
            return ""
        number, sent_s, by = self.sent_signal
        # A program that catches the signal may end with any status.
        is_soon = number in _STOP_SIGNALS and time.monotonic() - sent_s < grace_s
        return by if status == 128 + number or is_soon else ""
