"""When a stack ends without a command: histories of owners, limits and uses."""

from collections.abc import Callable

import pytest

from portweave.supervisor.services.lifetime import (
    FOREVER,
    Due,
    Lifetime,
    Owner,
    Terms,
    begin,
    due,
    end_owner,
    join,
    keep,
    note_use,
    terms_from_json,
    told_end,
    told_join,
)

ONE, TWO = Owner(11, "100", "claude"), Owner(12, "200", "codex")
NAMELESS = Owner(13, "1", "")
Step = Callable[[Lifetime], Lifetime]


def ends(owner: Owner, at_s: float) -> Step:
    return lambda life: end_owner(life, owner, at_s)


def up(at_s: float, terms: Terms = FOREVER, around: tuple[int, ...] = ()) -> Step:
    return lambda life: join(life, terms, at_s, around)


def kept(at_s: float, terms: Terms = FOREVER, *, forever: bool = False) -> Step:
    return lambda life: keep(life, terms, at_s, forever=forever)


def used(at_s: float, use: str = "GET /") -> Step:
    return lambda life: note_use(life, use, at_s)


ENDED = "its owner claude (pid 11) has ended"
TIME, USE = "its time of 1m40s is up", "it was not used for 1m40s"
TTL, IDLE, OWNED = Terms(ttl_s=100), Terms(idle_s=100), Terms((ONE,))
HISTORIES: dict[str, tuple[Terms, list[Step], Due | None]] = {
    "nothing ends it": (FOREVER, [used(5), up(6), kept(7)], None),
    "its owner lives": (OWNED, [], None),
    "it outlives its owner by a pause": (OWNED, [ends(ONE, 50)], Due(80, ENDED)),
    "the last of two owners counts": (
        Terms((ONE, TWO)),
        [ends(TWO, 20), ends(ONE, 50)],
        Due(80, ENDED),
    ),
    "one of two owners lives": (Terms((ONE, TWO)), [ends(ONE, 20)], None),
    "an end that comes twice": (OWNED, [ends(ONE, 50), ends(ONE, 60)], Due(80, ENDED)),
    "the end of a stranger": (OWNED, [ends(TWO, 50)], None),
    "a further up adds its owner": (OWNED, [up(5, Terms((TWO,))), ends(TWO, 6)], None),
    "an owner is added once": (OWNED, [up(5, OWNED), ends(ONE, 50)], Due(80, ENDED)),
    "an up without an owner takes over": (OWNED, [up(5), ends(ONE, 50)], None),
    "an up that its owner runs does not take over": (
        Terms((ONE, TWO), 100),
        [up(5, around=(99, 11)), ends(ONE, 6), ends(TWO, 7)],
        Due(37, "its owner codex (pid 12) has ended"),
    ),
    "an up that another process runs takes over": (OWNED, [up(5, around=(99, 12))], None),
    "an up takes over in the pause": (OWNED, [ends(ONE, 50), up(60)], None),
    "a new owner takes over in the pause": (OWNED, [ends(ONE, 50), up(60, Terms((TWO,)))], None),
    "a keep takes over in the pause": (OWNED, [ends(ONE, 50), kept(60)], None),
    "a keep leaves a live owner": (OWNED, [kept(5), ends(ONE, 50)], Due(80, ENDED)),
    "use does not take over": (OWNED, [ends(ONE, 50), used(60)], Due(80, ENDED)),
    "an up never shortens": (FOREVER, [up(5, Terms((ONE,), 100, 100))], None),
    "a keep may shorten": (FOREVER, [kept(5, TTL)], Due(105, TIME)),
    "a keep replaces all terms": (
        Terms((ONE,), 10, 20),
        [kept(5, TTL), ends(ONE, 6)],
        Due(105, TIME),
    ),
    "forever": (Terms((ONE,), 10, 20), [ends(ONE, 5), kept(6, forever=True)], None),
    "its time is up": (TTL, [used(50)], Due(100, TIME)),
    "its time begins again with up": (TTL, [up(50)], Due(150, TIME)),
    "its time begins again with keep": (TTL, [kept(50)], Due(150, TIME)),
    "a further up changes its time": (Terms(ttl_s=10), [up(5, TTL)], Due(105, TIME)),
    "an up without an owner leaves its time": (Terms((ONE,), 100), [up(5)], Due(105, TIME)),
    "it was not used": (IDLE, [], Due(100, USE)),
    "it was used": (IDLE, [used(70), used(60)], Due(170, USE)),
    "the first end counts": (Terms((ONE,), 100, 500), [ends(ONE, 90)], Due(100, TIME)),
    "the pause ends before its time": (Terms((ONE,), 100), [ends(ONE, 50)], Due(80, ENDED)),
}


@pytest.mark.parametrize("case", HISTORIES)
def test_a_stack_ends_at_the_first_reason(case: str) -> None:
    terms, steps, expected = HISTORIES[case]
    life = begin(terms, 0.0)
    for step in steps:
        life = step(life)
    assert due(life, 30.0) == expected
    assert life.is_forever == (expected is None and not life.terms.owners)


def test_the_last_use_has_its_name() -> None:
    life = begin(FOREVER, 1.0)
    assert (life.use, life.used_s) == ("up", 1.0)
    life = note_use(note_use(life, "GET /new", 9.0), "GET /old", 5.0)
    assert (life.use, life.used_s) == ("GET /new", 9.0)


@pytest.mark.parametrize(
    ("life", "text"),
    [
        (begin(FOREVER, 0), "goes on until portweave down"),
        (begin(OWNED, 0), "ends with claude (pid 11)"),
        (begin(Terms((ONE, NAMELESS)), 0), "ends with the last of claude (pid 11) and pid 13"),
        (begin(Terms((ONE,), 7200), 0), "ends with claude (pid 11) or in 2h"),
        (begin(IDLE, 0), "ends after 1m40s without use"),
        (end_owner(begin(OWNED, 0), ONE, 0), "ends in 30s, as its owner claude (pid 11) has ended"),
        (begin(Terms(ttl_s=90), -30), "ends in 1m"),
    ],
)  # fmt: skip
def test_the_end_is_told_in_words(life: Lifetime, text: str) -> None:
    assert told_end(life, 0.0) == text


def test_a_further_up_is_told_what_it_changes() -> None:
    owned, two = begin(OWNED, 0.0), Terms((TWO,))
    taken = (
        "this up takes the stack over from claude (pid 11); the stack goes on until portweave down"
    )
    assert told_join(owned, join(owned, FOREVER, 1), FOREVER, 1) == taken
    assert told_join(owned, join(owned, FOREVER, 1, (11,)), FOREVER, 1) == ""
    ended = end_owner(owned, ONE, 1)
    assert told_join(ended, join(ended, FOREVER, 2), FOREVER, 2) == taken
    both = "the stack ends with the last of claude (pid 11) and codex (pid 12)"
    assert told_join(owned, join(owned, two, 1), two, 1) == both
    free = begin(FOREVER, 0.0)
    assert told_join(free, join(free, FOREVER, 1), FOREVER, 1) == ""
    assert "was started without an end" in told_join(free, join(free, two, 1), two, 1)


def test_terms_read_what_they_write() -> None:
    terms = Terms((ONE, TWO), 7200.0, 60.0)
    assert terms_from_json(terms.as_json()) == terms
    assert terms_from_json(FOREVER.as_json()) == FOREVER
    assert terms_from_json({"owners": [{"pid": "x"}, 3], "ttlS": "1", "idleS": -5}) == FOREVER
