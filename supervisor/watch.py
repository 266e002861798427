"""Restart services when their files change.

The kernel tells of changes by way of watchfiles, which gathers a burst into one batch. What git
ignores is left out: git itself is asked, as it alone knows all of its rules.
"""

import asyncio
import os
import subprocess
from collections.abc import Callable
from functools import partial

from portweave.allocator.gitlook import GIT, look_environment
from portweave.supervisor.core.lifecycle import Phase
from portweave.supervisor.core.watching import Pattern, concerned, pattern
from portweave.supervisor.engine import Engine
from portweave.supervisor.tasks import Group, forever, in_thread

# A burst ends with this much quiet, and is cut after that long.
QUIET_MS = 150
LONGEST_BURST_MS = 1600
_GIT_PATIENCE_S = 10.0

Watches = tuple[tuple[str, tuple[Pattern, ...]], ...]


class Watcher:
    """Watches the files of a stack's services.

    Args:
        engine: Its instances.
        say: Tells the user.
    """

    def __init__(self, engine: Engine, say: Callable[[str], None]) -> None:
        self._engine = engine
        self._say = say
        self._changed: set[str] = set()
        self._some_changed = asyncio.Event()

    async def run(self) -> None:
        """Restart what has changed, until cancelled; a reload may change who watches what."""
        while True:
            watches = self._watches()
            async with Group() as tasks:
                if watches:
                    tasks.start(self._follow, watches)
                while self._watches() == watches:
                    await self._engine.news()
                tasks.cancel()

    def _watches(self) -> Watches:
        return tuple(
            (plan.name, tuple(pattern(text) for text in plan.watch))
            for plan in self._engine.fleet.plans.values()
            if plan.watch
        )

    async def _follow(self, watches: Watches) -> None:
        folders, files, missing = _sorted_out({p.base for _, ps in watches for p in ps})
        for base in missing:
            self._say(f"watch: there is no {base}; nothing is restarted for it")
        self._changed.clear()
        stop = asyncio.Event()
        async with Group() as tasks:
            tasks.start(_set_at_end, stop)
            if folders:
                tasks.start(self._gather, _topmost(folders), True, stop)
            if files:
                tasks.start(self._gather, files, False, stop)
            while True:
                await self._some_changed.wait()
                # What belongs to the same burst may be told by the other one.
                await asyncio.sleep(QUIET_MS / 1000)
                changed, self._changed = self._changed, set()
                self._some_changed = asyncio.Event()
                await self._take(watches, changed)

    async def _gather(self, bases: list[str], deep: bool, stop: asyncio.Event) -> None:
        from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]

        changes = awatch(
            *bases,
            watch_filter=None,
            step=QUIET_MS,
            debounce=LONGEST_BURST_MS,
            recursive=deep,
            stop_event=stop,
            ignore_permission_denied=True,
        )
        try:
            async for batch in changes:
                self._changed |= {path for _, path in batch}
                self._some_changed.set()
        except (OSError, RuntimeError) as error:
            self._say(f"watch: cannot watch {', '.join(bases)}: {error}")

    async def _take(self, watches: Watches, paths: set[str]) -> None:
        if not concerned(watches, paths):
            return
        ignored = await in_thread(partial(_ignored, sorted(paths)))
        found = concerned(watches, paths - ignored)
        lives = self._engine.fleet.lives
        # What the user has stopped stays so.
        chosen = [name for name in found if name in lives and lives[name].wanted]
        if not chosen or self._engine.fleet.closing:
            return
        what, *others = sorted({path for name in chosen for path in found[name]})
        more = f" and {len(others)} more" if others else ""
        self._say(f"{os.path.basename(what)}{more} changed; restarts {', '.join(chosen)}")
        self._engine.restart(name for name in chosen if lives[name].phase is not Phase.WAITING)


async def _set_at_end(event: asyncio.Event) -> None:
    """Set an event when cancelled: a thread that watches does not see a cancellation."""
    try:
        await forever()
    finally:
        event.set()


def _sorted_out(bases: set[str]) -> tuple[list[str], list[str], list[str]]:
    """Folders to watch with all below, folders to watch without, and what is not there."""
    folders = sorted(base for base in bases if os.path.isdir(base))
    # A file is watched by its folder: editors put a new one in its place.
    files = sorted({os.path.dirname(base) for base in bases if os.path.isfile(base)})
    return folders, files, sorted(base for base in bases if not os.path.exists(base))


def _topmost(folders: list[str]) -> list[str]:
    """Folders without those that lie in another of them."""
    kept: list[str] = []
    for folder in folders:
        if not any(folder.startswith(f"{other.rstrip('/')}/") for other in kept):
            kept.append(folder)
    return kept


def _ignored(paths: list[str]) -> set[str]:
    """Those that git ignores; none outside of a repository, or where git is missing."""
    found: set[str] = set()
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        folder = os.path.dirname(path)
        while folder != "/" and not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        by_folder.setdefault(folder, []).append(path)
    for folder, inside in by_folder.items():
        command = [*GIT, "-C", folder, "check-ignore", "-z", "--stdin"]
        try:
            done = subprocess.run(
                command,
                input=os.fsencode("\0".join(inside)),
                env=look_environment(os.environ),
                capture_output=True,
                timeout=_GIT_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        found |= {path for path in os.fsdecode(done.stdout).split("\0") if path}
    return found
