"""When the live line is drawn, erased and said: histories of events, and the actions they cause."""

import pytest

from portweave.system.live_line import (
    LIVE,
    OFF,
    PLAIN,
    Action,
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
    mode_of,
    next_s,
    step,
)

# Each history: the mode, then events with their times, and the actions of each.
HISTORIES: dict[str, tuple[str, list[tuple[float, Event, tuple[Action, ...]]]]] = {
    "a short wait shows nothing": (
        LIVE,
        [(10.0, Began(10.0), ()), (10.2, Changed(), ()), (10.25, Ended(), ())],
    ),
    "it is drawn, then each second, and erased at the end": (
        LIVE,
        [
            (10.0, Began(10.0), ()),
            (10.3, Ticked(), (Draw(0, 0),)),
            (10.5, Ticked(), ()),
            (11.0, Ticked(), (Draw(1, 1),)),
            (12.0, Ticked(), (Draw(2, 2),)),
            (12.1, Ended(), (Erase(),)),
            (13.0, Ticked(), ()),
        ],
    ),
    "a wait of old is drawn at once": (LIVE, [(10.0, Began(4.0), (Draw(6, 0),))]),
    "without patience it is drawn at once": (LIVE, [(10.0, Began(10.0, 0.0), (Draw(0, 0),))]),
    "a second beginning is a change": (
        LIVE,
        [
            (10.0, Began(10.0, 0.0), (Draw(0, 0),)),
            (10.5, Began(10.5), (Draw(0, 1),)),
            (12.0, Ticked(), (Draw(2, 2),)),
        ],
    ),
    "changes are drawn at most ten times a second": (
        LIVE,
        [
            (10.0, Began(10.0, 0.0), (Draw(0, 0),)),
            (10.02, Changed(), ()),
            (10.04, Changed(), ()),
            (10.1, Ticked(), (Draw(0, 1),)),
            (10.2, Ticked(), ()),
            (10.3, Changed(), (Draw(0, 2),)),
        ],
    ),
    "it is erased before output, and drawn after a calm": (
        LIVE,
        [
            (10.0, Began(10.0, 0.0), (Draw(0, 0),)),
            (10.5, Printed(), (Erase(),)),
            (10.55, Printed(), ()),
            (10.6, Ticked(), ()),
            (10.6, Changed(), ()),
            (10.65, Ticked(), (Draw(0, 1),)),
        ],
    ),
    "an incomplete line keeps it away": (
        LIVE,
        [
            (10.0, Began(10.0, 0.0), (Draw(0, 0),)),
            (10.5, PartBegun(), (Erase(),)),
            (12.0, Changed(), ()),
            (12.0, Ticked(), ()),
            (13.0, PartEnded(), ()),
            (13.1, Ticked(), (Draw(3, 1),)),
        ],
    ),
    "held output keeps it away": (
        LIVE,
        [
            (10.0, Began(10.0, 0.0), (Draw(0, 0),)),
            (10.5, Held(), (Erase(),)),
            (20.0, Ticked(), ()),
            (20.0, Changed(), ()),
            (25.0, Released(), (Draw(15, 1),)),
        ],
    ),
    "a new wait counts anew": (
        LIVE,
        [
            (10.0, Began(10.0, 0.0), (Draw(0, 0),)),
            (12.0, Ended(), (Erase(),)),
            (20.0, Began(20.0, 0.0), (Draw(0, 1),)),
        ],
    ),
    "nothing is waited for": (
        LIVE,
        [(10.0, Changed(), ()), (10.5, Printed(), ()), (10.6, Ended(), ()), (11.0, Ticked(), ())],
    ),
    "plain lines come after 5 s and every 15 s": (
        PLAIN,
        [
            (10.0, Began(10.0, 0.0), ()),
            (12.0, Changed(), ()),
            (14.0, Printed(), ()),
            (14.9, Ticked(), ()),
            (15.0, Ticked(), (Say(5),)),
            (20.0, Changed(), ()),
            (30.0, Ticked(), (Say(20),)),
            (31.0, Ended(), ()),
        ],
    ),
    "a plain line waits for held output": (
        PLAIN,
        [
            (10.0, Began(10.0), ()),
            (11.0, Held(), ()),
            (16.0, Ticked(), ()),
            (17.0, Released(), (Say(7),)),
        ],
    ),
    "switched off it does nothing": (
        OFF,
        [(10.0, Began(10.0, 0.0), ()), (30.0, Ticked(), ()), (31.0, Changed(), ())],
    ),
}


@pytest.mark.parametrize("history", HISTORIES)
def test_a_history_of_events_causes_these_actions(history: str) -> None:
    mode, events = HISTORIES[history]
    line = LiveLine(mode)
    for now_s, event, expected in events:
        line, actions = step(line, event, now_s)
        assert actions == expected, (now_s, event)


@pytest.mark.parametrize(
    ("mode", "events", "expected"),
    [
        (LIVE, [], None),
        (LIVE, [(10.0, Began(10.0))], 10.3),
        (LIVE, [(10.0, Began(10.0, 0.0))], 11.0),
        (LIVE, [(10.0, Began(10.0, 0.0)), (10.04, Changed())], 10.1),
        (LIVE, [(10.0, Began(10.0, 0.0)), (10.5, Printed())], 10.6),
        (LIVE, [(10.0, Began(10.0, 0.0)), (10.5, PartBegun())], None),
        (LIVE, [(10.0, Began(10.0, 0.0)), (10.5, Held())], None),
        (LIVE, [(10.0, Began(10.0, 0.0)), (10.5, Ended())], None),
        (PLAIN, [(10.0, Began(10.0))], 15.0),
        (OFF, [(10.0, Began(10.0))], None),
    ],
)
def test_it_asks_for_a_tick_only_while_something_is_waited_for(
    mode: str, events: list[tuple[float, Event]], expected: float | None
) -> None:
    line = LiveLine(mode)
    for now_s, event in events:
        line, _ = step(line, event, now_s)
    found = next_s(line)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("environ", "options", "expected"),
    [
        ({"TERM": "xterm"}, {"is_terminal": True}, LIVE),
        ({"TERM": "xterm", "CI": "0"}, {"is_terminal": True}, LIVE),
        ({"TERM": "xterm", "CI": "true"}, {"is_terminal": True}, PLAIN),
        ({"TERM": "dumb"}, {"is_terminal": True}, PLAIN),
        ({"TERM": "xterm"}, {"is_terminal": False}, PLAIN),
        ({"TERM": "xterm"}, {"is_terminal": True, "as_json": True}, OFF),
        ({"TERM": "xterm"}, {"is_terminal": False, "as_json": True}, OFF),
        ({"TERM": "xterm"}, {"is_terminal": True, "quiet": True}, OFF),
    ],
)
def test_the_environment_and_the_command_line_decide_how_it_is_shown(
    environ: dict[str, str], options: dict[str, bool], expected: str
) -> None:
    assert mode_of(environ, **options) == expected
