"""What stacks tell the proxy of services, and of the names in its index."""

import asyncio
import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from portweave.encoding.value import value

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.pages.error_pages import IdleWorktree
    from portweave.supervisor.proxy.http.pages.index_page import StackSummary

# A stack is told at most once in this time that requests come for it.
USES_TOLD_S = 10.0


class Target(Protocol):
    """The service of a host."""

    @property
    def hostname(self) -> str:
        """The registered name."""
        ...

    @property
    def port(self) -> int:
        """The port on a loopback address."""
        ...


@value
class UpstreamStatus:
    """The state of a service that does not answer.

    Attributes:
        state: The state in a few words.
        service: The name in its stack; empty without a stack.
        patience_s: How long a request may wait for the service, in seconds.
        ports: Ports that the service's processes listen on instead.
        is_ready: Whether its stack counts it as ready.
        age_s: How long its process has run, in seconds; infinite if unknown.
        phase: The state as `ps` prints it; empty if unknown.
        reason: Why it is in this state; empty if unknown.
        since_s: How long it has been in this state, in seconds; None if unknown.
        output: The last line that it printed, without secrets; empty if unknown.
        stack: Its stack, as `--stack` takes it; empty without a stack.
        folder: The root of its worktree; empty without a stack.
    """

    state: str = "registered, but it does not answer"
    service: str = ""
    patience_s: float = 0.0
    ports: tuple[int, ...] = ()
    is_ready: bool = False
    age_s: float = math.inf
    phase: str = ""
    reason: str = ""
    since_s: float | None = None
    output: str = ""
    stack: str = ""
    folder: str = ""


UNKNOWN = UpstreamStatus()
SILENT = UpstreamStatus("part of a stack whose supervisor does not answer")


class StackStatus:
    """Looks up the state of services; this base class knows of none.

    A subclass asks the stacks.
    """

    async def ask(self, target: Target) -> UpstreamStatus:
        """Return the state of a service that does not answer."""
        return UNKNOWN

    async def summarise(self, owners: Collection[int]) -> "Mapping[int, StackSummary]":
        """Return a summary of each stack, by the process that has registered its names.

        Args:
            owners: Processes that have registered names; not each has a stack.
        """
        return {}

    async def find_idle(self, hostname: str) -> "tuple[IdleWorktree, ...]":
        """Return the worktrees to which an unknown name belongs, and whose stack does not run."""
        return ()

    async def note_use(self, target: Target, use: str) -> None:
        """Tell the stack of a route that it was used.

        Args:
            target: The route.
            use: The request, in words.
        """

    async def branch_of(self, folder: str) -> str:
        """Return the branch that is checked out in a worktree; empty if unknown."""
        if not folder:
            return ""
        from portweave.allocator.git_links import branch_of

        # In a thread: a file system that hangs must not hold the proxy.
        return await asyncio.to_thread(branch_of, folder) or ""
