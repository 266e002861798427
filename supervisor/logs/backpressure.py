"""Pure. How long a service may be held up by a reader, at the most.

A service never waits for a reader: one that stands still, or crawls, loses lines instead, and is
told how many. But a service that floods a reader which is only a little slower should not lose
lines for that. So each chunk earns the time that a reader of a certain pace needs for it, and only
that much may be waited.
"""

# A reader slower than this loses lines.
PACE_BYTES_PER_S = 16 << 20
# Time that was not used adds up to this.
LONGEST_WAIT_S = 0.25


class WaitBudget:
    """The waiting time that is left to one stream."""

    def __init__(self) -> None:
        self._left_s = LONGEST_WAIT_S

    def earn(self, chunk_bytes: int) -> float:
        """Count a chunk; return how many seconds may be waited for it."""
        self._left_s = min(LONGEST_WAIT_S, self._left_s + chunk_bytes / PACE_BYTES_PER_S)
        return self._left_s

    def spend(self, waited_s: float) -> None:
        """Take off what was waited."""
        self._left_s = max(0.0, self._left_s - waited_s)
