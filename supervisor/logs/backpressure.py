"""Pure. How long a slow reader may delay a service.

A service must not wait for its reader. A reader that stops or is very slow loses lines, and is told
how many. But a reader that is only a little slower than a flood of lines should lose none. So each
chunk earns the time that a reader of a fixed pace needs for it. The service waits no longer.
"""

# A reader slower than this loses lines.
PACE_BYTES_PER_S = 16 << 20
# The most unused time that is saved.
LONGEST_WAIT_S = 0.25


class WaitBudget:
    """The waiting time that one stream has left, in seconds."""

    def __init__(self) -> None:
        self._left_s = LONGEST_WAIT_S

    def earn(self, chunk_bytes: int) -> float:
        """Add the time that a chunk earns; return the seconds that it may wait."""
        self._left_s = min(LONGEST_WAIT_S, self._left_s + chunk_bytes / PACE_BYTES_PER_S)
        return self._left_s

    def spend(self, waited_s: float) -> None:
        """Subtract the time that a chunk has waited."""
        self._left_s = max(0.0, self._left_s - waited_s)
