"""Start a killed proxy again while a stack has names.

The watch waits for the end of the process instead of polling. A proxy that was stopped stays
stopped.
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
    from portweave.supervisor.proxy.announce.revive import WatchedProxy
    from portweave.supervisor.proxy.process.proxy_files import RunningProxy

# How often to look for a proxy while none runs.
_LOOK_S = 60.0


class ProxyWatch:
    """Starts a killed proxy again.

    Args:
        announcer: Registers the stack's names.
        spare: Pids of our children that are reaped elsewhere; a new proxy is added.
        say: Takes a message for users.
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
            watched = await in_thread(partial(_find_watched, self._naming.folder))
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

    async def _revive(self, watched: "WatchedProxy", pause_s: float) -> float:
        """Try to start it until it runs or no names are left; return the last pause in seconds."""
        same_port, is_reported = True, False
        while self._announcer.announced.names:
            await asyncio.sleep(pause_s)
            work = partial(_revive, self._naming.folder, watched, same_port=same_port)
            try:
                found = await in_thread(work)
            except (PortweaveError, OSError) as error:
                if not is_reported and not same_port:
                    is_reported = True
                    self._say(f"the proxy was killed, and does not start again: {error}")
                # Another program may have taken its port.
                same_port = False
                pause_s = pause_after(pause_s, 0)
                continue
            if found is not None and found[1]:
                self._spare.add(found[0].pid)
                self._report(found[0])
            break
        return pause_s

    def _report(self, running: "RunningProxy") -> None:
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


def _find_watched(folder: str) -> "WatchedProxy | None":
    # This takes a while to import, so it happens in a thread.
    from portweave.supervisor.proxy.announce.revive import find_watched

    return find_watched(folder)


def _revive(
    folder: str, watched: "WatchedProxy", *, same_port: bool
) -> "tuple[RunningProxy, bool] | None":
    from portweave.supervisor.proxy.announce.revive import revive

    return revive(folder, watched, same_port=same_port)
