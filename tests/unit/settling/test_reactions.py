"""When the reaction of a service to a changed file is over: tables of histories."""

import pytest

from portweave.settling.reactions import (
    LONGEST_PATIENCE_S,
    PATIENCE_S,
    CpuSampled,
    Event,
    FileChanged,
    Knowledge,
    LinePrinted,
    Reaction,
    StateChanged,
    after,
    frequent_lines,
    patience_s,
    pending,
    pending_of,
    silence_s,
    usual_lines,
)

RELOADS = Knowledge(reloads=True)
QUIET = tuple(CpuSampled(tenth / 10, 1.0) for tenth in range(101))


def played(knowledge: Knowledge, *events: Event, now_s: float, state: str = "ready") -> Reaction:
    """The reaction after the events up to a time, with an idle processor."""
    reaction = Reaction(knowledge, state)
    idle: tuple[Event, ...] = (
        () if any(isinstance(event, CpuSampled) for event in events) else QUIET
    )
    for event in sorted((*events, *idle), key=lambda event: event.at_s):
        if event.at_s <= now_s:
            reaction = after(reaction, event)
    return reaction


CASES = [
    pytest.param(Knowledge(), (FileChanged(1.0),), 1.4, "", id="a-plain-script-does-not-react"),
    pytest.param(
        RELOADS, (FileChanged(1.0),), 2.4, "may still react to the change", id="it-may-still-begin"
    ),
    pytest.param(RELOADS, (FileChanged(1.0),), 2.5, "", id="its-patience-is-over"),
    pytest.param(
        RELOADS,
        (FileChanged(1.0), LinePrinted(1.2, "x")),
        1.4,
        "printed something 0.2 s ago",
        id="not-silent-for-long-enough",
    ),
    pytest.param(
        RELOADS, (FileChanged(1.0), LinePrinted(1.2, "x")), 1.55, "", id="silent-for-0.3-s"
    ),
    pytest.param(
        Knowledge(reloads=True, silence_s=0.6),
        (FileChanged(1.0), LinePrinted(1.2, "x")),
        1.7,
        "printed something 0.5 s ago",
        id="it-has-been-silent-for-longer-within-a-reaction",
    ),
    pytest.param(
        RELOADS,
        (LinePrinted(0.9, "x"), FileChanged(1.0)),
        1.5,
        "may still react to the change",
        id="a-line-before-the-change-is-no-reaction",
    ),
    pytest.param(
        RELOADS,
        (FileChanged(1.0), LinePrinted(1.2, "x"), FileChanged(1.3)),
        2.0,
        "may still react to the change",
        id="a-second-change-gets-its-own-patience",
    ),
    pytest.param(
        RELOADS,
        (FileChanged(1.0), LinePrinted(1.2, "Restarting 'server.js'")),
        2.0,
        "printed something 0.8 s ago",
        id="a-line-that-announces-more",
    ),
    pytest.param(
        Knowledge(reloads=True, last_lines=frozenset({"Restarting"})),
        (FileChanged(1.0), LinePrinted(1.2, "Restarting")),
        1.6,
        "",
        id="but-it-was-the-last-before",
    ),
    pytest.param(
        Knowledge(reloads=True, end_lines=frozenset({"built"})),
        (FileChanged(1.0), LinePrinted(1.2, "built")),
        1.31,
        "",
        id="a-line-that-ends-builds",
    ),
    pytest.param(
        Knowledge(reloads=True, end_lines=frozenset({"built"})),
        (FileChanged(1.0), LinePrinted(1.2, "built"), LinePrinted(1.25, "error")),
        1.4,
        "printed something 0.1 s ago",
        id="a-line-after-the-one-that-ends-builds",
    ),
    pytest.param(
        RELOADS,
        (FileChanged(1.0), StateChanged(1.1, "starting")),
        4.0,
        "is starting",
        id="it-restarts",
    ),
    pytest.param(
        RELOADS,
        (FileChanged(1.0), StateChanged(1.1, "starting"), StateChanged(1.5, "ready")),
        1.85,
        "",
        id="it-has-restarted",
    ),
    pytest.param(
        RELOADS,
        (FileChanged(1.0), StateChanged(1.1, "starting"), LinePrinted(1.2, "Oops", is_error=True)),
        4.3,
        "",
        id="it-is-stuck-with-an-error",
    ),
    pytest.param(
        RELOADS,
        (StateChanged(0.5, "unhealthy"), FileChanged(1.0), LinePrinted(1.2, "up")),
        2.0,
        "is unhealthy",
        id="it-may-get-healthy-again",
    ),
    pytest.param(
        RELOADS,
        (StateChanged(0.5, "unhealthy"), FileChanged(1.0), LinePrinted(1.2, "Oops", is_error=True)),
        1.6,
        "",
        id="it-stays-unhealthy-for-an-error",
    ),
    pytest.param(
        RELOADS,
        (FileChanged(1.0), StateChanged(1.1, "backoff")),
        1.5,
        "",
        id="a-crash-is-an-end",
    ),
    pytest.param(
        Knowledge(reloads=True, usual=frozenset({"tick"})),
        (FileChanged(1.0), LinePrinted(1.2, "x"), LinePrinted(1.5, "tick")),
        1.55,
        "",
        id="what-it-always-prints-does-not-count",
    ),
    pytest.param(
        Knowledge(reloads=True, frequent=frozenset({"tick"})),
        (FileChanged(1.0), LinePrinted(1.2, "tick")),
        2.0,
        "may still react to the change",
        id="what-it-often-prints-begins-no-reaction",
    ),
    pytest.param(
        Knowledge(),
        (CpuSampled(1.0, 1.0), CpuSampled(1.4, 1.2)),
        1.5,
        "uses 50 % of a core",
        id="it-is-at-work",
    ),
    pytest.param(
        Knowledge(),
        (CpuSampled(1.0, 3.0), CpuSampled(1.4, 0.1)),
        1.5,
        "uses 725 % of a core",
        id="another-process-is-at-work",
    ),
    pytest.param(Knowledge(), (CpuSampled(1.4, None),), 1.5, "", id="without-a-process"),
    pytest.param(Knowledge(), (CpuSampled(1.4, 1.0),), 1.5, "is being looked at", id="one-look"),
]


@pytest.mark.parametrize(("knowledge", "events", "now_s", "why"), CASES)
def test_a_history_is_over_or_not(
    knowledge: Knowledge, events: tuple[Event, ...], now_s: float, why: str
) -> None:
    assert pending(played(knowledge, *events, now_s=now_s), now_s) == why


def test_a_line_that_is_read_late_but_was_printed_before_the_change_begins_no_reaction() -> None:
    reaction = after(Reaction(RELOADS, "ready"), FileChanged(1.0))
    assert after(reaction, LinePrinted(0.9, "x")).began_s is None
    assert after(reaction, LinePrinted(1.0, "x")).began_s == 1.0


def test_a_service_that_waits_for_another_is_pending_while_that_one_moves() -> None:
    idle = (CpuSampled(1.0, None),)
    one = played(Knowledge(), *idle, now_s=2, state="starting")
    other = played(Knowledge(), *idle, now_s=2, state="waiting")
    assert pending_of({"db": one, "web": other}, 2) == {
        "db": "is starting",
        "web": "waits for another service",
    }
    failed = played(Knowledge(), *idle, now_s=2, state="backoff")
    assert pending_of({"db": failed, "web": other}, 2) == {}


@pytest.mark.parametrize(
    ("reactions_s", "slowest_s", "patience"),
    [
        ((), 0.0, PATIENCE_S),
        ((0.1,), 0.1, PATIENCE_S),
        ((2.0,), 2.0, 3.0),
        ((0.1,) * 10, 2.0, 3.0),
        ((0.1,) * 10, 0.1, 0.5),
        ((0.8,) * 10, 0.8, pytest.approx(1.2)),
        ((9.0,), 9.0, LONGEST_PATIENCE_S),
    ],
)
def test_patience_is_the_slowest_reaction_and_half_as_much_again(
    reactions_s: tuple[float, ...], slowest_s: float, patience: float
) -> None:
    assert patience_s(reactions_s, slowest_s) == patience


def test_silence_is_the_longest_within_a_reaction_and_half_as_much_again() -> None:
    assert [silence_s(gap_s) for gap_s in (0.0, 0.1, 0.4, 5.0)] == [
        *(0.3, 0.3, pytest.approx(0.6), 1.2)
    ]


def test_a_line_of_each_second_is_usual_and_one_of_a_build_is_not() -> None:
    ticks = [(90 + second, "tick") for second in range(10)]
    builds = [(90 + second / 10, "built") for second in range(20)]
    assert usual_lines([*ticks, *builds], 100.0) == {"tick"}


def test_a_line_of_every_ten_seconds_is_frequent_unless_it_was_a_reaction() -> None:
    beats = [(40 + 10 * number, "beat") for number in range(6)]
    builds = [(41 + 10 * number, "built") for number in range(6)]
    # A reaction ends with its last line, as far as its time is known to the millisecond.
    reactions = [(40.5 + 10 * number, 41 + 10 * number - 0.0004) for number in range(6)]
    assert frequent_lines([*beats, *builds], 100.0, reactions) == {"beat"}
