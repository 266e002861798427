"""The journal of started processes, from which others end the services if the supervisor cannot.

Each line has words. `= NAME GRACE SIGNAL NEED…` says how a service stops and what it depends on;
the last one of a service counts. `+ PID START NAME` is the start of a leader. With `-` for a name,
it is a process that has left its service. `- PID` is the end of a process. `@ BOOT` is the boot of
the machine: after another boot, the same pid and start time may be another process.
"""

import os

from portweave.encoding.value import value
from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    look_at,
)
from portweave.supervisor.processes.shutdown_order import (
    NO_SERVICE,
    StopRule,
)
from portweave.system.files import read_all
from portweave.system.processes import read_bytes

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The name of a process that has left its service.
_NAMELESS = "-"


@value
class JournalEntry:
    """A process in the journal.

    Attributes:
        pid: Its process id.
        start: Its start time.
        name: The instance whose leader it is; `NO_SERVICE` if it has left its service.
    """

    pid: int
    start: float
    name: str


@value
class Journal:
    """The content of a journal.

    Attributes:
        entries: Processes that were started, and whose end was not noted.
        rules: How services stop, by instance.
    """

    entries: "Sequence[JournalEntry]"
    rules: "Mapping[str, StopRule]"


class JournalWriter:
    """Writes a journal.

    Args:
        path: Path of the journal. An existing file is emptied.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._rules = ""
        # By pid.
        self._entries: dict[int, str] = {}
        self._descriptor = _open(path)

    def restore(self) -> None:
        """Write the journal again after its file was removed.

        Raises:
            OSError: It cannot be written.
        """
        descriptor = _open(self._path)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._append(self._rules + "".join(self._entries.values()))

    def note_rules(self, rules: "Mapping[str, StopRule]") -> None:
        """Note how services stop from now on. Call it before the first of them starts."""
        lines = [
            " ".join(("=", name, repr(rule.grace_s), str(rule.stop_signal), *rule.needs))
            for name, rule in rules.items()
        ]
        self._rules = "".join(f"{line}\n" for line in (f"@ {_boot()}", *lines))
        self._append(self._rules)

    def note_start(self, pid: int, name: str = NO_SERVICE) -> None:
        """Note a leader right after its start, or, without a name, one that has left its service.

        Args:
            pid: Its process id.
            name: The instance that it leads.
        """
        seen = look_at(pid)
        start = seen.start if seen else 0.0
        self._entries[pid] = _started(pid, start, name)
        self._append(self._entries[pid])

    def note(self, processes: "Sequence[ProcessInfo]") -> None:
        """Note processes that have left their service, or carry no mark of it."""
        new = {
            seen.pid: _started(seen.pid, seen.start)
            for seen in processes
            # A leader keeps its name.
            if not self._entries.get(seen.pid, "").startswith(f"+ {seen.pid} {seen.start!r} ")
        }
        if new:
            self._entries |= new
            self._append("".join(new.values()))

    def note_end(self, pid: int) -> None:
        """Note that no process of a leader's run is left. Call it before the leader is reaped."""
        self._entries.pop(pid, None)
        self._append(f"- {pid}\n")

    def _append(self, lines: str) -> None:
        try:
            os.write(self._descriptor, lines.encode())
        except OSError:
            # The disk is full. Without the line, processes are still found by descent and tag.
            return


def append_processes(path: str, processes: "Sequence[ProcessInfo]") -> None:
    """Add processes to the journal of a dead supervisor, for the next command."""
    text = "".join(_started(seen.pid, seen.start) for seen in processes)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError:  # it was removed
        return
    try:
        os.write(descriptor, text.encode())
    except OSError:  # the disk is full
        return
    finally:
        os.close(descriptor)


def _started(pid: int, start: float, name: str = NO_SERVICE) -> str:
    return f"+ {pid} {start!r} {name or _NAMELESS}\n"


def _boot() -> str:
    """The id of this boot of the machine (random(4)); a dash if there is none."""
    return read_bytes("/proc/sys/kernel/random/boot_id").decode().strip() or _NAMELESS


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def read_journal(path: str) -> Journal:
    """Read a journal. An incomplete last line and unknown lines are left out."""
    try:
        lines = read_all(path).split(b"\n")[:-1]
    except OSError:
        return Journal((), {})
    entries: dict[int, JournalEntry] = {}
    rules: dict[str, StopRule] = {}
    is_of_this_boot = True
    for line in lines:
        try:
            sign, *fields = line.decode().split()
            if sign == "=":
                name, grace, number, *needs = fields
                rules[name] = StopRule(float(grace), int(number), tuple(needs))
            elif sign == "+":
                pid, start, name, *_ = fields
                entries[int(pid)] = JournalEntry(
                    int(pid), float(start), NO_SERVICE if name == _NAMELESS else name
                )
            elif sign == "-":
                entries.pop(int(fields[0]), None)
            elif sign == "@":
                is_of_this_boot = fields == [_boot()]
        except (IndexError, ValueError):
            continue
    return Journal(tuple(entries.values()) if is_of_this_boot else (), rules)
