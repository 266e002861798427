"""Look at the processes of a service: whether they reload themselves, and whether they work."""

from portweave.settling.reload_words import reloads
from portweave.supervisor.processes.process_tree import descendants_now
from portweave.system.processes import read_bytes, words_of

# Running or runnable, and waiting for a disk: proc(5).
_BUSY = (b"R", b"D")


def is_reloading(leader: object, command: str) -> bool:
    """Whether a service is a program that reloads itself, by the words of its processes.

    Args:
        leader: Its pid; anything else where it has no process.
        command: Its command.
    """
    if reloads(command.split()):
        return True
    return any(reloads(words_of(pid)) for pid in _pids(leader))


def can_run(leader: object) -> bool:
    """Whether a process of a service could run now (Linux).

    On a busy machine, a process that starts waits for a processor, and uses none meanwhile.

    Args:
        leader: Its pid; anything else where it has no process.
    """
    for pid in _pids(leader):
        fields = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if fields and fields[0] in _BUSY:
            return True
    return False


def _pids(leader: object) -> tuple[int, ...]:
    return (leader, *descendants_now(leader)) if isinstance(leader, int) else ()
