"""Pure. A leaky bucket that limits the rate of an event."""


class Bucket:
    """Fills with each event and drains with time.

    Args:
        size: The most events at once.
        drain_per_s: The lasting rate, in events a second.
    """

    __slots__ = ("_at_s", "_drain_per_s", "_level", "_size")

    def __init__(self, size: float, drain_per_s: float) -> None:
        self._size = size
        self._drain_per_s = drain_per_s
        self._level = 0.0
        self._at_s = 0.0

    def add(self, now_s: float) -> bool:
        """Count an event; return whether the rate is within the limit.

        Args:
            now_s: The time of a monotonic clock, in seconds.
        """
        drained = max(0.0, now_s - self._at_s) * self._drain_per_s
        self._level = max(0.0, self._level - drained) + 1
        self._at_s = now_s
        return self._level <= self._size
