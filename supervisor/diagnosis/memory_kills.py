"""How often the kernel has killed a process for want of memory since it was started."""

from portweave.system.processes import read_bytes


def memory_kills() -> int:
    """The count of proc(5), /proc/vmstat, `oom_kill`; 0 where it is not told."""
    _, _, rest = read_bytes("/proc/vmstat").partition(b"\noom_kill ")
    return int(rest.split(b"\n")[0]) if rest else 0
