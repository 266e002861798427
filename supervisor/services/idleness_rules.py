"""Pure. Whether a service without probes is idle after its start.

It is when its processes used almost no processor time for a second, and did not wait for a
processor: on a busy machine a starting program may not get one.
"""

from collections.abc import Mapping

from portweave.encoding.value import value

# Between two samples, and the time over which they are compared.
LOOK_S = 0.25
WINDOW_S = 1.0
# The share of one processor below which a service is idle.
MAX_SHARE = 0.05
# A service that is never idle counts as ready after this time, without its waits for a processor.
LATEST_S = 10.0


@value
class Sample:
    """The processor time of a run at one moment.

    Attributes:
        at_s: The time of the sample.
        cpu_s: Processor time of all processes, with ended children.
        waited_s: How long each thread has waited for a processor; empty where it is unknown.
        is_busy: Whether a process was running or runnable.
    """

    at_s: float
    cpu_s: float = 0.0
    waited_s: Mapping[int, float] | None = None
    is_busy: bool = False


def is_idle(samples: tuple[Sample, ...]) -> bool:
    """Whether a run was idle for the last second, or has run too long to wait for that.

    Args:
        samples: Oldest first. The first one is from the start of the run.
    """
    newest = samples[-1]
    starved_s = max((newest.waited_s or {}).values(), default=0.0)
    if newest.at_s - samples[0].at_s - starved_s >= LATEST_S:
        return True
    before = [one for one in samples if newest.at_s - one.at_s >= WINDOW_S]
    if not before or newest.is_busy:
        return False
    oldest = before[-1]
    most_s = MAX_SHARE * (newest.at_s - oldest.at_s)
    # Negative if an orphan has ended: its processor time is unknown then.
    used_s = newest.cpu_s - oldest.cpu_s
    known = oldest.waited_s or {}
    waited_s = sum(
        max(0.0, total_s - known.get(thread, 0.0))
        for thread, total_s in (newest.waited_s or {}).items()
    )
    return 0 <= used_s < most_s and waited_s < most_s


def with_sample(samples: tuple[Sample, ...], sample: Sample) -> tuple[Sample, ...]:
    """The samples with one more, without those that no later one is compared with."""
    begin, *others = samples
    old = [one for one in others if sample.at_s - one.at_s >= WINDOW_S]
    return (begin, *others[max(0, len(old) - 1) :], sample)
