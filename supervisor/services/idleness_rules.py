"""Pure. Whether a service that tells nothing of itself has come to rest after its start.

It has when its processes have used next to none of a processor for a second, and have waited for
none: on a busy machine a program that starts may not get one.
"""

from collections.abc import Mapping

from portweave.encoding.value import value

# Between two looks, and what they are compared over.
LOOK_S = 0.25
WINDOW_S = 1.0
# Of a processor.
MOST_SHARE = 0.05
# A service that does not come to rest counts as ready then; what it waits for a processor is not
# counted.
LATEST_S = 10.0


@value
class Sample:
    """What the processes of a run had used at one moment.

    Attributes:
        at_s: When.
        cpu_s: Processor time, that of ended children included.
        waited_s: How long each thread has waited for a processor; empty where that is not known.
        is_busy: Whether one of them was running, or was about to.
    """

    at_s: float
    cpu_s: float = 0.0
    waited_s: Mapping[int, float] | None = None
    is_busy: bool = False


def is_idle(samples: tuple[Sample, ...]) -> bool:
    """Whether the last second before the newest sample was a quiet one, or none is to come.

    Args:
        samples: Oldest first; the first is of the start of the run.
    """
    newest = samples[-1]
    starved_s = max((newest.waited_s or {}).values(), default=0.0)
    if newest.at_s - samples[0].at_s - starved_s >= LATEST_S:
        return True
    before = [one for one in samples if newest.at_s - one.at_s >= WINDOW_S]
    if not before or newest.is_busy:
        return False
    oldest = before[-1]
    most_s = MOST_SHARE * (newest.at_s - oldest.at_s)
    # It is less than before where an orphan has ended: what it used is not known then.
    used_s = newest.cpu_s - oldest.cpu_s
    known = oldest.waited_s or {}
    waited_s = sum(
        max(0.0, total_s - known.get(thread, 0.0))
        for thread, total_s in (newest.waited_s or {}).items()
    )
    return 0 <= used_s < most_s and waited_s < most_s


def with_sample(samples: tuple[Sample, ...], sample: Sample) -> tuple[Sample, ...]:
    """Samples with one more, and without those that no later one is compared with."""
    begin, *others = samples
    old = [one for one in others if sample.at_s - one.at_s >= WINDOW_S]
    return (begin, *others[max(0, len(old) - 1) :], sample)
