"""The files of a running stack: its record, its journal and its control socket.

Other processes find a stack by its record and reach it by its socket. Whoever ends the services
after the supervisor reads the journal. All three are restored where they were removed.
"""

import math
from collections.abc import Callable, Iterable

from portweave.supervisor.control.server import (
    Listener,
    Serve,
    TakeOver,
)
from portweave.supervisor.processes.shutdown_order import StopRule
from portweave.supervisor.processes.started_journal import JournalWriter
from portweave.supervisor.registry.stack_lock import StackLock, note_folder, update_ports
from portweave.supervisor.registry.stack_records import folder_and_key
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.plan import InstancePlan
from portweave.system.tasks import Group


class RecordAndSocket:
    """The record, journal and control socket of one stack.

    Args:
        journal: Path of the journal; the record lies beside it. None for neither.
        lock: Descriptor of the stack's lock. None where another process keeps the record.
        socket: Path of the control socket; empty for none.
        log_event: Writes an event, with fields by keyword, to the event log.

    Attributes:
        journal: Lists what was started; None without one.
    """

    def __init__(
        self,
        journal: str | None,
        lock: int | None,
        socket: str,
        log_event: Callable[..., None],
    ) -> None:
        self.journal = None if journal is None else JournalWriter(journal)
        self._path = journal
        self._lock: StackLock | None = None
        if journal is not None and lock is not None:
            self._lock = StackLock(*folder_and_key(journal), lock)
        self._socket = socket
        self._log_event = log_event
        self._listener: Listener | None = None
        self._socket_error = ""

    async def listen(self, serve: Serve, take_over: TakeOver, tasks: Group) -> str:
        """Accept connections on the control socket. A stack runs without one too.

        Args:
            serve: Answers requests.
            take_over: Takes connections that are about calls.
            tasks: The group in which requests are answered.

        Returns:
            Why it cannot listen; empty where it can, or has no socket.
        """
        if not self._socket:
            return ""
        # A client that connects may have lost the record.
        self._listener = Listener(self._socket, serve, tasks, take_over, self.restore_record)
        try:
            await self._listener.listen()
        except OSError as error:
            return f"cannot listen on {self._socket}: {error.strerror or error}"
        return ""

    def restore_record(self) -> None:
        """Write record and journal again if their folder was removed."""
        try:
            if self._lock is None or not self._lock.restore():
                return
            if self.journal is not None:
                self.journal.restore()
        except OSError as error:
            self._log_event("record not restored", error=str(error))
        else:
            self._log_event("record restored")

    async def restore_socket(self) -> None:
        """Listen again if the socket was removed."""
        if self._listener is None:
            return
        try:
            if await self._listener.restore():
                self._log_event("socket restored")
            self._socket_error = ""
        except OSError as error:
            # While no user is logged in, there may be no folder for it. A later call may succeed.
            if self._socket_error != str(error):
                self._log_event("socket not restored", error=str(error))
            self._socket_error = str(error)

    def write_stop_rules(
        self, plans: Iterable[InstancePlan], longest_grace_s: float = math.inf
    ) -> None:
        """Write how to stop each service to the journal, for a process that has to do it later.

        Args:
            plans: Of all instances.
            longest_grace_s: An upper bound for their grace periods.
        """
        if self.journal is None:
            return
        rules = {
            plan.name: StopRule(
                min(plan.stop_grace_s, longest_grace_s),
                plan.stop_signal,
                tuple(need.instance for need in plan.needs),
            )
            for plan in plans
        }
        self.journal.note_rules(rules)

    def update_ports(self, fleet: Fleet) -> None:
        """Write the ports of the instances, as they are planned now, to the record."""
        if self._path is None:
            return
        ports = {
            name: plan.port
            for name, plan in fleet.plans.items()
            if plan.port is not None and name not in fleet.removed
        }
        try:
            update_ports(self._path, ports)
        except OSError as error:  # the registry of ports has them too
            self._log_event("ports not noted", error=str(error))

    def note_folder(self, folder: str) -> None:
        """Write the new path of the stack's folder, which was moved, to the record."""
        if self._path is None:
            return
        try:
            note_folder(self._path, folder)
        except OSError as error:
            self._log_event("folder not noted", error=str(error))

    async def close(self) -> None:
        """Accept no more connections, and close those that are open."""
        if self._listener is not None:
            await self._listener.close()
