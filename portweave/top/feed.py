"""Where `top` gets its data from: the panel's watch, the logs, the registry."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import anyio
from anyio import to_thread

from portweave.errors import PortweaveError
from portweave.panel.log_tail import MOST_LINES, Line, Tail
from portweave.panel.watch import Watch
from portweave.panel.worktrees import Worktrees
from portweave.top.stack_rows import Stack, worktrees_without_stack

Event = tuple[str, object]
# At most so often does the screen change.
_PAUSE_S = 0.25


class LogSource(Protocol):
    """A log that is read piece by piece."""

    def read(self) -> list[Line]:
        """Return the next lines; empty where there are none yet. It may block."""
        ...

    def close(self) -> None:
        """Close its files."""
        ...


class Feed(Protocol):
    """What `top` shows."""

    async def run(self, take: Callable[[Sequence[Event]], None]) -> None:
        """Pass on the events of all stacks until the task is cancelled."""
        ...

    def watch_closely(self, stacks: frozenset[str]) -> None:
        """Set which stacks are on the screen; their usage is asked for more often."""
        ...

    def log(self, stack: Stack, instance: str | None, *, is_whole: bool) -> LogSource:
        """Return the log of an instance, or of all instances of a stack.

        Args:
            stack: The stack.
            instance: Such as `web.2`; None for all.
            is_whole: Whether to begin with thousands of lines, or with a screen.
        """
        ...

    async def worktrees(self) -> tuple[Stack, ...]:
        """Return the worktrees in which no stack runs."""
        ...


class LiveFeed:
    """The stacks of this machine.

    Args:
        environ: Names the configuration and state folders.
        worktrees: The worktrees of this machine.
    """

    def __init__(self, environ: Mapping[str, str], worktrees: Worktrees) -> None:
        self._worktrees = worktrees
        self._watch = Watch(environ, worktrees.mark)
        self._close = frozenset[str]()

    async def run(self, take: Callable[[Sequence[Event]], None]) -> None:
        """Pass on the events of all stacks until the task is cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch.run)
            async with self._watch.watching() as watcher:
                while True:
                    events = await watcher.pending(3600)
                    take(events)
                    self._watch.show_open(watcher, self._close)
                    await anyio.sleep(_PAUSE_S)

    def watch_closely(self, stacks: frozenset[str]) -> None:
        """Set which stacks are on the screen; their usage is asked for more often."""
        self._close = stacks

    def log(self, stack: Stack, instance: str | None, *, is_whole: bool) -> LogSource:
        """Return the log of an instance, or of all instances of a stack.

        Args:
            stack: The stack.
            instance: Such as `web.2`; None for all.
            is_whole: Whether to begin with thousands of lines, or with a screen.
        """
        names = () if instance is None else (instance,)
        last = MOST_LINES if is_whole else 100
        return Tail(stack.root, stack.namespace, names, last=last)

    async def worktrees(self) -> tuple[Stack, ...]:
        """Return the worktrees in which no stack runs."""
        try:
            return worktrees_without_stack(await to_thread.run_sync(self._worktrees.listing))
        except PortweaveError:
            # The registry is damaged: every other command says so.
            return ()
