"""Pure. Resource usage of services over the last minutes, from samples."""

from collections import deque
from collections.abc import Mapping

from portweave.encoding.value import value

# How long samples are kept, and their number in this time: one every two seconds.
WINDOW_S = 900.0
MOST_SAMPLES = 450
# The plots in the list show this many.
LISTED_SAMPLES = 60


@value
class Sample:
    """The usage of an instance at one moment.

    Attributes:
        at_s: Seconds since the epoch.
        percent: Processor usage since the sample before, in percent of one processor.
        rss_bytes: Resident memory.
    """

    at_s: float
    percent: float
    rss_bytes: int

    def as_json(self) -> list[float]:
        """Return it as an array: time in seconds, percent, bytes."""
        return [round(self.at_s, 1), self.percent, self.rss_bytes]


class Meter:
    """Keep the last samples of one instance."""

    def __init__(self) -> None:
        self.samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self._last: tuple[object, float, float] | None = None

    def add(self, row: Mapping[str, object], now_s: float) -> float | None:
        """Add a row of `/supervisor/ps`.

        Args:
            row: The row of the instance.
            now_s: Seconds since the epoch.

        Returns:
            Processor usage since the row before, in percent of one processor; None where it is
                unknown.
        """
        pid, cpu_s, rss_bytes = row.get("pid"), row.get("cpuSeconds"), row.get("rssBytes")
        if pid is None or not isinstance(cpu_s, int | float) or not isinstance(rss_bytes, int):
            self._last = None
            return None
        before, self._last = self._last, (pid, cpu_s, now_s)
        if before is None or before[0] != pid or now_s <= before[2]:
            return None
        # The processor time of processes that have ended is no longer counted.
        percent = round(100 * max(0.0, cpu_s - before[1]) / (now_s - before[2]), 1)
        self.samples.append(Sample(now_s, percent, rss_bytes))
        return percent

    def recent(self, now_s: float) -> list[list[float]]:
        """Return the samples of the last 15 minutes as arrays, oldest first.

        Args:
            now_s: Seconds since the epoch.
        """
        return [one.as_json() for one in self.samples if now_s - one.at_s <= WINDOW_S]
