"""Pure. How often something may happen: often at once, but not for long."""


class Bucket:
    """Fills by what happens, and drains with time.

    Args:
        size: How often it may happen at once.
        drain_per_s: How often it may go on happening.
    """

    __slots__ = ("_at_s", "_drain_per_s", "_level", "_size")

    def __init__(self, size: float, drain_per_s: float) -> None:
        self._size = size
        self._drain_per_s = drain_per_s
        self._level = 0.0
        self._at_s = 0.0

    def add(self, now_s: float) -> bool:
        """It happens; whether that is still not too often.

        Args:
            now_s: On a clock that never goes back.
        """
        drained = max(0.0, now_s - self._at_s) * self._drain_per_s
        self._level = max(0.0, self._level - drained) + 1
        self._at_s = now_s
        return self._level <= self._size
