"""Pure. When a proxy that was killed is started again, and by which words."""

from collections.abc import Sequence

FIRST_S, LONGEST_S = 1.0, 60.0
# One that has lived for so long is started again at once.
STEADY_S = 60.0

_BEGINNING = ("-Im", "portweave", "proxy", "run")


def pause_after(pause_s: float, lived_s: float) -> float:
    """How long to wait before a proxy that has ended is started again, in seconds.

    Args:
        pause_s: How long it was waited before that one; 0 for the first.
        lived_s: For how long it has lived; 0 where it did not even start.
    """
    if lived_s >= STEADY_S:
        return 0.0
    return min(max(FIRST_S, 2 * pause_s), LONGEST_S)


def started_in_background(words: Sequence[str]) -> bool:
    """Whether a proxy's command is that of `proxy start` or `up`, and not what a user has typed."""
    return tuple(words[1:5]) == _BEGINNING


def words_at(words: Sequence[str], port: int) -> tuple[str, ...]:
    """A proxy's command with the port on which it has listened: services were told of that one."""
    found = list(words)
    if "--port" in found:
        at = found.index("--port")
        del found[at : at + 2]
    return (*found, "--port", str(port))
