"""Laws of the live line, for any history of events."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from portweave.system.live_line import (
    LIVE,
    Began,
    Changed,
    Draw,
    Ended,
    Erase,
    Event,
    Held,
    LiveLine,
    PartBegun,
    PartEnded,
    Printed,
    Released,
    Say,
    Ticked,
    next_s,
    step,
)

EVENTS: list[Event] = [
    Ended(),
    Changed(),
    Printed(),
    PartBegun(),
    PartEnded(),
    Held(),
    Released(),
    Ticked(),
]
# Pauses in milliseconds before an event; None is `Began`.
HISTORY = st.lists(
    st.tuples(st.sampled_from([0, 1, 10, 50, 100, 400, 1500]), st.sampled_from([None, *EVENTS])),
    max_size=60,
)


@given(HISTORY)
def test_the_terminal_shows_at_most_one_live_line_and_never_beside_other_output(
    history: list[tuple[int, Event | None]],
) -> None:
    line = LiveLine(LIVE)
    now_s = 100.0
    is_shown = False
    may_show = True
    part = held = waits = False
    draws: list[float] = []
    for pause_ms, event in history:
        now_s += pause_ms / 1000
        happened = Began(now_s) if event is None else event
        line, actions = step(line, happened, now_s)
        if isinstance(happened, (Printed, PartBegun, Held, Ended)):
            # Erased before it: nothing is drawn in the same step.
            assert actions == ((Erase(),) if is_shown else ())
        match happened:
            case Began():
                waits = True
            case Ended():
                waits = False
            case PartBegun() | PartEnded():
                part = isinstance(happened, PartBegun)
            case Held() | Released():
                held = isinstance(happened, Held)
            case _:
                pass
        may_show = waits and not part and not held
        for action in actions:
            assert not isinstance(action, Say)
            if isinstance(action, Draw):
                assert may_show
                draws.append(now_s)
            is_shown = isinstance(action, Draw)
        assert line.shown is is_shown
        due_s = next_s(line)
        assert (due_s is not None) == may_show
    assert all(after - before > 0.097 for before, after in pairwise(draws))


@given(st.lists(st.sampled_from([0, 0.1, 0.25, 0.5, 0.9, 1.0]), max_size=40))
def test_while_nothing_changes_it_is_drawn_once_for_each_second(pauses_s: list[float]) -> None:
    line, actions = step(LiveLine(LIVE), Began(50.0, 0.0), 50.0)
    seconds = [action.elapsed_s for action in actions if isinstance(action, Draw)]
    now_s = 50.0
    for pause_s in pauses_s:
        now_s += pause_s
        line, actions = step(line, Ticked(), now_s)
        seconds += [action.elapsed_s for action in actions if isinstance(action, Draw)]
    assert seconds == sorted(set(seconds))
