"""The observers that all services of a stack share, so that each look serves all of them."""

from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.services.idleness import IdleWatch
from portweave.supervisor.services.listened_commands import ListenedCommands
from portweave.supervisor.services.listeners import ListenerWatch
from portweave.system.tasks import Group


class Observers:
    """Observers of processes and listeners.

    Args:
        snapshots: Lists processes.
        listened: Remembers which commands have listened on their port.

    Attributes:
        snapshots: As given.
        listened: As given.
        listeners: Observes where services listen.
        idleness: Observes when services become idle after their start.
    """

    def __init__(self, snapshots: Snapshots, listened: ListenedCommands) -> None:
        self.snapshots = snapshots
        self.listened = listened
        self.listeners = ListenerWatch(snapshots)
        self.idleness = IdleWatch(snapshots)

    def serve(self, tasks: Group) -> None:
        """Observe, for as long as the tasks run."""
        tasks.start(self.listeners.run)
        tasks.start(self.idleness.run)
