"""Facts about other processes: from /proc if it exists, otherwise from psutil."""

import os

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection

HAS_PROC = os.path.exists("/proc/self/stat")

# Signal n is bit n - 1 of a mask.
_SIGKILL_BIT = 1 << (9 - 1)


def started_at(pid: int) -> str | None:
    """When a process began, in units of the system; None if there is no such process.

    Pid and start together identify a process, because pids are used again: proc(5), field 22 of
    stat.
    """
    if HAS_PROC:
        stat = read_bytes(f"/proc/{pid}/stat")
        # The command stands in parentheses, and may contain any character.
        fields = stat[stat.rfind(b")") + 2 :].split()
        # A zombie does nothing any more, nor does a dead process that is being removed. State Z
        # with more than one thread (field 20) is a process whose main thread alone has ended.
        alive = len(fields) > 19 and (fields[0] not in {b"Z", b"X"} or int(fields[17]) > 1)
        return fields[19].decode() if alive else None
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def is_being_killed(pid: int) -> bool:
    """Whether SIGKILL waits for a process, which ends as soon as it runs: proc(5), status.

    False where the system does not tell.
    """
    return HAS_PROC and has_pending_kill(read_bytes(f"/proc/{pid}/status"))


def has_pending_kill(status: bytes) -> bool:
    """Whether SIGKILL is pending for a process or its first thread, by its status in proc(5)."""
    for line in status.split(b"\n"):
        name, _, mask = line.partition(b":\t")
        if name in (b"SigPnd", b"ShdPnd") and int(mask, 16) & _SIGKILL_BIT:
            return True
    return False


def age_s(start: str) -> float:
    """Return how long ago a process began.

    Args:
        start: When it began, as `started_at` returns it.
    """
    import time

    if HAS_PROC:
        # Clock ticks since the boot, sleep included: proc(5).
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        return max(0.0, now_s - int(start) / os.sysconf("SC_CLK_TCK"))
    return max(0.0, time.time() - float(start))


def parent_of(pid: int) -> int:
    """A process's parent; 0 if it has none, or if that is unknown."""
    if HAS_PROC:
        stat = read_bytes(f"/proc/{pid}/stat")
        fields = stat[stat.rfind(b")") + 2 :].split()
        return int(fields[1]) if len(fields) > 1 else 0
    import psutil

    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0


def ancestors_of(pid: int) -> list[int]:
    """The parent of a process, its parent, and so on, without process 1."""
    found: list[int] = []
    while (pid := parent_of(pid)) > 1 and pid not in found:
        found.append(pid)
    return found


def in_foreground(pid: int) -> bool:
    """Whether a process may use its terminal; also where that is unknown, or it has none."""
    if not HAS_PROC:
        return True
    # proc(5), fields 5 and 8 of stat: its group, and the group in the foreground of its terminal.
    stat = read_bytes(f"/proc/{pid}/stat")
    fields = stat[stat.rfind(b")") + 2 :].split()
    return len(fields) <= 5 or fields[5] in (b"-1", fields[2])


def words_of(pid: int) -> tuple[str, ...]:
    """A process's command line as words; empty if unknown."""
    if HAS_PROC:
        words = read_through(pid, "cmdline")
        return tuple(os.fsdecode(word) for word in words.split(b"\0")[:-1])
    import psutil

    try:
        return tuple(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ()


def command_of(pid: int) -> str:
    """A process's command line, joined by blanks; empty if unknown."""
    if HAS_PROC:
        words = read_through(pid, "cmdline") or read_bytes(f"/proc/{pid}/comm").strip()
        return words.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "backslashreplace")
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def executable_of(pid: int) -> str:
    """The program that a process runs; empty if unknown."""
    if HAS_PROC:
        try:
            return os.readlink(f"/proc/{pid}/exe")
        except OSError:
            return ""
    import psutil

    try:
        return psutil.Process(pid).exe()
    except psutil.Error:
        return ""


def working_dir_of(pid: int) -> str:
    """A process's working directory; empty if unknown."""
    if HAS_PROC:
        try:
            return os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            return ""
    import psutil

    try:
        return psutil.Process(pid).cwd()
    except psutil.Error:
        return ""


def variable_of(pid: int, name: str) -> str:
    """A variable that a process was started with; empty if not set, or unknown."""
    if HAS_PROC:
        prefix = name.encode() + b"="
        for variable in read_through(pid, "environ").split(b"\0"):
            if variable.startswith(prefix):
                return os.fsdecode(variable[len(prefix) :])
        return ""
    import psutil

    try:
        return psutil.Process(pid).environ().get(name, "")
    except psutil.Error:
        return ""


def clear_variables(names: "Collection[str]") -> None:
    """Hide variables that this process was started with from other processes (proc(5); Linux).

    `os.environ` is a copy and keeps them.
    """
    if not HAS_PROC or not any(name in os.environ for name in names):
        return
    # The kernel tells a process where its own variables lie. The third field comes after the
    # parentheses of the name.
    fields = read_bytes("/proc/self/stat").rpartition(b")")[2].split()
    place, end = int(fields[50 - 3]), int(fields[51 - 3])
    cleared = frozenset(name.encode() for name in names)
    try:
        memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # a hardened kernel
        return
    try:
        for variable in os.pread(memory, end - place, place).split(b"\0"):
            if variable.partition(b"=")[0] in cleared:
                # Not zeros: two zeros in a row would end the environment.
                os.pwrite(memory, b"_" * len(variable), place)
            place += len(variable) + 1
    except OSError:
        return
    finally:
        os.close(memory)


def read_through(pid: int, name: str) -> bytes:
    """The bytes of a process's file in /proc, such as `environ`; empty if it cannot be read.

    If the main thread has ended, the process's own file is empty, but a thread's file is not.

    Args:
        pid: The process.
        name: The file, which threads must have, too.
    """
    text = read_bytes(f"/proc/{pid}/{name}")
    return text or b"".join(read_bytes(f"{folder}/{name}") for folder in threads_of(pid)[:1])


def threads_of(pid: int) -> list[str]:
    """The folders in /proc of the threads of a process whose main thread has ended."""
    stat = read_bytes(f"/proc/{pid}/stat")
    fields = stat[stat.rfind(b")") + 2 :].split()
    if len(fields) < 18 or fields[0] != b"Z" or int(fields[17]) < 2:
        return []
    try:
        names = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [f"/proc/{pid}/task/{name}" for name in names if name != str(pid)]


def read_bytes(path: str) -> bytes:
    """The bytes of a file in /proc; empty if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        pieces: list[bytes] = []
        while piece := os.read(descriptor, 1 << 16):
            pieces.append(piece)
    except OSError:
        return b""
    else:
        return b"".join(pieces)
    finally:
        os.close(descriptor)
