"""Whether a service without probes is idle after its start."""

from collections.abc import Sequence

import pytest

from portweave.supervisor.services.idleness_rules import (
    Sample,
    is_idle,
    with_sample,
)

# For each quarter of a second: processor time, time waited for a processor, whether it is busy.
# Then the number of samples after which it is idle; None for never.
Quarters = Sequence[tuple[float, float, bool]]
STARTS: dict[str, tuple[Quarters, int | None]] = {
    "it sleeps": ([(0, 0, False)] * 5, 4),
    "less than a second": ([(0, 0, False)] * 3, None),
    "it works at first": ([(0.2, 0, False)] + [(0, 0, False)] * 8, 5),
    "it works on and on": ([(0.2, 0, False)] * 50, 40),
    "a little work is none": ([(0.012, 0, False)] * 4, 4),
    "it gets no processor": ([(0, 0.25, False)] * 400, None),
    "it gets one half of the time": ([(0.12, 0.125, False)] * 100, 80),
    "it gets one now and then": ([(0.01, 0.03, False)] * 30, None),
    "it waits for the first turn of all": ([(0, 0, True)] * 30, None),
    "it is about to run at the end": ([(0, 0, False)] * 3 + [(0, 0, True), (0, 0, False)], 5),
    "an orphan has ended": (
        [(0.2, 0, False)] + [(0, 0, False)] * 3 + [(-0.2, 0, False)] + [(0, 0, False)] * 5,
        9,
    ),
}


@pytest.mark.parametrize("case", STARTS)
def test_a_run_is_idle_after_a_quiet_second(case: str) -> None:
    quarters, expected = STARTS[case]
    cpu_s = waited_s = 0.0
    samples: tuple[Sample, ...] = (Sample(100.0),)
    for number, (used_s, more_s, is_busy) in enumerate(quarters, 1):
        cpu_s, waited_s = cpu_s + used_s, waited_s + more_s
        sample = Sample(100 + number / 4, cpu_s, {1: waited_s}, is_busy)
        samples = with_sample(samples, sample)
        assert len(samples) <= 7
        if is_idle(samples):
            assert number == expected
            return
    assert expected is None


def test_the_waits_of_ended_threads_do_not_count() -> None:
    start = Sample(0.0, 0.0, {1: 0.0, 2: 5.0})
    assert is_idle((start, Sample(1.0, 0.0, {1: 0.01})))
    # A new thread has waited since it was started.
    assert not is_idle((start, Sample(1.0, 0.0, {1: 0.0, 3: 0.5})))


def test_a_late_sample_is_judged_by_the_time_that_has_passed() -> None:
    assert is_idle((Sample(0.0), Sample(4.0, 0.19)))
    assert not is_idle((Sample(0.0), Sample(4.0, 0.21)))
