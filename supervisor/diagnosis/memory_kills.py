"""How often the kernel has killed a process because memory ran out, since boot."""

from portweave.system.processes import read_bytes


def memory_kills() -> int:
    """The count `oom_kill` of /proc/vmstat (proc(5)); 0 where there is none."""
    _, _, rest = read_bytes("/proc/vmstat").partition(b"\noom_kill ")
    return int(rest.split(b"\n")[0]) if rest else 0
