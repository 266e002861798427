"""End the processes of a stack whose supervisor and guardian were killed.

The record and the journal of such a stack are still there, but its lock is free. The next command
on this machine ends what is left of it, and reports that. Commands import this only where there are
records or journals.
"""

from portweave.allocator.state_folder import CLUSTER, has_stack_files, state_dir

TYPE_CHECKING = False  # importing `typing` takes as long as the check
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.supervisor.processes.process_tree import ProcessInfo

# A process that is killed with much memory takes a while to disappear.
_DYING_S = 1.0
_PAUSE_S = 0.02


def finish_dead_stacks(environ: "Mapping[str, str]") -> list[str]:
    """End the processes of stacks without a supervisor; return a line about each stack."""
    if not has_stack_files(environ):
        return []
    folder = f"{state_dir(environ)}/stacks"
    from portweave.supervisor.registry.stack_records import stack_keys

    for key in stack_keys(folder, held=True):
        _await_killed(folder, key)
    told = [_finish(folder, key) for key in stack_keys(folder, held=False)]
    return [line for line in told if line]


def _await_killed(folder: str, key: str) -> None:
    """Wait a moment for the end of a stack's processes that SIGKILL has reached.

    They hold the lock until the kernel has removed them. On a busy machine that takes a while.
    """
    from time import monotonic, sleep

    from portweave.supervisor.registry.stack_records import is_alive, is_held, read_record
    from portweave.system.processes import is_being_killed

    record = read_record(folder, key)
    if record is None or (is_alive(record) and not is_being_killed(record.pid)):
        return
    until_s = monotonic() + _DYING_S
    while is_held(folder, key) and monotonic() < until_s:
        sleep(_PAUSE_S)


def finish_dying_stacks(environ: "Mapping[str, str]") -> list[str]:
    """Do the same, and wait a moment for a supervisor that is about to disappear."""
    from time import monotonic, sleep

    until_s = monotonic() + _DYING_S
    while not (told := finish_dead_stacks(environ)) and monotonic() < until_s:
        sleep(_PAUSE_S)
    return told


def _finish(folder: str, key: str) -> str:
    import time

    from portweave.errors import StackRunningError
    from portweave.supervisor.processes.nested_stacks import NestedStacks
    from portweave.supervisor.processes.process_tree import key_of
    from portweave.supervisor.processes.started_journal import (
        append_processes,
        read_journal,
    )
    from portweave.supervisor.registry.ended_stacks import KILLED, note_end
    from portweave.supervisor.registry.stack_lock import StackLock
    from portweave.supervisor.shutdown.reap_stack import (
        StopProgress,
        end_processes,
        find_in_snapshot,
    )

    try:
        lock = StackLock(folder, key)
    except StackRunningError:
        # Another process was first.
        return ""
    with lock:
        # Without a record the journal names the processes, but not the stack.
        record = lock.read()
        tag, pid = (record.tag, record.pid) if record is not None else ("", 0)
        journal = read_journal(lock.journal)
        nested = NestedStacks(folder, pid)
        progress = StopProgress()
        find = find_in_snapshot(journal.entries, tag, nested)
        known = {(entry.pid, entry.start) for entry in journal.entries}

        def note(new: "Sequence[ProcessInfo]") -> None:
            # If this process is killed too, the next command goes on from here.
            append_processes(lock.journal, [seen for seen in new if key_of(seen) not in known])

        for pause_s in end_processes(find, journal, tag, nested.guarded, progress, note=note):
            time.sleep(pause_s)
        found, left = progress.met, progress.left
        name = key if record is None else f"{record.project}/{record.namespace} ({record.root})"
        if left:
            pids = ", ".join(str(seen.pid) for seen in left)
            return f"the stack {name} was killed, and some of its processes still run: pid {pids}"
        if key.startswith(CLUSTER):
            # Each cluster has a new name, so this lock would never be used again.
            lock.remove()
        else:
            if record is not None:
                note_end(folder, record, KILLED)
            lock.remove_record()
    if not found:
        return ""
    what = f"{len(found)} process{'es' if len(found) != 1 else ''}"
    return f"the stack {name} was killed: ended {what} that it left behind"
