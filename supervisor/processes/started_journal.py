"""What a supervisor notes for those who end its services when it cannot.

Lines of words. `= NAME GRACE SIGNAL NEED…` says how a service ends, and what it depends on; a later
one holds. `+ PID START NAME` is the start of a leader, or the sight of a process that has left its
service (`-` for a name). `- PID` is its end. `@ BOOT` is the boot since which starts are counted:
after another one a number and a start may be those of a stranger.
"""

import os

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

# Stands for the name of nobody.
_NAMELESS = "-"


class JournalEntry:
    """A process that the journal names.

    Attributes:
        pid: Its number.
        start: When it began.
        name: Of the instance whose leader it is; `NO_SERVICE` for one that has left its service.
    """

    __slots__ = ("name", "pid", "start")

    def __init__(self, pid: int, start: float, name: str) -> None:
        self.pid = pid
        self.start = start
        self.name = name


class Journal:
    """What a journal says.

    Attributes:
        entries: What was started and whose end was not noted.
        rules: How services end, by instance.
    """

    __slots__ = ("entries", "rules")

    def __init__(self, entries: "Sequence[JournalEntry]", rules: "Mapping[str, StopRule]") -> None:
        self.entries = entries
        self.rules = rules


class JournalWriter:
    """The supervisor's side of it.

    Args:
        path: Of the journal; what was in it is gone.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._rules = ""
        # By pid.
        self._entries: dict[int, str] = {}
        self._descriptor = _open(path)

    def restore(self) -> None:
        """Write it again, where somebody has removed it.

        Raises:
            OSError: It cannot be written.
        """
        descriptor = _open(self._path)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._append(self._rules + "".join(self._entries.values()))

    def note_rules(self, rules: "Mapping[str, StopRule]") -> None:
        """Note how services end from now on, before the first of them is started."""
        lines = [
            " ".join(("=", name, repr(rule.grace_s), str(rule.stop_signal), *rule.needs))
            for name, rule in rules.items()
        ]
        self._rules = "".join(f"{line}\n" for line in (f"@ {_boot()}", *lines))
        self._append(self._rules)

    def note_start(self, pid: int, name: str = NO_SERVICE) -> None:
        """Note a leader, right after its start, or, without a name, what has left its service."""
        seen = look_at(pid)
        start = seen.start if seen else 0.0
        self._entries[pid] = _started(pid, start, name)
        self._append(self._entries[pid])

    def note(self, processes: "Sequence[ProcessInfo]") -> None:
        """Note processes that have left their service, or carry no mark of it."""
        new = {
            seen.pid: _started(seen.pid, seen.start)
            for seen in processes
            # A leader stays one.
            if not self._entries.get(seen.pid, "").startswith(f"+ {seen.pid} {seen.start!r} ")
        }
        if new:
            self._entries |= new
            self._append("".join(new.values()))

    def note_end(self, pid: int) -> None:
        """Note that nothing of a leader's is left, before its number can be used again."""
        self._entries.pop(pid, None)
        self._append(f"- {pid}\n")

    def _append(self, lines: str) -> None:
        try:
            os.write(self._descriptor, lines.encode())
        except OSError:
            # A full disk. Without the line its processes are still found by descent and by tag.
            return


def append_processes(path: str, processes: "Sequence[ProcessInfo]") -> None:
    """Note more processes in the journal of a dead supervisor, for whoever ends them next."""
    text = "".join(_started(seen.pid, seen.start) for seen in processes)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError:  # it was removed
        return
    try:
        os.write(descriptor, text.encode())
    except OSError:  # a full disk
        return
    finally:
        os.close(descriptor)


def _started(pid: int, start: float, name: str = NO_SERVICE) -> str:
    return f"+ {pid} {start!r} {name or _NAMELESS}\n"


def _boot() -> str:
    """What tells this boot of the machine from others (random(4)); a dash where nothing does."""
    return read_bytes("/proc/sys/kernel/random/boot_id").decode().strip() or _NAMELESS


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def read_journal(path: str) -> Journal:
    """What a journal says; a torn last line is left out, and so is what is no line of one."""
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
