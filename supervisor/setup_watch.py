"""Write the record of the hook `setup` when it starts and when it has completed."""

from collections.abc import Callable

from portweave.supervisor.registry.setup_record import write_setup
from portweave.supervisor.services.engine import phase_changes
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import Phase


def record_setup(before: Fleet, after: Fleet, root: str, warn: Callable[[str], None]) -> None:
    """Write the record if `setup` has started or completed.

    Args:
        before: The fleet before a change.
        after: The fleet after it.
        root: The worktree's root.
        warn: Gets why the record cannot be written.
    """
    for plan, _, life in phase_changes(before, after):
        if plan.stamp and life.phase in (Phase.STARTING, Phase.COMPLETED):
            try:
                write_setup(root, plan.stamp, finished=life.phase is Phase.COMPLETED)
            except OSError as error:
                warn(f"setup will run again: its record cannot be written ({error.strerror})")
