"""Pure. When to start a killed proxy again, and with which command."""

from collections.abc import Sequence

FIRST_S, LONGEST_S = 1.0, 60.0
# A proxy that has lived this long is started again at once.
STEADY_S = 60.0

_COMMAND_START = ("-Im", "portweave", "proxy", "run")


def pause_after(pause_s: float, lived_s: float) -> float:
    """How long to wait before starting a proxy again, in seconds.

    Args:
        pause_s: The wait before the proxy that has ended; 0 for the first one.
        lived_s: How long that proxy has lived; 0 if it did not start.
    """
    if lived_s >= STEADY_S:
        return 0.0
    return min(max(FIRST_S, 2 * pause_s), LONGEST_S)


def started_in_background(command: Sequence[str]) -> bool:
    """Whether `proxy start` or `up` has started a proxy, not a user by `proxy run`."""
    return tuple(command[1:5]) == _COMMAND_START


def command_with_port(command: Sequence[str], port: int) -> tuple[str, ...]:
    """A proxy's command with the port that it had, because services were given that port."""
    found = list(command)
    if "--port" in found:
        at = found.index("--port")
        del found[at : at + 2]
    return (*found, "--port", str(port))
