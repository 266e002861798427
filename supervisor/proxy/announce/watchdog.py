"""A proxy that was killed comes back while there are stacks whose names lead through it.

Its end is waited for, not looked for. One that was stopped stays so.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from portweave.errors import PortweaveError
from portweave.supervisor.processes.spawn import wait_for_end_of_other
from portweave.supervisor.proxy.announce.announcer import Announcer
from portweave.supervisor.proxy.announce.revive_rules import pause_after
from portweave.system.tasks import in_thread

if TYPE_CHECKING:
    from portweave.supervisor.proxy.announce.revive import Watched
    from portweave.supervisor.proxy.process.proxy_files import RunningProxy

# How often it is looked whether there is one, while there is none.
_LOOK_S = 60.0


class ProxyWatch:
    """Sees to it that a killed proxy is started again.

    Args:
        announcer: Registers the stack's names.
        spare: Pids of our children that have an owner who reaps them: the new proxy is one.
        say: Takes what users should know.
    """

    def __init__(self, announcer: Announcer, spare: set[int], say: Callable[[str], None]) -> None:
        self._naming = announcer.naming
        self._announcer = announcer
        self._spare = spare
        self._say = say

    async def run(self) -> None:
        """Watch, until cancelled."""
        pause_s = 0.0
        while True:
            watched = await in_thread(partial(_look, self._naming.folder))
            began_s = time.monotonic()
            try:
                if watched is not None:
                    await wait_for_end_of_other(watched.pid)
            except OSError:
                watched = None
            if watched is None:
                await asyncio.sleep(_LOOK_S)
                continue
            self._reap(watched.pid)
            lived_s = time.monotonic() - began_s
            pause_s = await self._revive(watched, pause_after(pause_s, lived_s))

    async def _revive(self, watched: "Watched", pause_s: float) -> float:
        """Start it again, as often as it takes; how long was waited before it came back."""
        same_port, told = True, False
        while self._announcer.announced.names:
            await asyncio.sleep(pause_s)
            work = partial(_revive, self._naming.folder, watched, same_port=same_port)
            try:
                found = await in_thread(work)
            except (PortweaveError, OSError) as error:
                if not told and not same_port:
                    told = True
                    self._say(f"the proxy was killed, and does not start again: {error}")
                # Somebody else may have taken its port meanwhile.
                same_port = False
                pause_s = pause_after(pause_s, 0)
                continue
            if found is not None and found[1]:
                self._spare.add(found[0].pid)
                self._tell(found[0])
            break
        return pause_s

    def _tell(self, running: "RunningProxy") -> None:
        text = f"the proxy was killed; it runs again (pid {running.pid})"
        if running.port != self._naming.port:
            text += (
                f", on port {running.port}, not on {self._naming.port} as services find it in"
                " PORTWEAVE_URL"
            )
        self._say(text)

    def _reap(self, pid: int) -> None:
        if pid in self._spare:
            self._spare.discard(pid)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _look(folder: str) -> "Watched | None":
    # What it needs takes a while to import: here nobody waits for it.
    from portweave.supervisor.proxy.announce.revive import look

    return look(folder)


def _revive(
    folder: str, watched: "Watched", *, same_port: bool
) -> "tuple[RunningProxy, bool] | None":
    from portweave.supervisor.proxy.announce.revive import revive

    return revive(folder, watched, same_port=same_port)
