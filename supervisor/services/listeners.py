"""Observe where the services of a stack listen, once a second for all of them.

One dump of the listening sockets (sock_diag(7)) shows whether each listener is still there. The
process that holds a socket is looked up only for new sockets. Nothing is observed while no service
listens or should listen.
"""

import asyncio
import os
import time
from collections.abc import Collection, Iterable
from typing import Protocol

from portweave.allocator.ports.port_check import (
    held_sockets,
    listening_ports,
)
from portweave.supervisor.processes.process_tree import (
    ProcessTree,
    descendants_now,
)
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.services.listener_rules import (
    LOOK_S,
    without_debuggers,
)
from portweave.system.listeners import (
    DiagSocket,
    sockets,
)
from portweave.system.processes import HAS_PROC
from portweave.system.tasks import until_next


class ListenerReport(Protocol):
    """Receives what was observed about one run."""

    def handle_listener_check(self, queue: int | None, now_s: float) -> None:
        """Use a look at a port that had a listener of the run.

        Args:
            queue: How many connections wait for the listener; None if it is not there.
            now_s: The time.
        """

    def handle_other_ports(self, ports: tuple[int, ...]) -> None:
        """Use the ports that the run listens on instead of its own; none if it has its own."""


class WatchedPort:
    """The port of one run, as it is observed.

    Args:
        port: The port that the run should listen on.
        tree: The processes of the run.
        report: Receives what was observed.

    Attributes:
        port: As given.
        tree: As given.
        report: As given.
        has_listened: Whether the run has listened on the port.
        search_until_s: Until when to look for its listener, on this port or others.
        own: Inodes of the run's sockets on the port.
        other_ports: The ports of its other sockets, by inode.
    """

    def __init__(self, port: int, tree: ProcessTree, report: ListenerReport) -> None:
        self.port = port
        self.tree = tree
        self.report = report
        self.has_listened = False
        self.search_until_s = 0.0
        self.own: frozenset[int] = frozenset()
        self.other_ports: dict[int, int] = {}


class ListenerWatch:
    """Observes the listeners of a stack's services.

    Args:
        snapshots: Lists processes.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._watched: set[WatchedPort] = set()
        self._known: frozenset[int] = frozenset()
        self._wake = asyncio.Event()

    def add(self, watched: WatchedPort) -> None:
        """Observe a port from now on."""
        self._watched.add(watched)

    def discard(self, watched: WatchedPort) -> None:
        """Observe a port no longer."""
        self._watched.discard(watched)

    def mark_listening(self, watched: WatchedPort) -> None:
        """Note that a run listens on its port, as another look has shown."""
        watched.has_listened = True
        self._wake.set()

    def search_until(self, watched: WatchedPort, until_s: float) -> None:
        """Look for a run's listener, on its port and others, until a time."""
        watched.search_until_s = max(watched.search_until_s, until_s)
        self._wake.set()

    async def run(self) -> None:
        """Observe until cancelled."""
        while True:
            self._wake = asyncio.Event()
            if not self.is_needed(time.monotonic()):
                await self._wake.wait()
            await until_next(LOOK_S)
            try:
                await self.look()
            except OSError:  # for example no free descriptor; the next look may get one
                continue

    def is_needed(self, now_s: float) -> bool:
        """Whether there is a listener to observe or to look for."""
        return any(one.has_listened or one.search_until_s > now_s for one in self._watched)

    async def look(self) -> None:
        """Look once at all ports."""
        if HAS_PROC:
            found = sockets()
            await self._compare(found)
            return
        # On macOS each process is asked for its ports.
        for one in list(self._watched):
            members = one.tree.members(await self._snapshots.take())
            ports = listening_ports([member.pid for member in members])
            others = () if one.port in ports else without_debuggers(ports)
            self._report(one, 0 if one.port in ports else None, others)

    async def _compare(self, found: Collection[DiagSocket]) -> None:
        """Compare all listening sockets with those that each run had before."""
        on_port: dict[int, list[DiagSocket]] = {}
        for socket in found:
            on_port.setdefault(socket.port, []).append(socket)
        inodes = frozenset(socket.inode for socket in found)
        new = [socket for socket in found if socket.inode not in self._known]
        self._known = inodes
        for one in list(self._watched):
            there = on_port.get(one.port, [])
            one.own &= inodes
            if there and not one.own:
                one.own = await self._own_sockets(one, there)
            if not one.own:
                self._find_other_ports(one, inodes, new)
            queue = max((s.queue for s in there if s.inode in one.own), default=0)
            ports = () if one.own else without_debuggers(one.other_ports.values())
            self._report(one, queue if one.own else None, ports)

    async def _own_sockets(self, one: WatchedPort, there: Iterable[DiagSocket]) -> frozenset[int]:
        """The sockets on a run's port that its processes hold."""
        me = os.getuid()
        # The process of another user is hidden: it counts as the service's own.
        foreign = frozenset(socket.inode for socket in there if me and socket.user_id != me)
        mine = {socket.inode for socket in there} - foreign
        found = mine & held_sockets(_near(one.tree)) if mine else set[int]()
        if mine and not found:
            members = one.tree.members(await self._snapshots.take())
            found = mine & held_sockets(member.pid for member in members)
        return foreign | found

    def _find_other_ports(
        self, one: WatchedPort, inodes: Collection[int], new: Collection[DiagSocket]
    ) -> None:
        one.other_ports = {i: port for i, port in one.other_ports.items() if i in inodes}
        others = {socket.inode: socket.port for socket in new if socket.port != one.port}
        if others:
            held = held_sockets(_near(one.tree))
            one.other_ports |= {i: port for i, port in others.items() if i in held}

    def _report(self, one: WatchedPort, queue: int | None, other_ports: tuple[int, ...]) -> None:
        if one not in self._watched:  # the run has ended meanwhile
            return
        now_s = time.monotonic()
        one.has_listened = one.has_listened or queue is not None
        if one.has_listened:
            one.report.handle_listener_check(queue, now_s)
        one.report.handle_other_ports(other_ports)


def _near(tree: ProcessTree) -> list[int]:
    """The leader and its descendants, which nearly always are all processes."""
    return [tree.leader, *descendants_now(tree.leader)]
