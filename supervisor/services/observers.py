"""What the services of a stack share to see how they are: few looks for all of them."""

from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.services.idleness import IdleWatch
from portweave.supervisor.services.listened_commands import ListenedCommands
from portweave.supervisor.services.listeners import ListenerWatch
from portweave.system.tasks import Group


class Observers:
    """The looks of one stack.

    Args:
        snapshots: Tells what processes there are.
        listened: Remembers which commands have listened on their port.

    Attributes:
        snapshots: As given.
        listened: As given.
        listeners: Tells where services listen.
        idleness: Tells when services have come to rest after their start.
    """

    def __init__(self, snapshots: Snapshots, listened: ListenedCommands) -> None:
        self.snapshots = snapshots
        self.listened = listened
        self.listeners = ListenerWatch(snapshots)
        self.idleness = IdleWatch(snapshots)

    def serve(self, tasks: Group) -> None:
        """Look, for as long as the tasks run."""
        tasks.start(self.listeners.run)
        tasks.start(self.idleness.run)
