"""Pure. What services have used in the last minutes, from what is seen of them now and then."""

from collections import deque
from collections.abc import Mapping

from portweave.encoding.value import value

# Five minutes at one sample in two seconds.
MOST_SAMPLES = 150


@value
class Sample:
    """What a service used at one moment.

    Attributes:
        at_s: Since the epoch.
        percent: Of one processor, since the sample before.
        rss_bytes: Memory in use.
    """

    at_s: float
    percent: float
    rss_bytes: int

    def as_json(self) -> list[float]:
        """It as a short array: time in seconds, percent, bytes."""
        return [round(self.at_s, 1), self.percent, self.rss_bytes]


class Meter:
    """Keeps the last samples of one instance."""

    def __init__(self) -> None:
        self.samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self._last: tuple[object, float, float] | None = None

    def take(self, row: Mapping[str, object], now_s: float) -> float | None:
        """Take a row of `/supervisor/ps`.

        Args:
            row: The instance's.
            now_s: Since the epoch.

        Returns:
            The percentage of one processor since the row before; None where that cannot be told.
        """
        pid, cpu_s, rss_bytes = row.get("pid"), row.get("cpuSeconds"), row.get("rssBytes")
        if pid is None or not isinstance(cpu_s, int | float) or not isinstance(rss_bytes, int):
            self._last = None
            return None
        before, self._last = self._last, (pid, cpu_s, now_s)
        if before is None or before[0] != pid or now_s <= before[2]:
            return None
        # Processes that end take their time with them.
        percent = round(100 * max(0.0, cpu_s - before[1]) / (now_s - before[2]), 1)
        self.samples.append(Sample(now_s, percent, rss_bytes))
        return percent
