"""How long a slow reader may delay a service."""

import pytest

from portweave.supervisor.logs.backpressure import (
    LONGEST_WAIT_S,
    PACE_BYTES_PER_S,
    WaitBudget,
)


def test_a_stream_that_has_been_quiet_may_wait_the_longest_time() -> None:
    assert WaitBudget().earn(0) == LONGEST_WAIT_S


def test_what_is_not_used_does_not_add_up_to_more() -> None:
    patience = WaitBudget()
    for _ in range(100):
        assert patience.earn(1 << 20) == LONGEST_WAIT_S


def test_each_chunk_earns_what_a_reader_of_the_pace_needs_for_it() -> None:
    patience = WaitBudget()
    patience.spend(LONGEST_WAIT_S)
    assert patience.earn(PACE_BYTES_PER_S // 100) == pytest.approx(0.01)
    assert patience.earn(PACE_BYTES_PER_S // 100) == pytest.approx(0.02)


def test_what_was_waited_is_taken_off_but_never_owed() -> None:
    patience = WaitBudget()
    patience.earn(0)
    patience.spend(0.1)
    assert patience.earn(0) == pytest.approx(LONGEST_WAIT_S - 0.1)
    patience.spend(60)
    assert patience.earn(0) == 0


def test_a_reader_that_stands_still_costs_a_flood_no_more_than_its_pace() -> None:
    """All waiting time is earned by bytes, except the time at the beginning."""
    patience = WaitBudget()
    waited_s = 0.0
    for _ in range(1000):
        wait_s = patience.earn(65_536)
        patience.spend(wait_s)
        waited_s += wait_s
    assert waited_s == pytest.approx(LONGEST_WAIT_S + 999 * 65_536 / PACE_BYTES_PER_S)
