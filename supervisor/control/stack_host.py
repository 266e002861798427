"""The stack, as the commands of the control socket use it."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Protocol

from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.proxy.announce.announcer import Announcer
from portweave.supervisor.registry.moved_folder import FolderAnchor
from portweave.supervisor.reporting.reporter import Reporter
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.services.lifetime import Terms
from portweave.supervisor.services.plan import (
    InstancePlan,
    StackPlan,
)


class StackLifetime(Protocol):
    """What ends a stack without a command, and when it was last used."""

    def note_use(self, use: str) -> None:
        """Note that the stack was used, and what for, in words."""

    def join(self, terms: Terms, around: Collection[int]) -> str:
        """Take a further `up` into account; return what its user is told, or nothing.

        Args:
            terms: From its options.
            around: Pids of the processes around it.
        """
        ...

    def keep(self, terms: Terms, *, forever: bool) -> str:
        """Change the terms; return what ends the stack now, as a predicate."""
        ...

    def as_json(self) -> dict[str, object]:
        """Return owner, end and last use as an object."""
        ...


class Host(Protocol):
    """A stack that clients ask and control.

    Attributes:
        engine: The stack's instances.
        snapshots: The processes of the machine.
        plan: The plan that the stack was started with.
        origin: The request that the plan was made of; clients plan the stack anew from it.
        version: The version of portweave.
        began_s: When the stack began, on the monotonic clock.
        finished: Set when all of the stack has ended.
        left: Descriptions of processes that could not be ended.
        summary: The line that sums up the end; empty before that.
        reporter: Reports events, and remembers them.
        announcer: Keeps the stack's names registered; None for a stack without names.
        anchor: Tells whether the stack's folder was moved.
    """

    engine: Engine
    snapshots: Snapshots
    plan: StackPlan
    origin: Mapping[str, object]
    version: str
    began_s: float
    finished: asyncio.Event
    left: list[str]
    summary: str
    reporter: Reporter
    announcer: Announcer | None
    anchor: FolderAnchor

    @property
    def lifetime(self) -> "StackLifetime":
        """What ends the stack without a command."""
        ...

    def follow_folder(self) -> None:
        """Take a new path of the stack's folder, if it was moved."""

    def update_ports(self) -> None:
        """Publish the ports of the instances, as they are planned now."""

    def url(self, plan: InstancePlan) -> str | None:
        """The URL of an instance; None without a port."""

    @property
    def bus(self) -> dict[str, object] | None:
        """The bus of the stack, as `ps --json` prints it; None if it has none."""
        ...

    def has_joined(self, name: str) -> bool:
        """Whether the program of an instance is connected to the hub of calls."""
        ...

    def stops_because(self) -> str:
        """Why the whole stack is being stopped; empty where it goes on or ends by itself."""
        ...

    def log_trouble(self, name: str) -> str:
        """Why the log of an instance lacks bytes; empty if it lacks none."""
        ...

    def end(self, grace_s: float | None) -> None:
        """Stop the stack for a client.

        Args:
            grace_s: The longest time that a service gets; None for its own limit.
        """

    def set_origin(
        self, origin: Mapping[str, object], wanted: frozenset[str], removed: frozenset[str]
    ) -> None:
        """Remember the request of the newest plan.

        Args:
            origin: The request.
            wanted: Names of the instances that start by themselves.
            removed: Services that earlier plans had, and this one lacks.
        """
