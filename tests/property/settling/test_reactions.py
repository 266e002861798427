"""Laws of settle's machine and of its parts."""

from hypothesis import given
from hypothesis import strategies as st

from portweave.settling.learned_reactions import (
    Learned,
    Told,
    as_object,
    learned_from,
    with_reaction,
    with_told,
)
from portweave.settling.line_templates import template_of
from portweave.settling.reactions import (
    LONGEST_PATIENCE_S,
    OPENING_SILENCE_S,
    STUCK_S,
    CpuSampled,
    Event,
    FileChanged,
    Knowledge,
    LinePrinted,
    Reaction,
    StateChanged,
    after,
    patience_s,
    pending,
)
from portweave.settling.settle_cursor import pack_cursor, unpack_cursor

TIMES = st.floats(0, 20)
LINES = st.sampled_from(["built", "Restarting", "x", "tick", ""])
STATES = st.sampled_from(["ready", "starting", "stopping", "backoff", "unhealthy", "failed"])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(FileChanged, TIMES),
    st.builds(LinePrinted, TIMES, LINES, st.booleans()),
    st.builds(StateChanged, TIMES, STATES),
    st.builds(CpuSampled, TIMES, st.none() | st.floats(0, 9)),
)
KNOWLEDGE = st.builds(
    Knowledge,
    st.booleans(),
    st.floats(0.5, LONGEST_PATIENCE_S),
    st.frozensets(LINES),
    st.frozensets(LINES),
    st.frozensets(LINES),
    st.frozensets(LINES),
)


def played(knowledge: Knowledge, events: list[Event]) -> Reaction:
    reaction = Reaction(knowledge, "ready")
    for event in sorted(events, key=lambda event: event.at_s):
        reaction = after(reaction, event)
    return reaction


@given(KNOWLEDGE, st.lists(EVENTS, max_size=12))
def test_a_service_that_does_nothing_more_settles_unless_it_moves(
    knowledge: Knowledge, events: list[Event]
) -> None:
    reaction = played(knowledge, [*events, CpuSampled(30.0, 1.0), CpuSampled(30.4, 1.0)])
    now_s = 20 + LONGEST_PATIENCE_S + max(STUCK_S, OPENING_SILENCE_S) + 5
    moves = reaction.state in ("starting", "stopping") and not reaction.is_failing
    assert (pending(reaction, now_s) != "") == moves


@given(KNOWLEDGE, st.lists(EVENTS, max_size=12), TIMES)
def test_a_reloading_service_never_settles_before_its_patience_without_a_sign(
    knowledge: Knowledge, events: list[Event], now_s: float
) -> None:
    reaction = played(knowledge, [event for event in events if event.at_s <= now_s])
    if reaction.changed_s is None or reaction.began_s is not None or not knowledge.reloads:
        return
    if now_s < reaction.changed_s + knowledge.patience_s:
        assert pending(reaction, now_s)


@given(KNOWLEDGE, st.lists(EVENTS, max_size=12))
def test_no_reaction_begins_before_the_change(knowledge: Knowledge, events: list[Event]) -> None:
    reaction = played(knowledge, events)
    if reaction.began_s is not None:
        assert reaction.changed_s is not None
        assert reaction.began_s >= reaction.changed_s


@given(st.lists(st.floats(0, 100), max_size=40), st.floats(0, 100))
def test_patience_is_between_half_a_second_and_five(
    reactions_s: list[float], slowest_s: float
) -> None:
    assert 0.5 <= patience_s(reactions_s, slowest_s) <= LONGEST_PATIENCE_S


@given(st.text(max_size=300))
def test_a_template_is_its_own_template(line: str) -> None:
    once = template_of(line)
    assert len(once) <= 200
    assert template_of(once) == once


@given(
    st.lists(st.tuples(st.lists(st.text(max_size=9), max_size=5), st.floats(0, 9)), max_size=30),
    st.lists(st.text(max_size=9), max_size=5),
)
def test_what_is_learned_reads_back(
    reactions: list[tuple[list[str], float]], errors: list[str]
) -> None:
    learned = Learned()
    for lines, took_s in reactions:
        learned = with_reaction(learned, lines, 100.0, 100.0 + took_s, 120.0)
    learned = with_told(learned, "main", Told(5.0, tuple(errors), "x"))
    assert learned_from(as_object(learned)) == learned


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reactionsS", "slowestS", "ends", "told", "intervals", "at", "x"]),
            inner,
            max_size=5,
        )
    ),
)


@given(JSON)
def test_any_json_can_be_read_as_what_is_learned(found: object) -> None:
    learned = learned_from(found)
    assert learned_from(as_object(learned)) == learned


@given(
    st.dictionaries(
        st.from_regex(r"\A[a-z][a-z0-9-]{0,5}\Z"),
        st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
        max_size=5,
    ),
    st.integers(0, 10**19),
)
def test_a_cursor_reads_back(places: dict[str, tuple[int, int]], time_ns: int) -> None:
    assert unpack_cursor(pack_cursor(places, time_ns)) == (places, time_ns)
