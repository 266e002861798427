"""Restart services when their files change.

watchfiles reports changes from the kernel, and gathers a burst into one batch. Files that git
ignores do not count: git is asked, because only git knows all of its rules. Folders with a `.git`
of their own are other repositories or worktrees, and do not count either.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from functools import partial

from portweave.allocator.git_queries import (
    GIT,
    look_environment,
)
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.services.lifecycle import Phase
from portweave.supervisor.services.watch_rules import (
    LoopGuard,
    Pattern,
    affected,
    outside_repositories,
    pattern,
)
from portweave.system.tasks import (
    Group,
    forever,
    in_thread,
)

# A burst ends with this much quiet, and is cut after that long.
QUIET_MS = 150
LONGEST_BURST_MS = 1600
_GIT_PATIENCE_S = 10.0

Watches = tuple[tuple[str, tuple[Pattern, ...]], ...]


class Watcher:
    """Watches the files of a stack's services.

    Args:
        engine: The stack's instances.
        root: The worktree's root. Messages name paths relative to it.
        say: Prints what happens.
        warn: Reports what is wrong with the watch.
        note_use: Notes a restart as a use of the stack.
    """

    def __init__(
        self,
        engine: Engine,
        root: str,
        say: Callable[[str], None],
        warn: Callable[[str], None],
        note_use: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._root = root
        self._say = say
        self._warn = warn
        self._note_use = note_use
        self._guards: dict[str, LoopGuard] = {}
        # Folders with a `.git` of their own, even if they were removed since.
        self._repositories: set[str] = set()
        self._waiting: set[str] = set()
        self._changed: set[str] = set()
        self._has_changes = asyncio.Event()

    async def run(self) -> None:
        """Restart services whose files change, until cancelled. A reload may change the watches."""
        while True:
            watches = self._watches()
            async with Group() as tasks:
                if watches:
                    tasks.start(self._follow, watches)
                while self._watches() == watches:
                    await self._engine.wait_for_change()
                tasks.cancel()

    def _watches(self) -> Watches:
        return tuple(
            (plan.name, tuple(pattern(text) for text in plan.watch))
            for plan in self._engine.fleet.plans.values()
            if plan.watch
        )

    async def _follow(self, watches: Watches) -> None:
        folders, files, missing = _split_bases({p.base for _, ps in watches for p in ps})
        for base in missing:
            self._warn(f"watch: there is no {base}; nothing is restarted for it")
        self._changed.clear()
        self._waiting.clear()
        self._repositories = await in_thread(partial(_worktrees_below, folders))
        stop = asyncio.Event()
        async with Group() as tasks:
            tasks.start(_set_at_end, stop)
            if folders:
                tasks.start(self._collect_changes, _topmost(folders), True, stop)
            if files:
                tasks.start(self._collect_changes, files, False, stop)
            while True:
                await self._has_changes.wait()
                # The other watch may report more of the same burst.
                await asyncio.sleep(QUIET_MS / 1000)
                changed, self._changed = self._changed, set()
                self._has_changes = asyncio.Event()
                await self._restart_affected(watches, changed, tasks)

    async def _collect_changes(self, bases: list[str], deep: bool, stop: asyncio.Event) -> None:
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
                self._has_changes.set()
        except (OSError, RuntimeError) as error:
            self._warn(f"watch: cannot watch {', '.join(bases)}: {error}")

    async def _restart_affected(self, watches: Watches, paths: set[str], tasks: Group) -> None:
        concerns = affected(watches, paths)
        if not concerns:
            return
        bases = {p.base for _, patterns in watches for p in patterns}
        # The watch of a file is on its folder.
        bases |= {os.path.dirname(base) for base in bases}
        some = {path for its in concerns.values() for path in its}
        self._repositories |= await in_thread(partial(_repositories, some, bases))
        paths = outside_repositories(paths, self._repositories)
        ignored = await in_thread(partial(_ignored, sorted(paths)))
        found = affected(watches, paths - ignored)
        lives = self._engine.fleet.lives
        # Services that the user stopped stay stopped.
        chosen = [name for name in found if name in lives and lives[name].wanted]
        if not chosen or self._engine.fleet.closing:
            return
        what, *others = sorted({path for name in chosen for path in found[name]})
        more = f" and {len(others)} more" if others else ""
        changed = f"{self._relative(what)}{more} changed"
        now = [name for name in chosen if not self._pause_s(name)]
        if now:
            self._say(f"{changed}; restarts {', '.join(now)}")
            self._restart(now, found)
        for name in chosen:
            if name not in now and name not in self._waiting:
                self._waiting.add(name)
                service = self._engine.services[name]
                service.restart_due_s = time.monotonic() + self._pause_s(name)
                self._say(f"{changed}; restarts {name} in {self._pause_s(name):g} s")
                tasks.start(self._restart_later, name, found)

    async def _restart_later(self, name: str, found: dict[str, list[str]]) -> None:
        await asyncio.sleep(self._pause_s(name))
        self._waiting.discard(name)
        lives = self._engine.fleet.lives
        if name in self._engine.services:
            self._engine.services[name].restart_due_s = None
        if name in lives and lives[name].wanted and not self._engine.fleet.closing:
            self._restart([name], found)

    def _pause_s(self, name: str) -> float:
        return self._guards[name].pause_s if name in self._guards else 0.0

    def _restart(self, names: list[str], found: dict[str, list[str]]) -> None:
        """Restart instances, and warn about those that cause their own restarts."""
        lives = self._engine.fleet.lives
        self._note_use(f"{self._relative(found[names[0]][0])} changed")
        for name in names:
            guard = self._guards.setdefault(name, LoopGuard())
            was_loop = bool(guard.path)
            guard.add_restart(found[name], time.monotonic())
            service = self._engine.services[name]
            trouble = _loop(name, self._relative(guard.path)) if guard.path else None
            service.watch_trouble = trouble
            if trouble is not None and not was_loop:
                self._warn(f"watch: {trouble.text}; {trouble.hint}")
        self._engine.restart(name for name in names if lives[name].phase is not Phase.WAITING)

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self._root.rstrip('/')}/")


def _loop(name: str, path: str) -> Cause:
    return Cause(
        "watch loop",
        f"{path} changes again and again, each time after {name} starts: a loop",
        f"if {name} writes {path} itself, leave it out of `watch`, or have git ignore it",
    )


async def _set_at_end(event: asyncio.Event) -> None:
    """Set an event when cancelled: the watching thread does not notice a cancellation."""
    try:
        await forever()
    finally:
        event.set()


def _split_bases(bases: set[str]) -> tuple[list[str], list[str], list[str]]:
    """Folders to watch with all below, folders to watch alone, and missing paths."""
    folders = sorted(base for base in bases if os.path.isdir(base))
    # The watch of a file is on its folder: editors replace the file by a new one.
    files = sorted({os.path.dirname(base) for base in bases if os.path.isfile(base)})
    return folders, files, sorted(base for base in bases if not os.path.exists(base))


def _topmost(folders: list[str]) -> list[str]:
    """The folders that lie in no other one of them."""
    kept: list[str] = []
    for folder in folders:
        if not any(folder.startswith(f"{other.rstrip('/')}/") for other in kept):
            kept.append(folder)
    return kept


def _ignored(paths: list[str]) -> set[str]:
    """The paths that git ignores; none outside of a repository, or without git."""
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


def _repositories(paths: Iterable[str], bases: set[str]) -> set[str]:
    """Folders with a `.git` of their own, between watched folders and changed paths."""
    found: set[str] = set()
    looked: set[str] = set()
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in looked and folder not in bases and folder != "/":
            looked.add(folder)
            if os.path.lexists(f"{folder}/.git"):
                found.add(folder)
            folder = os.path.dirname(folder)
    return found


def _worktrees_below(folders: list[str]) -> set[str]:
    """Linked worktrees below folders, as git lists them: one may be removed with its `.git`."""
    found: set[str] = set()
    for folder in folders:
        command = [*GIT, "-C", folder, "worktree", "list", "--porcelain"]
        try:
            done = subprocess.run(
                command,
                env=look_environment(os.environ),
                capture_output=True,
                timeout=_GIT_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        for line in os.fsdecode(done.stdout).splitlines():
            path = line.removeprefix("worktree ")
            if path != line and path.startswith(f"{folder.rstrip('/')}/"):
                found.add(path)
    return found
